/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis search: bases of least error, or exact ones, from nothing or from others. */
#include "search.h"

#include <string.h>
#include <unistd.h>

#include <stile/version.h>

#include "basis_input.h"
#include "basis_transform.h"
#include "describe.h"
#include "number.h"
#include "output.h"

/* --- The command line ------------------------------------------------------------------------- */

/* "4,4,4" */
static bool parse_tile(const char *text, stile_search_problem *problem)
{
    int *const sides[3] = {&problem->m, &problem->k, &problem->n};
    for (int i = 0; i < 3; i++) {
        char number[8];
        int64_t side;
        const size_t length = strcspn(text, ",");
        if (length >= sizeof number || (text[length] == ',') != (i < 2))
            return false;
        memcpy(number, text, length);
        number[length] = '\0';
        if (!stile_parse_int64(number, &side) || side < 1 || side > STILE_MAX_TILE)
            return false;
        *sides[i] = (int)side;
        text += length + (i < 2);
    }
    return true;
}

/* What does not need the bases. */
static bool parse_problem(const stile_arguments *arguments, stile_search_problem *out)
{
    stile_search_problem problem = {.rows = STILE_COUPLING_FULL,
                                    .exact = stile_flag(arguments, "exact"),
                                    .random = stile_flag(arguments, "random")};
    int64_t rank = 0, seed = 1;
    if (!stile_argument_required(arguments, "tile") || !stile_argument_required(arguments, "rank"))
        return false;
    if (!parse_tile(stile_argument(arguments, "tile"), &problem)) {
        stile_print_error("--tile is '%s', but must be three sides from 1 to %d: 4,4,4",
                          stile_argument(arguments, "tile"), STILE_MAX_TILE);
        return false;
    }
    if (!stile_argument_int(arguments, "rank", 1, STILE_MAX_RANK, &rank) ||
        !stile_argument_int(arguments, "seed", 0, INT64_MAX, &seed) ||
        !stile_argument_real(arguments, "growth", 1e-3, 1e12, &problem.growth) ||
        !stile_argument_real(arguments, "weight", 1e-12, 1, &problem.weight))
        return false;
    if (problem.growth > 0 && problem.weight > 0) {
        stile_print_error("either --growth or --weight: the bound sets the weight");
        return false;
    }
    if (problem.exact)
        problem.coefficients = STILE_COEFFICIENTS_RATIONAL;
    const char *coefficients = stile_argument(arguments, "coefficients");
    if (coefficients && !stile_coefficients_parse(coefficients, &problem.coefficients)) {
        stile_print_error(
            "--coefficients is '%s', but must be real, integer, rational, bf16 or e4m3",
            coefficients);
        return false;
    }
    const char *rows = stile_argument(arguments, "rows");
    if (rows && !stile_search_rows_parse(rows, &problem.rows)) {
        stile_print_error("--rows is '%s', but must be any, causal or none", rows);
        return false;
    }
    if (problem.exact && problem.coefficients == STILE_COEFFICIENTS_REAL) {
        stile_print_error("--exact looks for integer or rational coefficients, not real ones");
        return false;
    }
    problem.rank = (int)rank;
    problem.seed = (uint64_t)seed;
    *out = problem;
    return true;
}

/* What does not change the result, unless time is up. */
static bool parse_params(const stile_arguments *arguments, bool exact, stile_search_params *out)
{
    stile_search_params params = {.checkpoint = stile_argument(arguments, "checkpoint"),
                                  .interval = 30,
                                  .resume = stile_flag(arguments, "resume")};
    int64_t starts = stile_search_default_starts(exact, stile_flag(arguments, "time"));
    int64_t threads = 0;
    if (!stile_argument_int(arguments, "starts", 1, STILE_SEARCH_MAX_STARTS, &starts) ||
        !stile_argument_int(arguments, "threads", 1, 1024, &threads) ||
        !stile_argument_real(arguments, "time", 1e-3, 1e9, &params.seconds) ||
        !stile_argument_real(arguments, "every", 0, 1e6, &params.interval))
        return false;
    if (!params.checkpoint && (params.resume || stile_flag(arguments, "every"))) {
        stile_print_error("--%s needs --checkpoint FILE", params.resume ? "resume" : "every");
        return false;
    }
    if (params.checkpoint && !params.resume && access(params.checkpoint, F_OK) == 0) {
        stile_print_error("%s: there is a checkpoint already: go on from it with --resume, or "
                          "delete it",
                          params.checkpoint);
        return false;
    }
    if (params.checkpoint && !stile_can_create(arguments, params.checkpoint))
        return false;
    params.starts = starts;
    params.threads = (int)threads;
    *out = params;
    return true;
}

