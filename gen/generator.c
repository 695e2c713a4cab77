/* SPDX-License-Identifier: Apache-2.0 */
#include "generator.h"

#include <stdbool.h>

/* SplitMix64: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
   OOPSLA 2014. */
uint64_t stile_generator_next(stile_generator *g)
{
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double stile_generator_uniform(stile_generator *g)
{
    return (double)(stile_generator_next(g) >> 11) * 0x1p-53;
}

/*
 * True with probability exp(−t), for t in [0, 1]. Von Neumann's game: of uniform deviates
 * t > u₁ > u₂ > … the first n descend with probability tⁿ/n!, so the first that fails to is one of
 * odd number with probability 1 − t + t²/2! − … = exp(−t).
 */
static bool coin_exp(stile_generator *g, double t)
{
    bool result = true;
    for (double last = t, u; (u = stile_generator_uniform(g)) < last; last = u)
        result = !result;
    return result;
}

/*
 * By rejection: x uniform on [0, 8), kept with probability exp(−x²/2), and a random sign. The tail
 * beyond 8 has probability 1.2e-15.
 */
double stile_generator_normal(stile_generator *g)
{
    for (;;) {
        const double x = 8 * stile_generator_uniform(g);
        double t = x * x / 2;
        bool kept = x > 0;
        for (; kept && t > 1; t--)
            kept = coin_exp(g, 1);
        if (kept && coin_exp(g, t))
            return stile_generator_next(g) >> 63 ? -x : x;
    }
}
