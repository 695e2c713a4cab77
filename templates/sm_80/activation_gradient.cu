// SPDX-License-Identifier: Apache-2.0
// dZ = dY ∘ activation'(Z): the gradient in front of the activation.
//
// A thread takes CHUNK neighbouring columns of one row.
#include "params.h"
#include "common/types.cuh"
#include "common/activation_gradients.cuh"
//@ declare()
#include "common/chunk.cuh"

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_activation_gradient(const __grid_constant__ stile_activation_params p)
{
    const unsigned column_blocks = ((p.columns + CHUNK - 1) / CHUNK + 31) / 32;
    const unsigned row_blocks = (p.rows + THREADS_Y - 1) / THREADS_Y;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const long long row = block / column_blocks * THREADS_Y + threadIdx.y;
        const int column = (block % column_blocks * 32 + threadIdx.x) * CHUNK;
        if (row >= p.rows || column >= p.columns)
            continue;
        const int valid = min(p.columns - column, CHUNK);
        const bool whole = valid == CHUNK && p.vectorized;
        const Output *from_dy = static_cast<const Output *>(p.dy) + row * p.dy_pitch + column;
        const Output *from_z = static_cast<const Output *>(p.z) + row * p.z_pitch + column;
        Output *to = static_cast<Output *>(p.dz) + row * p.dz_pitch + column;

        Chunk<Output, CHUNK> dy, z, dz;
        if (whole) {
            dy.load(from_dy);
            z.load(from_z);
        } else {
            dy.load(from_dy, valid);
            z.load(from_z, valid);
        }
        float values[CHUNK];
#pragma unroll
        for (int i = 0; i < CHUNK; i++)
            values[i] = activation_gradient(Activation{}, to_float(z.elements[i]),
                                            to_float(dy.elements[i]));
        from_floats(dz.elements, values);
        if (whole)
            dz.store(to);
        else
            dz.store(to, valid);
    }
}
