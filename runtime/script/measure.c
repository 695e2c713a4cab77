/* SPDX-License-Identifier: Apache-2.0 */
/* What a variant costs on a shape, whether it computes what it should, and how fast. */
#include <math.h>
#include <string.h>

#include "bench.h"
#include "context.h"
#include "cost_time.h"
#include "fail.h"
#include "numerics.h"
#include "objects.h"
#include "plan.h"
#include "random_data.h"
#include "schedule_choice.h"
#include "schedule_space.h"
#include "verify.h"

static const stile_config *config_of(const stile_lua_call *call)
{
    return ((const stile_script_variant *)call->self)->config;
}

static void set_number(const stile_lua_value *table, const char *key, double value)
{
    stile_lua_set(table, key, stile_lua_number(value));
}

static void set_integer(const stile_lua_value *table, const char *key, int64_t value)
{
    stile_lua_set(table, key, stile_lua_integer(value));
}

/* Into a table of its own or, of a comparison, only where there is one. */
static void set_finite(const stile_lua_value *table, const char *key, double value)
{
    if (!isnan(value))
        set_number(table, key, value);
}

static void set_shape(const stile_lua_value *table, const stile_shape *shape,
                      int64_t rows_per_group)
{
    set_integer(table, "M", shape->M);
    set_integer(table, "K", shape->K);
    set_integer(table, "N", shape->N);
    if (rows_per_group)
        set_integer(table, "rows_per_group", rows_per_group);
}

/* --- explain --- */

/* `time`: NULL where none is predicted. */
static stile_lua_value kernel_costs(stile_arena *arena, const stile_cost *cost,
                                    const stile_time *time)
{
    stile_lua_value list = stile_lua_table_create(arena);
    for (int i = 0; i < cost->kernel_count; i++) {
        const stile_kernel_cost *k = &cost->kernels[i];
        stile_lua_value item = stile_lua_table_create(arena);
        stile_lua_set(&item, "name", stile_lua_string(stile_kernel_role_name(k->role)));
        stile_lua_set(&item, "per_call", stile_lua_boolean(k->per_call));
        set_number(&item, "flops", k->flops);
        set_number(&item, "bytes_read", k->bytes_read);
        set_number(&item, "bytes_written", k->bytes_written);
        if (time)
            set_number(&item, "time_ms", time->kernels[k->role]);
        stile_lua_add(&list, item);
    }
    return list;
}

/* The GPU that is named, that of a context, or one of the usual architecture. */
static int find_gpu(stile_lua_call *call, const char *name, const stile_context *context,
                    stile_gpu *out)
{
    if (name && !stile_gpu_find(out, name))
        return stile_lua_refuse(call, "gpu '%.60s' is not known; %s is, for one", name,
                                stile_gpu_name(0));
    if (!name && context && context->device != STILE_DEVICE_CPU)
        stile_gpu_of_context(out, context);
    else if (!name)
        *out = stile_gpu_reference();
    return 0;
}

/* What the time model says. False, with nothing set, where there is no prediction. */
static bool set_times(const stile_lua_value *table, stile_arena *arena, const stile_gpu *gpu,
                      stile_winners *winners, const stile_config *config,
                      const stile_script_shape *s, const stile_cost *cost, stile_time *time)
{
    stile_schedule_choice choice;
    stile_text text = {0};
    if (stile_schedule_choose(&choice, winners, gpu, config, &s->shape, s->rows_per_group) ||
        stile_time_predict(time, gpu, config, &choice.schedule, cost))
        return false;
    stile_schedule_print(&text, &choice.schedule);
    stile_lua_set(table, "gpu", stile_lua_string(stile_arena_strdup(arena, gpu->name)));
    stile_lua_set(table, "calibrated", stile_lua_boolean(gpu->calibrated));
    stile_lua_set(table, "schedule",
                  stile_lua_string(stile_arena_strdup(arena, text.data ? text.data : "")));
    stile_lua_set(table, "schedule_origin",
                  stile_lua_string(stile_schedule_origin_name(choice.origin)));
    set_number(table, "time_ms", time->total);
    set_number(table, "dense_ms", stile_time_predict_dense(gpu, config, &s->shape));
    set_finite(table, "sparse_2_4_ms", stile_time_predict_sparse(gpu, config, &s->shape));
    stile_text_free(&text);
    return true;
}

