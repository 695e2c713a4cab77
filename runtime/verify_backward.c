/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of backward plans: every gradient against the fp64 reference. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "device_buffer.h"
#include "fail.h"
#include "formats.h"
#include "number.h"
#include "numerics_backward.h"
#include "plan.h"
#include "random_data.h"
#include "reference_backward.h"
#include "verify_data.h"

/* Operands and results of a run, in one list: gradients come first. */
enum { X = STILE_GRADIENT_COUNT, W, DY, Z, ARRAY_COUNT };

static const char *const array_names[ARRAY_COUNT] = {"dX", "dW", "dbias", "dU", "dV",
                                                     "dD", "X",  "W",     "dY", "Z"};

typedef struct backward_case {
    const stile_config *config;
    const stile_verify_case *c;
    stile_problem problem;
    stile_plan_params params;
    stile_arena *arena;
    stile_gradient_configs configs;
    stile_host_matrix host[ARRAY_COUNT];
    double *w_hat;
    double *reference[STILE_GRADIENT_COUNT]; /* dense */
} backward_case;

static void destroy(backward_case *b)
{
    for (int i = 0; i < ARRAY_COUNT; i++)
        free(b->host[i].bytes);
    for (int i = 0; i < STILE_GRADIENT_COUNT; i++)
        free(b->reference[i]);
    free(b->w_hat);
    stile_arena_destroy(&b->arena);
}

/* Whether the plan computes the gradient. */
static bool computes(const backward_case *b, stile_gradient gradient)
{
    const stile_config *config = b->config;
    switch (gradient) {
    case STILE_GRADIENT_DX:
        return b->c->op & STILE_OP_BACKWARD_INPUT;
    case STILE_GRADIENT_DW:
        return b->c->op & STILE_OP_BACKWARD_WEIGHT;
    case STILE_GRADIENT_DBIAS:
        return (b->c->op & STILE_OP_BACKWARD_WEIGHT) && config->epilogue.bias;
    case STILE_GRADIENT_DV:
        return (b->c->op & STILE_OP_BACKWARD_BASIS) && config->encode == STILE_ENCODE_ONLINE;
    default:
        return b->c->op & STILE_OP_BACKWARD_BASIS;
    }
}

static int create_arrays(backward_case *b)
{
    const stile_config *config = b->config;
    const stile_verify_case *c = b->c;
    const stile_basis *basis = config->basis;
    const stile_type in = config->precision.input, out = config->precision.output;
    const stile_tiling t = stile_problem_tiling(&b->problem);
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool nk = config->layout == STILE_WEIGHT_NK;
    const bool active = config->epilogue.activation != STILE_ACTIVATION_NONE;
    const int64_t w_rows = trained ? basis->rank * t.tile_columns : nk ? c->N : c->K;
    const int64_t w_columns = trained ? t.tile_inner : nk ? c->K : c->N;
    const struct {
        bool wanted;
        stile_type type;
        int64_t rows, columns;
        int pad;
    } shapes[ARRAY_COUNT] = {
        [STILE_GRADIENT_DX] = {false, in, c->M, c->K, c->pad_x},
        [STILE_GRADIENT_DW] = {false, in, w_rows, w_columns, trained ? 0 : c->pad_w},
        [STILE_GRADIENT_DBIAS] = {false, out, 1, c->N, 0},
        [STILE_GRADIENT_DU] = {false, STILE_TYPE_F32, basis->rank, basis->m * basis->k, 0},
        [STILE_GRADIENT_DV] = {false, STILE_TYPE_F32, basis->rank, basis->k * basis->n, 0},
        [STILE_GRADIENT_DD] = {false, STILE_TYPE_F32, basis->m * basis->n, basis->rank, 0},
        [X] = {true, in, c->M, c->K, c->pad_x},
        [W] = {true, in, w_rows, w_columns, trained ? 0 : c->pad_w},
        [DY] = {true, out, c->M, c->N, c->pad_y},
        [Z] = {active, out, c->M, c->N, c->pad_r},
    };
    for (int i = 0; i < ARRAY_COUNT; i++) {
        if (!(i < X ? computes(b, (stile_gradient)i) : shapes[i].wanted))
            continue;
        int error = stile_host_matrix_create(&b->host[i], shapes[i].type, shapes[i].rows,
                                             shapes[i].columns, shapes[i].pad, c->offset);
        if (error)
            return error;
        if (i >= X)
            stile_host_matrix_fill(&b->host[i], false,
                                   stile_random_bits(c->seed, (uint64_t)(11 + i)), 0);
    }
    if (c->nan) {
        stile_store_element(in, stile_host_data(&b->host[X]), c->M / 2 * b->host[X].ld + c->K / 2,
                            NAN);
        stile_store_element(out, stile_host_data(&b->host[DY]),
                            c->M / 3 * b->host[DY].ld + c->N / 3, NAN);
    }
    return 0;
}

