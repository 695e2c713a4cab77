// SPDX-License-Identifier: Apache-2.0
// What every decoder does once it knows where a thread's products lie: Y = activation(D·ŷ + bias) +
// residual for TILES_PER_THREAD tiles that are neighbours along N.
#include "common/chunk.cuh"
#include "common/lanes.cuh"
#include "common/row_groups.cuh"
//@ if constants.SPARSE == 1 then
//@   include("common/straight_line.cuh")
//@ else
//@   include("common/decode_dense.cuh")
//@ end

constexpr int CHUNK_COLUMNS = TILES_PER_THREAD * TILE_COLUMNS; // of a row of Y, per thread
constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;

// The thread's products, loaded where the map asks for them.
struct Channels {
    const Product *first; // channel 0
    long long channel_stride;

    __device__ __forceinline__ Lanes operator[](int channel) const
    {
        Chunk<Product, TILES_PER_THREAD> chunk;
        chunk.load(first + channel * channel_stride);
        Lanes value;
#pragma unroll
        for (int tile = 0; tile < TILES_PER_THREAD; tile++)
            value.of[tile] = to_float(chunk.elements[tile]);
        return value;
    }
};

__device__ __forceinline__ void load_part(Chunk<Output, CHUNK_COLUMNS> &chunk, const Output *memory,
                                          bool whole, int valid)
{
    if (whole)
        chunk.load(memory);
    else
        chunk.load(memory, valid);
}

// Adds bias, activates, adds the residual, rounds once and stores the thread's part of a tile row.
__device__ __forceinline__ void store_tiles(const Lanes (&out)[TILE_ENTRIES],
                                            const stile_decode_params &p, int tile_row, int chunk)
{
    const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
    const long long first_column = (long long)chunk * CHUNK_COLUMNS;
    const long long left = p.columns - first_column;
    const int valid = left < CHUNK_COLUMNS ? (int)left : CHUNK_COLUMNS;
    const bool whole = valid == CHUNK_COLUMNS && p.vectorized;

    Chunk<Output, CHUNK_COLUMNS> bias;
    if (HAS_BIAS)
        load_part(bias, static_cast<const Output *>(p.bias) + first_column, whole, valid);

#pragma unroll
    for (int row = 0; row < TILE_ROWS; row++) {
        if (row >= rows.valid_rows)
            break;
        float values[CHUNK_COLUMNS];
#pragma unroll
        for (int i = 0; i < CHUNK_COLUMNS; i++) {
            values[i] = out[row * TILE_COLUMNS + i % TILE_COLUMNS].of[i / TILE_COLUMNS];
            if (HAS_BIAS)
                values[i] += to_float(bias.elements[i]);
            values[i] = Activation::apply(values[i]);
        }
        if (HAS_RESIDUAL) {
            Chunk<Output, CHUNK_COLUMNS> residual;
            load_part(residual,
                      static_cast<const Output *>(p.residual)
                          + (rows.first_row + row) * p.residual_pitch + first_column,
                      whole, valid);
#pragma unroll
            for (int i = 0; i < CHUNK_COLUMNS; i++)
                values[i] += to_float(residual.elements[i]);
        }
        Chunk<Output, CHUNK_COLUMNS> rounded;
        from_floats(rounded.elements, values);
        Output *y = static_cast<Output *>(p.y) + (rows.first_row + row) * p.y_pitch + first_column;
        if (whole)
            rounded.store(y);
        else
            rounded.store(y, valid);
    }
}

__device__ __forceinline__ void decode_tiles(const Channels &in, const float *coefficients,
                                             const stile_decode_params &p, int tile_row, int chunk)
{
    Lanes out[TILE_ENTRIES];
    linear_map(in, coefficients, [&](int output, const Lanes &value) { out[output] = value; });
    store_tiles(out, p, tile_row, chunk);
}
