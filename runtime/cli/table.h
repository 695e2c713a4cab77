/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables for people, and numbers as people read them. */
#ifndef STILE_CLI_TABLE_H
#define STILE_CLI_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "text.h"

enum { STILE_TABLE_MAX_COLUMNS = 24 };

/* Rows of cells. Start with `stile_table table = {.arena = arena, .alignment = "lrr"};`. */
typedef struct stile_table {
    stile_arena *arena;
    const char *alignment; /* one letter a column: l or r; the last one repeats */
    const char *indent;    /* before each row; NULL: nothing */
    const char ***rows;
    int row_count, row_capacity;
    int cell_count; /* in the last row */
    bool failed;    /* memory ran out */
} stile_table;

void stile_table_row(stile_table *table);

/* Adds a cell to the last row. Cells past STILE_TABLE_MAX_COLUMNS are dropped. */
void stile_table_cell(stile_table *table, const char *text);
__attribute__((format(printf, 2, 3))) void stile_table_cellf(stile_table *table, const char *format,
                                                             ...);

/* Appends the table; columns are two blanks apart, no blanks at the ends of lines. */
void stile_table_print(stile_text *out, const stile_table *table);

/* Columns that a UTF-8 text takes on a terminal (combining marks take none). */
int stile_display_width(const char *text);

/* "1.10 T", "512 M": three digits and a decimal prefix, for counts and rates. */
const char *stile_human_count(stile_arena *arena, double value);

/* "512 MiB", "1.5 GiB". */
const char *stile_human_bytes(stile_arena *arena, double bytes);

/* "0.388 ms", "56.1 us", from milliseconds. */
const char *stile_human_time(stile_arena *arena, double milliseconds);

/* stile_format_rounded into the arena; plain decimals where 1e-4 <= |value| < 1e6. */
const char *stile_human_number(stile_arena *arena, double value, int digits);

#endif
