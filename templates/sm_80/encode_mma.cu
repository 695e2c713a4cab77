// SPDX-License-Identifier: Apache-2.0
// Encodes 4×4 tiles of a row-major matrix on the tensor cores: X, and W stored [N, K], with a dense basis.
// A warp takes TILES_PER_WARP neighbours of one row of tiles.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/encode_mma.cuh"

constexpr int GROUPS = TILES_PER_WARP / 16; // of sixteen tiles, in flight together

static_assert(TILE_ROWS == 4 && TILE_COLUMNS == 4, "basis.tile: 4×4, sixteen entries for an mma");

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_encode_mma(const __grid_constant__ stile_encode_params p)
{
    const int lane = threadIdx.x;
    SplitOperand<Encoded> operands[ENCODE_BLOCKS];
#pragma unroll
    for (int block = 0; block < ENCODE_BLOCKS; block++)
        operands[block] = encode_operand(p.coefficients, block, lane);

    const unsigned column_blocks = (unsigned)(p.encoded_pitch / TILES_PER_WARP);
    const unsigned row_blocks = (p.groups.tile_rows + THREADS_Y - 1) / THREADS_Y;
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const int tile_row = block / column_blocks * THREADS_Y + threadIdx.y;
        const int first_tile = block % column_blocks * TILES_PER_WARP;
        if (tile_row >= p.groups.tile_rows)
            continue;
        EncodeSource<GROUPS> source;
        source.load(p, tile_row, first_tile, lane);

        Encoded *encoded = static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch
            + first_tile + lane / 4 * 2;
#pragma unroll
        for (int group = 0; group < GROUPS; group++) {
#pragma unroll
            for (int channels = 0; channels < ENCODE_BLOCKS; channels++) {
                float sum[4] = {};
                source.encode(sum, group, operands[channels]);
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const int channel = channels * 8 + lane % 4 * 2 + i;
                    Chunk<Encoded, 2> pair;
                    pair.pairs[0] = pack_floats(Encoded{}, sum[i], sum[i + 2]);
                    if (RANK % 8 == 0 || channel < RANK)
                        pair.store(encoded + channel * channel_stride + group * 16);
                }
            }
        }
    }
}
