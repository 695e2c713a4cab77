// SPDX-License-Identifier: Apache-2.0
// Decoding 4×4 tiles from fragment order (sm_90a/fragments.cuh) on the tensor cores, with a dense basis.
//
// The products of sixteen tiles in sixteen channels are the left operand of an mma, the coefficients of
// eight entries the right one. A warp takes a quarter of a run, eight vectors of each channel: lane 4·g + t
// loads vector g of channels 2t, 2t + 1, 2t + 8 and 2t + 9. Each vector holds four pairs of tiles, of which
// each mma takes one; the lane ends up with row t of both tiles.
#include "common/epilogue.cuh"
#include "common/row_groups.cuh"
#include "common/split.cuh"

constexpr int DECODE_BLOCKS = (RANK + 15) / 16; // of channels

// Channels 16·block … of entries (t, 2·half), (t, 2·half + 1), in columns 2t, 2t + 1.
__device__ __forceinline__ SplitOperand<Product> decode_operand(const float *coefficients, int block,
                                                                int half, int lane)
{
    const int column = lane / 4;
    const int entry = column / 2 * 4 + half * 2 + column % 2;
    float values[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int channel = block * 16 + lane % 4 * 2 + i % 2 + i / 2 * 8;
        values[i] = channel < RANK ? coefficients[entry * RANK + channel] : 0.0f;
    }
    SplitOperand<Product> operand;
    operand.set(0, values[0], values[1]);
    operand.set(1, values[2], values[3]);
    return operand;
}

// The lane's vectors of a block of channels. products: its vector of channel 0.
struct DecodeVectors {
    Chunk<Product, 8> of[4];

    __device__ __forceinline__ void load(const Product *products, int block, int lane)
    {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int channel = block * 16 + lane % 4 * 2 + i % 2 + i / 2 * 8;
            if (RANK % 16 == 0 || channel < RANK)
                of[i].load(products + channel * (BLOCK_M * BLOCK_N));
            else
                of[i].words[0] = make_uint4(0, 0, 0, 0);
        }
    }
};

// Sixteen sums of a lane for each pair of tiles that its vectors hold.
struct DecodeSums {
    float of[4][2][4] = {}; // [pair][half]

    __device__ __forceinline__ void add(const DecodeVectors &vectors,
                                        const SplitOperand<Product> (&operands)[2])
    {
#pragma unroll
        for (int pair = 0; pair < 4; pair++) {
            unsigned tiles[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int tile = 2 * pair + i % 2, first = i / 2 * 2;
                tiles[i] = vectors.of[first].elements[tile].bits
                    | (unsigned)vectors.of[first + 1].elements[tile].bits << 16;
            }
            mma_split(of[pair][0], tiles, operands[0]);
            mma_split(of[pair][1], tiles, operands[1]);
        }
    }

    // row: of Y, the first of the lane's tiles; first_tile: the run's first column of tiles; vector: the
    // lane's place in its run.
    template <bool INSIDE>
    __device__ __forceinline__ void store(const stile_decode_params &p, long long row, int first_tile,
                                          int vector, int lane) const
    {
#pragma unroll
        for (int pair = 0; pair < 4; pair++) {
            const int tile = first_tile + pair * 8 + vector % 4 * 2;
            const Epilogue<8, INSIDE> epilogue(p, (long long)tile * 4);
            const float values[8] = {of[pair][0][0], of[pair][0][1], of[pair][1][0], of[pair][1][1],
                                     of[pair][0][2], of[pair][0][3], of[pair][1][2], of[pair][1][3]};
            epilogue.store(row + lane % 4, values);
        }
    }
};
