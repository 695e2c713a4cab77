// SPDX-License-Identifier: Apache-2.0
// Decodes the products of all channels, stored row by row: Ŷ [rank][tile_rows][product_pitch].
//
// A thread decodes TILES_PER_THREAD tiles that are neighbours along N: it reads one word of each channel
// and writes whole chunks of TILE_ROWS rows of Y.
#include "params.h"
#include "common/types.cuh"
#include "common/activations.cuh"
//@ declare()
#include "common/decode.cuh"

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_decode(const __grid_constant__ stile_decode_params p)
{
    extern __shared__ __align__(16) float coefficients[];
    if (!SPARSE) {
        load_coefficients(coefficients, p.coefficients, threadIdx.y * 32 + threadIdx.x,
                          32 * THREADS_Y);
        __syncthreads();
    }

    const int chunks = (p.columns + CHUNK_COLUMNS - 1) / CHUNK_COLUMNS;
    const unsigned column_blocks = (chunks + 31) / 32;
    const unsigned row_blocks = (p.groups.tile_rows + THREADS_Y - 1) / THREADS_Y;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const int tile_row = block / column_blocks * THREADS_Y + threadIdx.y;
        const int chunk = block % column_blocks * 32 + threadIdx.x;
        if (tile_row >= p.groups.tile_rows || chunk >= chunks)
            continue;
        const Channels in{static_cast<const Product *>(p.product) + tile_row * p.product_pitch
                              + chunk * TILES_PER_THREAD,
                          p.groups.tile_rows * p.product_pitch};
        decode_tiles(in, coefficients, p, tile_row, chunk);
    }
}
