// SPDX-License-Identifier: Apache-2.0
// Packs trained weights into 8-bit floats: logical [rank, ⌈N/n⌉, ⌈K/k⌉] to the pitched, zero-padded layout
// of Ŵ, a thread block for each scale.
#include "params_scaled.h"
#include "common/types_fp8.cuh"
//@ declare()

// Four neighbours of a row.
__device__ __forceinline__ void load_four(float (&values)[4], const stile_pack_params &p, long long row,
                                          int column)
{
    const Input *source = static_cast<const Input *>(p.source) + row * p.tile_inner;
#pragma unroll
    for (int i = 0; i < 4; i++)
        values[i] = column + i < p.tile_inner ? to_float(source[column + i]) : 0.0f;
}

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_pack_scaled(const __grid_constant__ stile_pack_scaled_params params)
{
    __shared__ unsigned largest;
    const stile_pack_params &p = params.pack;
    const int k_blocks = (int)(p.encoded_pitch / STILE_SCALE_K);
    const int row_blocks = (p.tile_rows + STILE_SCALE_ROWS - 1) / STILE_SCALE_ROWS;

    for (long long block = blockIdx.x; block < (long long)RANK * row_blocks * k_blocks;
         block += gridDim.x) {
        const int channel = block / (row_blocks * k_blocks);
        const int row_block = block / k_blocks % row_blocks;
        const int k_block = block % k_blocks;
        const int first = row_block * STILE_SCALE_ROWS;
        const int end = min(first + STILE_SCALE_ROWS, p.tile_rows);
        const int column = k_block * STILE_SCALE_K + 4 * threadIdx.x;
        float values[4], of_thread = 0.0f;

        if (threadIdx.x == 0 && threadIdx.y == 0)
            largest = 0;
        __syncthreads();
        for (int row = first + threadIdx.y; row < end; row += THREADS_Y) {
            load_four(values, p, (long long)channel * p.tile_rows + row, column);
#pragma unroll
            for (int i = 0; i < 4; i++)
                of_thread = fmaxf(of_thread, fabsf(values[i]));
        }
        atomicMax(&largest, __float_as_uint(of_thread));
        __syncthreads();

        const float scale = scale_for<Encoded>(__uint_as_float(largest));
        const float inverse = inverse_of_power(scale);
        for (int row = first + threadIdx.y; row < end; row += THREADS_Y) {
            const long long at = (long long)channel * p.tile_rows + row;
            load_four(values, p, at, column);
            *reinterpret_cast<unsigned *>(static_cast<char *>(p.encoded) + at * p.encoded_pitch + column)
                = Encoded::pack(values[0] * inverse, values[1] * inverse, values[2] * inverse,
                                values[3] * inverse);
        }
        if (threadIdx.x == 0 && threadIdx.y == 0)
            params.scales[((long long)channel * k_blocks + k_block) * params.scale_rows + row_block]
                = scale;
        __syncthreads(); // before the next block's largest
    }
}