/* --- What it says ----------------------------------------------------------------------------- */

/* A command that finds the same, for the file. */
static const char *source_of(stile_arena *arena, const stile_arguments *arguments)
{
    static const char *const options[] = {"tile", "rank",   "seed",   "starts",
                                          "time", "growth", "weight", "coefficients",
                                          "rows", "from",   "support"};
    stile_text text = {0};
    stile_text_append(&text, "stile " STILE_VERSION ": stile basis search");
    for (int i = 0; i < arguments->operand_count; i++)
        stile_text_appendf(&text, " %s", arguments->operands[i]);
    for (int i = 0; i < (int)(sizeof options / sizeof *options); i++) {
        const char *value = stile_argument(arguments, options[i]);
        if (value)
            stile_text_appendf(&text, " --%s %s", options[i], value);
    }
    if (stile_flag(arguments, "exact"))
        stile_text_append(&text, " --exact");
    if (stile_flag(arguments, "random"))
        stile_text_append(&text, " --random");
    const char *source = text.failed ? NULL : stile_arena_strdup(arena, text.data);
    stile_text_free(&text);
    return source;
}

static void show_progress(void *user, const stile_search_progress *progress)
{
    stile_arena *arena = stile_arena_create();
    (void)user;
    if (arena && progress->found)
        stile_print_progress("%lld of %lld starts, %s s; best: error %s, growth %s",
                             (long long)progress->finished, (long long)progress->starts,
                             stile_human_number(arena, progress->seconds, 4),
                             stile_human_number(arena, progress->best.error, 4),
                             stile_human_number(arena, progress->best.growth, 4));
    else if (arena)
        stile_print_progress("%lld of %lld starts", (long long)progress->finished,
                             (long long)progress->starts);
    stile_arena_destroy(&arena);
}

static int print_json(const stile_arguments *arguments, const stile_search_problem *problem,
                      const stile_basis *basis, const stile_search_progress *progress)
{
    stile_basis_metrics metrics;
    const int error = stile_basis_measure(basis, &metrics);
    if (error)
        return stile_report_failure(error, NULL);
    stile_text text = {0};
    stile_json json = {.text = &text};
    stile_json_begin_object(&json, NULL);
    stile_describe_basis_json(&json, "basis", basis, &metrics);
    stile_json_bool(&json, "found", progress->best.feasible);
    stile_json_int(&json, "seed", (int64_t)problem->seed);
    stile_json_int(&json, "starts", progress->starts);
    stile_json_int(&json, "finished", progress->finished);
    stile_json_real(&json, "seconds", progress->seconds);
    stile_json_end_object(&json);
    return stile_emit_json(arguments, &text);
}

/* Says why there is nothing to write. */
static int report_failure(stile_arena *arena, const stile_search_problem *problem,
                          const stile_search_progress *progress)
{
    stile_print_error("%lld starts found no %s basis%s; the least error is %s, at growth %s: allow "
                      "more starts%s",
                      (long long)progress->finished, problem->exact ? "exact" : "such",
                      problem->growth > 0 ? " within the growth allowed" : "",
                      stile_human_number(arena, progress->best.error, 4),
                      stile_human_number(arena, progress->best.growth, 4),
                      problem->growth > 0 ? " or growth" : "");
    return STILE_EXIT_CHECK_FAILED;
}

/* --- The search ------------------------------------------------------------------------------- */

