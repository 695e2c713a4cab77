// SPDX-License-Identifier: Apache-2.0
// Pieces of encoding and decoding for the consumers of the fused kernel: dense bases of 4×4 tiles, on the
// tensor cores.
#include "common/decode_mma.cuh"
#include "common/encode_mma.cuh"

// A piece of encoding, in tiles; a warp has ENCODE_ITEMS of 64 tiles of one row, of which it keeps
// ENCODE_DEPTH in flight.
constexpr int ENCODE_ROWS = BLOCK_M / ENCODE_ROW_PIECES;
constexpr int ENCODE_WARP_ROWS = ENCODE_ROWS / CONSUMER_WARPS;
constexpr int ENCODE_ITEMS = ENCODE_WARP_ROWS * ENCODE_COLUMNS / 64;
constexpr int ENCODE_DEPTH = ENCODE_BLOCKS <= 4 ? 4 : 2;

// A piece of decoding is some rows of a block; a warp takes quarters of runs along one pair of rows, of which
// it keeps DECODE_DEPTH in flight.
constexpr int DECODE_ROWS = BLOCK_M / DECODE_PIECES;
constexpr int DECODE_ITEMS = BLOCK_N / 32;
constexpr int DECODE_DEPTH = DECODE_BLOCKS == 1 ? 4 : DECODE_BLOCKS == 2 ? 2 : 1;

static_assert(TILE_ROWS == 4 && TILE_INNER == 4 && TILE_COLUMNS == 4, "basis.tile: 4×4 for mma");
static_assert(ENCODE_COLUMNS == 128, "two items a row");
static_assert(DECODE_ROWS == 2 * CONSUMER_WARPS, "a pair of rows for each warp");

// The coefficients as each lane needs them, in shared memory.
struct Coefficients {
    SplitOperand<Encoded> encode[ENCODE_BLOCKS][32];
    SplitOperand<Product> decode[DECODE_BLOCKS][2][32];

    // By all warps of the block. Needs a barrier afterwards.
    __device__ __forceinline__ void load(const stile_fused_params &p, int warp, int lane)
    {
        static_assert(ENCODE_BLOCKS <= THREADS / 32 && 2 * DECODE_BLOCKS <= THREADS / 32, "basis.rank");
        if (warp < ENCODE_BLOCKS)
            encode[warp][lane] = encode_operand(p.encode.coefficients, warp, lane);
        if (warp < 2 * DECODE_BLOCKS)
            decode[warp / 2][warp % 2][lane]
                = decode_operand(p.decode.coefficients, warp / 2, warp % 2, lane);
    }
};

// Four registers of each of four lanes that differ in bits 2 and 3, transposed: the lane with q in those
// bits ends up with register q of each of them, in their order.
__device__ __forceinline__ void transpose_quad(unsigned (&v)[4], int lane)
{
#pragma unroll
    for (int bit = 1; bit >= 0; bit--) {
        const bool upper = lane >> (2 + bit) & 1;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int j = i | 1 << bit;
            if (i == j)
                continue;
            const unsigned sent = upper ? v[i] : v[j];
            const unsigned received = __shfl_xor_sync(0xffffffff, sent, 4 << bit);
            if (upper)
                v[i] = received;
            else
                v[j] = received;
        }
    }
}

// Encodes 64 tiles of one row and stores eight of one channel at a time.
__device__ __forceinline__ void encode_item(const stile_encode_params &p, const EncodeSource<4> &source,
                                            const SplitOperand<Encoded> (&operands)[ENCODE_BLOCKS],
                                            int tile_row, int first_tile, int lane)
{
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;
    Encoded *encoded = static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch + first_tile
        + lane / 4 % 4 * 16 + lane / 16 * 8;
#pragma unroll
    for (int block = 0; block < ENCODE_BLOCKS; block++) {
        unsigned pairs[2][4]; // [channel][group]: tiles 2g and 2g + 1
#pragma unroll
        for (int group = 0; group < 4; group++) {
            float sum[4] = {};
            source.encode(sum, group, operands[block]);
#pragma unroll
            for (int i = 0; i < 2; i++)
                pairs[i][group] = pack_floats(Encoded{}, sum[i], sum[i + 2]);
        }
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const int channel = block * 8 + lane % 4 * 2 + i;
            transpose_quad(pairs[i], lane);
            if (RANK % 8 == 0 || channel < RANK)
                *reinterpret_cast<uint4 *>(encoded + channel * channel_stride)
                    = make_uint4(pairs[i][0], pairs[i][1], pairs[i][2], pairs[i][3]);
        }
    }
}