static double *doubles(size_t count)
{
    return count > PTRDIFF_MAX / sizeof(double) ? NULL : malloc((count + 1) * sizeof(double));
}

static stile_gradients gradients_of(double *const arrays[STILE_GRADIENT_COUNT])
{
    return (stile_gradients){
        .dx = arrays[STILE_GRADIENT_DX],
        .dw = arrays[STILE_GRADIENT_DW],
        .dbias = arrays[STILE_GRADIENT_DBIAS],
        .du = arrays[STILE_GRADIENT_DU],
        .dv = arrays[STILE_GRADIENT_DV],
        .dd = arrays[STILE_GRADIENT_DD],
    };
}

static stile_backward_inputs inputs_of(const backward_case *b)
{
    return (stile_backward_inputs){
        .x = stile_host_data(&b->host[X]),
        .w_hat = b->w_hat,
        .w = stile_host_data(&b->host[W]),
        .dy = stile_host_data(&b->host[DY]),
        .z = stile_host_data(&b->host[Z]),
    };
}

/* An array of doubles for each gradient that the plan computes. */
static int create_doubles(const backward_case *b, double *out[STILE_GRADIENT_COUNT])
{
    for (int i = 0; i < STILE_GRADIENT_COUNT; i++) {
        const stile_host_matrix *m = &b->host[i];
        if (m->size && !(out[i] = doubles((size_t)(m->rows * m->columns))))
            return stile_fail_memory();
    }
    return 0;
}

static int create(backward_case *b, int threads)
{
    const stile_verify_case *c = b->c;
    const bool trained = b->config->encode == STILE_ENCODE_TRAINED;
    const bool nk = b->config->layout == STILE_WEIGHT_NK;
    stile_plan_params params = {
        .op = c->op,
        .M = c->M,
        .K = c->K,
        .N = c->N,
        .rows_per_group = c->rows_per_group,
        .ldx = c->K + c->pad_x,
        .ldw = trained ? 0 : (nk ? c->K : c->N) + c->pad_w,
        .ldy = c->N + c->pad_y,
        .ldz = c->N + c->pad_r,
        .lddx = c->K + c->pad_x,
        .lddw = trained ? 0 : (nk ? c->K : c->N) + c->pad_w,
        .variant = b->config->name,
    };
    b->params = params;
    b->problem = (stile_problem){.config = b->config,
                                 .M = c->M,
                                 .K = c->K,
                                 .N = c->N,
                                 .rows_per_group = c->rows_per_group,
                                 .ldx = params.ldx,
                                 .ldw = params.ldw,
                                 .ldy = params.ldy,
                                 .ldz = params.ldz};
    int error = stile_problem_check(&b->problem);
    if (!error && !(b->arena = stile_arena_create()))
        error = stile_fail_memory();
    if (!error)
        error = stile_gradient_configure(&b->configs, b->arena, b->config, (int)c->op);
    if (!error)
        error = create_arrays(b);
    if (!error)
        error = create_doubles(b, b->reference);
    if (error)
        return error;
    b->w_hat = doubles(stile_reference_weight_size(&b->problem));
    if (!b->w_hat)
        return stile_fail_memory();
    const void *w = stile_host_data(&b->host[W]);
    error = trained ? stile_reference_pack_weight(&b->problem, w, b->w_hat, threads)
                    : stile_reference_encode_weight(&b->problem, w, b->w_hat, threads);
    const stile_backward_inputs inputs = inputs_of(b);
    const stile_gradients out = gradients_of(b->reference);
    return error ? error : stile_reference_backward(&b->problem, &inputs, &out, threads);
}

/* The operands of a run whose arrays are those of `at`. */
static stile_operands operands_of(const backward_case *b, void *const at[ARRAY_COUNT],
                                  const void *weights)
{
    const bool reads_x = b->c->op & (STILE_OP_BACKWARD_WEIGHT | STILE_OP_BACKWARD_BASIS);
    const bool reads_w = b->c->op & (STILE_OP_BACKWARD_INPUT | STILE_OP_BACKWARD_BASIS);
    return (stile_operands){
        .x = reads_x ? at[X] : NULL,
        .w = reads_w ? weights : NULL,
        .z = at[Z],
        .dy = at[DY],
        .dx = at[STILE_GRADIENT_DX],
        .dw = at[STILE_GRADIENT_DW],
        .dbias = at[STILE_GRADIENT_DBIAS],
        .du = at[STILE_GRADIENT_DU],
        .dv = at[STILE_GRADIENT_DV],
        .dd = at[STILE_GRADIENT_DD],
    };
}

