/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of every kernel, shared by the templates and by the host code that launches them:
 * plain C with the same layout on both sides. Pointers are device pointers; sizes count elements
 * unless they say otherwise.
 */
#ifndef STILE_TEMPLATES_PARAMS_H
#define STILE_TEMPLATES_PARAMS_H

typedef long long stile_index;

#endif
