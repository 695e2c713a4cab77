/* SPDX-License-Identifier: Apache-2.0 */
/* stile tune: finds the fastest schedule of specs for shapes, and keeps it for plans. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "context.h"
#include "describe.h"
#include "inputs.h"
#include "output.h"
#include "schedule_space.h"
#include "table.h"
#include "tune.h"

typedef struct request {
    const stile_arguments *arguments;
    stile_context *context;
    stile_tune_params params;
    const stile_config *config; /* of the session that runs */
    bool json_only;
    bool stopped;
    int result_count;
    stile_text text, json_text;
    stile_json json;
} request;

/* --- stopping -------------------------------------------------------------------------------- */

/* The signal that asked to stop; 0: none. Signal handlers have no other way to say it. */
static volatile sig_atomic_t caught;

static void catch_signal(int number)
{
    caught = number;
}

static bool is_stopped(void *user)
{
    (void)user;
    return caught != 0;
}

/* A second signal finds the default action: it ends a step that takes too long. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* --- reports --------------------------------------------------------------------------------- */

static void show_progress(void *user, const stile_tune_progress *p)
{
    const request *r = user;
    stile_arena *arena = stile_arena_create();
    const char *best = arena && p->best->status == STILE_TUNE_TIMED
                           ? stile_human_number(arena, 1 / p->best->ratio, 3)
                           : "1";
    stile_print_progress("%s: %s %d of %d, best %s × the rule", r->config->name, p->step,
                         p->done + 1, p->count, best ? best : "?");
    stile_arena_destroy(&arena);
}

static const char *schedule_text(stile_arena *arena, const stile_schedule *schedule)
{
    stile_text text = {0};
    stile_schedule_print(&text, schedule);
    const char *copy = stile_arena_strdup(arena, text.data ? text.data : "");
    stile_text_free(&text);
    return copy ? copy : "";
}

static void print_result(request *r, stile_arena *arena, const stile_tuning *tuning,
                         const stile_tune_result *result)
{
    const stile_winner *w = &result->winner;
    stile_text_appendf(&r->text, "%s  %s\n", r->config->name,
                       stile_shape_text(arena, &r->params.shape));
    stile_text_appendf(&r->text, "  %s, by rule %s: %s × as fast\n",
                       stile_human_time(arena, w->time), stile_human_time(arena, w->rule_time),
                       stile_human_number(arena, w->rule_time / w->time, 3));
    stile_text_appendf(&r->text, "  %s%s\n", schedule_text(arena, &w->schedule),
                       result->chosen == 0 ? " (the rule's)" : "");
    stile_text_appendf(&r->text, "  %d of %d schedules timed, %d refused", result->timed,
                       stile_tuning_count(tuning), result->refused);
    if (stile_tuning_resumed(tuning))
        stile_text_appendf(&r->text, ", %d of them in an earlier session",
                           stile_tuning_resumed(tuning));
    if (!result->in_budget)
        stile_text_append(&r->text, "; the budget is spent, another session goes on from here");
    stile_text_append(&r->text, "\n\n");
}

static void candidate_json(stile_json *json, stile_arena *arena, const stile_tune_candidate *c)
{
    stile_json_begin_object(json, NULL);
    stile_json_string(json, "schedule", schedule_text(arena, &c->schedule));
    stile_json_real(json, "predicted_ms", c->predicted);
    if (c->status == STILE_TUNE_TIMED) {
        stile_json_real(json, "ms", c->time);
        stile_json_real(json, "ratio", c->ratio);
    } else {
        stile_json_string(json, "refused", c->reason);
    }
    stile_json_end_object(json);
}

static void result_json(request *r, stile_arena *arena, const stile_tuning *tuning,
                        const stile_tune_result *result)
{
    const stile_winner *w = &result->winner;
    stile_json *json = &r->json;
    stile_json_begin_object(json, NULL);
    stile_describe_config_json(json, "spec", r->config);
    stile_json_int(json, "M", w->M);
    stile_json_int(json, "K", w->K);
    stile_json_int(json, "N", w->N);
    stile_json_int(json, "rows_per_group", w->rows_per_group);
    stile_json_string(json, "schedule", schedule_text(arena, &w->schedule));
    stile_json_real(json, "ms", w->time);
    stile_json_real(json, "rule_ms", w->rule_time);
    stile_json_bool(json, "complete", result->in_budget);
    stile_json_int(json, "schedules", stile_tuning_count(tuning));
    stile_json_int(json, "resumed", stile_tuning_resumed(tuning));
    stile_json_int(json, "sm_clock_mhz", w->clock);
    stile_json_int(json, "max_sm_clock_mhz", w->max_clock);
    stile_json_begin_array(json, "candidates");
    for (int i = 0; i < stile_tuning_count(tuning); i++) {
        const stile_tune_candidate *c = stile_tuning_candidate(tuning, i);
        if (c->status != STILE_TUNE_OPEN)
            candidate_json(json, arena, c);
    }
    stile_json_end_array(json);
    stile_json_end_object(json);
}

/* --- running --------------------------------------------------------------------------------- */

