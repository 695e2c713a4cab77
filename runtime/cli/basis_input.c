/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_input.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basis_file.h"
#include "inputs.h"
#include "nearest.h"
#include "number.h"
#include "output.h"

/* Reads integers with the separators that `form` shows ("1,1,1;1"): `form` fixes only those. */
static bool parse_numbers(const char *text, const char *form, int64_t *out)
{
    for (int i = 0;; i++) {
        char separator = form[2 * i + 1], number[24];
        const char *end = separator ? strchr(text, separator) : text + strlen(text);
        size_t length = end ? (size_t)(end - text) : sizeof number;
        if (length >= sizeof number)
            return false;
        memcpy(number, text, length);
        number[length] = '\0';
        if (!stile_parse_int64(number, &out[i]) || out[i] < 0)
            return false;
        if (!separator)
            return true;
        text = end + 1;
    }
}

static bool is_tile(const int64_t *sides)
{
    for (int i = 0; i < 3; i++) {
        if (sides[i] < 1 || sides[i] > STILE_MAX_TILE)
            return false;
    }
    return true;
}

bool stile_input_tile(const stile_arguments *arguments, int tile[3])
{
    int64_t sides[3];
    const char *text = stile_argument(arguments, "tile");
    if (!parse_numbers(text, "1,1,1", sides) || !is_tile(sides)) {
        stile_print_error("--tile is '%s', but must be three sides from 1 to %d with commas "
                          "between, such as 2,2,3",
                          text, STILE_MAX_TILE);
        return false;
    }
    for (int i = 0; i < 3; i++)
        tile[i] = (int)sides[i];
    return true;
}

static int constructed(const char *word, stile_arena *arena, const stile_basis **out)
{
    int64_t n[5];
    stile_basis *basis = NULL;
    int error;
    if (strncmp(word, "classical:", 10) == 0 && parse_numbers(word + 10, "1,1,1", n) &&
        is_tile(n)) {
        error = stile_basis_classical(&basis, arena, (int)n[0], (int)n[1], (int)n[2]);
    } else if (strncmp(word, "random:", 7) == 0 && parse_numbers(word + 7, "1,1,1;1;1", n) &&
               is_tile(n) && n[3] >= 1 && n[3] <= STILE_MAX_RANK) {
        error = stile_basis_random(&basis, arena, (int)n[0], (int)n[1], (int)n[2], (int)n[3],
                                   (uint64_t)n[4]);
    } else {
        stile_print_error(
            "'%s' names no basis: write classical:m,k,n or random:m,k,n;rank;seed with "
            "tile sides up to %d and ranks up to %d",
            word, STILE_MAX_TILE, STILE_MAX_RANK);
        return STILE_EXIT_USAGE;
    }
    if (error)
        return stile_report_failure(error, word);
    *out = basis;
    return STILE_EXIT_OK;
}

/* Whether a file is a spec: only specs have a line that begins with "stile:". */
static bool is_spec(const char *path)
{
    char line[256];
    FILE *file = fopen(path, "r");
    bool found = false, line_start = true;
    while (file && !found && fgets(line, sizeof line, file)) {
        found = line_start && strncmp(line, "stile:", 6) == 0;
        line_start = strchr(line, '\n') != NULL;
    }
    if (file)
        fclose(file);
    return found;
}

int stile_report_diagnostics(int error, stile_diagnostics **diagnostics)
{
    const size_t count = stile_diagnostics_count(*diagnostics);
    int result = stile_exit_of(error);
    if (error && count == 0)
        result = stile_report_failure(error, NULL);
    fflush(stdout);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s\n", stile_diagnostics_get(*diagnostics, i)->text);
    stile_diagnostics_destroy(diagnostics);
    return result;
}

int stile_input_basis_file(const char *path, stile_arena *arena, stile_basis **out)
{
    stile_diagnostics *diagnostics = NULL;
    int error = stile_diagnostics_create(&diagnostics);
    if (!error)
        error = stile_basis_file_load(out, arena, path, diagnostics);
    return stile_report_diagnostics(error, &diagnostics);
}

static int report_unknown(const char *word)
{
    const char *const *names = stile_basis_names();
    int count = 0;
    while (names[count])
        count++;
    const char *near = stile_nearest(names, count, word, strlen(word));
    if (near)
        stile_print_error("'%s' is no basis of the catalogue and no file: did you mean %s?", word,
                          near);
    else
        stile_print_error(
            "'%s' is no basis of the catalogue (stile basis list shows it) and no file", word);
    return STILE_EXIT_USAGE;
}

int stile_input_basis(const stile_arguments *arguments, const char *word, stile_arena *arena,
                      const stile_basis **out, stile_spec **spec)
{
    stile_basis *basis = NULL;
    if (strncmp(word, "classical:", 10) == 0 || strncmp(word, "random:", 7) == 0)
        return constructed(word, arena, out);
    int error = stile_basis_named(&basis, arena, word);
    if (error)
        return stile_report_failure(error, word);
    if (!basis && access(word, F_OK) != 0)
        return report_unknown(word);
    int result = STILE_EXIT_OK;
    if (!basis && is_spec(word)) {
        result = stile_input_spec(spec, word, NULL);
        const stile_config *config = result ? NULL : stile_input_variant(arguments, word, *spec);
        if (!result && !config)
            result = STILE_EXIT_USAGE;
        if (config)
            *out = config->basis;
        return result;
    }
    if (!basis)
        result = stile_input_basis_file(word, arena, &basis);
    if (!result)
        *out = basis;
    return result;
}
