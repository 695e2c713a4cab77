/* SPDX-License-Identifier: Apache-2.0 */
/* stile bench: how fast is a spec, and how does it compare with a dense product? */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "context.h"
#include "cost.h"
#include "describe.h"
#include "inputs.h"
#include "nvrtc.h"
#include "output.h"
#include "schedule_space.h"
#include "table.h"

typedef struct request {
    const stile_arguments *arguments;
    stile_context *context;
    const stile_spec *spec;
    stile_bench_params params;
    bool json_only; /* JSON goes to stdout: no tables */
    int result_count;
    stile_text text, json_text;
    stile_json json;
} request;

/* What the times mean. */
typedef struct rates {
    double ratio, limit, share;          /* dense/STL; the most that could be; ratio/limit */
    /* FLOP/s: MMA of STL, and 2MKN over the times of STL, cuBLAS and cuSPARSELt. */
    double mma, dense_equivalent, dense, sparse;
} rates;

static rates rates_of(const stile_bench_result *r, const stile_cost *cost)
{
    double stl = r->stl.median * 1e-3, dense = r->dense.median * 1e-3;
    rates x = {
        .ratio = r->has_dense ? dense / stl : NAN,
        .limit = cost->limit,
        .mma = cost->mma_flops / stl,
        .dense_equivalent = cost->dense_flops / stl,
        .dense = r->has_dense ? cost->dense_flops / dense : NAN,
        .sparse = r->has_sparse ? cost->dense_flops / (r->sparse.median * 1e-3) : NAN,
    };
    x.share = x.ratio / x.limit;
    return x;
}

/* --- tables ---------------------------------------------------------------------------------- */

static const char *tera(stile_arena *arena, double rate)
{
    return isfinite(rate) ? stile_human_number(arena, rate * 1e-12, 4) : "";
}

static const char *error_text(stile_arena *arena, double error)
{
    return isnan(error) ? "" : stile_human_number(arena, error, 3);
}

/* A line of times: median, minimum, quartiles. */
static void time_row(stile_table *table, const char *name, const stile_quantiles *q)
{
    const double values[] = {q->median, q->min, q->lower, q->upper};
    stile_table_row(table);
    stile_table_cell(table, name);
    for (int i = 0; i < 4; i++)
        stile_table_cell(table, stile_human_time(table->arena, values[i]));
}

