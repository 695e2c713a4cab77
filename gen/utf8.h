/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, as strictly as RFC 3629 has it. */
#ifndef STILE_GEN_UTF8_H
#define STILE_GEN_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * The code point at `text`, which has `size` bytes, at least one. Returns how many it takes; 0,
 * with *point untouched, where they are not UTF-8: cut off, overlong, a surrogate, past U+10FFFF.
 */
size_t stile_utf8_decode(const char *text, size_t size, uint32_t *point);

#endif
