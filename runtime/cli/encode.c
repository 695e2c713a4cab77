/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stile encode: Ŵ from W, as logical weights that can be trained further. Specs with trained
 * weights get the start of that training: what the same spec would encode offline.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "command.h"
#include "inputs.h"
#include "operand_files.h"
#include "output.h"
#include "reference.h"
#include "table.h"

static int write_encoded(const char *path, const stile_problem *problem, const void *w)
{
    stile_tiling t = stile_problem_tiling(problem);
    const int64_t dims[3] = {problem->config->basis->rank, t.tile_columns, t.tile_inner};
    size_t count = stile_reference_weight_size(problem);
    bool fits = count <= SIZE_MAX / sizeof(double);
    double *w_hat = fits ? malloc(count * sizeof *w_hat) : NULL;
    float *rounded = fits ? malloc(count * sizeof *rounded) : NULL;
    int result = STILE_EXIT_OK;
    if (!w_hat || !rounded) {
        stile_print_error("out of memory");
        result = STILE_EXIT_FAILURE;
    } else {
        int error = stile_reference_encode_weight(problem, w, w_hat, 0);
        result = error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
    }
    if (!result) {
        for (size_t i = 0; i < count; i++)
            rounded[i] = (float)w_hat[i];
        if (stile_npy_write(path, STILE_NPY_F4, 3, dims, rounded)) {
            stile_report_failure(STILE_ERROR_IO, NULL);
            result = STILE_EXIT_FAILURE;
        }
    }
    if (!result)
        stile_print_note("%s: encoded weights (%" PRId64 ", %" PRId64 ", %" PRId64
                         ") for K = %" PRId64 ", N = %" PRId64 ", written to %s",
                         problem->config->name, dims[0], dims[1], dims[2], problem->K, problem->N,
                         path);
    free(w_hat);
    free(rounded);
    return result;
}

static int run(const stile_arguments *arguments)
{
    const char *out = stile_argument(arguments, "out");
    if (!stile_argument_required(arguments, "w") || !stile_argument_required(arguments, "out") ||
        !stile_can_create(arguments, out))
        return STILE_EXIT_USAGE;
    stile_spec *spec = NULL;
    const stile_config *config = NULL;
    const char *path = arguments->operands[0];
    void *w = NULL;
    int result = stile_input_spec(&spec, path, NULL);
    if (!result && !(config = stile_input_variant(arguments, path, spec)))
        result = STILE_EXIT_USAGE;
    if (!result) {
        stile_config dense = *config;
        dense.encode = STILE_ENCODE_OFFLINE;
        stile_problem problem = {.config = &dense, .M = 1};
        result = stile_operand_weight_read(&w, stile_argument(arguments, "w"), config, &problem.K,
                                           &problem.N);
        if (!result)
            result = write_encoded(out, &problem, w);
    }
    free(w);
    stile_spec_destroy(&spec);
    return result;
}

static const stile_option options[] = {
    {"w", 0, "W.npy", "W in the spec's layout: [N, K] for nk, [K, N] for kn"},
    {"out", 0, "WHAT.npy", "where the encoded weights go"},
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_encode = {
    .name = "encode",
    .synopsis = "SPEC --w W.npy --out WHAT.npy",
    .summary = "encode dense weights",
    .text = "Writes the encoded weights V·W as '<f4' of shape [r, ceil(N/n), ceil(K/k)], computed\n"
            "in fp64 on the CPU and rounded once: what specs with weight.encode: trained take as\n"
            "--w, and a start for training them.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
