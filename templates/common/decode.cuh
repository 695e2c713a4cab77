// SPDX-License-Identifier: Apache-2.0
// What a decoder does once it knows where a thread's products lie, for TILES_PER_THREAD tiles that are
// neighbours along N.
#include "common/epilogue.cuh"
#include "common/lanes.cuh"
#include "common/row_groups.cuh"
//@ if constants.SPARSE == 1 then
//@   include("common/straight_line_map.cuh")
//@ else
//@   include("common/decode_dense.cuh")
//@ end

constexpr int CHUNK_COLUMNS = TILES_PER_THREAD * TILE_COLUMNS; // of a row of Y, per thread
constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;

// The thread's products, loaded where the map asks for them.
struct Channels {
    const Product *first; // channel 0
    long long channel_stride;

    __device__ __forceinline__ Lanes<TILES_PER_THREAD> operator[](int channel) const
    {
        Chunk<Product, TILES_PER_THREAD> chunk;
        chunk.load(first + channel * channel_stride);
        Lanes<TILES_PER_THREAD> value;
#pragma unroll
        for (int tile = 0; tile < TILES_PER_THREAD; tile++)
            value.of[tile] = to_float(chunk.elements[tile]);
        return value;
    }
};

// Hands each row of the thread's tiles to the epilogue.
__device__ __forceinline__ void store_tiles(const Lanes<TILES_PER_THREAD> (&out)[TILE_ENTRIES],
                                            const stile_decode_params &p, int tile_row, int chunk)
{
    const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
    const Epilogue<CHUNK_COLUMNS> epilogue(p, (long long)chunk * CHUNK_COLUMNS);
#pragma unroll
    for (int row = 0; row < TILE_ROWS; row++) {
        if (row >= rows.valid_rows)
            break;
        float values[CHUNK_COLUMNS];
#pragma unroll
        for (int i = 0; i < CHUNK_COLUMNS; i++)
            values[i] = out[row * TILE_COLUMNS + i % TILE_COLUMNS].of[i / TILE_COLUMNS];
        epilogue.store(rows.first_row + row, values);
    }
}

__device__ __forceinline__ void decode_tiles(const Channels &in, const float *coefficients,
                                             const stile_decode_params &p, int tile_row, int chunk)
{
    Lanes<TILES_PER_THREAD> out[TILE_ENTRIES];
    linear_map(in, coefficients,
               [&](int output, const Lanes<TILES_PER_THREAD> &value) { out[output] = value; });
    store_tiles(out, p, tile_row, chunk);
}
