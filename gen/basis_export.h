/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bases as the files that basis_import.h reads: coefficients come back the same, to the bit, in
 * fractions where the basis is rational and else as the shortest decimals that mean them.
 */
#ifndef STILE_GEN_BASIS_EXPORT_H
#define STILE_GEN_BASIS_EXPORT_H

#include "basis.h"
#include "text.h"

/*
 * Appends one sparse matrix of plinopt, convention X,W,Y: factor 0 is L, 1 is R, 2 is P. Name and
 * source follow as comments behind the end of the matrix.
 */
void stile_basis_export_sms(stile_text *out, const stile_basis *basis, int factor);

/*
 * Appends JSON of the keys name, source, n, m, u, v and w, convention X,W,Yt. Integers and decimals
 * are numbers, fractions strings: "1/2".
 */
void stile_basis_export_json(stile_text *out, const stile_basis *basis);

#endif