static int tune_shape(request *r, const stile_config *config, const stile_shape *shape)
{
    stile_tuning *tuning = NULL;
    stile_tune_result result;
    stile_arena *arena = stile_arena_create();
    if (!arena)
        return stile_report_failure(STILE_ERROR_MEMORY, NULL);
    r->config = config;
    r->params.shape = *shape;
    int error = stile_tuning_create(&tuning, r->context, config, &r->params);
    if (!error)
        error = stile_tuning_search(tuning);
    if (!error && !stile_tuning_stopped(tuning))
        error = stile_tuning_finish(tuning, &result);
    int exit_code = STILE_EXIT_OK;
    stile_print_progress("%s", "");
    if (tuning && stile_tuning_stopped(tuning)) {
        r->stopped = true;
    } else if (error) {
        exit_code = stile_report_failure(error, stile_arena_printf(arena, "%s %s", config->name,
                                                                   stile_shape_text(arena, shape)));
    } else {
        r->result_count++;
        result_json(r, arena, tuning, &result);
        if (!r->json_only) {
            print_result(r, arena, tuning, &result);
            exit_code = stile_emit(&r->text);
        }
    }
    stile_tuning_destroy(&tuning);
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
    for (size_t i = 0; !worst && i < count && !r->stopped; i++)
        worst = tune_shape(r, config, &shapes[i]);
    stile_arena_destroy(&arena);
    return worst;
}

/* The machine, as far as winners depend on it. */
static void environment_json(request *r)
{
    stile_json_string(&r->json, "stile", stile_version());
    stile_json_string(&r->json, "gpu", r->context->device_name);
    stile_json_string(&r->json, "arch", r->context->arch.name);
    stile_json_int(&r->json, "iterations", r->params.iterations);
    stile_json_real(&r->json, "warmup_seconds", r->params.warmup);
    stile_json_real(&r->json, "budget_seconds", r->params.budget);
    stile_json_int(&r->json, "seed", (int64_t)r->params.seed);
}

static int tune(request *r, stile_spec **specs)
{
    bool automatic;
    int worst = stile_input_context(r->arguments, "cuda", &r->context, &automatic);
    if (worst)
        return worst;
    if (r->context->device == STILE_DEVICE_CPU) {
        stile_print_error("stile tune needs a GPU: --device cuda or cuda:i");
        stile_context_destroy(&r->context);
        return STILE_EXIT_USAGE;
    }
    catch_signals();
    stile_json_begin_object(&r->json, NULL);
    environment_json(r);
    stile_json_begin_array(&r->json, "results");
    for (int i = 0; i < r->arguments->operand_count && !r->stopped; i++) {
        int result =
            stile_each_variant(r->arguments, r->arguments->operands[i], specs[i], visit, r);
        worst = result > worst ? result : worst;
    }
    stile_json_end_array(&r->json);
    stile_json_end_object(&r->json);
    if (stile_flag(r->arguments, "json") && r->result_count) {
        int emitted = stile_emit_json(r->arguments, &r->json_text);
        worst = emitted > worst ? emitted : worst;
    }
    stile_text_free(&r->json_text);
    stile_context_destroy(&r->context);
    return worst;
}

static int run(const stile_arguments *arguments)
{
    request r = {
        .arguments = arguments,
        .params = {.warmup = 0.2,
                   .iterations = 30,
                   .stopped = is_stopped,
                   .progress = show_progress},
    };
    const char *json_path = stile_argument(arguments, "json");
    int64_t iterations = r.params.iterations, seed = 1;
    r.params.user = &r;
    r.params.restart = stile_flag(arguments, "restart");
    r.json_only = json_path && (!*json_path || strcmp(json_path, "-") == 0);
    r.json.text = &r.json_text;
    if (!stile_argument_int(arguments, "iterations", 1, 1000, &iterations) ||
        !stile_argument_int(arguments, "seed", 0, INT64_MAX, &seed) ||
        !stile_argument_real(arguments, "budget", 0, 1e6, &r.params.budget) ||
        !stile_argument_real(arguments, "warmup", 0, 60, &r.params.warmup))
        return STILE_EXIT_USAGE;
    r.params.iterations = (int)iterations;
    r.params.seed = (uint64_t)seed;
    stile_spec **specs = NULL;
    int result = stile_input_check_shapes(arguments) ? stile_input_specs(&specs, arguments)
                                                     : STILE_EXIT_USAGE;
    if (!result)
        result = tune(&r, specs);
    stile_input_specs_free(&specs, arguments);
    if (r.stopped) {
        stile_print_note("stopped; the same command goes on from here");
        fflush(NULL);
        raise(caught); /* the handler is gone: whoever waits learns what ended the program */
        result = STILE_EXIT_FAILURE;
    }
    return result;
}

static const stile_option options[] = {
    {"shape", 0, "MxKxN[,...]", "the products to tune for; default: the spec's shapes"},
    STILE_OPTION_ROWS_PER_GROUP,
    {"budget", 0, "SECONDS", "begin nothing more after that, for each shape; default: no limit"},
    {"warmup", 0, "SECONDS", "of pairs before the timed ones of a schedule; default 0.2"},
    {"iterations", 0, "COUNT", "timed pairs of each schedule; default 30"},
    {"seed", 0, "S", "of the data; default 1"},
    {"restart", 0, NULL, "forget what a session that was stopped has measured"},
    {"device", 0, "cuda[:i]", "default cuda"},
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_tune = {
    .name = "tune",
    .synopsis = "SPEC... [--shape MxKxN[,...]]",
    .summary = "search the fastest schedules, keep them for plans",
    .text = "Times the schedules that a time model does not rule out, each in pairs with the one\n"
            "by rule after its result was compared with that one's, and keeps the fastest beside\n"
            "the kernel cache. Plans of the spec take it, for this shape and near ones, on GPUs\n"
            "of this name. Ctrl-C stops: the same command then goes on where it was.",
    .options = options,
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