/* --- judging ---------------------------------------------------------------------------------- */

/* Elements of the smallest operand, or of the gradient that have a size: neither zero nor NaN. */
static double fewest_elements(const backward_case *b, stile_gradient gradient)
{
    const stile_host_matrix *m = &b->host[gradient];
    const double M = (double)b->c->M, K = (double)b->c->K, N = (double)b->c->N;
    double sized = 0;
    for (int64_t i = 0; i < m->rows * m->columns; i++)
        sized += isfinite(b->reference[gradient][i]) && b->reference[gradient][i] != 0;
    return fmin(fmin(fmin(M * K, K * N), M * N), sized);
}

static int judge(stile_verify_result *result, const backward_case *b, stile_gradient gradient)
{
    const stile_host_matrix *m = &b->host[gradient];
    const char *name = stile_gradient_name(gradient);
    stile_comparison found;
    int error = stile_compare(&found, m->type, stile_host_data(m), m->ld, b->reference[gradient],
                              m->rows, m->columns);
    if (error)
        return error;
    const stile_prediction predicted = stile_predict_gradient(&b->problem, &b->configs, gradient);
    const double share = predicted.overall > 0 ? found.relative_rms / predicted.overall : 0;
    const double before =
        result->predicted > 0 ? result->to_operator.relative_rms / result->predicted : -1;
    const double elements = fewest_elements(b, gradient);
    const bool tells = elements >= 16 || before < 0; /* of fewer, the ratio is a matter of luck */
    if ((share > before && tells) || found.nonfinite) {
        result->to_operator = found;
        result->predicted = predicted.overall;
    }
    char overall[32], worst[32];
    stile_format_rounded(overall, share, 3);
    stile_format_rounded(worst, found.worst_element / predicted.overall, 3);
    if (found.nonfinite)
        stile_verify_fail(result,
                          "%s: %" PRId64 " elements are finite where they should not be, or not "
                          "finite where they should; the first is (%" PRId64 ", %" PRId64 ")",
                          name, found.nonfinite, found.worst_row, found.worst_column);
    else if (!stile_comparison_within(&found, predicted, elements,
                                      stile_gradient_terms(&b->problem, gradient)))
        stile_verify_fail(result,
                          "%s: the error is %s times the prediction, and %s times it in the worst "
                          "element (%" PRId64 ", %" PRId64 "): more than rounding explains",
                          name, overall, worst, found.worst_row, found.worst_column);
    if (!stile_host_padding_is_poison(m))
        stile_verify_fail(result, "the padding between rows of %s was written", name);
    return 0;
}

/* --- on a GPU --------------------------------------------------------------------------------- */

/* Device copies of the arrays, and what else a run needs. */
typedef struct device_case {
    const stile_driver *driver;
    stile_device_buffer arrays[ARRAY_COUNT], w_hat, workspace, encode_workspace;
    void *at[ARRAY_COUNT];
} device_case;

static int upload(device_case *d, const backward_case *b)
{
    for (int i = 0; i < ARRAY_COUNT; i++) {
        const stile_host_matrix *host = &b->host[i];
        if (!host->size)
            continue;
        int error = stile_device_buffer_create(&d->arrays[i], d->driver, host->size);
        if (!error)
            error = stile_device_buffer_write(&d->arrays[i], 0, host->bytes, host->size);
        if (error)
            return error;
        d->at[i] = (char *)stile_device_pointer(&d->arrays[i]) +
                   host->offset * stile_type_size(host->type);
    }
    return 0;
}

static int synchronize(const device_case *d)
{
    return stile_driver_check(d->driver, d->driver->cuCtxSynchronize(), "cuCtxSynchronize");
}

/* Ŵ comes from a forward plan, as it does in use. */
static int encode_weight(device_case *d, const backward_case *b, stile_context *context,
                         const stile_spec *spec)
{
    stile_plan *forward = NULL;
    stile_plan_params params = b->params;
    params.op = STILE_OP_FORWARD;
    params.ldr = 0;
    int error = stile_plan_create(&forward, context, spec, &params);
    if (!error)
        error = stile_device_buffer_create(&d->w_hat, d->driver, stile_plan_weight_size(forward));
    if (!error)
        error = stile_device_buffer_create(&d->encode_workspace, d->driver,
                                           stile_plan_workspace_size(forward));
    void *workspace = stile_device_pointer(&d->encode_workspace);
    if (!error)
        error = stile_workspace_init(forward, workspace, NULL);
    if (!error)
        error = stile_encode_weight(forward, d->at[W], stile_device_pointer(&d->w_hat), workspace,
                                    NULL);
    if (!error)
        error = synchronize(d);
    stile_plan_destroy(&forward);
    return error;
}

