// SPDX-License-Identifier: Apache-2.0
// Packs trained weights: logical [rank, ⌈N/n⌉, ⌈K/k⌉] to the pitched, zero-padded layout of Ŵ.
#include "params.h"
#include "common/types.cuh"
//@ declare()

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_pack_weight(const __grid_constant__ stile_pack_params p)
{
    const Input *source = static_cast<const Input *>(p.source);
    Encoded *encoded = static_cast<Encoded *>(p.encoded);
    const long long rows = (long long)RANK * p.tile_rows;

    for (long long row = (long long)blockIdx.x * THREADS_Y + threadIdx.y; row < rows;
         row += (long long)gridDim.x * THREADS_Y) {
        for (int column = 2 * threadIdx.x; column < p.encoded_pitch; column += 64) {
            float values[2];
#pragma unroll
            for (int i = 0; i < 2; i++)
                values[i] = column + i < p.tile_inner
                    ? to_float(source[row * p.tile_inner + column + i])
                    : 0.0f;
            Encoded pair[2];
            from_floats(pair, values[0], values[1]);
            encoded[row * p.encoded_pitch + column] = pair[0];
            encoded[row * p.encoded_pitch + column + 1] = pair[1];
        }
    }
}