int stile_script_explain(stile_lua_call *call)
{
    const stile_config *config = config_of(call);
    stile_script_shape s = {0};
    const char *gpu_name = NULL;
    void *given = NULL;
    const stile_lua_option options[] = {
        STILE_SCRIPT_SHAPE_OPTIONS(s),
        {"gpu", STILE_LUA_OPTION_STRING, &gpu_name, 0, 0, NULL},
        {"context", STILE_LUA_OPTION_OBJECT, &given, 0, 0, &stile_script_context_class},
    };
    int error = stile_lua_take_options(call, 0, options, 6);
    if (!error)
        error = stile_script_check_shape(call, &s);
    if (!error)
        error = stile_script_complete_shape(call, &s, config);
    const stile_context *context = given ? ((stile_script_context *)given)->context : NULL;
    stile_gpu gpu;
    stile_time time;
    stile_cost cost;
    if (!error)
        error = find_gpu(call, gpu_name, context, &gpu);
    if (!error)
        error = stile_cost_count(&cost, config, &s.shape, s.rows_per_group);
    if (error)
        return error;

    stile_problem problem = {config, s.shape.M, s.shape.K, s.shape.N, s.rows_per_group};
    stile_lua_value table = stile_lua_table_create(call->arena);
    set_shape(&table, &s.shape, s.rows_per_group);
    set_integer(&table, "groups", cost.tiling.groups);
    set_integer(&table, "tile_rows", cost.tiling.tile_rows);
    set_integer(&table, "tile_inner", cost.tiling.tile_inner);
    set_integer(&table, "tile_columns", cost.tiling.tile_columns);
    set_number(&table, "limit", cost.limit);
    set_number(&table, "dense_flops", cost.dense_flops);
    set_number(&table, "mma_flops", cost.mma_flops);
    set_number(&table, "dense_bytes", cost.dense_bytes);
    set_number(&table, "dense_weight_bytes", cost.dense_weight_bytes);
    set_number(&table, "weight_bytes", cost.weight_bytes);
    set_number(&table, "workspace_bytes", cost.workspace_bytes);
    set_integer(&table, "additions_x", cost.additions_x);
    set_integer(&table, "additions_w", cost.additions_w);
    set_integer(&table, "additions_y", cost.additions_y);
    set_number(&table, "predicted_error", stile_predicted_error(&problem));
    stile_lua_set(&table, "sparse", stile_lua_boolean(config->sparse));
    stile_script_set_metrics(&table, call->arena, &config->metrics);
    bool timed = set_times(&table, call->arena, &gpu, context ? context->winners : NULL, config, &s,
                           &cost, &time);
    stile_lua_set(&table, "kernels", kernel_costs(call->arena, &cost, timed ? &time : NULL));
    call->result = table;
    return 0;
}

/* --- verify --- */

/* What a verification collects. */
typedef struct verification {
    stile_lua_call *call;
    stile_context *context;
    const stile_script_variant *variant;
    stile_op op;
    stile_lua_value cases;
    int passed, failed, skipped;
    double worst_share; /* the largest error in units of the prediction */
    double true_error;  /* the largest against true matrix multiplication; NaN: none */
} verification;

static void add_case(verification *v, const stile_verify_case *c, const stile_verify_result *r)
{
    const stile_shape shape = {c->M, c->K, c->N};
    stile_arena *arena = v->call->arena;
    stile_lua_value table = stile_lua_table_create(arena);
    set_shape(&table, &shape, c->rows_per_group);
    stile_lua_set(&table, "integers", stile_lua_boolean(c->integers));
    stile_lua_set(&table, "nan", stile_lua_boolean(c->nan));
    stile_lua_set(&table, "applies", stile_lua_boolean(r->applies));
    if (r->applies) {
        stile_lua_set(&table, "passed", stile_lua_boolean(r->passed));
        set_number(&table, "error", r->to_operator.relative_rms);
        set_number(&table, "worst_element", r->to_operator.worst_element);
        set_number(&table, "predicted", r->predicted);
        if (r->has_truth)
            set_number(&table, "true_error", r->to_truth.relative_rms);
        if (!r->passed)
            stile_lua_set(&table, "failure",
                          stile_lua_string(stile_arena_strdup(arena, r->failure)));
    }
    stile_lua_add(&v->cases, table);
}

