/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis drop: fewer channels. */
#include <string.h>

#include "basis_algebra.h"
#include "basis_transform.h"
#include "number.h"
#include "output.h"

/* Reads "0,3,5". Prints what is wrong. */
static bool parse_channels(const char *text, int *out, int *count)
{
    *count = 0;
    for (const char *start = text;; start++) {
        char number[16];
        int64_t value;
        const size_t length = strcspn(start, ",");
        bool good = length < sizeof number && *count < STILE_MAX_RANK;
        if (good) {
            memcpy(number, start, length);
            number[length] = '\0';
            good = stile_parse_int64(number, &value) && value >= 0 && value < STILE_MAX_RANK;
        }
        if (!good) {
            stile_print_error("--channels is '%s', but must be numbers of channels with commas "
                              "between, such as 0,3,5",
                              text);
            return false;
        }
        out[(*count)++] = (int)value;
        start += length;
        if (!*start)
            return true;
    }
}

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    int channels[STILE_MAX_RANK], count = 0, error = STILE_OK;
    const char *list = stile_argument(arguments, "channels");
    int64_t wanted = 0;
    if (list && !parse_channels(list, channels, &count))
        return STILE_EXIT_USAGE;
    if (!stile_argument_int(arguments, "count", 1, STILE_MAX_RANK, &wanted))
        return STILE_EXIT_USAGE;
    if (!list) {
        count = (int)wanted;
        error = stile_basis_least_channels(operands[0], count, channels);
    }
    stile_basis *dropped;
    if (!error)
        error = stile_basis_drop(&dropped, arena, operands[0], channels, count);
    if (error)
        return stile_report_failure(error, NULL);
    *out = dropped;
    return STILE_EXIT_OK;
}

static int run(const stile_arguments *arguments)
{
    if (stile_flag(arguments, "channels") == stile_flag(arguments, "count")) {
        stile_print_error("stile basis drop needs either --channels or --count");
        return STILE_EXIT_USAGE;
    }
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"channels", 0, "I,J,...", "the channels to drop, counted from 0"},
    {"count", 0, "N", "drop N channels, each time the one that costs the least error"},
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_drop = {
    .name = "basis drop",
    .synopsis = "BASIS --channels I,J,...|--count N [-o FILE]",
    .summary = "leave out channels",
    .text = "Writes a basis without some of its channels as a basis file: another operator, of\n"
            "lower rank. stile basis show numbers the channels.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
