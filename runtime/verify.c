/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "device_buffer.h"
#include "fail.h"
#include "formats.h"
#include "number.h"
#include "plan.h"
#include "verify_data.h"

void stile_verify_fail(stile_verify_result *result, const char *format, ...)
{
    if (!result->passed)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->failure, sizeof result->failure, format, arguments);
    va_end(arguments);
    result->passed = false;
}

static stile_plan_params plan_params(const stile_verify_data *data)
{
    const stile_problem *p = &data->problem;
    return (stile_plan_params){
        .op = STILE_OP_FORWARD,
        .M = p->M,
        .K = p->K,
        .N = p->N,
        .rows_per_group = p->rows_per_group,
        .ldx = p->ldx,
        .ldw = p->ldw,
        .ldy = p->ldy,
        .ldr = p->ldr,
        .ldz = p->ldz,
        .keep_z = data->z.size != 0,
        .variant = data->config->name,
    };
}

/* --- judging Y ------------------------------------------------------------------------------- */

/*
 * Whether Y is not finite exactly where the NaN planted in X can reach: entry (a,b) of its tile
 * reaches output (a',d) of the same row of tiles where a channel reads the one and writes the
 * other.
 */
static void check_reach(stile_verify_result *result, const stile_verify_data *data,
                        const stile_verify_case *c)
{
    const stile_basis *basis = data->config->basis;
    stile_tiling t = stile_problem_tiling(&data->problem);
    int64_t row = c->M / 2, group = row / t.rows_per_group, in_group = row % t.rows_per_group;
    int entry = (int)(in_group % basis->m) * basis->k + (int)(c->K / 2 % basis->k);
    int64_t first = group * t.rows_per_group + in_group / basis->m * basis->m;
    int64_t end = (group + 1) * t.rows_per_group;
    bool reached[STILE_MAX_TILE * STILE_MAX_TILE] = {false};
    for (int channel = 0; channel < basis->rank; channel++) {
        if (basis->u[channel * basis->m * basis->k + entry] == 0)
            continue;
        for (int i = 0; i < basis->m * basis->n; i++)
            reached[i] = reached[i] || basis->d[i * basis->rank + channel] != 0;
    }
    for (int64_t i = 0; i < c->M; i++) {
        bool in_tile = i >= first && i < first + basis->m && i < end;
        for (int64_t j = 0; j < c->N; j++) {
            bool expected = in_tile && reached[(i - first) * basis->n + j % basis->n];
            double y =
                stile_load_element(data->y.type, stile_host_data(&data->y), i * data->y.ld + j);
            if (isfinite(y) == expected) {
                stile_verify_fail(result, "a NaN of X %s element (%" PRId64 ", %" PRId64 ")",
                                  expected ? "does not reach" : "spoils", i, j);
                return;
            }
        }
    }
}

/* Where Z is kept, Y is made of what was rounded once more. */
static bool passes(const stile_verify_data *data, const stile_comparison *comparison)
{
    const stile_problem *p = &data->problem;
    const double again =
        data->z.size ? stile_type_unit_roundoff_rms(data->config->precision.output) : 0;
    stile_prediction predicted = stile_predict(p);
    predicted.overall = hypot(predicted.overall, again);
    predicted.worst = hypot(predicted.worst, again);
    return stile_comparison_within(comparison, predicted, stile_fewest_elements(p),
                                   (double)stile_problem_tiling(p).tile_inner);
}

