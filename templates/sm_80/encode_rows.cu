// SPDX-License-Identifier: Apache-2.0
// Encodes a row-major matrix whose rows run along the inner dimension: X, and W stored [N, K].
//
// A thread encodes TILES_PER_THREAD tiles that are neighbours along K: it reads whole chunks of
// TILE_ROWS source rows and writes one word of each channel. A warp covers 32 threads of one tile row.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/chunk.cuh"
#include "common/lanes.cuh"
#include "common/row_groups.cuh"
#include "common/encode.cuh"

constexpr int CHUNK_COLUMNS = TILES_PER_THREAD * TILE_COLUMNS; // of a source row, per thread

// The entries of the thread's tiles, in the order of the encoder's columns.
__device__ __forceinline__ void load_tiles(Lanes (&in)[TILE_ENTRIES], const stile_encode_params &p,
                                           int tile_row, int chunk)
{
    const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
    const long long first_column = (long long)chunk * CHUNK_COLUMNS;
    const long long left = p.inner - first_column;
    const int valid = left < 0 ? 0 : left < CHUNK_COLUMNS ? (int)left : CHUNK_COLUMNS;
    const Input *source
        = static_cast<const Input *>(p.source) + rows.first_row * p.source_pitch + first_column;

    Chunk<Input, CHUNK_COLUMNS> chunks[TILE_ROWS];
#pragma unroll
    for (int row = 0; row < TILE_ROWS; row++) {
        const bool inside = row < rows.valid_rows;
        if (inside && valid == CHUNK_COLUMNS && p.vectorized)
            chunks[row].load(source + row * p.source_pitch);
        else
            chunks[row].load(source + row * p.source_pitch, inside ? valid : 0);
    }

#pragma unroll
    for (int entry = 0; entry < TILE_ENTRIES; entry++) {
        const int row = ENTRIES_BY_COLUMN ? entry % TILE_ROWS : entry / TILE_COLUMNS;
        const int column = ENTRIES_BY_COLUMN ? entry / TILE_ROWS : entry % TILE_COLUMNS;
#pragma unroll
        for (int tile = 0; tile < TILES_PER_THREAD; tile++)
            in[entry].of[tile] = to_float(chunks[row].elements[tile * TILE_COLUMNS + column]);
    }
}

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

        Lanes in[TILE_ENTRIES];
        load_tiles(in, p, tile_row, chunk);
        encode_tiles(in, coefficients,
                     static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch
                         + chunk * TILES_PER_THREAD,
                     channel_stride);
    }
}
