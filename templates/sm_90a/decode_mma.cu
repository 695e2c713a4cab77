// SPDX-License-Identifier: Apache-2.0
// Decodes 4×4 tiles from fragment order on the tensor cores, with a dense basis.
//
// The products of sixteen tiles in sixteen channels are the left operand of an mma, the coefficients of
// eight entries the right one. A warp takes a quarter of a run (see decode.cu), eight vectors of each
// channel: lane 4·g + t loads vector g of channels 2t, 2t + 1, 2t + 8 and 2t + 9. Each vector holds four
// pairs of tiles, of which each mma takes one; the lane ends up with row t of both tiles.
#include "params.h"
#include "common/types.cuh"
#include "common/activations.cuh"
//@ declare()
#include "common/epilogue.cuh"
#include "common/row_groups.cuh"
#include "common/split.cuh"

constexpr int CHANNEL_BLOCKS = (RANK + 15) / 16;
constexpr int RUN_ELEMENTS = 8 * 32;
constexpr int RUNS = BLOCK_M * BLOCK_N / RUN_ELEMENTS; // of a block of Ŷ
constexpr int RUNS_PER_ROW = BLOCK_N / 32;

static_assert(TILE_ROWS == 4 && TILE_COLUMNS == 4, "basis.tile: 4×4, two blocks of eight entries");
static_assert(THREADS_Y == 4, "four warps share a run");

// operands[block][half]: channels 16·block … of entries (t, 2·half), (t, 2·half + 1), in columns 2t, 2t + 1.
__device__ __forceinline__ void load_operands(SplitOperand<Product> (&operands)[CHANNEL_BLOCKS][2],
                                              const float *coefficients, int lane)
{
#pragma unroll
    for (int block = 0; block < CHANNEL_BLOCKS; block++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int column = lane / 4;
            const int entry = column / 2 * 4 + half * 2 + column % 2;
            float values[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int channel = block * 16 + lane % 4 * 2 + i % 2 + i / 2 * 8;
                values[i] = channel < RANK ? coefficients[entry * RANK + channel] : 0.0f;
            }
            operands[block][half].set(0, values[0], values[1]);
            operands[block][half].set(1, values[2], values[3]);
        }
    }
}

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_decode_mma(const __grid_constant__ stile_decode_params p)
{
    const int lane = threadIdx.x;
    SplitOperand<Product> operands[CHANNEL_BLOCKS][2];
    load_operands(operands, p.coefficients, lane);

    const int tile_columns = (p.columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
    const unsigned column_blocks = (tile_columns + BLOCK_N - 1) / BLOCK_N;
    const unsigned row_blocks = (p.groups.tile_rows + BLOCK_M - 1) / BLOCK_M;
    const int vector = threadIdx.y * 8 + lane / 4; // of the run: which lane's fragments

    for (unsigned item = blockIdx.x; item < row_blocks * column_blocks * RUNS; item += gridDim.x) {
        const unsigned block = item / RUNS;
        const int run = item % RUNS;
        const int tile_row
            = block / column_blocks * BLOCK_M + run / RUNS_PER_ROW * 8 + vector / 4;
        const int first_tile = block % column_blocks * BLOCK_N + run % RUNS_PER_ROW * 32;
        if (first_tile >= tile_columns)
            continue; // the whole warp
        const Product *products = static_cast<const Product *>(p.product)
            + (long long)block * RANK * (BLOCK_M * BLOCK_N) + run * RUN_ELEMENTS + vector * 8;

        float sums[4][2][4] = {}; // [pair][half]
#pragma unroll
        for (int channels = 0; channels < CHANNEL_BLOCKS; channels++) {
            Chunk<Product, 8> vectors[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int channel = channels * 16 + lane % 4 * 2 + i % 2 + i / 2 * 8;
                if (RANK % 16 == 0 || channel < RANK)
                    vectors[i].load(products + channel * (BLOCK_M * BLOCK_N));
                else
                    vectors[i].words[0] = make_uint4(0, 0, 0, 0);
            }
#pragma unroll
            for (int pair = 0; pair < 4; pair++) {
                unsigned tiles[4];
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int tile = 2 * pair + i % 2, first = i / 2 * 2;
                    tiles[i] = vectors[first].elements[tile].bits
                        | (unsigned)vectors[first + 1].elements[tile].bits << 16;
                }
                mma_split(sums[pair][0], tiles, operands[channels][0]);
                mma_split(sums[pair][1], tiles, operands[channels][1]);
            }
        }

        const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
        if (tile_row < p.groups.tile_rows && lane % 4 < rows.valid_rows) {
#pragma unroll
            for (int pair = 0; pair < 4; pair++) {
                const int tile = first_tile + pair * 8 + vector % 4 * 2;
                const Epilogue<8> epilogue(p, (long long)tile * TILE_COLUMNS);
                const float values[8]
                    = {sums[pair][0][0], sums[pair][0][1], sums[pair][1][0], sums[pair][1][1],
                       sums[pair][0][2], sums[pair][0][3], sums[pair][1][2], sums[pair][1][3]};
                epilogue.store(rows.first_row + lane % 4, values);
            }
        }
        __syncwarp(); // the next products are computed by the whole warp
    }
}