__device__ __forceinline__ void encode_piece(const stile_encode_params &p,
                                             const Coefficients &coefficients, int row_block, int piece)
{
    const int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;
    const int pieces_per_row = (int)((p.encoded_pitch + ENCODE_COLUMNS - 1) / ENCODE_COLUMNS);
    const int row_piece = piece / pieces_per_row;
    const int first_row = row_block * BLOCK_M + row_piece * ENCODE_ROWS + warp * ENCODE_WARP_ROWS;
    const int first_column = (piece - row_piece * pieces_per_row) * ENCODE_COLUMNS;

    SplitOperand<Encoded> operands[ENCODE_BLOCKS];
#pragma unroll
    for (int block = 0; block < ENCODE_BLOCKS; block++)
        operands[block] = coefficients.encode[block][lane];

    // The items of the warp: the halves of each of its rows.
    const auto row_of = [&](int item) { return first_row + item / 2; };
    const auto column_of = [&](int item) { return first_column + item % 2 * 64; };

    bool whole = p.vectorized && first_row + ENCODE_WARP_ROWS <= p.groups.tile_rows
        && (first_column + ENCODE_COLUMNS) * 4 <= p.inner;
    for (int row = 0; row < ENCODE_WARP_ROWS && whole; row++)
        whole = locate_tile_row(p.groups, first_row + row, 4).valid_rows >= 4;

    if (whole) {
        const auto source_of = [&](int item) {
            return static_cast<const Input *>(p.source)
                + locate_tile_row(p.groups, row_of(item), 4).first_row * p.source_pitch
                + column_of(item) * 4;
        };
        EncodeSource<4> sources[ENCODE_DEPTH];
#pragma unroll
        for (int item = 0; item < ENCODE_DEPTH; item++)
            sources[item].load_whole(source_of(item), p.source_pitch, lane);
#pragma unroll 1
        for (int first = 0; first < ENCODE_ITEMS; first += ENCODE_DEPTH) {
#pragma unroll
            for (int i = 0; i < ENCODE_DEPTH; i++) {
                const int item = first + i, next = item + ENCODE_DEPTH;
                encode_item(p, sources[i], operands, row_of(item), column_of(item), lane);
                // Defined in any case: what is not would take its registers from other tasks' accumulators.
                if (next < ENCODE_ITEMS)
                    sources[i].load_whole(source_of(next), p.source_pitch, lane);
                else
                    sources[i] = {};
            }
        }
    } else {
#pragma unroll 1
        for (int item = 0; item < ENCODE_ITEMS; item++) {
            if (row_of(item) >= p.groups.tile_rows || column_of(item) >= p.encoded_pitch)
                continue;
            EncodeSource<4> source;
            source.load(p, row_of(item), column_of(item), lane);
            encode_item(p, source, operands, row_of(item), column_of(item), lane);
        }
    }
    fence_proxy_async_global(); // the copy engine reads it
}

// block: Ŷ there, of channel 0.
__device__ __forceinline__ void decode_piece(const stile_decode_params &p,
                                             const Coefficients &coefficients, int row_block,
                                             int column, int piece, const void *block)
{
    const int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;

    SplitOperand<Product> operands[DECODE_BLOCKS][2];
#pragma unroll
    for (int i = 0; i < DECODE_BLOCKS; i++) {
        operands[i][0] = coefficients.decode[i][0][lane];
        operands[i][1] = coefficients.decode[i][1][lane];
    }

    // The warp's quarter of every run along its rows.
    const int rows_of_8 = piece * (DECODE_ROWS / 8) + warp / 4; // of the block
    const int vector = warp % 4 * 8 + lane / 4;
    const int tile_row = row_block * BLOCK_M + rows_of_8 * 8 + vector / 4;
    const Product *products = static_cast<const Product *>(block) + rows_of_8 * (BLOCK_N / 32) * 256
        + vector * 8;
    const auto column_of = [&](int item) { return column * BLOCK_N + item * 32; };
    const auto load = [&](DecodeVectors (&vectors)[DECODE_BLOCKS], int item) {
#pragma unroll
        for (int i = 0; i < DECODE_BLOCKS; i++)
            vectors[i].load(products + item * 256, i, lane);
    };
    const auto clear = [](DecodeVectors (&vectors)[DECODE_BLOCKS]) {
#pragma unroll
        for (int i = 0; i < DECODE_BLOCKS; i++)
            vectors[i] = {};
    };
    const auto add_all = [&](DecodeSums &sums, const DecodeVectors (&vectors)[DECODE_BLOCKS]) {
#pragma unroll
        for (int i = 0; i < DECODE_BLOCKS; i++)
            sums.add(vectors[i], operands[i]);
    };

    // Whole items first, as in encode_piece; what is loaded beyond them lies inside of the block.
    const TileRow rows = locate_tile_row(p.groups, tile_row, 4);
    const bool inside = tile_row < p.groups.tile_rows;
    const bool whole_rows
        = p.vectorized && __all_sync(0xffffffff, inside && rows.valid_rows >= 4);
    const int left = p.columns - column * BLOCK_N * 4;
    const int whole_items = !whole_rows ? 0 : left < BLOCK_N * 4 ? left / 128 : DECODE_ITEMS;
    if (whole_items > 0) {
        DecodeVectors vectors[DECODE_DEPTH][DECODE_BLOCKS];
#pragma unroll
        for (int item = 0; item < DECODE_DEPTH; item++)
            load(vectors[item], item);
#pragma unroll 1
        for (int first = 0; first < whole_items; first += DECODE_DEPTH) {
#pragma unroll
            for (int i = 0; i < DECODE_DEPTH; i++) {
                const int item = first + i, next = item + DECODE_DEPTH;
                if (item < whole_items) {
                    DecodeSums sums;
                    add_all(sums, vectors[i]);
                    sums.store<true>(p, rows.first_row, column_of(item), vector, lane);
                }
                if (next < DECODE_ITEMS)
                    load(vectors[i], next);
                else
                    clear(vectors[i]);
            }
        }
    }
#pragma unroll 1
    for (int item = whole_items; item * 128 < left && item < DECODE_ITEMS; item++) {
        DecodeVectors vectors[DECODE_BLOCKS];
        DecodeSums sums;
        load(vectors, item);
        add_all(sums, vectors);
        if (inside && lane % 4 < rows.valid_rows)
            sums.store<false>(p, rows.first_row, column_of(item), vector, lane);
        __syncwarp(); // the next products are computed by the whole warp
    }
}
