/* SPDX-License-Identifier: Apache-2.0 */
/* stile verify: is what the device computes the operator of the spec? */
#include "verify.h"

#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "context.h"
#include "inputs.h"
#include "output.h"
#include "plan.h"
#include "random_data.h"
#include "schedule_space.h"
#include "table.h"

typedef struct request {
    const stile_arguments *arguments;
    stile_context *context;
    const stile_spec *spec;
    int64_t random_count, seed;
    stile_op ops[8]; /* that every case is run for */
    bool keeps_z[8];
    int op_count;
    bool json_wanted, cpu, all, schedules;
    stile_text text;
    stile_json json;
} request;

/* What happened in all cases of one variant. */
typedef struct tally {
    int passed, failed, skipped;
    double worst_share; /* the largest relative error in units of the prediction */
    double worst_truth; /* the largest error against true matrix multiplication */
    bool has_truth;
    bool complete; /* every case could be run */
} tally;

static const char *op_name(const stile_verify_case *c)
{
    return c->keep_z ? "forward_z" : stile_op_name(c->op);
}

static const char *case_text(stile_arena *arena, const stile_verify_case *c)
{
    stile_shape shape = {c->M, c->K, c->N};
    const char *text = stile_shape_text(arena, &shape);
    if (c->rows_per_group && text)
        text = stile_arena_printf(arena, "%s, groups of %" PRId64, text, c->rows_per_group);
    if ((c->pad_x || c->pad_w || c->pad_y || c->pad_r) && text)
        text = stile_arena_printf(arena, "%s, padded rows", text);
    if (c->offset && text)
        text = stile_arena_printf(arena, "%s, misaligned", text);
    if (c->integers && text)
        text = stile_arena_printf(arena, "%s, integers", text);
    if (c->nan && text)
        text = stile_arena_printf(arena, "%s, a NaN", text);
    if ((c->op != STILE_OP_FORWARD || c->keep_z) && text)
        text = stile_arena_printf(arena, "%s: %s", op_name(c), text);
    return text ? text : "";
}

static void case_json(stile_json *json, const stile_verify_case *c, const stile_verify_result *r)
{
    stile_json_begin_object(json, NULL);
    stile_json_string(json, "op", op_name(c));
    stile_json_int(json, "M", c->M);
    stile_json_int(json, "K", c->K);
    stile_json_int(json, "N", c->N);
    stile_json_int(json, "rows_per_group", c->rows_per_group);
    stile_json_bool(json, "integers", c->integers);
    stile_json_bool(json, "nan", c->nan);
    stile_json_bool(json, "applies", r->applies);
    if (r->applies) {
        stile_json_bool(json, "passed", r->passed);
        stile_json_real(json, "error", r->to_operator.relative_rms);
        stile_json_real(json, "worst_element", r->to_operator.worst_element);
        stile_json_real(json, "predicted", r->predicted);
        if (r->has_truth)
            stile_json_real(json, "true_error", r->to_truth.relative_rms);
        if (!r->passed)
            stile_json_string(json, "failure", r->failure);
    }
    stile_json_end_object(json);
}

static void count_result(tally *t, const stile_verify_case *c, const stile_verify_result *r)
{
    if (!r->applies) {
        t->skipped++;
        return;
    }
    if (r->passed)
        t->passed++;
    else
        t->failed++;
    double share = r->predicted > 0 ? r->to_operator.relative_rms / r->predicted : 0;
    t->worst_share = share > t->worst_share ? share : t->worst_share;
    if (r->has_truth && !c->integers) {
        t->has_truth = true;
        if (r->to_truth.relative_rms > t->worst_truth)
            t->worst_truth = r->to_truth.relative_rms;
    }
}

