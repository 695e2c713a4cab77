// SPDX-License-Identifier: Apache-2.0
// Sums of the columns of a row-major matrix over strips of its rows, for the bias.
//
// A thread sums every THREADS_Y-th row of one column of one strip; the block adds its threads up. The
// strips depend on the shape alone, so the order of every addition does.
#include "params.h"
#include "common/types.cuh"
//@ declare()

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_column_sums(const __grid_constant__ stile_column_sums_params p)
{
    __shared__ float sums[THREADS_Y][32];
    const unsigned column_blocks = (p.columns + 31) / 32;
    const int column = blockIdx.x % column_blocks * 32 + threadIdx.x;
    const int strip = blockIdx.x / column_blocks;
    const int first_row = strip * p.strip_rows;
    const int end = min(p.rows - first_row, p.strip_rows);

    float sum = 0.0f;
    if (column < p.columns) {
        const Output *source
            = static_cast<const Output *>(p.source) + first_row * p.source_pitch + column;
        for (int row = threadIdx.y; row < end; row += THREADS_Y)
            sum += to_float(source[row * p.source_pitch]);
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || column >= p.columns)
        return;
#pragma unroll
    for (int i = 1; i < THREADS_Y; i++)
        sum += sums[i][threadIdx.x];
    p.partials[(long long)strip * p.columns + column] = sum;
}
