/* SPDX-License-Identifier: Apache-2.0 */
/* How tuning compiles, checks and times schedules on a GPU. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_device.h"
#include "bench_error.h"
#include "context.h"
#include "fail.h"
#include "formats.h"
#include "number.h"
#include "numerics.h"
#include "parallel.h"
#include "plan.h"
#include "schedule_space.h"
#include "tune.h"

enum {
    MAX_TURNS = 8,     /* schedules that are timed together */
    ROUNDS = 32,       /* of them between two synchronisations */
    WARMUP_ROUNDS = 4, /* between two looks at the clock */
    ROW = 4096,        /* elements that are compared at a time */
};

/* Of the predicted error: a result against the operator, as in tests; two results, each as far off.
 */
static const double MOST_ERROR = 2, MOST_DIFFERENCE = 2 * M_SQRT2;

/* A schedule that is ready to run. */
typedef struct runner {
    stile_plan *plan;
    stile_device_buffer workspace;
} runner;

struct stile_tune_device {
    stile_context *context;
    const stile_config *config;
    stile_bench_params params;
    bool open; /* what follows is there */
    stile_bench_device device;
    stile_schedule rule;
    runner rule_runner;
    char *rule_y; /* its result on the host */
    double predicted;
    stile_gpu_state gpu; /* under load */
};

/* --- compiling ------------------------------------------------------------------------------- */

typedef struct compilation {
    const stile_tune_device *device;
    const stile_schedule *const *schedules;
    int *errors;
    char (*reasons)[200];
} compilation;

static int compile_schedule(const stile_tune_device *d, const stile_schedule *schedule)
{
    stile_config config = *d->config;
    stile_arena *arena = stile_arena_create();
    int error = arena ? 0 : stile_fail_memory();
    config.schedule = *schedule;
    stile_kernel_role roles[STILE_KERNEL_ROLE_COUNT];
    int count = stile_forward_roles(roles, schedule);
    for (int i = 0; i < count && !error; i++) {
        stile_kernel kernel;
        stile_cubin cubin = {0};
        error = stile_kernel_render(&kernel, arena, &config, &d->context->arch, roles[i]);
        if (!error)
            error = stile_context_get_kernel(d->context, &cubin, &config, &kernel);
        stile_cubin_free(&cubin);
    }
    stile_arena_destroy(&arena);
    return error;
}

static void compile_one(void *user, int64_t index)
{
    compilation *c = user;
    c->errors[index] = compile_schedule(c->device, c->schedules[index]);
    if (c->errors[index])
        snprintf(c->reasons[index], sizeof c->reasons[index], "%s", stile_last_error());
}

static int prepare(void *user, const stile_schedule *const *schedules, int count, int *errors,
                   char (*reasons)[200])
{
    stile_tune_device *d = user;
    compilation c = {d, schedules, errors, reasons};
    stile_parallel_for(d->context->threads, count, compile_one, &c);
    return 0;
}

/* --- running --------------------------------------------------------------------------------- */

static void close_runner(runner *r)
{
    stile_plan_destroy(&r->plan);
    stile_device_buffer_destroy(&r->workspace);
    *r = (runner){0};
}

/* Needs the device's stream. */
static int open_runner(stile_tune_device *d, const stile_schedule *schedule, runner *out)
{
    runner r = {0};
    stile_config config = *d->config;
    const stile_plan_params params = {
        .op = STILE_OP_FORWARD,
        .M = d->params.shape.M,
        .K = d->params.shape.K,
        .N = d->params.shape.N,
        .rows_per_group = d->params.rows_per_group,
    };
    config.schedule = *schedule;
    int error = stile_plan_create_config(&r.plan, d->context, &config, &params);
    if (!error)
        error = stile_device_buffer_create(&r.workspace, d->context->driver,
                                           stile_plan_workspace_size(r.plan));
    if (!error)
        error = stile_workspace_init(r.plan, stile_device_pointer(&r.workspace), d->device.stream);
    if (error)
        close_runner(&r);
    else
        *out = r;
    return error;
}

static int run(const stile_tune_device *d, const runner *r, int turn)
{
    stile_operands operands = stile_bench_device_operands(&d->device, turn);
    return stile_run(r->plan, &operands, stile_device_pointer(&r->workspace), d->device.stream);
}

/* Runs once and reads the result. */
static int run_into(stile_tune_device *d, const runner *r, char *y)
{
    stile_device_buffer *buffer = &d->device.y.buffers[0];
    bool intact = true;
    int error = stile_device_buffer_poison(buffer);
    if (!error)
        error = run(d, r, 0);
    if (!error)
        error = stile_bench_device_synchronize(&d->device);
    if (!error)
        error = stile_device_buffer_check(buffer, &intact);
    if (!error && !intact)
        error = stile_fail(STILE_ERROR_DEVICE, "it writes past the end of Y");
    if (!error)
        error = stile_device_buffer_read(buffer, 0, y, d->device.host.y_size);
    return error;
}

