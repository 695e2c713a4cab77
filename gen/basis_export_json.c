/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_export.h"
#include "number.h"
#include "yaml_tree.h"

/* YAML writes strings as JSON does, but for plain words, which it leaves without quotes. */
static void print_string(stile_text *out, const char *string)
{
    stile_text yaml = {0};
    stile_yaml_print_string(&yaml, string);
    out->failed |= yaml.failed;
    if (!yaml.failed) {
        const char *const quote = yaml.data[0] == '"' ? "" : "\"";
        stile_text_appendf(out, "%s%s%s", quote, yaml.data, quote);
    }
    stile_text_free(&yaml);
}

static void print_entry(stile_text *out, stile_basis_matrix matrix, int at)
{
    char entry[48];
    if (matrix.exact) {
        const char *const quote = matrix.exact[at].den == 1 ? "" : "\"";
        stile_rational_format(entry, matrix.exact[at]);
        stile_text_appendf(out, "%s%s%s", quote, entry, quote);
    } else {
        stile_format_double(entry, matrix.entries[at]);
        stile_text_append(out, entry);
    }
}

static void print_encoder(stile_text *out, const char *key, stile_basis_matrix matrix)
{
    stile_text_appendf(out, "  \"%s\": [\n", key);
    for (int c = 0; c < matrix.rows; c++) {
        stile_text_append(out, "    [");
        for (int i = 0; i < matrix.columns; i++) {
            stile_text_append(out, i ? ", " : "");
            print_entry(out, matrix, c * matrix.columns + i);
        }
        stile_text_append(out, c + 1 < matrix.rows ? "],\n" : "]\n  ],\n");
    }
}

/* w: the columns of D, each in the order of the transposed tile. */
static void print_decoder(stile_text *out, const stile_basis *basis)
{
    const stile_basis_matrix d = stile_basis_d(basis);
    stile_text_append(out, "  \"w\": [\n");
    for (int c = 0; c < basis->rank; c++) {
        stile_text_append(out, "    [");
        for (int column = 0; column < basis->n; column++) {
            for (int row = 0; row < basis->m; row++) {
                stile_text_append(out, row || column ? ", " : "");
                print_entry(out, d, (row * basis->n + column) * basis->rank + c);
            }
        }
        stile_text_append(out, c + 1 < basis->rank ? "],\n" : "]\n  ]\n}\n");
    }
}

void stile_basis_export_json(stile_text *out, const stile_basis *basis)
{
    stile_text_append(out, "{\n  \"name\": ");
    print_string(out, basis->name);
    if (basis->source && *basis->source) {
        stile_text_append(out, ",\n  \"source\": ");
        print_string(out, basis->source);
    }
    stile_text_appendf(out, ",\n  \"n\": [%d, %d, %d],\n  \"m\": %d,\n", basis->m, basis->k,
                       basis->n, basis->rank);
    print_encoder(out, "u", stile_basis_u(basis));
    print_encoder(out, "v", stile_basis_v(basis));
    print_decoder(out, basis);
}