static void print_case(request *r, stile_arena *arena, const stile_verify_case *c,
                       const stile_verify_result *v)
{
    if (r->json_wanted || (v->passed && !r->all))
        return;
    if (!v->applies) {
        stile_text_appendf(&r->text, "  skip  %s: no exact integers for %s\n", case_text(arena, c),
                           c->op == STILE_OP_FORWARD ? "this spec" : "gradients");
        return;
    }
    const char *error = stile_human_number(arena, v->to_operator.relative_rms, 3);
    const char *predicted = stile_human_number(arena, v->predicted, 3);
    stile_text_appendf(&r->text, "  %s  %s: error %s, predicted %s", v->passed ? "ok  " : "FAIL",
                       case_text(arena, c), error, predicted);
    if (v->has_truth)
        stile_text_appendf(&r->text, ", true error %s",
                           stile_human_number(arena, v->to_truth.relative_rms, 3));
    stile_text_appendf(&r->text, "%s%s\n", v->passed ? "" : "\n        ", v->failure);
}

static int run_op(request *r, stile_arena *arena, const stile_config *config,
                  const stile_verify_case *c, tally *t)
{
    stile_verify_result result;
    stile_print_progress("%s: %s", config->name, case_text(arena, c));
    int error = stile_verify_run(&result, r->context, r->spec, config, c);
    if (error)
        return stile_report_failure(
            error, stile_arena_printf(arena, "%s: %s", config->name, case_text(arena, c)));
    count_result(t, c, &result);
    print_case(r, arena, c, &result);
    if (r->json_wanted)
        case_json(&r->json, c, &result);
    return STILE_EXIT_OK;
}

/* Runs one case of each operation. Returns an exit code that is not the case's verdict. */
static int run_case(request *r, stile_arena *arena, const stile_config *config,
                    const stile_verify_case *c, tally *t)
{
    int result = STILE_EXIT_OK;
    for (int i = 0; i < r->op_count && !result; i++) {
        stile_verify_case of_op = *c;
        of_op.op = r->ops[i];
        of_op.keep_z = r->keeps_z[i];
        result = run_op(r, arena, config, &of_op, t);
    }
    return result;
}

/* The cases of --shape: plain, padded, and as integers. */
static int run_shapes(request *r, stile_arena *arena, const stile_config *config, tally *t)
{
    const stile_shape *shapes;
    size_t count;
    int64_t rows_per_group;
    if (!stile_input_shapes(r->arguments, NULL, arena, &shapes, &count) ||
        !stile_input_rows_per_group(r->arguments, shapes, count, &rows_per_group))
        return STILE_EXIT_USAGE;
    int result = STILE_EXIT_OK;
    for (size_t i = 0; i < count && !result; i++) {
        stile_verify_case c = {
            .M = shapes[i].M,
            .K = shapes[i].K,
            .N = shapes[i].N,
            .rows_per_group = rows_per_group,
            .seed = stile_random_bits((uint64_t)r->seed, i),
        };
        result = run_case(r, arena, config, &c, t);
        c.pad_x = c.pad_w = c.pad_y = c.pad_r = 8;
        if (!result)
            result = run_case(r, arena, config, &c, t);
        c.integers = true;
        if (!result)
            result = run_case(r, arena, config, &c, t);
    }
    return result;
}

static int run_cases(request *r, stile_arena *arena, const stile_config *config, tally *t)
{
    bool shapes_given = stile_flag(r->arguments, "shape");
    int result = STILE_EXIT_OK;
    if (shapes_given)
        result = run_shapes(r, arena, config, t);
    stile_verify_case c;
    for (int i = 0; !result && !shapes_given && stile_verify_standard_case(&c, config, r->cpu, i);
         i++)
        result = run_case(r, arena, config, &c, t);
    for (int i = 0; i < r->random_count && !result; i++) {
        c = stile_verify_random_case(r->cpu, (uint64_t)r->seed, i);
        result = run_case(r, arena, config, &c, t);
    }
    return result;
}

static void print_tally(request *r, stile_arena *arena, const stile_config *config, const tally *t)
{
    stile_text_appendf(&r->text, "%s: %s, %d passed, %d failed", config->name,
                       t->failed     ? "FAILED"
                       : t->complete ? "ok"
                                     : "not verified",
                       t->passed, t->failed);
    if (t->skipped)
        stile_text_appendf(&r->text, ", %d skipped", t->skipped);
    stile_text_appendf(&r->text, "; error at most %s × predicted",
                       stile_human_number(arena, t->worst_share, 3));
    if (t->has_truth)
        stile_text_appendf(&r->text, "; against true matrix multiplication at most %s",
                           stile_human_number(arena, t->worst_truth, 3));
    stile_text_append(&r->text, "\n");
}

