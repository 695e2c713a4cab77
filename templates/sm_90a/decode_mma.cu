// SPDX-License-Identifier: Apache-2.0
// Decodes 4×4 tiles from fragment order on the tensor cores, with a dense basis. A warp takes a quarter of a
// run (see decode.cu).
#include "params.h"
#include "common/types.cuh"
#include "common/activations.cuh"
//@ declare()
#include "common/decode_mma.cuh"

constexpr int RUN_ELEMENTS = 8 * 32;
constexpr int RUNS = BLOCK_M * BLOCK_N / RUN_ELEMENTS; // of a block of Ŷ
constexpr int RUNS_PER_ROW = BLOCK_N / 32;

static_assert(TILE_ROWS == 4 && TILE_COLUMNS == 4, "basis.tile: 4×4, two blocks of eight entries");
static_assert(THREADS_Y == 4, "four warps share a run");

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_decode_mma(const __grid_constant__ stile_decode_params p)
{
    const int lane = threadIdx.x;
    SplitOperand<Product> operands[DECODE_BLOCKS][2];
#pragma unroll
    for (int block = 0; block < DECODE_BLOCKS; block++) {
        operands[block][0] = decode_operand(p.coefficients, block, 0, lane);
        operands[block][1] = decode_operand(p.coefficients, block, 1, lane);
    }

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

        DecodeSums sums;
#pragma unroll
        for (int channels = 0; channels < DECODE_BLOCKS; channels++) {
            DecodeVectors vectors;
            vectors.load(products, channels, lane);
            sums.add(vectors, operands[channels]);
        }
        const TileRow rows = locate_tile_row(p.groups, tile_row, 4);
        if (tile_row < p.groups.tile_rows && lane % 4 < rows.valid_rows)
            sums.store<false>(p, rows.first_row, first_tile, vector, lane);
        __syncwarp(); // the next products are computed by the whole warp
    }
}
