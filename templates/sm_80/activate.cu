// SPDX-License-Identifier: Apache-2.0
// Y = activation(Z) + residual, where Z has been kept for the backward pass.
//
// A thread takes CHUNK neighbouring columns of one row.
#include "params.h"
#include "common/types.cuh"
#include "common/activations.cuh"
//@ declare()
#include "common/chunk.cuh"

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_activate(const __grid_constant__ stile_activate_params p)
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
        const auto load = [&](Chunk<Output, CHUNK> &chunk, const void *matrix, long long pitch) {
            const Output *from = static_cast<const Output *>(matrix) + row * pitch + column;
            if (whole)
                chunk.load(from);
            else
                chunk.load(from, valid);
        };

        Chunk<Output, CHUNK> z, residual, y;
        load(z, p.z, p.z_pitch);
        if (HAS_RESIDUAL)
            load(residual, p.residual, p.residual_pitch);
        float values[CHUNK];
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            values[i] = Activation::apply(to_float(z.elements[i]));
            if (HAS_RESIDUAL)
                values[i] += to_float(residual.elements[i]);
        }
        from_floats(y.elements, values);
        Output *to = static_cast<Output *>(p.y) + row * p.y_pitch + column;
        if (whole)
            y.store(to);
        else
            y.store(to, valid);
    }
}
