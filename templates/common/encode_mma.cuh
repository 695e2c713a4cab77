// SPDX-License-Identifier: Apache-2.0
// Encoding 4×4 tiles on the tensor cores, with a dense basis.
//
// Sixteen tiles that are neighbours along K are the 16×16 left operand of an mma, the coefficients of eight
// channels the right one. Lane 4·g + t loads eight columns of row t, of tiles 2g and 2g + 1: just its part
// of the left operand, if the entries of a tile are taken in the order of encode_operand. Its results are
// channels 2t and 2t + 1 of both tiles.
#include "common/chunk.cuh"
#include "common/row_groups.cuh"
#include "common/split.cuh"

constexpr int ENCODE_BLOCKS = (RANK + 7) / 8; // of channels

// The coefficients of a block's channels, as each lane needs them: lane 4·g + t holds channel g, entries
// (t, 0), (t, 1) in slots 2t, 2t + 1 and (t, 2), (t, 3) in slots 2t + 8, 2t + 9.
__device__ __forceinline__ SplitOperand<Encoded> encode_operand(const float *coefficients, int block,
                                                                int lane)
{
    const int channel = block * 8 + lane / 4;
    float entries[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int entry = ENTRIES_BY_COLUMN ? i * 4 + lane % 4 : lane % 4 * 4 + i;
        entries[i] = channel < RANK ? coefficients[channel * 16 + entry] : 0.0f;
    }
    SplitOperand<Encoded> operand;
    operand.set(0, entries[0], entries[1]);
    operand.set(1, entries[2], entries[3]);
    return operand;
}

// GROUPS·16 tiles of one row of tiles: the part of a lane.
template <int GROUPS>
struct EncodeSource {
    Chunk<Input, 8> chunks[GROUPS];

    __device__ __forceinline__ void load(const stile_encode_params &p, int tile_row, int first_tile,
                                         int lane)
    {
        const TileRow rows = locate_tile_row(p.groups, tile_row, 4);
        const bool inside = tile_row < p.groups.tile_rows && lane % 4 < rows.valid_rows;
        const Input *source
            = static_cast<const Input *>(p.source) + (rows.first_row + lane % 4) * p.source_pitch;
#pragma unroll
        for (int group = 0; group < GROUPS; group++) {
            const long long column = (long long)(first_tile + group * 16 + lane / 4 * 2) * 4;
            const long long left = inside ? p.inner - column : 0;
            if (left >= 8 && p.vectorized)
                chunks[group].load(source + column);
            else
                chunks[group].load(source + column, left < 8 ? (int)left : 8);
        }
    }

    // The same where all of it lies inside of the matrix and may be moved in whole chunks. source: of the
    // first tile's first entry.
    __device__ __forceinline__ void load_whole(const Input *source, long long pitch, int lane)
    {
        const Input *row = source + lane % 4 * pitch + lane / 4 * 8;
#pragma unroll
        for (int group = 0; group < GROUPS; group++)
            chunks[group].load(row + group * 64);
    }

    // sum: tile 2g in channels 2t, 2t + 1, then tile 2g + 1.
    __device__ __forceinline__ void encode(float (&sum)[4], int group,
                                           const SplitOperand<Encoded> &operand) const
    {
        const uint4 words = chunks[group].words[0];
        const unsigned tiles[4] = {words.x, words.z, words.y, words.w};
        mma_split(sum, tiles, operand);
    }
};