/* --- checking -------------------------------------------------------------------------------- */

static stile_problem problem_of(const stile_tune_device *d)
{
    const stile_shape *s = &d->params.shape;
    return (stile_problem){d->config, s->M, s->K, s->N, d->params.rows_per_group};
}

/* Compares samples of a result with the operator in fp64. */
static int check_operator(const stile_tune_device *d, const char *y, char reason[static 200])
{
    stile_problem problem = problem_of(d);
    stile_sampled_errors errors;
    const stile_sampled_result result = {y, d->config->precision.output};
    int error = stile_sample_errors(&errors, &problem, &d->device.host, result, NULL,
                                    d->params.seed, d->context->threads);
    if (!error && !(errors.to_operator <= MOST_ERROR * d->predicted)) {
        char off[32], expected[32];
        stile_format_rounded(off, errors.to_operator, 3);
        stile_format_rounded(expected, d->predicted, 3);
        snprintf(reason, 200, "its error is %s, where %s is predicted", off, expected);
    }
    return error;
}

/* Compares all of a result with that of the schedule by rule. */
static void compare(const stile_tune_device *d, const char *y, char reason[static 200])
{
    stile_type type = d->config->precision.output;
    int64_t count = d->params.shape.M * d->params.shape.N;
    double apart = 0, size = 0, a[ROW], b[ROW];
    for (int64_t i = 0; i < count; i += ROW) {
        int part = count - i < ROW ? (int)(count - i) : ROW;
        stile_load_elements(type, y, i, part, a);
        stile_load_elements(type, d->rule_y, i, part, b);
        for (int j = 0; j < part; j++) {
            apart += (a[j] - b[j]) * (a[j] - b[j]);
            size += b[j] * b[j];
        }
    }
    double limit = MOST_DIFFERENCE * d->predicted;
    if (!(apart <= limit * limit * size)) /* so NaN does not pass */
        snprintf(reason, 200,
                 "its result is farther from that of the schedule by rule than "
                 "rounding explains");
}

/* Operands, and the result of the schedule by rule. */
static int open_device(stile_tune_device *d, const stile_schedule *rule)
{
    stile_problem problem = problem_of(d);
    if (d->open)
        return 0;
    d->rule = *rule;
    d->predicted = stile_predicted_error(&problem);
    int error = stile_bench_device_create(&d->device, d->context, d->config, &d->params,
                                          ROUNDS * (MAX_TURNS + 1));
    if (!error)
        error = open_runner(d, rule, &d->rule_runner);
    if (!error)
        error = stile_bench_device_fill(&d->device, d->rule_runner.plan,
                                        stile_device_pointer(&d->rule_runner.workspace));
    if (!error && !(d->rule_y = malloc(d->device.host.y_size)))
        error = stile_fail_memory();
    if (!error)
        error = run_into(d, &d->rule_runner, d->rule_y);
    d->open = !error;
    return error;
}

static int check_schedule(stile_tune_device *d, const stile_schedule *schedule,
                          char reason[static 200])
{
    if (stile_schedule_equal(schedule, &d->rule))
        return check_operator(d, d->rule_y, reason);
    runner r = {0};
    size_t size = d->device.host.y_size;
    char *y = malloc(size);
    int error = y ? open_runner(d, schedule, &r) : stile_fail_memory();
    if (!error)
        error = run_into(d, &r, y);
    if (!error && stile_schedule_same_arithmetic(schedule, &d->rule)) {
        if (memcmp(y, d->rule_y, size) != 0)
            snprintf(reason, 200,
                     "its result differs from that of the schedule by rule, which "
                     "does the same arithmetic");
    } else if (!error) {
        compare(d, y, reason);
        if (!*reason)
            error = check_operator(d, y, reason);
    }
    close_runner(&r);
    free(y);
    return error;
}

static int check(void *user, const stile_schedule *rule, const stile_schedule *schedule,
                 char reason[static 200])
{
    stile_tune_device *d = user;
    stile_context_scope scope;
    int error = stile_context_enter(d->context, &scope);
    if (!error)
        error = open_device(d, rule);
    if (!error)
        error = check_schedule(d, schedule, reason);
    stile_context_leave(d->context, &scope);
    return error;
}

/* --- timing ---------------------------------------------------------------------------------- */