static int search(const stile_arguments *arguments, stile_arena *arena,
                  const stile_search_problem *problem, const stile_basis **out)
{
    stile_search_params params;
    if (!parse_params(arguments, problem->exact, &params))
        return STILE_EXIT_USAGE;
    params.report = show_progress;
    stile_basis *basis;
    stile_search_progress progress;
    const int error = stile_search_run(&basis, arena, problem, &params, &progress);
    if (error)
        return stile_report_failure(error, NULL);
    const char *name = stile_argument(arguments, "name");
    basis->source = source_of(arena, arguments);
    basis->name = name ? name : basis->name;
    if (!basis->source)
        return stile_report_failure(STILE_ERROR_MEMORY, NULL);
    if (stile_flag(arguments, "json")) {
        const int result = print_json(arguments, problem, basis, &progress);
        if (result)
            return result;
    }
    if (!progress.best.feasible)
        return report_failure(arena, problem, &progress);
    *out = basis;
    return STILE_EXIT_OK;
}

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    stile_search_problem problem;
    if (!parse_problem(arguments, &problem))
        return STILE_EXIT_USAGE;
    for (int i = 0; i < arguments->operand_count; i++)
        problem.from[problem.from_count++] = operands[i];
    stile_spec *specs[2] = {NULL};
    const char *from = stile_argument(arguments, "from");
    const char *support = stile_argument(arguments, "support");
    int result = STILE_EXIT_OK;
    if (from)
        result = stile_input_basis(arguments, from, arena, &problem.from[problem.from_count++],
                                   &specs[0]);
    if (support && !result)
        result = stile_input_basis(arguments, support, arena, &problem.support, &specs[1]);
    if (!result)
        result = search(arguments, arena, &problem, out);
    for (int i = 0; i < 2; i++)
        stile_spec_destroy(&specs[i]);
    return result;
}

static int run(const stile_arguments *arguments)
{
    if (stile_flag(arguments, "json") && !stile_flag(arguments, "output")) {
        stile_print_error("--json needs --output FILE, for the basis");
        return STILE_EXIT_USAGE;
    }
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"tile", 0, "M,K,N", "the sides of the tile"},
    {"rank", 0, "R", "the number of channels"},
    {"exact", 0, NULL, "a basis of integers or fractions that is matrix multiplication"},
    {"growth", 0, "PHI", "the most growth allowed"},
    {"weight", 0, "W", "minimize error + W * growth instead"},
    {"coefficients", 0, "WHICH", "real, integer, rational (p/q, q up to 4), bf16 or e4m3"},
    {"rows", 0, "any|causal|none",
     "how rows of a tile may be coupled, algebraically; default: any"},
    {"support", 0, "BASIS", "be zero wherever this basis is; it has the tile and the rank"},
    {"from", 0, "BASIS", "start from this basis, as an operand does"},
    {"random", 0, NULL, "start at random alone, not from products of small bases"},
    {"seed", 0, "S", "of all that is random; default: 1"},
    {"starts", 0, "N", "how many to make; default: 32, with --exact up to 1000"},
    {"time", 0, "SECONDS", "stop after so long"},
    {"threads", 0, "T", "default: one per core; does not change the result"},
    {"checkpoint", 0, "FILE", "write the state of the search there"},
    {"every", 0, "SECONDS", "between two checkpoints; default: 30"},
    {"resume", 0, NULL, "go on from the checkpoint, if there is one"},
    {"name", 0, "NAME", "of the basis"},
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_basis_search = {
    .name = "basis search",
    .synopsis = "[BASIS...] --tile M,K,N --rank R [--exact] [--growth PHI] [-o FILE]",
    .summary = "find bases of least error, or exact ones",
    .text =
        "Minimizes the error of a basis as matrix multiplication, from many starts: random ones\n"
        "and Kronecker products of small bases, or the BASISes given, which have the tile but may\n"
        "have other ranks. Each start goes through alternating least squares and Newton's method.\n"
        "With --exact solutions are rounded to fractions and proved; the first that succeeds ends\n"
        "the search. The result depends on the options alone and not on the number of threads,\n"
        "except with --time. A search that is killed goes on with --resume as if nothing had\n"
        "happened.",
    .options = options,
    .min_operands = 0,
    .max_operands = 15,
    .run = run,
};
