// SPDX-License-Identifier: Apache-2.0
// Decodes the products of all channels from fragment order (see fragments.cuh).
//
// A thread block takes one run of every channel: 8 rows of tiles by 32 columns. Each of its
// warps reads a quarter, two rows; each thread a pair of neighbours along N.
#include "params.h"
#include "common/types.cuh"
#include "common/activations.cuh"
//@ declare()
#include "common/decode.cuh"

constexpr int RUN_ELEMENTS = 8 * 32;
constexpr int RUNS = BLOCK_M * BLOCK_N / RUN_ELEMENTS; // of a block of Ŷ
constexpr int RUNS_PER_ROW = BLOCK_N / 32;

static_assert(TILES_PER_THREAD == 2, "a pair of neighbours is what a fragment keeps together");
static_assert(THREADS_Y == 4, "four warps share a run");

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
    const unsigned column_blocks = (2 * chunks + BLOCK_N - 1) / BLOCK_N;
    const unsigned row_blocks = (p.groups.tile_rows + BLOCK_M - 1) / BLOCK_M;

    // The lane of the fragment, and which of its four pairs, that this thread takes.
    const int fragment_lane = threadIdx.y * 8 + threadIdx.x / 4;
    const int pair = threadIdx.x % 4;

    for (unsigned item = blockIdx.x; item < row_blocks * column_blocks * RUNS; item += gridDim.x) {
        const unsigned block = item / RUNS;
        const int run = item % RUNS;
        const int tile_row = block / column_blocks * BLOCK_M + run / RUNS_PER_ROW * 8
            + fragment_lane / 4;
        const int chunk = block % column_blocks * (BLOCK_N / 2) + run % RUNS_PER_ROW * 16 + pair * 4
            + fragment_lane % 4;
        if (tile_row >= p.groups.tile_rows || chunk >= chunks)
            continue;
        const Channels in{static_cast<const Product *>(p.product)
                              + (long long)block * RANK * (BLOCK_M * BLOCK_N) + run * RUN_ELEMENTS
                              + threadIdx.y * 64 + threadIdx.x * 2,
                          BLOCK_M * BLOCK_N};
        decode_tiles(in, coefficients, p, tile_row, chunk);
    }
}
