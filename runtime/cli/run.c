/* SPDX-License-Identifier: Apache-2.0 */
/* stile run: Y from files, on a GPU or without one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "context.h"
#include "execute.h"
#include "formats.h"
#include "inputs.h"
#include "output.h"
#include "table.h"

/* What --out-dtype means. */
static bool parse_dtype(const stile_arguments *arguments, stile_npy_dtype *out)
{
    static const struct {
        const char *name;
        stile_npy_dtype dtype;
    } names[] = {
        {"f32", STILE_NPY_F4},     {"f4", STILE_NPY_F4},      {"<f4", STILE_NPY_F4},
        {"float32", STILE_NPY_F4}, {"f64", STILE_NPY_F8},     {"f8", STILE_NPY_F8},
        {"<f8", STILE_NPY_F8},     {"float64", STILE_NPY_F8}, {"f16", STILE_NPY_F2},
        {"f2", STILE_NPY_F2},      {"<f2", STILE_NPY_F2},     {"float16", STILE_NPY_F2},
        {"bf16", STILE_NPY_BF16},  {"|V2", STILE_NPY_BF16},   {"bfloat16", STILE_NPY_BF16},
    };
    const char *text = stile_argument(arguments, "out-dtype");
    *out = STILE_NPY_F4;
    if (!text)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i].name) == 0) {
            *out = names[i].dtype;
            return true;
        }
    }
    stile_print_error("--out-dtype is '%s', but must be f32, f64, f16 or bf16", text);
    return false;
}

/* Writes Y of `type` as `dtype`. Returns an exit code. */
static int write_result(const char *path, stile_npy_dtype dtype, stile_type type, const void *y,
                        int64_t M, int64_t N)
{
    size_t size = (size_t)stile_npy_dtype_size(dtype);
    const int64_t dims[2] = {M, N};
    char *data = malloc((size_t)(M * N) * size);
    if (!data) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    for (int64_t i = 0; i < M * N; i++) {
        double value = stile_load_element(type, y, i);
        if (dtype == STILE_NPY_F8)
            memcpy(data + (size_t)i * size, &value, size);
        else
            stile_store_element(dtype == STILE_NPY_F2     ? STILE_TYPE_F16
                                : dtype == STILE_NPY_BF16 ? STILE_TYPE_BF16
                                                          : STILE_TYPE_F32,
                                data, i, value);
    }
    int error = stile_npy_write(path, dtype, 2, dims, data);
    free(data);
    if (!error)
        return STILE_EXIT_OK;
    stile_report_failure(error, NULL);
    return STILE_EXIT_FAILURE;
}

/* The plan; where the device was our choice and cannot serve the spec, the CPU takes over. */
static int make_plan(stile_plan **out, stile_context **context, bool automatic,
                     const stile_spec *spec, const stile_plan_params *params)
{
    int error = stile_plan_create(out, *context, spec, params);
    if (error == STILE_ERROR_UNSUPPORTED && automatic && (*context)->device != STILE_DEVICE_CPU) {
        stile_print_note("computing on the CPU, since the GPU cannot: %s", stile_last_error());
        stile_context_params cpu = {
            .device = STILE_DEVICE_CPU, .log = stile_print_log, .log_user = stile_log_user()};
        stile_context_destroy(context);
        error = stile_context_create(context, &cpu);
        if (!error)
            error = stile_plan_create(out, *context, spec, params);
    }
    return error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
}

static int compute(const stile_arguments *arguments, const stile_spec *spec,
                   const stile_config *config, const stile_operand_files *operands,
                   stile_npy_dtype dtype)
{
    const char *path = stile_argument(arguments, "out");
    stile_shape shape = {operands->M, operands->K, operands->N};
    stile_plan_params params = {
        .op = STILE_OP_FORWARD,
        .M = shape.M,
        .K = shape.K,
        .N = shape.N,
        .variant = config->name,
    };
    if (!stile_input_rows_per_group(arguments, &shape, 1, &params.rows_per_group))
        return STILE_EXIT_USAGE;

    bool automatic;
    double milliseconds = 0;
    stile_context *context = NULL;
    stile_plan *plan = NULL;
    stile_arena *arena = stile_arena_create();
    void *y =
        malloc((size_t)(shape.M * shape.N) * (size_t)stile_type_size(config->precision.output));
    int result = arena && y ? STILE_EXIT_OK : STILE_EXIT_FAILURE;
    if (result)
        stile_print_error("out of memory");
    else
        result = stile_input_context(arguments, "auto", &context, &automatic);
    if (!result)
        result = make_plan(&plan, &context, automatic, spec, &params);
    if (!result) {
        int error = stile_execute(plan, operands, y, &milliseconds);
        result = error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
    }
    if (!result)
        result = write_result(path, dtype, config->precision.output, y, shape.M, shape.N);
    if (!result)
        stile_print_note(
            "%s: Y = %" PRId64 "×%" PRId64 " from M×K×N = %s on %s in %s, written to %s",
            config->name, shape.M, shape.N, stile_shape_text(arena, &shape),
            stile_context_text(arena, context), stile_human_time(arena, milliseconds), path);
    free(y);
    stile_plan_destroy(&plan);
    stile_context_destroy(&context);
    stile_arena_destroy(&arena);
    return result;
}

static int run(const stile_arguments *arguments)
{
    stile_npy_dtype dtype;
    if (!stile_argument_required(arguments, "x") || !stile_argument_required(arguments, "w") ||
        !stile_argument_required(arguments, "out") || !parse_dtype(arguments, &dtype) ||
        !stile_can_create(arguments, stile_argument(arguments, "out")))
        return STILE_EXIT_USAGE;
    stile_spec *spec = NULL;
    stile_operand_files operands = {0};
    const stile_config *config = NULL;
    const char *path = arguments->operands[0];
    int result = stile_input_spec(&spec, path, NULL);
    if (!result && !(config = stile_input_variant(arguments, path, spec)))
        result = STILE_EXIT_USAGE;
    if (!result)
        result = stile_operand_files_read(&operands, arguments, config);
    if (!result)
        result = compute(arguments, spec, config, &operands, dtype);
    stile_operand_files_free(&operands);
    stile_spec_destroy(&spec);
    return result;
}

static const stile_option options[] = {
    {"x", 0, "X.npy", "X [M, K]"},
    {"w", 0, "W.npy",
     "W in the spec's layout: [N, K] for nk, [K, N] for kn;\n"
     "with weight.encode: trained, encoded weights as stile encode writes them"},
    {"out", 0, "Y.npy", "where Y [M, N] goes"},
    {"bias", 0, "B.npy", "[N]; exactly where the spec has a bias"},
    {"residual", 0, "R.npy", "[M, N]; exactly where the spec has a residual"},
    {"n", 0, "N", "with trained weights: columns of Y"},
    STILE_OPTION_ROWS_PER_GROUP,
    STILE_OPTION_VARIANT,
    {"out-dtype", 0, "TYPE", "f32 (default), f64, f16 or bf16 (as '|V2')"},
    {"device", 0, "auto|cuda[:i]|cpu",
     "default auto: the first GPU, or the CPU where there is none.\n"
     "The CPU computes in fp64 and rounds once, to the output type"},
    {NULL},
};

const stile_command stile_command_run = {
    .name = "run",
    .synopsis = "SPEC --x X.npy --w W.npy --out Y.npy",
    .summary = "compute Y from matrices in .npy files",
    .text = "Computes Y = activation(STL(X, W) + bias) + residual. Files are .npy of f4, f8, f2,\n"
            "or bf16 as |V2 or u2 bits, in C or Fortran order; they are converted to the types of\n"
            "the spec.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
