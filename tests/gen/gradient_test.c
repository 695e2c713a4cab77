/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <stile/error.h>

#include "gradient.h"

static const char *const bases[] = {"strassen", "winograd", "rectangular"};

/* "rectangular": random ⟨2,3,4;5⟩. */
static const stile_basis *basis_called(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL;
    if (strcmp(name, "rectangular") == 0)
        assert_int_equal(stile_basis_random(&basis, arena, 2, 3, 4, 5, 1), 0);
    else
        assert_int_equal(stile_basis_named(&basis, arena, name), 0);
    return basis;
}

static stile_config config_of(const stile_basis *basis, stile_weight_layout layout,
                              stile_weight_encode encode)
{
    return (stile_config){
        .name = "test",
        .basis = basis,
        .sparse = stile_basis_is_sparse(basis),
        .precision = {STILE_TYPE_F32, STILE_TYPE_BF16, STILE_TYPE_F16, STILE_TYPE_BF16},
        .layout = layout,
        .encode = encode,
        .epilogue = {.bias = true, .activation = STILE_ACTIVATION_SILU},
        .schedule = {.block_m = 64, .block_n = 64, .block_k = 64, .stages = 2},
    };
}

static double *tensor_of(const stile_basis *b)
{
    double *tensor = malloc((size_t)(b->m * b->k * b->k * b->n * b->m * b->n) * sizeof *tensor);
    assert_non_null(tensor);
    stile_basis_tensor(b, tensor);
    return tensor;
}

/* T̂[(a,b),(b2,d),(a2,d2)] */
static double at(const double *tensor, const stile_basis *b, int a, int bb, int b2, int d, int a2,
                 int d2)
{
    return tensor[((a * b->k + bb) * b->k * b->n + b2 * b->n + d) * b->m * b->n + a2 * b->n + d2];
}

/*
 * The loss Σ T̂·x·w·dy has the gradients of x and of w as operators of the other two: their tensors
 * are T̂ with its three index pairs in other places.
 */
static void derived_operators_are_the_gradients(void **state)
{
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        for (int layout = STILE_WEIGHT_NK; layout <= STILE_WEIGHT_KN; layout++) {
            const stile_basis *b = basis_called(*state, bases[i]);
            const stile_config config =
                config_of(b, (stile_weight_layout)layout, STILE_ENCODE_ONLINE);
            stile_gradient_configs configs;
            assert_int_equal(stile_gradient_configure(&configs, *state, &config, 7), 0);
            const stile_basis *in = configs.input->basis, *weight = configs.weight->basis;
            double *t = tensor_of(b), *t_in = tensor_of(in), *t_weight = tensor_of(weight);
            for (int e = 0; e < b->m * b->k; e++)
                for (int f = 0; f < b->k * b->n; f++)
                    for (int g = 0; g < b->m * b->n; g++) {
                        const int a = e / b->k, bb = e % b->k, b2 = f / b->n, d = f % b->n;
                        const int a2 = g / b->n, d2 = g % b->n;
                        const double expected = at(t, b, a, bb, b2, d, a2, d2);
                        /* dX = dY·Wᵀ */
                        assert_float_equal(at(t_in, in, a2, d2, d, b2, a, bb), expected, 1e-9);
                        /* [N,K]: dYᵀ·X; [K,N]: Xᵀ·dY */
                        if (layout == STILE_WEIGHT_NK)
                            assert_float_equal(at(t_weight, weight, d2, a2, a, bb, d, b2), expected,
                                               1e-9);
                        else
                            assert_float_equal(at(t_weight, weight, bb, a, a2, d2, b2, d), expected,
                                               1e-9);
                    }
            free(t);
            free(t_in);
            free(t_weight);
        }
    }
}

static void exact_entries_move_with_the_others(void **state)
{
    const stile_basis *b = basis_called(*state, "winograd");
    const stile_config config = config_of(b, STILE_WEIGHT_NK, STILE_ENCODE_ONLINE);
    stile_gradient_configs configs;
    assert_int_equal(stile_gradient_configure(&configs, *state, &config, 7), 0);
    const stile_basis *const derived[] = {configs.input->basis, configs.weight->basis};
    for (int i = 0; i < 2; i++) {
        const stile_basis_matrix factors[] = {stile_basis_u(derived[i]), stile_basis_v(derived[i]),
                                              stile_basis_d(derived[i])};
        for (int f = 0; f < 3; f++)
            for (int j = 0; j < factors[f].rows * factors[f].columns; j++)
                assert_float_equal(stile_rational_to_double(factors[f].exact[j]),
                                   factors[f].entries[j], 0);
    }
}