static int warm_up(const stile_tune_device *d, const runner *const *runners, int count)
{
    double end = stile_bench_seconds() + d->params.warmup_seconds;
    int error = 0, turn = 0;
    do {
        for (int i = 0; i < WARMUP_ROUNDS * count && !error; i++, turn++)
            error = run(d, runners[i % count], turn);
        if (!error)
            error = stile_bench_device_synchronize(&d->device);
    } while (!error && stile_bench_seconds() < end);
    return error;
}

/* Some rounds; the time of runner i in round j goes to samples[i * iterations + done + j]. */
static int time_rounds(stile_tune_device *d, const runner *const *runners, int count, int rounds,
                       int done, int iterations, double *samples)
{
    int step = count + 1, error = 0;
    for (int j = 0; j < rounds && !error; j++) {
        error = stile_bench_device_record(&d->device, step * j);
        for (int i = 0; i < count && !error; i++) {
            error = run(d, runners[i], done + j);
            if (!error)
                error = stile_bench_device_record(&d->device, step * j + i + 1);
        }
    }
    if (!error && done == 0) /* while it runs: the clocks under load */
        stile_gpu_state_read(&d->gpu, d->context->driver, d->context->cu_device);
    if (!error)
        error = stile_bench_device_synchronize(&d->device);
    for (int i = 0; i < count && !error; i++) {
        for (int j = 0; j < rounds && !error; j++) {
            stile_quantiles one;
            error = stile_bench_device_collect(&d->device, &one, 0, step * j + i, 1);
            if (!error)
                samples[i * iterations + done + j] = one.median;
        }
    }
    return error;
}

static int time_runners(stile_tune_device *d, const runner *const *runners, int count,
                        int iterations, double *medians)
{
    double *samples = calloc((size_t)count * (size_t)iterations, sizeof *samples);
    int error = samples ? warm_up(d, runners, count) : stile_fail_memory();
    for (int done = 0; done < iterations && !error; done += ROUNDS) {
        int rounds = iterations - done < ROUNDS ? iterations - done : ROUNDS;
        error = time_rounds(d, runners, count, rounds, done, iterations, samples);
    }
    for (int i = 0; i < count && !error; i++)
        medians[i] = stile_quantiles_of(samples + i * iterations, iterations).median;
    free(samples);
    return error;
}

static int time_schedules(void *user, const stile_schedule *const *schedules, int count,
                          int iterations, double *medians)
{
    stile_tune_device *d = user;
    runner own[MAX_TURNS] = {{0}};
    const runner *runners[MAX_TURNS];
    stile_context_scope scope;
    if (count > MAX_TURNS)
        return stile_fail(STILE_ERROR_INTERNAL, "%d schedules cannot take turns", count);
    int error = stile_context_enter(d->context, &scope);
    for (int i = 0; i < count && !error; i++) {
        bool rule = stile_schedule_equal(schedules[i], &d->rule);
        runners[i] = rule ? &d->rule_runner : &own[i];
        if (!rule)
            error = open_runner(d, schedules[i], &own[i]);
    }
    if (!error)
        error = time_runners(d, runners, count, iterations, medians);
    if (d->device.stream)
        d->context->driver->cuStreamSynchronize(d->device.stream);
    for (int i = 0; i < count; i++)
        close_runner(&own[i]);
    stile_context_leave(d->context, &scope);
    return error;
}

/* --- life cycle ------------------------------------------------------------------------------ */

int stile_tune_device_create(stile_tune_device **out, stile_context *context,
                             const stile_config *config, const stile_tune_params *params)
{
    stile_tune_device *d = calloc(1, sizeof *d);
    if (!d)
        return stile_fail_memory();
    d->context = context;
    d->config = config;
    d->params = (stile_bench_params){
        .shape = params->shape,
        .rows_per_group = params->rows_per_group,
        .warmup_seconds = params->warmup,
        .iterations = params->iterations,
        .seed = params->seed,
    };
    *out = d;
    return STILE_OK;
}

void stile_tune_device_destroy(stile_tune_device **device)
{
    stile_tune_device *d = device ? *device : NULL;
    stile_context_scope scope;
    if (!d)
        return;
    if (d->context->driver && !stile_context_enter(d->context, &scope)) {
        stile_bench_device_destroy(&d->device);
        close_runner(&d->rule_runner);
        stile_context_leave(d->context, &scope);
    }
    free(d->rule_y);
    free(d);
    *device = NULL;
}

stile_tune_timer stile_tune_device_timer(stile_tune_device *device)
{
    return (stile_tune_timer){device, prepare, check, time_schedules};
}

stile_gpu_state stile_tune_device_gpu(const stile_tune_device *device)
{
    return device->gpu;
}
