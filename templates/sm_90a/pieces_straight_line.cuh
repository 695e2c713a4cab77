// SPDX-License-Identifier: Apache-2.0
// Pieces of encoding and decoding for the consumers of the fused kernel: sparse rational bases, as
// straight-line code on the ordinary cores.
#include "common/source_tiles.cuh"
#include "common/straight_line.cuh"
#include "common/decode.cuh"

//@ straight_line("encode_map")

// A piece of encoding, in tiles; a warp takes ENCODE_TILES times 32 tiles of a row at once.
constexpr int ENCODE_ROWS = BLOCK_M / ENCODE_ROW_PIECES;
constexpr int ENCODE_CHUNKS = ENCODE_COLUMNS / (32 * ENCODE_TILES);
constexpr int ENCODE_ITEMS = ENCODE_ROWS / CONSUMER_WARPS * ENCODE_CHUNKS;

// A piece of decoding is some rows of a block; a warp takes quarters of runs along one pair of rows.
constexpr int DECODE_ROWS = BLOCK_M / DECODE_PIECES;
constexpr int DECODE_ITEMS = BLOCK_N / 32;

static_assert(ENCODE_COLUMNS % (32 * ENCODE_TILES) == 0, "whole warps");
static_assert(ENCODE_ITEMS % 2 == 0, "taken in pairs");
static_assert(DECODE_ROWS == 2 * CONSUMER_WARPS, "a pair of rows for each warp");
static_assert(TILES_PER_THREAD == 2, "a pair of neighbours is what a fragment keeps together");

// The coefficients are in the code.
struct Coefficients {
    __device__ __forceinline__ void load(const stile_fused_params &, int, int) {}
};

__device__ __forceinline__ void encode_piece(const stile_encode_params &p, const Coefficients &,
                                             int row_block, int piece)
{
    const int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;
    const int pieces_per_row = (int)((p.encoded_pitch + ENCODE_COLUMNS - 1) / ENCODE_COLUMNS);
    const int row_piece = piece / pieces_per_row;
    const int first_row = row_block * BLOCK_M + row_piece * ENCODE_ROWS
        + warp * (ENCODE_ROWS / CONSUMER_WARPS);
    const int first_chunk
        = (piece - row_piece * pieces_per_row) * (ENCODE_COLUMNS / ENCODE_TILES) + lane;
    const int chunks = (int)(p.encoded_pitch / ENCODE_TILES);
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;

    // Two sources take turns, so that one is loaded while the other is encoded.
    using Source = SourceTiles<TILE_ROWS, TILE_INNER, ENCODE_TILES>;
    const auto row_of = [&](int item) { return first_row + item / ENCODE_CHUNKS; };
    const auto chunk_of = [&](int item) { return first_chunk + item % ENCODE_CHUNKS * 32; };
    const auto load = [&](Source &source, int item) {
        // What is past the end is zero, and defined.
        source.load(p, item < ENCODE_ITEMS ? row_of(item) : p.groups.tile_rows, chunk_of(item));
    };
    const auto store = [&](const Source &source, int item) {
        if (row_of(item) >= p.groups.tile_rows || chunk_of(item) >= chunks)
            return;
        Lanes<ENCODE_TILES> in[TILE_ROWS * TILE_INNER];
        source.get_entries(in);
        Encoded *encoded = static_cast<Encoded *>(p.encoded) + row_of(item) * p.encoded_pitch
            + chunk_of(item) * ENCODE_TILES;
        encode_map(in, [&](int channel, const Lanes<ENCODE_TILES> &value) {
            Chunk<Encoded, ENCODE_TILES> chunk;
            from_floats(chunk, value.of);
            chunk.store(encoded + channel * channel_stride);
        });
    };

    Source even, odd;
    load(even, 0);
#pragma unroll 1
    for (int item = 0; item < ENCODE_ITEMS; item += 2) {
        load(odd, item + 1);
        store(even, item);
        load(even, item + 2);
        store(odd, item + 1);
    }
    fence_proxy_async_global(); // the copy engine reads it
}

// block: Ŷ there, of channel 0.
__device__ __forceinline__ void decode_piece(const stile_decode_params &p, const Coefficients &,
                                             int row_block, int column, int piece, const void *block)
{
    const int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;
    const int chunks = (p.columns + CHUNK_COLUMNS - 1) / CHUNK_COLUMNS;

    // The warp's quarter of every run along its rows: of a lane's vector, the pair that this one takes.
    const int rows_of_8 = piece * (DECODE_ROWS / 8) + warp / 4; // of the block
    const int fragment_lane = warp % 4 * 8 + lane / 4, pair = lane % 4;
    const int tile_row = row_block * BLOCK_M + rows_of_8 * 8 + fragment_lane / 4;
    const int first_chunk = column * (BLOCK_N / 2) + pair * 4 + fragment_lane % 4;
    const Product *products = static_cast<const Product *>(block) + rows_of_8 * (BLOCK_N / 32) * 256
        + warp % 4 * 64 + lane * 2;

#pragma unroll 1
    for (int item = 0; item < DECODE_ITEMS; item++) {
        const int chunk = first_chunk + item * 16;
        if (tile_row < p.groups.tile_rows && chunk < chunks)
            decode_tiles(Channels{products + item * 256, BLOCK_M * BLOCK_N}, nullptr, p, tile_row,
                         chunk);
    }
}
