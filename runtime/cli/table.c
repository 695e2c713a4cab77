/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "number.h"

void stile_table_row(stile_table *table)
{
    if (table->row_count == table->row_capacity) {
        int capacity = table->row_capacity ? 2 * table->row_capacity : 32;
        const char ***rows = stile_arena_array(table->arena, (size_t)capacity, sizeof *rows);
        if (!rows) {
            table->failed = true;
            return;
        }
        if (table->row_count)
            memcpy(rows, table->rows, (size_t)table->row_count * sizeof *rows);
        table->rows = rows;
        table->row_capacity = capacity;
    }
    const char **cells = stile_arena_array(table->arena, STILE_TABLE_MAX_COLUMNS, sizeof *cells);
    if (!cells) {
        table->failed = true;
        return;
    }
    table->rows[table->row_count++] = cells;
    table->cell_count = 0;
}

void stile_table_cell(stile_table *table, const char *text)
{
    if (table->failed || table->row_count == 0 || table->cell_count == STILE_TABLE_MAX_COLUMNS)
        return;
    const char *copy = text ? stile_arena_strdup(table->arena, text) : NULL;
    if (!copy)
        table->failed = true;
    else
        table->rows[table->row_count - 1][table->cell_count++] = copy;
}

void stile_table_cellf(stile_table *table, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stile_table_cell(table, stile_arena_vprintf(table->arena, format, arguments));
    va_end(arguments);
}

int stile_display_width(const char *text)
{
    int width = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        bool continuation = (*s & 0xc0) == 0x80;
        /* U+0300 … U+036F: the hats of X̂ and Ŷ */
        bool combining = *s == 0xcc || (*s == 0xcd && s[1] < 0xb0);
        width += !continuation && !combining;
    }
    return width;
}

static char alignment_of(const stile_table *table, int column)
{
    int last = (int)strlen(table->alignment) - 1;
    return table->alignment[column < last ? column : last];
}

void stile_table_print(stile_text *out, const stile_table *table)
{
    int widths[STILE_TABLE_MAX_COLUMNS] = {0};
    if (table->failed)
        out->failed = true;
    for (int i = 0; i < table->row_count; i++) {
        for (int j = 0; j < STILE_TABLE_MAX_COLUMNS && table->rows[i][j]; j++) {
            int width = stile_display_width(table->rows[i][j]);
            widths[j] = width > widths[j] ? width : widths[j];
        }
    }
    for (int i = 0; i < table->row_count; i++) {
        const char **cells = table->rows[i];
        int pending = 0; /* blanks owed, so that no line ends in them */
        stile_text_append(out, table->indent ? table->indent : "");
        for (int j = 0; j < STILE_TABLE_MAX_COLUMNS && cells[j]; j++) {
            int padding = widths[j] - stile_display_width(cells[j]);
            bool right = alignment_of(table, j) == 'r';
            pending += right ? padding : 0;
            if (*cells[j]) {
                stile_text_appendf(out, "%*s%s", pending, "", cells[j]);
                pending = 0;
            }
            pending += (right ? 0 : padding) + 2;
        }
        stile_text_append(out, "\n");
    }
}

const char *stile_human_number(stile_arena *arena, double value, int digits)
{
    double magnitude = fabs(value);
    char number[32];
    if (isfinite(value) && magnitude >= 1e-4 && magnitude < 1e6) {
        /* Round first, then print what is left in full: no 1.2e+03, no 0.50 of 0.5. */
        char rounded[32];
        double back;
        stile_format_rounded(rounded, value, digits);
        if (stile_parse_double(rounded, &back) && back == floor(back))
            return stile_arena_printf(arena, "%lld", (long long)back);
    }
    stile_format_rounded(number, value, digits);
    return stile_arena_strdup(arena, number);
}

/* `value` with three significant digits, trailing zeros kept: "1.50", "12.0", "512". */
static const char *three_digits(stile_arena *arena, double value)
{
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    long long scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
    long long scaled = llround(value * (double)scale);
    if (decimals == 0)
        return stile_arena_printf(arena, "%lld", scaled);
    return stile_arena_printf(arena, "%lld.%0*lld", scaled / scale, decimals, scaled % scale);
}

static const char *with_prefix(stile_arena *arena, double value, double step,
                               const char *const *units, int unit_count)
{
    int unit = 0;
    while (unit + 1 < unit_count && value >= step * 0.9995) {
        value /= step;
        unit++;
    }
    const char *number = unit == 0 && value == floor(value)
                             ? stile_arena_printf(arena, "%lld", (long long)value)
                             : three_digits(arena, value);
    if (!number)
        return NULL;
    return stile_arena_printf(arena, "%s%s%s", number, *units[unit] ? " " : "", units[unit]);
}

const char *stile_human_count(stile_arena *arena, double value)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    return with_prefix(arena, value, 1000, units, 7);
}

const char *stile_human_bytes(stile_arena *arena, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    return with_prefix(arena, bytes, 1024, units, 6);
}

const char *stile_human_time(stile_arena *arena, double milliseconds)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    return with_prefix(arena, milliseconds * 1e6, 1000, units, 4);
}