static int judge(stile_verify_result *result, const stile_verify_data *data,
                 const stile_verify_case *c)
{
    const stile_problem *p = &data->problem;
    const void *y = stile_host_data(&data->y);
    int error =
        stile_compare(&result->to_operator, data->y.type, y, p->ldy, data->reference, p->M, p->N);
    if (error)
        return error;
    const stile_comparison *cmp = &result->to_operator;
    result->predicted = c->integers ? 0 : stile_predicted_error(p);
    if (cmp->nonfinite)
        stile_verify_fail(result,
                          "%" PRId64 " elements are finite where they should not be, or not finite "
                          "where they should; the first is (%" PRId64 ", %" PRId64 ")",
                          cmp->nonfinite, cmp->worst_row, cmp->worst_column);
    else if (c->integers && (cmp->relative_rms != 0 || cmp->worst_element != 0))
        stile_verify_fail(result,
                          "integers differ; the worst is element (%" PRId64 ", %" PRId64 ")",
                          cmp->worst_row, cmp->worst_column);
    else if (!c->integers && !passes(data, cmp)) {
        char overall[32], worst[32];
        stile_format_rounded(overall, cmp->relative_rms / result->predicted, 3);
        stile_format_rounded(worst, cmp->worst_element / result->predicted, 3);
        stile_verify_fail(
            result,
            "the error is %s times the prediction, and %s times it in the worst element "
            "(%" PRId64 ", %" PRId64 "): more than rounding explains",
            overall, worst, cmp->worst_row, cmp->worst_column);
    }
    if (!stile_host_padding_is_poison(&data->y))
        stile_verify_fail(result, "the padding between rows of Y was written");
    if (c->nan)
        check_reach(result, data, c);
    result->has_truth = data->truth != NULL;
    if (result->has_truth)
        error = stile_compare(&result->to_truth, data->y.type, y, p->ldy, data->truth, p->M, p->N);
    return error;
}

/* Z, from which Y was made: it must be as good as Y, before the activation. */
static int judge_z(stile_verify_result *result, const stile_verify_data *data,
                   const stile_verify_case *c)
{
    const stile_problem *p = &data->problem;
    stile_comparison cmp;
    int error = stile_compare(&cmp, data->z.type, stile_host_data(&data->z), p->ldz,
                              data->reference_z, p->M, p->N);
    if (error)
        return error;
    const bool exact = cmp.relative_rms == 0 && cmp.worst_element == 0;
    if (cmp.nonfinite || (c->integers ? !exact : !stile_comparison_passes(&cmp, p)))
        stile_verify_fail(result,
                          "Z is off by more than rounding explains; the worst is element (%" PRId64
                          ", %" PRId64 ")",
                          cmp.worst_row, cmp.worst_column);
    if (!stile_host_padding_is_poison(&data->z))
        stile_verify_fail(result, "the padding between rows of Z was written");
    return 0;
}

/* --- on a GPU -------------------------------------------------------------------------------- */

/* Results behind the operands. */
enum { X, W, BIAS, RESIDUAL, Y, Z, W_HAT, WORKSPACE, BUFFER_COUNT };

static const char *const buffer_names[BUFFER_COUNT] = {
    "X", "W", "the bias", "the residual", "Y", "Z", "the encoded weights", "the workspace"};

/* Device copies of a case's operands. */
typedef struct device_case {
    const stile_driver *driver;
    const stile_plan *plan;
    const stile_host_matrix *host[Z + 1];
    stile_device_buffer buffers[BUFFER_COUNT];
} device_case;

static void *operand(const device_case *d, int which)
{
    const stile_host_matrix *host = d->host[which];
    char *data = stile_device_pointer(&d->buffers[which]);
    return host->size ? data + host->offset * stile_type_size(host->type) : NULL;
}

static int upload(device_case *d, const stile_verify_data *data)
{
    const stile_host_matrix *const host[Z + 1] = {&data->x,        &data->w, &data->bias,
                                                  &data->residual, &data->y, &data->z};
    size_t sizes[BUFFER_COUNT] = {
        [W_HAT] = stile_plan_weight_size(d->plan),
        [WORKSPACE] = stile_plan_workspace_size(d->plan),
    };
    int error = 0;
    for (int i = 0; i <= Z; i++) {
        d->host[i] = host[i];
        sizes[i] = host[i]->size;
    }
    for (int i = 0; i < BUFFER_COUNT && !error; i++) {
        if (sizes[i] || i == WORKSPACE)
            error = stile_device_buffer_create(&d->buffers[i], d->driver, sizes[i]);
        if (!error && i <= Z && sizes[i])
            error = stile_device_buffer_write(&d->buffers[i], 0, host[i]->bytes, sizes[i]);
    }
    return error;
}

