// SPDX-License-Identifier: Apache-2.0
// Encodes 4×4 tiles of a row-major matrix on the tensor cores: X, and W stored [N, K], with a dense basis.
//
// Sixteen tiles that are neighbours along K are the 16×16 left operand of an mma, the coefficients of eight
// channels the right one. Lane 4·g + t loads eight columns of row t, of tiles 2g and 2g + 1: just its part
// of the left operand, if the entries of a tile are taken in the order of SLOT below.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/chunk.cuh"
#include "common/row_groups.cuh"
#include "common/split.cuh"

constexpr int CHANNEL_BLOCKS = (RANK + 7) / 8;
constexpr int GROUPS = TILES_PER_WARP / 16; // of sixteen tiles, in flight together

static_assert(TILE_ROWS == 4 && TILE_COLUMNS == 4, "basis.tile: 4×4, sixteen entries for an mma");

// The coefficients of the channels, as each lane needs them: lane 4·g + t holds channel g of every block,
// entries (t, 0), (t, 1) in slots 2t, 2t + 1 and (t, 2), (t, 3) in slots 2t + 8, 2t + 9.
__device__ __forceinline__ void load_operands(SplitOperand<Encoded> (&operands)[CHANNEL_BLOCKS],
                                              const float *coefficients, int lane)
{
#pragma unroll
    for (int block = 0; block < CHANNEL_BLOCKS; block++) {
        const int channel = block * 8 + lane / 4;
        float entries[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int entry = ENTRIES_BY_COLUMN ? i * 4 + lane % 4 : lane % 4 * 4 + i;
            entries[i] = channel < RANK ? coefficients[channel * 16 + entry] : 0.0f;
        }
        operands[block].set(0, entries[0], entries[1]);
        operands[block].set(1, entries[2], entries[3]);
    }
}

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_encode_mma(const __grid_constant__ stile_encode_params p)
{
    const int lane = threadIdx.x;
    SplitOperand<Encoded> operands[CHANNEL_BLOCKS];
    load_operands(operands, p.coefficients, lane);

    const unsigned column_blocks = (unsigned)(p.encoded_pitch / TILES_PER_WARP);
    const unsigned row_blocks = (p.groups.tile_rows + THREADS_Y - 1) / THREADS_Y;
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const int tile_row = block / column_blocks * THREADS_Y + threadIdx.y;
        const int first_tile = block % column_blocks * TILES_PER_WARP;
        if (tile_row >= p.groups.tile_rows)
            continue;
        const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
        const bool inside = lane % 4 < rows.valid_rows;
        const Input *source
            = static_cast<const Input *>(p.source) + (rows.first_row + lane % 4) * p.source_pitch;

        Chunk<Input, 8> chunks[GROUPS];
#pragma unroll
        for (int group = 0; group < GROUPS; group++) {
            const long long column = (long long)(first_tile + group * 16 + lane / 4 * 2) * TILE_COLUMNS;
            const long long left = inside ? p.inner - column : 0;
            if (left >= 8 && p.vectorized)
                chunks[group].load(source + column);
            else
                chunks[group].load(source + column, left < 8 ? (int)left : 8);
        }

        Encoded *encoded = static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch
            + first_tile + lane / 4 * 2;
#pragma unroll
        for (int group = 0; group < GROUPS; group++) {
            const uint4 words = chunks[group].words[0];
            const unsigned tiles[4] = {words.x, words.z, words.y, words.w};
#pragma unroll
            for (int channels = 0; channels < CHANNEL_BLOCKS; channels++) {
                float sum[4] = {};
                mma_split(sum, tiles, operands[channels]);
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    const int channel = channels * 8 + lane % 4 * 2 + i;
                    Chunk<Encoded, 2> pair;
                    from_floats(pair.elements, sum[i], sum[i + 2]);
                    if (RANK % 8 == 0 || channel < RANK)
                        pair.store(encoded + channel * channel_stride + group * 16);
                }
            }
        }
    }
}
