// SPDX-License-Identifier: Apache-2.0
// Encodes a row-major matrix whose rows run along the inner dimension: X, and W stored [N, K].
//
// A thread encodes TILES_PER_THREAD tiles that are neighbours along K: it reads whole chunks of
// TILE_ROWS source rows and writes one word of each channel. A warp covers 32 threads of one tile row.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/source_tiles.cuh"
#include "common/encode.cuh"

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_encode_rows(const __grid_constant__ stile_encode_params p)
{
    extern __shared__ __align__(16) float coefficients[];
    if (!SPARSE) {
        load_coefficients(coefficients, p.coefficients, threadIdx.y * 32 + threadIdx.x,
                          32 * THREADS_Y);
        __syncthreads();
    }

    // The padding of the pitch is encoded too: its tiles lie outside, so it becomes zero.
    const int chunks = (int)(p.encoded_pitch / TILES_PER_THREAD);
    const unsigned column_blocks = (chunks + 31) / 32;
    const unsigned row_blocks = (p.groups.tile_rows + THREADS_Y - 1) / THREADS_Y;
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const int tile_row = block / column_blocks * THREADS_Y + threadIdx.y;
        const int chunk = block % column_blocks * 32 + threadIdx.x;
        if (tile_row >= p.groups.tile_rows || chunk >= chunks)
            continue;

        SourceTiles<TILE_ROWS, TILE_COLUMNS, TILES_PER_THREAD> tiles;
        tiles.load(p, tile_row, chunk);
        Lanes<TILES_PER_THREAD> in[TILE_ENTRIES];
        tiles.get_entries(in);
        encode_tiles(in, coefficients,
                     static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch
                         + chunk * TILES_PER_THREAD,
                     channel_stride);
    }
}