/* One run from operands to Y in host memory. */
static int run_once(const device_case *d, unsigned char *y)
{
    const stile_plan *plan = d->plan;
    bool online = plan->config->encode == STILE_ENCODE_ONLINE;
    void *workspace = stile_device_pointer(&d->buffers[WORKSPACE]);
    void *w_hat = stile_device_pointer(&d->buffers[W_HAT]);
    stile_operands operands = {
        .x = operand(d, X),
        .w = online ? operand(d, W) : w_hat,
        .y = operand(d, Y),
        .bias = operand(d, BIAS),
        .residual = operand(d, RESIDUAL),
        .z = operand(d, Z),
    };
    int error = stile_workspace_init(plan, workspace, NULL);
    if (!error && !online)
        error = stile_encode_weight(plan, operand(d, W), w_hat, workspace, NULL);
    if (!error)
        error = stile_run(plan, &operands, workspace, NULL);
    if (!error)
        error = stile_driver_check(d->driver, d->driver->cuCtxSynchronize(), "cuCtxSynchronize");
    if (!error)
        error = stile_device_buffer_read(&d->buffers[Y], 0, y, d->host[Y]->size);
    return error;
}

/* Everything is poisoned again; the second result must be the first to the bit. */
static int check_repeatable(stile_verify_result *result, device_case *d)
{
    static const int poisoned[] = {Y, Z, W_HAT, WORKSPACE};
    size_t size = d->host[Y]->size;
    unsigned char *again = malloc(size);
    int error = again ? 0 : stile_fail_memory();
    for (int i = 0; i < 4 && !error; i++) {
        if (d->buffers[poisoned[i]].size)
            error = stile_device_buffer_poison(&d->buffers[poisoned[i]]);
    }
    if (!error)
        error = run_once(d, again);
    if (!error && memcmp(again, d->host[Y]->bytes, size) != 0)
        stile_verify_fail(result, "a second run gave other bits");
    free(again);
    return error;
}

static int check_memory(stile_verify_result *result, const device_case *d)
{
    for (int i = 0; i < BUFFER_COUNT; i++) {
        bool intact = true;
        int error = d->buffers[i].base ? stile_device_buffer_check(&d->buffers[i], &intact) : 0;
        if (error)
            return error;
        if (!intact)
            stile_verify_fail(result, "memory before or behind %s was written", buffer_names[i]);
    }
    for (int i = 0; i < Y; i++) {
        size_t size = d->host[i]->size;
        unsigned char *copy = size ? malloc(size) : NULL;
        if (size && !copy)
            return stile_fail_memory();
        int error = size ? stile_device_buffer_read(&d->buffers[i], 0, copy, size) : 0;
        if (!error && size && memcmp(copy, d->host[i]->bytes, size) != 0)
            stile_verify_fail(result, "%s was changed", buffer_names[i]);
        free(copy);
        if (error)
            return error;
    }
    return 0;
}

static int verify_on_gpu(stile_verify_result *result, stile_context *context,
                         stile_verify_data *data, const stile_verify_case *c)
{
    stile_plan *plan = NULL;
    stile_plan_params params = plan_params(data);
    int error = stile_plan_create_config(&plan, context, data->config, &params);
    if (error)
        return error;
    stile_context_scope scope;
    error = stile_context_enter(context, &scope);
    if (error) {
        stile_plan_destroy(&plan);
        return error;
    }
    device_case d = {.driver = context->driver, .plan = plan};
    error = upload(&d, data);
    if (!error)
        error = run_once(&d, data->y.bytes);
    if (!error && data->z.size)
        error = stile_device_buffer_read(&d.buffers[Z], 0, data->z.bytes, data->z.size);
    if (!error)
        error = judge(result, data, c);
    if (!error && data->z.size)
        error = judge_z(result, data, c);
    if (!error)
        error = check_repeatable(result, &d);
    if (!error)
        error = check_memory(result, &d);
    for (int i = 0; i < BUFFER_COUNT; i++)
        stile_device_buffer_destroy(&d.buffers[i]);
    stile_context_leave(context, &scope);
    stile_plan_destroy(&plan);
    return error;
}

/* --- on the CPU ------------------------------------------------------------------------------ */

/*
 * The reference against direct contraction; both in fp64, so only fp64 rounding may differ. A NaN
 * spreads less in the tensor, where products cancel: there only finite elements are compared.
 */