static int run_case(verification *v, const stile_verify_case *which)
{
    stile_verify_result r;
    stile_verify_case of_op = *which, *c = &of_op;
    of_op.op = v->op;
    int error = stile_verify_run(&r, v->context, v->variant->spec->spec, v->variant->config, c);
    if (error)
        return error;
    add_case(v, c, &r);
    if (!r.applies) {
        v->skipped++;
        return 0;
    }
    if (r.passed)
        v->passed++;
    else
        v->failed++;
    double share = r.predicted > 0 ? r.to_operator.relative_rms / r.predicted : 0;
    v->worst_share = fmax(v->worst_share, share);
    if (r.has_truth && !c->integers)
        v->true_error = fmax(v->true_error, r.to_truth.relative_rms); /* fmax passes over NaN */
    return 0;
}

/* A given shape: plain, with padded rows, and as integers; else the standard cases. */
static int run_cases(verification *v, const stile_script_shape *s, uint64_t seed)
{
    const stile_config *config = v->variant->config;
    bool cpu = v->context->device == STILE_DEVICE_CPU;
    stile_verify_case c = {.M = s->shape.M,
                           .K = s->shape.K,
                           .N = s->shape.N,
                           .rows_per_group = s->rows_per_group,
                           .seed = stile_random_bits(seed, 0)};
    int error = 0;
    if (s->given) {
        error = run_case(v, &c);
        c.pad_x = c.pad_w = c.pad_y = c.pad_r = 8;
        if (!error)
            error = run_case(v, &c);
        c.integers = true;
        return error ? error : run_case(v, &c);
    }
    for (int i = 0; !error && stile_verify_standard_case(&c, config, cpu, i); i++)
        error = run_case(v, &c);
    return error;
}

int stile_script_verify(stile_lua_call *call)
{
    stile_script_shape s = {0};
    void *context = NULL;
    const char *op = "forward";
    int64_t seed = 1, random = -1;
    const stile_lua_option options[] = {
        STILE_SCRIPT_SHAPE_OPTIONS(s),
        {"context", STILE_LUA_OPTION_OBJECT, &context, 0, 0, &stile_script_context_class},
        {"random", STILE_LUA_OPTION_INTEGER, &random, 0, 100000, NULL},
        {"seed", STILE_LUA_OPTION_INTEGER, &seed, 0, 0x1p62, NULL},
        {"op", STILE_LUA_OPTION_STRING, &op, 0, 0, NULL},
    };
    verification v = {.call = call, .variant = call->self, .true_error = NAN};
    int error = stile_lua_take_options(call, 0, options, 8);
    if (!error && !stile_op_parse(&v.op, op, strlen(op)))
        error = stile_lua_refuse(call, "op is none of forward, backward_input, backward_weight, "
                                       "backward_basis and backward");
    if (!error)
        error = stile_script_check_shape(call, &s);
    if (!error && s.given)
        error = stile_script_complete_shape(call, &s, v.variant->config);
    if (!error && !s.given && s.rows_per_group)
        error = stile_lua_refuse(call, "rows_per_group needs a shape: M, K and N");
    if (!error)
        error = stile_script_use_context(call, context, &v.context);
    if (error)
        return error;
    if (random < 0)
        random = s.given ? 0 : 20;
    v.cases = stile_lua_table_create(call->arena);
    error = run_cases(&v, &s, (uint64_t)seed);
    bool cpu = v.context->device == STILE_DEVICE_CPU;
    for (int i = 0; i < random && !error; i++) {
        stile_verify_case c = stile_verify_random_case(cpu, (uint64_t)seed, i);
        error = run_case(&v, &c);
    }
    if (error)
        return error;

    stile_lua_value table = stile_lua_table_create(call->arena);
    stile_lua_set(&table, "ok", stile_lua_boolean(v.failed == 0));
    set_integer(&table, "passed", v.passed);
    set_integer(&table, "failed", v.failed);
    set_integer(&table, "skipped", v.skipped);
    set_number(&table, "worst_share", v.worst_share);
    set_finite(&table, "true_error", v.true_error);
    stile_lua_set(&table, "cases", v.cases);
    call->result = table;
    return 0;
}

/* --- bench --- */

