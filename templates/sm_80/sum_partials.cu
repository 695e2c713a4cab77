// SPDX-License-Identifier: Apache-2.0
// Adds up what the blocks of an earlier kernel left, in their order, and rounds once.
//
// Of the THREADS_Y threads of an element, each adds every THREADS_Y-th partial sum; then the first adds
// theirs.
#include "params.h"
#include "common/types.cuh"
//@ declare()

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_sum_partials(const __grid_constant__ stile_sum_params p)
{
    __shared__ float sums[THREADS_Y][32];
    const int entries = p.tile_rows * p.tile_columns;
    const int count = p.rows * entries;
    const int element = blockIdx.x * 32 + threadIdx.x;

    float sum = 0.0f;
    if (element < count)
        for (int i = threadIdx.y; i < p.partial_count; i += THREADS_Y)
            sum += p.partials[(long long)i * count + element];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || element >= count)
        return;
#pragma unroll
    for (int i = 1; i < THREADS_Y; i++)
        sum += sums[i][threadIdx.x];

    const int row = element / entries, entry = element % entries;
    const int number = p.transposed
        ? entry % p.tile_columns * p.tile_rows + entry / p.tile_columns
        : entry;
    const int index = row * p.row_stride + number * p.entry_stride;
    if (p.support && p.support[index] == 0.0f)
        sum = 0.0f;
    Result rounded[1];
    const float values[1] = {sum};
    from_floats(rounded, values);
    static_cast<Result *>(p.result)[index] = rounded[0];
}