static int check_reference(stile_verify_result *result, const stile_verify_data *data,
                           const stile_verify_case *c)
{
    stile_problem p = data->problem;
    p.ldy = 0;
    double *direct = malloc((size_t)(p.M * p.N) * sizeof *direct);
    int error = direct ? 0 : stile_fail_memory();
    if (!error)
        error = stile_reference_contract(&p, stile_host_data(&data->x), stile_host_data(&data->w),
                                         stile_host_data(&data->bias),
                                         stile_host_data(&data->residual), direct);
    if (!error) {
        result->to_operator = stile_compare_doubles(data->reference, direct, p.M, p.N);
        result->predicted = 1e-14 * (1 + sqrt(data->config->metrics.growth));
        if (c->nan)
            result->to_operator.nonfinite = 0;
        if (result->to_operator.nonfinite ||
            result->to_operator.relative_rms > 2 * result->predicted ||
            result->to_operator.worst_element > 1e3 * result->predicted)
            stile_verify_fail(result,
                              "reference and direct contraction differ; the worst "
                              "is element (%" PRId64 ", %" PRId64 ")",
                              result->to_operator.worst_row, result->to_operator.worst_column);
        result->has_truth = data->truth != NULL;
        if (result->has_truth)
            result->to_truth = stile_compare_doubles(data->reference, data->truth, p.M, p.N);
    }
    free(direct);
    return error;
}

/* The device must give the reference rounded once. */
static void check_rounding(stile_verify_result *result, const stile_host_matrix *y,
                           const double *reference)
{
    size_t size = (size_t)stile_type_size(y->type);
    for (int64_t row = 0; row < y->rows; row++) {
        for (int64_t column = 0; column < y->columns; column++) {
            unsigned char expected[8] = {0};
            stile_store_element(y->type, expected, 0, reference[row * y->columns + column]);
            const unsigned char *got =
                (unsigned char *)stile_host_data(y) + (size_t)(row * y->ld + column) * size;
            if (memcmp(expected, got, size) != 0) {
                stile_verify_fail(
                    result, "element (%" PRId64 ", %" PRId64 ") is not the reference, rounded once",
                    row, column);
                return;
            }
        }
    }
    if (!stile_host_padding_is_poison(y))
        stile_verify_fail(result, "the padding between rows of Y was written");
}

static int verify_on_cpu(stile_verify_result *result, stile_context *context,
                         stile_verify_data *data, const stile_verify_case *c)
{
    int error = check_reference(result, data, c);
    if (error)
        return error;
    stile_plan *plan = NULL;
    stile_plan_params params = plan_params(data);
    error = stile_plan_create_config(&plan, context, data->config, &params);
    if (error)
        return error;
    bool online = data->config->encode == STILE_ENCODE_ONLINE;
    void *workspace = stile_host_buffer(stile_plan_workspace_size(plan));
    void *w_hat = stile_host_buffer(stile_plan_weight_size(plan));
    if (!workspace || !w_hat)
        error = stile_fail_memory();
    if (!error)
        error = stile_workspace_init(plan, workspace, NULL);
    if (!error && !online)
        error = stile_encode_weight(plan, stile_host_data(&data->w), w_hat, workspace, NULL);
    stile_operands operands = {
        .x = stile_host_data(&data->x),
        .w = online ? stile_host_data(&data->w) : w_hat,
        .y = stile_host_data(&data->y),
        .bias = stile_host_data(&data->bias),
        .residual = stile_host_data(&data->residual),
        .z = stile_host_data(&data->z),
    };
    if (!error)
        error = stile_run(plan, &operands, workspace, NULL);
    if (!error)
        check_rounding(result, &data->y, data->reference);
    if (!error && data->z.size)
        check_rounding(result, &data->z, data->reference_z);
    if (!error && c->nan)
        check_reach(result, data, c);
    free(workspace);
    free(w_hat);
    stile_plan_destroy(&plan);
    return error;
}

/* --- both ------------------------------------------------------------------------------------ */

int stile_verify_run(stile_verify_result *out, stile_context *context, const stile_spec *spec,
                     const stile_config *config, const stile_verify_case *c)
{
    stile_verify_result result = {.passed = true};
    stile_verify_data data;
    if (c->op != STILE_OP_FORWARD)
        return stile_verify_run_backward(out, context, spec, config, c);
    int error = stile_verify_data_create(&data, config, c, context->threads, &result.applies);
    if (error)
        return error;
    if (result.applies) {
        error = context->device == STILE_DEVICE_CPU
                    ? verify_on_cpu(&result, context, &data, c)
                    : verify_on_gpu(&result, context, &data, c);
        stile_verify_data_destroy(&data);
    }
    if (!error)
        *out = result;
    return error;
}