static int run_once(device_case *d, const backward_case *b, const stile_plan *plan)
{
    const bool online = b->config->encode == STILE_ENCODE_ONLINE;
    void *workspace = stile_device_pointer(&d->workspace);
    const stile_operands operands =
        operands_of(b, d->at, online ? d->at[W] : stile_device_pointer(&d->w_hat));
    int error = stile_workspace_init(plan, workspace, NULL);
    if (!error)
        error = stile_run(plan, &operands, workspace, NULL);
    return error ? error : synchronize(d);
}

/* Fetches the gradients; a second time they must be the same to the bit. */
static int fetch(stile_verify_result *result, device_case *d, backward_case *b, bool again)
{
    for (int i = 0; i < STILE_GRADIENT_COUNT; i++) {
        stile_host_matrix *host = &b->host[i];
        if (!host->size)
            continue;
        unsigned char *copy = malloc(host->size);
        int error = copy ? stile_device_buffer_read(&d->arrays[i], 0, copy, host->size)
                         : stile_fail_memory();
        if (!error && again && memcmp(copy, host->bytes, host->size) != 0)
            stile_verify_fail(result, "a second run gave other bits of %s", array_names[i]);
        if (!error)
            memcpy(host->bytes, copy, host->size);
        free(copy);
        if (!error)
            error = stile_device_buffer_poison(&d->arrays[i]);
        if (error)
            return error;
    }
    return 0;
}

static int check_guard(stile_verify_result *result, const stile_device_buffer *buffer,
                       const char *name)
{
    bool intact = true;
    int error = buffer->base ? stile_device_buffer_check(buffer, &intact) : 0;
    if (!error && !intact)
        stile_verify_fail(result, "memory before or behind %s was written", name);
    return error;
}

static int check_memory(stile_verify_result *result, const device_case *d, const backward_case *b)
{
    int error = check_guard(result, &d->workspace, "the workspace");
    for (int i = 0; i < ARRAY_COUNT && !error; i++)
        error = check_guard(result, &d->arrays[i], array_names[i]);
    for (int i = X; i < ARRAY_COUNT && !error; i++) {
        const size_t size = b->host[i].size;
        unsigned char *copy = size ? malloc(size) : NULL;
        if (size && !copy)
            return stile_fail_memory();
        error = size ? stile_device_buffer_read(&d->arrays[i], 0, copy, size) : 0;
        if (!error && size && memcmp(copy, b->host[i].bytes, size) != 0)
            stile_verify_fail(result, "%s was changed", array_names[i]);
        free(copy);
    }
    return error;
}

static int verify_on_gpu(stile_verify_result *result, stile_context *context,
                         const stile_spec *spec, backward_case *b)
{
    stile_plan *plan = NULL;
    stile_context_scope scope;
    int error = stile_plan_create(&plan, context, spec, &b->params);
    if (error)
        return error;
    error = stile_context_enter(context, &scope);
    if (error) {
        stile_plan_destroy(&plan);
        return error;
    }
    device_case d = {.driver = context->driver};
    error = upload(&d, b);
    if (!error)
        error = stile_device_buffer_create(&d.workspace, d.driver, stile_plan_workspace_size(plan));
    if (!error && b->config->encode != STILE_ENCODE_ONLINE)
        error = encode_weight(&d, b, context, spec);
    for (int again = 0; again < 2 && !error; again++) {
        error = stile_device_buffer_poison(&d.workspace);
        if (!error)
            error = run_once(&d, b, plan);
        if (!error)
            error = fetch(result, &d, b, again);
    }
    for (int i = 0; i < STILE_GRADIENT_COUNT && !error; i++)
        error = b->host[i].size ? judge(result, b, (stile_gradient)i) : 0;
    if (!error)
        error = check_memory(result, &d, b);
    for (int i = 0; i < ARRAY_COUNT; i++)
        stile_device_buffer_destroy(&d.arrays[i]);
    stile_device_buffer_destroy(&d.w_hat);
    stile_device_buffer_destroy(&d.workspace);
    stile_device_buffer_destroy(&d.encode_workspace);
    stile_context_leave(context, &scope);
    stile_plan_destroy(&plan);
    return error;
}

/* --- on the CPU ------------------------------------------------------------------------------- */