static void types_follow_the_matrices(void **state)
{
    const stile_basis *b = basis_called(*state, "strassen");
    stile_config config = config_of(b, STILE_WEIGHT_NK, STILE_ENCODE_ONLINE);
    stile_gradient_configs c;
    assert_int_equal(stile_gradient_configure(&c, *state, &config, STILE_GRADIENT_INPUT), 0);
    assert_int_equal(c.input->precision.input, STILE_TYPE_BF16); /* dZ, the output type */
    assert_int_equal(c.input->precision.output, STILE_TYPE_F32); /* dX, the input type */
    assert_int_equal(c.weight_transposed->precision.input, STILE_TYPE_F32);
    assert_int_equal(c.weight_transposed->layout, STILE_WEIGHT_KN);
    assert_int_equal(c.weight->precision.product, STILE_TYPE_F32);
    assert_int_equal(c.input->schedule.block_m, 0); /* what is pinned is the forward pass' */
    assert_int_equal(c.input->schedule.family, STILE_FAMILY_ANY);
    assert_int_equal(c.forward->epilogue.activation, STILE_ACTIVATION_SILU);
    assert_int_equal(c.input->epilogue.activation, STILE_ACTIVATION_NONE);

    /* What others than the decoder read must lie row by row. */
    assert_int_equal(stile_gradient_configure(&c, *state, &config, STILE_GRADIENT_BASIS), 0);
    assert_int_equal(c.input->schedule.family, STILE_FAMILY_SM_80);

    config.encode = STILE_ENCODE_TRAINED; /* dŴ is the result: no product in between */
    assert_int_equal(stile_gradient_configure(&c, *state, &config, 7), 0);
    assert_int_equal(c.weight->precision.product, STILE_TYPE_F32);
    assert_int_equal(c.weight->precision.output, STILE_TYPE_F32);
}

static int count_steps(const stile_config *config, int gradients)
{
    int count = 0;
    for (int step = 0; step < STILE_STEP_COUNT; step++)
        count += stile_gradient_step_runs((stile_gradient_step)step, config, gradients);
    return count;
}

static void plans_have_the_steps_they_need(void **state)
{
    const stile_basis *sparse = basis_called(*state, "strassen");
    stile_config config = config_of(sparse, STILE_WEIGHT_NK, STILE_ENCODE_OFFLINE);
    config.epilogue = (stile_epilogue){0};
    assert_int_equal(count_steps(&config, STILE_GRADIENT_INPUT), 4);
    assert_int_equal(count_steps(&config, STILE_GRADIENT_WEIGHT), 4);
    assert_false(stile_gradient_step_runs(STILE_STEP_TRANSPOSE_W, &config, STILE_GRADIENT_WEIGHT));
    config.encode = STILE_ENCODE_TRAINED;
    assert_int_equal(count_steps(&config, STILE_GRADIENT_WEIGHT), 3);
    config.epilogue = (stile_epilogue){.bias = true, .activation = STILE_ACTIVATION_RELU};
    assert_int_equal(count_steps(&config, STILE_GRADIENT_WEIGHT), 6);
    assert_int_equal(count_steps(&config, STILE_GRADIENT_INPUT), 5);

    /* Shared steps run once: sums of the parts are larger than the whole. */
    config.encode = STILE_ENCODE_ONLINE;
    assert_true(count_steps(&config, 7) <
                count_steps(&config, 1) + count_steps(&config, 2) + count_steps(&config, 4));
    config.basis = basis_called(*state, "rectangular");
    config.sparse = false;
    assert_int_equal(count_steps(&config, 7), STILE_STEP_COUNT);
    for (int step = 0; step < STILE_STEP_COUNT; step++)
        for (int other = 0; other < step; other++)
            assert_string_not_equal(stile_gradient_step_name((stile_gradient_step)step),
                                    stile_gradient_step_name((stile_gradient_step)other));
}

static void every_step_renders(void **state)
{
    static const char *const archs[] = {"sm_80", "sm_90a"};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        for (int a = 0; a < 2; a++) {
            const stile_config config =
                config_of(basis_called(*state, bases[i]), STILE_WEIGHT_KN, STILE_ENCODE_ONLINE);
            stile_gradient_configs configs;
            stile_arch arch;
            assert_int_equal(stile_arch_parse(&arch, archs[a]), 0);
            assert_int_equal(stile_gradient_configure(&configs, *state, &config, 7), 0);
            for (int step = 0; step < STILE_STEP_COUNT; step++) {
                stile_kernel kernel;
                if (!stile_gradient_step_runs((stile_gradient_step)step, &config, 7))
                    continue;
                assert_int_equal(stile_gradient_step_render(&kernel, *state, &configs, &arch,
                                                            (stile_gradient_step)step),
                                 0);
                assert_non_null(strstr(kernel.source, kernel.entry));
                assert_true(kernel.shared_bytes <= arch.shared_bytes_per_block);
                assert_true(kernel.threads_x * kernel.threads_y >= 32);
            }
        }
    }
}

static void types_with_scales_are_refused(void **state)
{
    stile_config config =
        config_of(basis_called(*state, "strassen"), STILE_WEIGHT_NK, STILE_ENCODE_ONLINE);
    stile_training_kernel *kernels;
    int count;
    assert_int_equal(stile_training_kernels(&kernels, &count, *state, &config), 0);
    assert_true(count > STILE_KERNEL_ROLE_COUNT && count <= STILE_STEP_COUNT + 4);
    for (int i = 0; i < count; i++)
        for (int other = 0; other < i; other++)
            assert_string_not_equal(kernels[i].name, kernels[other].name);
    config.precision.encoded = STILE_TYPE_E4M3;
    assert_int_equal(stile_training_kernels(&kernels, &count, *state, &config),
                     STILE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(stile_last_error(), "e4m3"));
}

static int create_arena(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int destroy_arena(void **state)
{
    stile_arena_destroy((stile_arena **)state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derived_operators_are_the_gradients),
        cmocka_unit_test(exact_entries_move_with_the_others),
        cmocka_unit_test(types_follow_the_matrices),
        cmocka_unit_test(plans_have_the_steps_they_need),
        cmocka_unit_test(every_step_renders),
        cmocka_unit_test(types_with_scales_are_refused),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
