// SPDX-License-Identifier: Apache-2.0
// The gradient of a decoder's coefficients: for every channel and entry of a tile, the sum over all tiles
// of matrix entry times product.
//
// A block takes runs of RUN tiles of a row of tiles, from number blockIdx.x on in steps of the grid, whose
// size depends on the shape alone; blockIdx.y counts groups of CHANNELS channels. A thread adds up 4 × 4 of
// the sums, over every TILE_GROUPS-th tile; then the block adds its threads up.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/row_groups.cuh"

constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;
constexpr int ENTRIES = (TILE_ENTRIES + 3) / 4 * 4;
constexpr int THREADS_PER_TILE = CHANNELS / 4 * (ENTRIES / 4);
constexpr int TILE_GROUPS = THREADS / THREADS_PER_TILE;
constexpr int PRODUCT_PITCH = CHANNELS + 4; // four floats of padding against bank conflicts
constexpr int ENTRY_PITCH = ENTRIES + 4;

static_assert(CHANNELS % 4 == 0 && TILE_GROUPS >= 1, "the sums are spread over the threads");

// Tiles of one run, each with its channels and its entries side by side; zero outside of the matrix.
struct Run {
    __align__(16) float products[RUN][PRODUCT_PITCH];
    __align__(16) float entries[RUN][ENTRY_PITCH];
};

__device__ __forceinline__ void load_run(Run &run, const stile_contract_params &p, int tile_row,
                                         int first_tile, int first_channel)
{
    const Product *product = static_cast<const Product *>(p.product) + tile_row * p.product_pitch;
    const long long channel_stride = p.groups.tile_rows * p.product_pitch;
    for (int i = threadIdx.x; i < CHANNELS * RUN; i += THREADS) {
        const int channel = first_channel + i / RUN, tile = first_tile + i % RUN;
        run.products[i % RUN][i / RUN] = channel < RANK && tile < p.tile_columns
            ? to_float(product[channel * channel_stride + tile])
            : 0.0f;
    }

    const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
    const Matrix *source = static_cast<const Matrix *>(p.source) + rows.first_row * p.source_pitch;
    for (int i = threadIdx.x; i < TILE_ROWS * RUN * TILE_COLUMNS; i += THREADS) {
        const int row = i / (RUN * TILE_COLUMNS), in_row = i % (RUN * TILE_COLUMNS);
        const long long column = (long long)first_tile * TILE_COLUMNS + in_row;
        run.entries[in_row / TILE_COLUMNS][row * TILE_COLUMNS + in_row % TILE_COLUMNS]
            = row < rows.valid_rows && column < p.columns
            ? to_float(source[row * p.source_pitch + column])
            : 0.0f;
    }
    for (int i = threadIdx.x; i < RUN * (ENTRIES - TILE_ENTRIES); i += THREADS)
        run.entries[i % RUN][TILE_ENTRIES + i / RUN] = 0.0f;
}

extern "C" __global__ void __launch_bounds__(THREADS)
stile_contract_tiles(const __grid_constant__ stile_contract_params p)
{
    extern __shared__ __align__(16) char shared[];
    Run &run = *reinterpret_cast<Run *>(shared);
    const int first_channel = blockIdx.y * CHANNELS;
    const unsigned runs_per_row = (p.tile_columns + RUN - 1) / RUN;

    // Threads left over beyond whole groups help to load only.
    const int group = threadIdx.x / THREADS_PER_TILE;
    const int channel = threadIdx.x % THREADS_PER_TILE / (ENTRIES / 4) * 4;
    const int entry = threadIdx.x % (ENTRIES / 4) * 4;
    float sums[4][4] = {};

    for (unsigned number = blockIdx.x; number < p.groups.tile_rows * runs_per_row;
         number += gridDim.x) {
        __syncthreads(); // the last run has been consumed
        load_run(run, p, number / runs_per_row, number % runs_per_row * RUN, first_channel);
        __syncthreads();
        for (int tile = group; group < TILE_GROUPS && tile < RUN; tile += TILE_GROUPS) {
            const float4 c = *reinterpret_cast<const float4 *>(&run.products[tile][channel]);
            const float4 e = *reinterpret_cast<const float4 *>(&run.entries[tile][entry]);
            const float channels[4] = {c.x, c.y, c.z, c.w}, entries[4] = {e.x, e.y, e.z, e.w};
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sums[i][j] = fmaf(channels[i], entries[j], sums[i][j]);
        }
    }

    // The groups take turns, so that each sum is formed in one order.
    float *const totals = &run.products[0][0];
    static_assert(CHANNELS * ENTRIES <= RUN * PRODUCT_PITCH, "the sums fit the products' place");
    for (int turn = 0; turn < TILE_GROUPS; turn++) {
        __syncthreads();
        if (group != turn)
            continue;
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                float &total = totals[(channel + i) * ENTRIES + entry + j];
                total = turn == 0 ? sums[i][j] : total + sums[i][j];
            }
    }
    __syncthreads();
    float *partials = p.partials + (long long)blockIdx.x * (RANK * TILE_ENTRIES);
    for (int i = threadIdx.x; i < CHANNELS * TILE_ENTRIES; i += THREADS) {
        const int in_group = i / TILE_ENTRIES, at = i % TILE_ENTRIES;
        if (first_channel + in_group < RANK)
            partials[(first_channel + in_group) * TILE_ENTRIES + at]
                = totals[in_group * ENTRIES + at];
    }
}