/* The fast reference against the definition; both in fp64, so only fp64 rounding may differ. */
static int check_reference(stile_verify_result *result, const backward_case *b)
{
    double *direct[STILE_GRADIENT_COUNT] = {NULL};
    const stile_backward_inputs inputs = inputs_of(b);
    int error = create_doubles(b, direct);
    const stile_gradients out = gradients_of(direct);
    if (!error)
        error = stile_reference_backward_direct(&b->problem, &inputs, &out);
    result->predicted = 3e-14 * (1 + sqrt(b->config->metrics.growth));
    for (int i = 0; i < STILE_GRADIENT_COUNT && !error; i++) {
        const stile_host_matrix *m = &b->host[i];
        if (!m->size)
            continue;
        stile_comparison found =
            stile_compare_doubles(b->reference[i], direct[i], m->rows, m->columns);
        if (b->c->nan) /* a zero of the definition's meets NaN where channels meet tiles alone */
            found.nonfinite = 0;
        if (found.relative_rms >= result->to_operator.relative_rms)
            result->to_operator = found;
        const double slack = pow(10, 8 / fmax(1, fewest_elements(b, (stile_gradient)i)));
        if (found.nonfinite || found.relative_rms > 2 * result->predicted * slack ||
            found.worst_element > 1e3 * result->predicted * slack)
            stile_verify_fail(result,
                              "%s by the reference and by the definition differ; the worst is "
                              "element (%" PRId64 ", %" PRId64 ")",
                              array_names[i], found.worst_row, found.worst_column);
    }
    for (int i = 0; i < STILE_GRADIENT_COUNT; i++)
        free(direct[i]);
    return error;
}

/* The device must give the reference rounded once. */
static void check_rounding(stile_verify_result *result, const stile_host_matrix *m,
                           const double *reference, const char *name)
{
    const size_t size = (size_t)stile_type_size(m->type);
    const unsigned char *got = stile_host_data(m);
    for (int64_t row = 0; row < m->rows; row++)
        for (int64_t column = 0; column < m->columns; column++) {
            unsigned char expected[8] = {0};
            stile_store_element(m->type, expected, 0, reference[row * m->columns + column]);
            if (memcmp(expected, got + (size_t)(row * m->ld + column) * size, size) != 0) {
                stile_verify_fail(result,
                                  "element (%" PRId64 ", %" PRId64
                                  ") of %s is not the reference, rounded once",
                                  row, column, name);
                return;
            }
        }
    if (!stile_host_padding_is_poison(m))
        stile_verify_fail(result, "the padding between rows of %s was written", name);
}

static int verify_on_cpu(stile_verify_result *result, stile_context *context,
                         const stile_spec *spec, backward_case *b)
{
    stile_plan *plan = NULL;
    int error = check_reference(result, b);
    if (!error)
        error = stile_plan_create(&plan, context, spec, &b->params);
    if (error)
        return error;
    const bool online = b->config->encode == STILE_ENCODE_ONLINE;
    const size_t weights = stile_reference_weight_size(&b->problem) * sizeof(double);
    void *workspace = stile_host_buffer(stile_plan_workspace_size(plan));
    void *w_hat = stile_host_buffer(weights);
    void *at[ARRAY_COUNT];
    for (int i = 0; i < ARRAY_COUNT; i++)
        at[i] = stile_host_data(&b->host[i]);
    if (!workspace || !w_hat)
        error = stile_fail_memory();
    if (!error) {
        memcpy(w_hat, b->w_hat, weights);
        const stile_operands operands = operands_of(b, at, online ? at[W] : w_hat);
        error = stile_workspace_init(plan, workspace, NULL);
        if (!error)
            error = stile_run(plan, &operands, workspace, NULL);
    }
    for (int i = 0; i < STILE_GRADIENT_COUNT && !error; i++)
        if (b->host[i].size)
            check_rounding(result, &b->host[i], b->reference[i], array_names[i]);
    free(workspace);
    free(w_hat);
    stile_plan_destroy(&plan);
    return error;
}

int stile_verify_run_backward(stile_verify_result *out, stile_context *context,
                              const stile_spec *spec, const stile_config *config,
                              const stile_verify_case *c)
{
    stile_verify_result result = {.passed = true, .applies = !c->integers};
    backward_case b = {.config = config, .c = c};
    if (!result.applies) {
        *out = result;
        return 0;
    }
    int error = create(&b, context->threads);
    if (!error)
        error = context->device == STILE_DEVICE_CPU ? verify_on_cpu(&result, context, spec, &b)
                                                    : verify_on_gpu(&result, context, spec, &b);
    destroy(&b);
    if (!error)
        *out = result;
    return error;
}