static void print_result(request *r, stile_arena *arena, const stile_config *config,
                         const stile_bench_result *b, const stile_cost *cost)
{
    rates x = rates_of(b, cost);
    stile_text *text = &r->text;
    stile_table table = {.arena = arena, .alignment = "lr", .indent = "  "};
    static const char *const header[] = {"",        "median",        "min",   "25 %",      "75 %",
                                         "TFLOP/s", "dense TFLOP/s", "error", "true error"};
    stile_table_row(&table);
    for (int i = 0; i < 9; i++)
        stile_table_cell(&table, header[i]);
    time_row(&table, "STL", &b->stl);
    stile_table_cell(&table, tera(arena, x.mma));
    stile_table_cell(&table, tera(arena, x.dense_equivalent));
    stile_table_cell(&table, error_text(arena, b->operator_error));
    stile_table_cell(&table, error_text(arena, b->true_error));
    if (b->has_dense) {
        time_row(&table,
                 stile_arena_printf(arena, "cuBLAS %s", stile_weight_layout_name(b->dense_layout)),
                 &b->dense);
        stile_table_cell(&table, tera(arena, x.dense));
        stile_table_cell(&table, tera(arena, x.dense));
        stile_table_cell(&table, "");
        stile_table_cell(&table, error_text(arena, b->dense_true_error));
    }
    if (b->has_sparse) {
        time_row(&table, "cuSPARSELt 2:4", &b->sparse);
        stile_table_cell(&table, "");
        stile_table_cell(&table, tera(arena, x.sparse));
        stile_table_cell(&table, "");
        stile_table_cell(&table, "");
    }
    for (int i = 0; i < b->kernel_count; i++)
        time_row(&table, stile_arena_printf(arena, "· %s", b->kernels[i].name),
                 &b->kernels[i].time);

    stile_text_appendf(text, "%s  %s  %s\n", config->name,
                       stile_shape_text(arena, &r->params.shape),
                       stile_precision_text(arena, &config->precision));
    if (b->has_dense)
        stile_text_appendf(
            text, "  %s × cuBLAS: %s %% of the limit %s\n", stile_human_number(arena, x.ratio, 3),
            stile_human_number(arena, 100 * x.share, 3), stile_human_number(arena, x.limit, 4));
    if (b->has_sparse)
        stile_text_appendf(text, "  %s × cuSPARSELt with 2:4 sparse weights\n",
                           stile_human_number(arena, b->sparse.median / b->stl.median, 3));
    stile_table_print(text, &table);
    stile_text_append(text, "  schedule: ");
    stile_schedule_print(text, &b->schedule);
    stile_text_appendf(text, " (%s)\n", b->origin);
    if (*b->dense_note)
        stile_text_appendf(text, "  %s\n", b->dense_note);
    if (*b->sparse_note)
        stile_text_appendf(text, "  %s\n", b->sparse_note);
    if (b->has_dense && *stile_epilogue_text(arena, &config->epilogue))
        stile_text_appendf(text, "  cuBLAS computes X·W alone, without the epilogue (%s)\n",
                           stile_epilogue_text(arena, &config->epilogue));
    stile_text_append(text, "\n");
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void quantiles_json(stile_json *json, const char *key, const stile_quantiles *q)
{
    stile_json_begin_object(json, key);
    stile_json_int(json, "count", q->count);
    stile_json_real(json, "min", q->min);
    stile_json_real(json, "q25", q->lower);
    stile_json_real(json, "median", q->median);
    stile_json_real(json, "q75", q->upper);
    stile_json_real(json, "max", q->max);
    stile_json_end_object(json);
}

static void dense_json(stile_json *json, const stile_bench_result *b, const rates *x)
{
    if (!b->has_dense) {
        stile_json_null(json, "cublas");
        return;
    }
    stile_json_begin_object(json, "cublas");
    quantiles_json(json, "ms", &b->dense);
    stile_json_string(json, "layout", stile_weight_layout_name(b->dense_layout));
    stile_json_string(json, "output", stile_type_name(b->dense_output));
    stile_json_int(json, "algorithm", b->dense_candidate);
    stile_json_int(json, "algorithms", b->dense_candidates);
    stile_json_real(json, "tflops", x->dense * 1e-12);
    stile_json_real(json, "true_error", b->dense_true_error);
    stile_json_int(json, "buffer_sets", b->dense_sets);
    stile_json_end_object(json);
}

static void sparse_json(stile_json *json, const stile_bench_result *b, const rates *x)
{
    if (!b->has_sparse) {
        stile_json_null(json, "cusparselt");
        return;
    }
    stile_json_begin_object(json, "cusparselt");
    quantiles_json(json, "ms", &b->sparse);
    stile_json_real(json, "dense_equivalent_tflops", x->sparse * 1e-12);
    stile_json_real(json, "ratio", b->sparse.median / b->stl.median);
    stile_json_int(json, "version", b->cusparselt_version);
    stile_json_end_object(json);
}

static void result_json(request *r, const stile_config *config, const stile_bench_result *b,
                        const stile_cost *cost)
{
    rates x = rates_of(b, cost);
    stile_json *json = &r->json;
    stile_json_begin_object(json, NULL);
    stile_describe_config_json(json, "spec", config);
    stile_json_int(json, "M", r->params.shape.M);
    stile_json_int(json, "K", r->params.shape.K);
    stile_json_int(json, "N", r->params.shape.N);
    stile_json_int(json, "rows_per_group", r->params.rows_per_group);
    stile_text schedule = {0};
    stile_schedule_print(&schedule, &b->schedule);
    stile_json_string(json, "schedule", schedule.data);
    stile_json_string(json, "schedule_origin", b->origin);
    stile_text_free(&schedule);
    stile_json_begin_object(json, "stl");
    quantiles_json(json, "ms", &b->stl);
    stile_json_real(json, "mma_tflops", x.mma * 1e-12);
    stile_json_real(json, "dense_equivalent_tflops", x.dense_equivalent * 1e-12);
    stile_json_real(json, "operator_error", b->operator_error);
    stile_json_real(json, "true_error", b->true_error);
    stile_json_real(json, "predicted_error", b->predicted_error);
    stile_json_int(json, "buffer_sets", b->stl_sets);
    stile_json_begin_object(json, "kernels_ms");
    for (int i = 0; i < b->kernel_count; i++)
        quantiles_json(json, b->kernels[i].name, &b->kernels[i].time);
    stile_json_end_object(json);
    stile_json_end_object(json);
    dense_json(json, b, &x);
    if (*b->dense_note)
        stile_json_string(json, "note", b->dense_note);
    sparse_json(json, b, &x);
    if (*b->sparse_note)
        stile_json_string(json, "sparse_note", b->sparse_note);
    stile_json_real(json, "ratio", x.ratio);
    stile_json_real(json, "limit", x.limit);
    stile_json_real(json, "share_of_limit", x.share);
    stile_json_int(json, "error_samples", b->sampled_elements);
    stile_json_int(json, "cublaslt_version", b->cublaslt_version);
    stile_json_begin_object(json, "gpu_under_load");
    stile_json_int(json, "sm_clock_mhz", b->gpu.sm_clock);
    stile_json_int(json, "max_sm_clock_mhz", b->gpu.max_sm_clock);
    stile_json_int(json, "temperature_c", b->gpu.temperature);
    stile_json_real(json, "power_w", b->gpu.power);
    stile_json_end_object(json);
    stile_json_end_object(json);
}

/* The machine and the software. */
static void environment_json(request *r)
{
    const stile_context *context = r->context;
    stile_json *json = &r->json;
    stile_gpu_state gpu;
    stile_nvrtc_info nvrtc;
    int cuda = 0, l2 = 0;
    char version[32] = "";
    stile_gpu_state_read(&gpu, context->driver, context->cu_device);
    context->driver->cuDriverGetVersion(&cuda);
    context->driver->cuDeviceGetAttribute(&l2, STILE_CU_DEVICE_L2_CACHE_SIZE, context->cu_device);
    if (!stile_nvrtc_describe(&nvrtc))
        snprintf(version, sizeof version, "%d.%d", nvrtc.major, nvrtc.minor);
    stile_json_string(json, "stile", stile_version());
    stile_json_string(json, "gpu", context->device_name);
    stile_json_string(json, "arch", context->arch.name);
    stile_json_int(json, "multiprocessors", context->multiprocessors);
    stile_json_int(json, "l2_bytes", l2);
    stile_json_string(json, "driver", *gpu.driver_version ? gpu.driver_version : NULL);
    stile_json_int(json, "driver_cuda_version", cuda);
    stile_json_string(json, "nvrtc", *version ? version : NULL);
    stile_json_real(json, "warmup_seconds", r->params.warmup_seconds);
    stile_json_int(json, "iterations", r->params.iterations);
    stile_json_int(json, "seed", (int64_t)r->params.seed);
}

/* --- running --------------------------------------------------------------------------------- */

static int run_shape(request *r, const stile_config *config, const stile_shape *shape)
{
    stile_bench_result result;
    stile_cost cost;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    r->params.shape = *shape;
    stile_print_progress("%s %s", config->name, stile_shape_text(arena, shape));
    int error = stile_cost_count(&cost, config, shape, r->params.rows_per_group);
    if (!error)
        error = stile_bench_run(&result, r->context, r->spec, config, &r->params);
    int exit_code = STILE_EXIT_OK;
    if (error) {
        exit_code = stile_report_failure(error, stile_arena_printf(arena, "%s %s", config->name,
                                                                   stile_shape_text(arena, shape)));
    } else {
        stile_print_progress("%s", "");
        r->result_count++;
        result_json(r, config, &result, &cost);
        if (!r->json_only) {
            print_result(r, arena, config, &result, &cost);
            exit_code = stile_emit(&r->text);
        }
    }
    stile_arena_destroy(&arena);
    return exit_code;
}

static int visit(void *user, const stile_config *config)
{
    request *r = user;
    const stile_shape *shapes;
    size_t count;
    stile_arena *arena = stile_arena_create();
    int worst = arena ? STILE_EXIT_OK : STILE_EXIT_FAILURE;
    if (arena &&
        (!stile_input_shapes(r->arguments, config, arena, &shapes, &count) ||
         !stile_input_rows_per_group(r->arguments, shapes, count, &r->params.rows_per_group)))
        worst = STILE_EXIT_USAGE;
    if (!worst && count == 0) {
        stile_print_error("%s names no shapes: give --shape MxKxN", config->name);
        worst = STILE_EXIT_USAGE;
    }
    for (size_t i = 0; !worst && i < count; i++) {
        int result = run_shape(r, config, &shapes[i]);
        worst = result > worst ? result : worst;
    }
    stile_arena_destroy(&arena);
    return worst;
}

static int bench_specs(request *r, stile_spec **specs)
{
    const stile_arguments *arguments = r->arguments;
    int worst = STILE_EXIT_OK;
    for (int i = 0; i < arguments->operand_count; i++) {
        r->spec = specs[i];
        int result = stile_each_variant(arguments, arguments->operands[i], specs[i], visit, r);
        worst = result > worst ? result : worst;
    }
    return worst;
}

/* "cublas", "cusparselt", both with a comma between them, or "none". */
static bool parse_against(request *r)
{
    const char *against = stile_argument(r->arguments, "against");
    if (!against)
        against = "cublas";
    if (strcmp(against, "none") == 0)
        return true;
    for (const char *name = against;; name++) {
        size_t length = strcspn(name, ",");
        if (length == strlen("cublas") && strncmp(name, "cublas", length) == 0)
            r->params.against_cublas = true;
        else if (length == strlen("cusparselt") && strncmp(name, "cusparselt", length) == 0)
            r->params.against_cusparselt = true;
        else
            break;
        name += length;
        if (!*name)
            return true;
    }
    stile_print_error("--against is '%s', but must be cublas, cusparselt, both with a comma, or none",
                      against);
    return false;
}

/* Opens the device, times the specs on it and writes the JSON. */
static int bench(request *r, stile_spec **specs)
{
    bool automatic;
    int result = stile_input_context(r->arguments, "cuda", &r->context, &automatic);
    if (result)
        return result;
    if (r->context->device == STILE_DEVICE_CPU) {
        stile_print_error("stile bench needs a GPU: --device cuda or cuda:i");
        stile_context_destroy(&r->context);
        return STILE_EXIT_USAGE;
    }
    stile_json_begin_object(&r->json, NULL);
    environment_json(r);
    stile_json_begin_array(&r->json, "results");
    result = bench_specs(r, specs);
    stile_json_end_array(&r->json);
    stile_json_end_object(&r->json);
    if (stile_flag(r->arguments, "json") && r->result_count) { /* whatever failed besides */
        int emitted = stile_emit_json(r->arguments, &r->json_text);
        result = emitted > result ? emitted : result;
    }
    stile_text_free(&r->json_text);
    stile_context_destroy(&r->context);
    return result;
}

static int run(const stile_arguments *arguments)
{
    request r = {
        .arguments = arguments,
        .params = {.warmup_seconds = 1, .iterations = 50, .seed = 1},
    };
    const char *json_path = stile_argument(arguments, "json");
    int64_t iterations = r.params.iterations, seed = 1;
    r.json_only = json_path && (!*json_path || strcmp(json_path, "-") == 0);
    r.json.text = &r.json_text;
    if (!parse_against(&r) || !stile_argument_int(arguments, "iterations", 1, 10000, &iterations) ||
        !stile_argument_int(arguments, "seed", 0, INT64_MAX, &seed) ||
        !stile_argument_real(arguments, "warmup", 0, 600, &r.params.warmup_seconds))
        return STILE_EXIT_USAGE;
    r.params.iterations = (int)iterations;
    r.params.seed = (uint64_t)seed;
    stile_spec **specs = NULL;
    int result = stile_input_check_shapes(arguments) ? stile_input_specs(&specs, arguments)
                                                     : STILE_EXIT_USAGE;
    if (!result)
        result = bench(&r, specs);
    stile_input_specs_free(&specs, arguments);
    return result;
}

static const stile_option options[] = {
    {"shape", 0, "MxKxN[,...]", "the products to time; default: the spec's shapes"},
    STILE_OPTION_ROWS_PER_GROUP,
    {"against", 0, "WHICH", "cublas, cusparselt (2:4 sparse weights), both with a comma, or none;\n"
     "default cublas"},
    {"warmup", 0, "SECONDS", "of turns before the timed ones; default 1"},
    {"iterations", 0, "COUNT", "timed turns; default 50"},
    {"seed", 0, "S", "of the data; default 1"},
    {"device", 0, "cuda[:i]", "default cuda"},
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_bench = {
    .name = "bench",
    .synopsis = "SPEC... [--shape MxKxN[,...]]",
    .summary = "time specs, interleaved with cuBLAS",
    .text = "Times every variant on every shape in turn with cuBLASLt (the best of its first 8\n"
            "heuristics with W as nk and as kn), warm, each on operands that rotate over more\n"
            "than twice the L2 cache. TFLOP/s counts the FLOP that tensor cores execute, dense\n"
            "TFLOP/s the 2·M·K·N of a dense product. error is relative to the operator in fp64,\n"
            "true error to true matrix multiplication, both from sampled tiles. Kernels are timed\n"
            "one by one in a second series.",
    .options = options,
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