/* All cases of a variant, with the schedule that a plan takes or the one that it pins. */
static int verify_config(request *r, stile_arena *arena, const stile_config *config)
{
    tally t = {0};
    if (r->json_wanted) {
        stile_json_begin_object(&r->json, NULL);
        stile_json_string(&r->json, "variant", config->name);
        stile_json_begin_array(&r->json, "cases");
    }
    int result = run_cases(r, arena, config, &t);
    t.complete = result == STILE_EXIT_OK;
    if (r->json_wanted) {
        stile_json_end_array(&r->json);
        stile_json_int(&r->json, "passed", t.passed);
        stile_json_int(&r->json, "failed", t.failed);
        stile_json_int(&r->json, "skipped", t.skipped);
        stile_json_end_object(&r->json);
    } else {
        print_tally(r, arena, config, &t);
    }
    return t.failed && result < STILE_EXIT_CHECK_FAILED ? STILE_EXIT_CHECK_FAILED : result;
}

/* Each schedule that differs from the rule in one respect, and the rule's own. */
static int verify_schedules(request *r, stile_arena *arena, const stile_config *config)
{
    const stile_schedule *list;
    int count, worst = STILE_EXIT_OK;
    if (stile_schedule_space(&list, &count, arena, config, &r->context->arch))
        return verify_config(r, arena, config); /* says why there is none */
    for (int i = 0; i < count && worst <= STILE_EXIT_CHECK_FAILED; i++) {
        if (stile_schedule_distance(&list[0], &list[i]) > 1)
            continue;
        stile_config scheduled = *config;
        stile_text name = {0};
        stile_text_appendf(&name, "%s (", config->name);
        stile_schedule_print(&name, &list[i]);
        stile_text_append(&name, ")");
        scheduled.schedule = list[i];
        scheduled.name = name.failed ? NULL : stile_arena_strdup(arena, name.data);
        int result = scheduled.name ? verify_config(r, arena, &scheduled)
                                    : stile_report_failure(STILE_ERROR_MEMORY, NULL);
        stile_text_free(&name);
        worst = result > worst ? result : worst;
    }
    return worst;
}

static int visit(void *user, const stile_config *config)
{
    request *r = user;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    bool schedules = r->schedules && !r->cpu;
    int result = schedules ? verify_schedules(r, arena, config) : verify_config(r, arena, config);
    stile_arena_destroy(&arena);
    return result;
}

static int verify_specs(request *r, stile_spec **specs)
{
    const stile_arguments *arguments = r->arguments;
    int worst = STILE_EXIT_OK;
    for (int i = 0; i < arguments->operand_count; i++) {
        if (!specs[i])
            continue;
        r->spec = specs[i];
        int result = stile_each_variant(arguments, arguments->operands[i], specs[i], visit, r);
        worst = result > worst ? result : worst;
        if (!r->json_wanted) { /* as they come: this takes a while */
            stile_print_progress("%s", "");
            int emitted = stile_emit(&r->text);
            worst = emitted > worst ? emitted : worst;
        }
    }
    return worst;
}

/* Opens the device and verifies the specs that are good, those that are not NULL. */
static int verify(request *r, stile_spec **specs)
{
    bool automatic;
    int result = stile_input_context(r->arguments, "cuda", &r->context, &automatic);
    if (result)
        return result;
    stile_arena *arena = stile_arena_create();
    r->cpu = r->context->device == STILE_DEVICE_CPU;
    const char *device = arena ? stile_context_text(arena, r->context) : NULL;
    stile_print_note("verifying on %s, %" PRId64 " random shapes, seed %" PRId64,
                     device ? device : "?", r->random_count, r->seed);
    if (r->json_wanted) {
        stile_json_begin_object(&r->json, NULL);
        stile_json_string(&r->json, "device", device);
        stile_json_int(&r->json, "seed", r->seed);
        stile_json_begin_array(&r->json, "variants");
    }
    result = verify_specs(r, specs);
    if (r->json_wanted) {
        stile_json_end_array(&r->json);
        stile_json_end_object(&r->json);
        int emitted = stile_emit_json(r->arguments, &r->text);
        result = emitted > result ? emitted : result;
    }
    stile_arena_destroy(&arena);
    stile_context_destroy(&r->context);
    return result;
}

