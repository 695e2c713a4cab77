// SPDX-License-Identifier: Apache-2.0
// Encodes W stored [K, N]: the rows of the encoded channels are the columns of the source.
//
// A block stages a patch of the source in shared memory, read along N as it lies in memory; its threads
// then take their tiles along K, so that each channel is written along K as well.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/chunk.cuh"
#include "common/lanes.cuh"
#include "common/encode.cuh"

constexpr int THREADS = 32 * THREADS_Y;
constexpr int LANE_ROWS = TILES_PER_THREAD * TILE_ROWS; // source rows (K) of one thread
constexpr int PATCH_ROWS = 32 * LANE_ROWS;
constexpr int PATCH_COLUMNS = THREADS_Y * TILE_COLUMNS; // source columns (N) of the block
// The lanes of a warp read this many elements apart: an odd number of 4-byte banks.
constexpr int LANE_PITCH = PATCH_LANE_PITCH;

static_assert(LANE_PITCH >= LANE_ROWS * PATCH_COLUMNS, "a lane's rows fit its part of the patch");

// The patch whose first entry is (first_row, first_column), zero outside of the matrix.
__device__ __forceinline__ void stage_patch(Input *patch, const stile_encode_params &p,
                                            long long first_row, long long first_column)
{
    const Input *source
        = static_cast<const Input *>(p.source) + first_row * p.source_pitch + first_column;
    const long long rows = p.inner - first_row;
    const long long columns = p.groups.rows_per_group - first_column;

#pragma unroll 8
    for (int i = threadIdx.y * 32 + threadIdx.x; i < PATCH_ROWS * PATCH_COLUMNS; i += THREADS) {
        const int row = i / PATCH_COLUMNS, column = i % PATCH_COLUMNS;
        patch[row / LANE_ROWS * LANE_PITCH + row % LANE_ROWS * PATCH_COLUMNS + column]
            = row < rows && column < columns ? source[row * p.source_pitch + column] : Input{};
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
stile_encode_columns(const __grid_constant__ stile_encode_params p)
{
    extern __shared__ __align__(16) float coefficients[];
    Input *patch = reinterpret_cast<Input *>(coefficients + COEFFICIENT_FLOATS);
    if (!SPARSE)
        load_coefficients(coefficients, p.coefficients, threadIdx.y * 32 + threadIdx.x, THREADS);

    const int chunks = (int)(p.encoded_pitch / TILES_PER_THREAD);
    const unsigned column_blocks = (chunks + 31) / 32;
    const unsigned row_blocks = (p.groups.tile_rows + THREADS_Y - 1) / THREADS_Y;
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const int first_tile_row = block / column_blocks * THREADS_Y;
        const int first_chunk = block % column_blocks * 32;
        __syncthreads(); // the last patch has been read
        stage_patch(patch, p, (long long)first_chunk * LANE_ROWS,
                    (long long)first_tile_row * TILE_COLUMNS);
        __syncthreads();

        const int tile_row = first_tile_row + threadIdx.y;
        const int chunk = first_chunk + threadIdx.x;
        if (tile_row >= p.groups.tile_rows || chunk >= chunks)
            continue;

        Lanes<TILES_PER_THREAD> in[TILE_ENTRIES];
        const Input *mine = patch + threadIdx.x * LANE_PITCH + threadIdx.y * TILE_COLUMNS;
#pragma unroll
        for (int entry = 0; entry < TILE_ENTRIES; entry++) {
            const int row = entry / TILE_COLUMNS, column = entry % TILE_COLUMNS;
#pragma unroll
            for (int tile = 0; tile < TILES_PER_THREAD; tile++)
                in[entry].of[tile]
                    = to_float(mine[(tile * TILE_ROWS + row) * PATCH_COLUMNS + column]);
        }
        encode_tiles(in, coefficients,
                     static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch
                         + chunk * TILES_PER_THREAD,
                     channel_stride);
    }
}
