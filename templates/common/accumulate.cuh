// SPDX-License-Identifier: Apache-2.0
#include "common/lanes.cuh"

// sum += coefficient · a. A zero of the basis contributes nothing, not even 0·Inf; where the basis has
// no zeros the test is compiled out.
template <int COUNT>
__device__ __forceinline__ void accumulate(Lanes<COUNT> &sum, float coefficient,
                                           const Lanes<COUNT> &a)
{
    if (!SKIP_ZEROS || coefficient != 0.0f) {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            sum.of[i] = fmaf(coefficient, a.of[i], sum.of[i]);
    }
}