/* The operations of --op; false, with a message, where one is unknown. */
static bool take_ops(request *r)
{
    const char *list = stile_argument(r->arguments, "op");
    for (const char *c = list ? list : "forward"; c;) {
        const size_t size = strcspn(c, ",");
        const bool full = r->op_count == sizeof r->ops / sizeof *r->ops;
        const bool z = size == strlen("forward_z") && strncmp(c, "forward_z", size) == 0;
        if (full || (!z && !stile_op_parse(&r->ops[r->op_count], c, size))) {
            stile_print_error("--op %s: take some of forward, forward_z, backward_input, "
                              "backward_weight, backward_basis and backward, separated by commas",
                              list);
            return false;
        }
        r->keeps_z[r->op_count++] = z;
        c = c[size] ? c + size + 1 : NULL;
    }
    return true;
}

static int run(const stile_arguments *arguments)
{
    request r = {
        .arguments = arguments,
        .seed = 1,
        .random_count = stile_flag(arguments, "shape") ? 0 : 20,
        .json_wanted = stile_flag(arguments, "json"),
        .all = stile_flag(arguments, "all"),
        .schedules = stile_flag(arguments, "schedules"),
    };
    r.json.text = &r.text;
    if (!stile_argument_int(arguments, "random", 0, 100000, &r.random_count) ||
        !stile_argument_int(arguments, "seed", 0, INT64_MAX, &r.seed))
        return STILE_EXIT_USAGE;
    if (!take_ops(&r))
        return STILE_EXIT_USAGE;
    if (r.schedules && stile_flag(arguments, "op")) {
        stile_print_error("--schedules are those of the forward operation: leave out --op");
        return STILE_EXIT_USAGE;
    }
    if (stile_flag(arguments, "rows-per-group") && !stile_flag(arguments, "shape")) {
        stile_print_error("--rows-per-group is for the shapes of --shape: give both, or neither "
                          "(the built-in cases have groups of their own)");
        return STILE_EXIT_USAGE;
    }
    stile_spec **specs = NULL;
    int result = stile_input_check_shapes(arguments) ? stile_input_specs(&specs, arguments)
                                                     : STILE_EXIT_USAGE;
    bool any = false;
    for (int i = 0; specs && i < arguments->operand_count; i++)
        any = any || specs[i];
    if (any) {
        int verified = verify(&r, specs);
        result = verified > result ? verified : result;
    }
    stile_input_specs_free(&specs, arguments);
    return result;
}

static const stile_option options[] = {
    {"shape", 0, "MxKxN[,...]", "these shapes instead of the built-in ones"},
    STILE_OPTION_ROWS_PER_GROUP,
    {"op", 0, "OP[,...]",
     "what to compute: forward (the default), forward_z (also what\n"
     "the activation is applied to), backward_input (dX),\n"
     "backward_weight (dW, dbias), backward_basis (dU, dV, dD), or\n"
     "backward, all of these in one plan"},
    {"schedules", 0, NULL,
     "on a GPU: once for each schedule that differs from the usual one\n"
     "in one respect (see stile tune)"},
    {"random", 0, "COUNT", "also this many random shapes; default 20, with --shape 0"},
    {"seed", 0, "S", "of the random shapes; default 1"},
    {"device", 0, "cuda[:i]|cpu",
     "default cuda. cpu: the reference against direct contraction with\n"
     "the operator's tensor; auto: the CPU where there is no GPU"},
    {"all", 0, NULL, "print every case, not only those that fail"},
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_verify = {
    .name = "verify",
    .synopsis = "SPEC... [--shape MxKxN]",
    .summary = "test the kernels against the operator in fp64",
    .text = "Runs every variant on random problems with tails, groups and padded rows, in\n"
            "poisoned memory between guard bands, and compares with the operator in fp64: the\n"
            "error must stay within twice what rounding predicts, and small integers must come\n"
            "out to the bit. The error against true matrix multiplication stands beside it. Exit\n"
            "status 1 where a case fails, 3 without a GPU.",
    .options = options,
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