static stile_lua_value quantiles(stile_arena *arena, const stile_quantiles *q)
{
    stile_lua_value table = stile_lua_table_create(arena);
    set_integer(&table, "count", q->count);
    set_number(&table, "min", q->min);
    set_number(&table, "lower", q->lower);
    set_number(&table, "median", q->median);
    set_number(&table, "upper", q->upper);
    set_number(&table, "max", q->max);
    return table;
}

static stile_lua_value bench_table(stile_arena *arena, const stile_bench_result *r,
                                   const stile_cost *cost)
{
    double seconds = r->stl.median * 1e-3;
    stile_lua_value table = stile_lua_table_create(arena);
    stile_lua_set(&table, "ms", quantiles(arena, &r->stl));
    stile_lua_value kernels = stile_lua_table_create(arena);
    for (int i = 0; i < r->kernel_count; i++) {
        stile_lua_value kernel = stile_lua_table_create(arena);
        stile_lua_set(&kernel, "name", stile_lua_string(r->kernels[i].name));
        stile_lua_set(&kernel, "ms", quantiles(arena, &r->kernels[i].time));
        stile_lua_add(&kernels, kernel);
    }
    stile_lua_set(&table, "kernels", kernels);
    set_number(&table, "limit", cost->limit);
    set_number(&table, "mma_tflops", cost->mma_flops / seconds * 1e-12);
    set_number(&table, "dense_equivalent_tflops", cost->dense_flops / seconds * 1e-12);
    if (r->has_dense) {
        stile_lua_set(&table, "dense_ms", quantiles(arena, &r->dense));
        set_number(&table, "ratio", r->dense.median / r->stl.median);
        set_number(&table, "share_of_limit", r->dense.median / r->stl.median / cost->limit);
        set_number(&table, "dense_tflops", cost->dense_flops / (r->dense.median * 1e-3) * 1e-12);
        set_finite(&table, "dense_true_error", r->dense_true_error);
    }
    if (*r->dense_note)
        stile_lua_set(&table, "note", stile_lua_string(stile_arena_strdup(arena, r->dense_note)));
    set_number(&table, "predicted_error", r->predicted_error);
    set_finite(&table, "operator_error", r->operator_error);
    set_finite(&table, "true_error", r->true_error);
    return table;
}

int stile_script_bench(stile_lua_call *call)
{
    const stile_script_variant *variant = call->self;
    stile_script_shape s = {0};
    void *given = NULL;
    int64_t seed = 1, iterations = 50;
    stile_bench_params params = {.against_cublas = true, .warmup_seconds = 1};
    const stile_lua_option options[] = {
        STILE_SCRIPT_SHAPE_OPTIONS(s),
        {"context", STILE_LUA_OPTION_OBJECT, &given, 0, 0, &stile_script_context_class},
        {"dense", STILE_LUA_OPTION_BOOLEAN, &params.against_cublas, 0, 0, NULL},
        {"warmup", STILE_LUA_OPTION_NUMBER, &params.warmup_seconds, 0, 600, NULL},
        {"iterations", STILE_LUA_OPTION_INTEGER, &iterations, 1, 10000, NULL},
        {"seed", STILE_LUA_OPTION_INTEGER, &seed, 0, 0x1p62, NULL},
    };
    stile_context *context;
    int error = stile_lua_take_options(call, 0, options, 9);
    if (!error)
        error = stile_script_check_shape(call, &s);
    if (!error)
        error = stile_script_complete_shape(call, &s, variant->config);
    if (!error)
        error = stile_script_use_context(call, given, &context);
    if (!error && context->device == STILE_DEVICE_CPU)
        error = stile_fail(STILE_ERROR_UNSUPPORTED, "%s: a GPU is needed, this context is the CPU",
                           call->name);
    params.shape = s.shape;
    params.rows_per_group = s.rows_per_group;
    params.iterations = (int)iterations;
    params.seed = (uint64_t)seed;
    stile_cost cost;
    stile_bench_result result;
    if (!error)
        error = stile_cost_count(&cost, variant->config, &s.shape, s.rows_per_group);
    if (!error)
        error = stile_bench_run(&result, context, variant->spec->spec, variant->config, &params);
    if (!error)
        call->result = bench_table(call->arena, &result, &cost);
    return error;
}
