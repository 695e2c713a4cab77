// SPDX-License-Identifier: Apache-2.0
// The coefficients of a dense basis as the kernels of the backward pass read them: Dᵀ, Uᵀ and so on.
#include "params.h"
//@ declare()

extern "C" __global__ void __launch_bounds__(THREADS)
stile_permute_coefficients(const __grid_constant__ stile_permute_params p)
{
    const stile_permutation &job = p.permutations[blockIdx.x];
    const int inner = job.extents[2], middle = job.extents[1];
    for (int i = threadIdx.x; i < job.extents[0] * middle * inner; i += THREADS)
        job.result[i] = job.source[i / inner / middle * job.strides[0]
                                   + i / inner % middle * job.strides[1]
                                   + i % inner * job.strides[2]];
}
