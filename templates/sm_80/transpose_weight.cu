// SPDX-License-Identifier: Apache-2.0
// Ŵ, one matrix per channel, to Ŵᵀ: the weights of the backward pass.
//
// A block moves a TILE × TILE square through shared memory. What lies past the rows of Ŵ becomes the
// zeros that pad the rows of Ŵᵀ.
#include "params.h"
#include "common/types.cuh"
//@ declare()

constexpr int TILE = 32;

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_transpose_weight(const __grid_constant__ stile_transpose_params p)
{
    __shared__ Encoded square[TILE][TILE + 2]; // an odd number of banks, for 2-byte elements as well
    const unsigned row_blocks = (unsigned)(p.result_pitch / TILE); // 128 bytes or more each
    const unsigned column_blocks = (p.columns + TILE - 1) / TILE;
    const Encoded *source = static_cast<const Encoded *>(p.source);
    Encoded *result = static_cast<Encoded *>(p.result);

    for (long long block = blockIdx.x; block < (long long)p.rank * row_blocks * column_blocks;
         block += gridDim.x) {
        const long long channel = block / (row_blocks * column_blocks);
        const int first_row = block / column_blocks % row_blocks * TILE;
        const int first_column = block % column_blocks * TILE;
        __syncthreads(); // the last square has been written
#pragma unroll
        for (int i = threadIdx.y; i < TILE; i += THREADS_Y) {
            const int row = first_row + i, column = first_column + threadIdx.x;
            square[i][threadIdx.x] = row < p.rows && column < p.columns
                ? source[(channel * p.rows + row) * p.source_pitch + column]
                : Encoded{};
        }
        __syncthreads();
#pragma unroll
        for (int i = threadIdx.y; i < TILE; i += THREADS_Y) {
            const int row = first_column + i, column = first_row + threadIdx.x;
            if (row < p.columns)
                result[(channel * p.columns + row) * p.result_pitch + column]
                    = square[threadIdx.x][i];
        }
    }
}
