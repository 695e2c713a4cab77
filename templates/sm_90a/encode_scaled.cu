// SPDX-License-Identifier: Apache-2.0
// Encodes a row-major matrix whose rows run along the inner dimension into 8-bit floats: X, and W stored
// [N, K].
//
// A warp takes the 128 tiles of one row that share a scale, four neighbours a thread. A scale of X̂ is of one
// row, since a tile's row must not depend on others; one of Ŵ is of SCALE_ROWS rows: a thread block then
// encodes them twice, first to find the largest magnitudes.
#include "params_scaled.h"
#include "common/types_fp8.cuh"
//@ declare()
#include "common/source_tiles.cuh"
//@ if constants.SPARSE == 1 then
//@   include("common/straight_line_map.cuh")
//@ else
//@   include("common/encode_dense.cuh")
//@ end

constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;
constexpr int BLOCK_ROWS = SCALE_ROWS > 1 ? SCALE_ROWS : THREADS_Y;

static_assert(32 * TILES_PER_THREAD == STILE_SCALE_K, "a warp spans what shares a scale");

__device__ __forceinline__ float largest_of_warp(const Lanes<TILES_PER_THREAD> &value)
{
    float largest = 0.0f;
#pragma unroll
    for (int tile = 0; tile < TILES_PER_THREAD; tile++)
        largest = fmaxf(largest, fabsf(value.of[tile]));
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, lanes));
    return largest;
}

// Encodes the lane's tiles of one row; emit(channel, value) receives each channel.
template <class Emit>
__device__ __forceinline__ void encode_row(const stile_encode_params &p, const float *coefficients,
                                           int tile_row, int k_block, Emit emit)
{
    SourceTiles<TILE_ROWS, TILE_COLUMNS, TILES_PER_THREAD> tiles;
    tiles.load(p, tile_row, k_block * 32 + threadIdx.x);
    Lanes<TILES_PER_THREAD> in[TILE_ENTRIES];
    tiles.get_entries(in);
    linear_map(in, coefficients, emit);
}

__device__ __forceinline__ void store_scaled(const stile_encode_params &p, int tile_row, int k_block,
                                             int channel, const Lanes<TILES_PER_THREAD> &value,
                                             float scale)
{
    const float inverse = inverse_of_power(scale);
    char *row = static_cast<char *>(p.encoded)
        + ((long long)channel * p.groups.tile_rows + tile_row) * p.encoded_pitch;
    reinterpret_cast<unsigned *>(row)[k_block * 32 + threadIdx.x]
        = Encoded::pack(value.of[0] * inverse, value.of[1] * inverse, value.of[2] * inverse,
                        value.of[3] * inverse);
}

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_encode_scaled(const __grid_constant__ stile_encode_scaled_params params)
{
    extern __shared__ __align__(16) float coefficients[];
    __shared__ unsigned largest[RANK]; // of the block's scales, as the bits of floats, which order alike
    const stile_encode_params &p = params.encode;
    const int thread = threadIdx.y * 32 + threadIdx.x;
    if (!SPARSE) {
        load_coefficients(coefficients, p.coefficients, thread, 32 * THREADS_Y);
        __syncthreads();
    }

    const unsigned k_blocks = (unsigned)(p.encoded_pitch / STILE_SCALE_K);
    const unsigned row_blocks = (p.groups.tile_rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    for (unsigned block = blockIdx.x; block < row_blocks * k_blocks; block += gridDim.x) {
        const int row_block = block / k_blocks, k_block = block % k_blocks;
        const auto scale_at = [&](int channel, int row) -> float & {
            return params.scales[((long long)channel * k_blocks + k_block) * params.scale_rows + row];
        };

        if (SCALE_ROWS == 1) {
            const int tile_row = row_block * BLOCK_ROWS + threadIdx.y;
            if (tile_row >= p.groups.tile_rows)
                continue;
            encode_row(p, coefficients, tile_row, k_block,
                       [&](int channel, const Lanes<TILES_PER_THREAD> &value) {
                           const float scale = scale_for<Encoded>(largest_of_warp(value));
                           if (threadIdx.x == 0)
                               scale_at(channel, tile_row) = scale;
                           store_scaled(p, tile_row, k_block, channel, value, scale);
                       });
            continue;
        }

        const int end = min((row_block + 1) * BLOCK_ROWS, p.groups.tile_rows);
        for (int channel = thread; channel < RANK; channel += 32 * THREADS_Y)
            largest[channel] = 0;
        __syncthreads();
        for (int tile_row = row_block * BLOCK_ROWS + threadIdx.y; tile_row < end; tile_row += THREADS_Y)
            encode_row(p, coefficients, tile_row, k_block,
                       [&](int channel, const Lanes<TILES_PER_THREAD> &value) {
                           const float of_row = largest_of_warp(value);
                           if (threadIdx.x == 0)
                               atomicMax(&largest[channel], __float_as_uint(of_row));
                       });
        __syncthreads();
        for (int tile_row = row_block * BLOCK_ROWS + threadIdx.y; tile_row < end; tile_row += THREADS_Y)
            encode_row(p, coefficients, tile_row, k_block,
                       [&](int channel, const Lanes<TILES_PER_THREAD> &value) {
                           const float scale
                               = scale_for<Encoded>(__uint_as_float(largest[channel]));
                           store_scaled(p, tile_row, k_block, channel, value, scale);
                       });
        for (int channel = thread; channel < RANK; channel += 32 * THREADS_Y)
            scale_at(channel, row_block) = scale_for<Encoded>(__uint_as_float(largest[channel]));
        __syncthreads(); // before the next block's largest
    }
}
