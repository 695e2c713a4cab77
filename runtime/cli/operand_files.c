/* SPDX-License-Identifier: Apache-2.0 */
#include "operand_files.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "npy_header.h"
#include "output.h"

/* Whatever is wrong with an input file is bad input, be it only a type that is not read. */
static int report_file(int error)
{
    int result = stile_report_failure(error, NULL);
    return error == STILE_ERROR_UNSUPPORTED ? STILE_EXIT_USAGE : result;
}

static int read_file(stile_npy *out, const char *path)
{
    int error = stile_npy_read(out, path);
    return error ? report_file(error) : STILE_EXIT_OK;
}

/* "W.npy has shape (3, 4), but …": the shape and then what was expected. */
__attribute__((format(printf, 3, 4))) static int
refuse_shape(const char *path, const stile_npy *npy, const char *format, ...)
{
    stile_text shape = {0};
    char expected[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    stile_npy_shape_print(&shape, npy->rank, npy->dims);
    stile_print_error("%s has shape %s, but %s", path, shape.data ? shape.data : "?", expected);
    stile_text_free(&shape);
    return STILE_EXIT_USAGE;
}

static int convert(void **out, const stile_npy *npy, stile_type type)
{
    int error = stile_npy_convert(out, npy, type);
    return error ? report_file(error) : STILE_EXIT_OK;
}

static int read_x(stile_operand_files *o, const stile_config *config, const char *path)
{
    stile_npy npy = {0};
    int result = read_file(&npy, path);
    if (result)
        return result;
    if (npy.rank != 2)
        result = refuse_shape(path, &npy, "X must be a matrix [M, K]");
    else if (npy.dims[0] < 1 || npy.dims[1] < 1)
        result = refuse_shape(path, &npy, "X must have at least one row and one column");
    if (!result) {
        o->M = npy.dims[0];
        o->K = npy.dims[1];
        result = convert(&o->x, &npy, config->precision.input);
    }
    stile_npy_free(&npy);
    return result;
}

int stile_operand_weight_read(void **out, const char *path, const stile_config *config, int64_t *K,
                              int64_t *N)
{
    bool nk = config->layout == STILE_WEIGHT_NK;
    const char *form = nk ? "[N, K]" : "[K, N]";
    const char *layout = stile_weight_layout_name(config->layout);
    stile_npy npy = {0};
    int result = read_file(&npy, path);
    if (result)
        return result;
    int64_t inner = npy.dims[nk ? 1 : 0], outer = npy.dims[nk ? 0 : 1];
    if (npy.rank == 3)
        result = refuse_shape(path, &npy,
                              "W must be a matrix %s (encoded weights are for specs with "
                              "weight.encode: trained)",
                              form);
    else if (npy.rank != 2)
        result =
            refuse_shape(path, &npy, "W must be a matrix %s (weight.layout: %s)", form, layout);
    else if (inner < 1 || outer < 1)
        result = refuse_shape(path, &npy, "W must have at least one row and one column");
    else if (*K && inner != *K)
        result =
            refuse_shape(path, &npy,
                         "X has K = %" PRId64 " columns and weight.layout is %s, so W must be %s = "
                         "(%s%" PRId64 "%s)%s",
                         *K, layout, form, nk ? "N, " : "", *K, nk ? "" : ", N",
                         outer == *K ? nk ? ". It would fit as [K, N]: transpose it, or set "
                                            "weight.layout: kn in the spec"
                                          : ". It would fit as [N, K]: transpose it, or set "
                                            "weight.layout: nk in the spec"
                                     : "");
    if (!result) {
        *K = inner;
        *N = outer;
        result = convert(out, &npy, config->precision.input);
    }
    stile_npy_free(&npy);
    return result;
}

/* Trained weights: logical Ŵ, whose N only --n tells. */
static int read_trained(stile_operand_files *o, const stile_arguments *arguments,
                        const stile_config *config, const char *path)
{
    const stile_basis *b = config->basis;
    if (!stile_flag(arguments, "n")) {
        stile_print_error("%s has trained weights, whose shape leaves N open: give --n N",
                          config->name);
        return STILE_EXIT_USAGE;
    }
    if (!stile_argument_int(arguments, "n", 1, INT32_MAX, &o->N))
        return STILE_EXIT_USAGE;
    stile_npy npy = {0};
    int result = read_file(&npy, path);
    if (result)
        return result;
    int64_t columns = (o->N + b->n - 1) / b->n, inner = (o->K + b->k - 1) / b->k;
    if (npy.rank != 3 || npy.dims[0] != b->rank || npy.dims[1] != columns || npy.dims[2] != inner)
        result = refuse_shape(path, &npy,
                              "trained weights for K = %" PRId64 " and N = %" PRId64
                              " are [r, ceil(N/n), ceil(K/k)] = (%d, %" PRId64 ", %" PRId64 ")",
                              o->K, o->N, b->rank, columns, inner);
    if (!result)
        result = convert(&o->w, &npy, config->precision.input);
    stile_npy_free(&npy);
    return result;
}

static int read_bias(stile_operand_files *o, const stile_config *config, const char *path)
{
    stile_npy npy = {0};
    int result = read_file(&npy, path);
    if (result)
        return result;
    bool vector = npy.rank == 1 || (npy.rank == 2 && npy.dims[0] == 1);
    if (!vector || npy.count != o->N)
        result = refuse_shape(path, &npy, "the bias must be [N] = (%" PRId64 ",)", o->N);
    if (!result)
        result = convert(&o->bias, &npy, config->precision.output);
    stile_npy_free(&npy);
    return result;
}

static int read_residual(stile_operand_files *o, const stile_config *config, const char *path)
{
    stile_npy npy = {0};
    int result = read_file(&npy, path);
    if (result)
        return result;
    if (npy.rank != 2 || npy.dims[0] != o->M || npy.dims[1] != o->N)
        result = refuse_shape(
            path, &npy, "the residual must be [M, N] = (%" PRId64 ", %" PRId64 ")", o->M, o->N);
    if (!result)
        result = convert(&o->residual, &npy, config->precision.output);
    stile_npy_free(&npy);
    return result;
}

/* Whether --bias or --residual is given exactly where the spec has one. */
static bool check_presence(const stile_arguments *arguments, const stile_config *config,
                           const char *name, bool wanted)
{
    if (stile_flag(arguments, name) == wanted)
        return true;
    if (wanted)
        stile_print_error("%s has epilogue.%s: true: give --%s FILE.npy", config->name, name, name);
    else
        stile_print_error("--%s is given, but %s has epilogue.%s: false", name, config->name, name);
    return false;
}

int stile_operand_files_read(stile_operand_files *out, const stile_arguments *arguments,
                             const stile_config *config)
{
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    if (!check_presence(arguments, config, "bias", config->epilogue.bias) ||
        !check_presence(arguments, config, "residual", config->epilogue.residual))
        return STILE_EXIT_USAGE;

    stile_operand_files o = {0};
    const char *w_path = stile_argument(arguments, "w");
    int result = read_x(&o, config, stile_argument(arguments, "x"));
    if (!result)
        result = trained ? read_trained(&o, arguments, config, w_path)
                         : stile_operand_weight_read(&o.w, w_path, config, &o.K, &o.N);
    int64_t n = o.N;
    if (!result && !trained && !stile_argument_int(arguments, "n", 1, INT32_MAX, &n))
        result = STILE_EXIT_USAGE;
    if (!result && n != o.N) {
        stile_print_error("--n is %" PRId64 ", but %s has N = %" PRId64, n, w_path, o.N);
        result = STILE_EXIT_USAGE;
    }
    if (!result && config->epilogue.bias)
        result = read_bias(&o, config, stile_argument(arguments, "bias"));
    if (!result && config->epilogue.residual)
        result = read_residual(&o, config, stile_argument(arguments, "residual"));
    if (result)
        stile_operand_files_free(&o);
    else
        *out = o;
    return result;
}

void stile_operand_files_free(stile_operand_files *operands)
{
    free(operands->x);
    free(operands->w);
    free(operands->bias);
    free(operands->residual);
    *operands = (stile_operand_files){0};
}
