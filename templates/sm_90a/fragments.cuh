// SPDX-License-Identifier: Apache-2.0
// Ŷ in fragment order: the accumulators of wgmma as 16-byte vectors, straight from registers.
//
// Ŷ is [row blocks][column blocks][rank] blocks of BLOCK_M × BLOCK_N products. A block is a sequence of
// 512-byte runs, one vector of each lane: run ((warp of the block · 2 + half) · BLOCK_N/32 + quad) holds, for
// lane l, row 16·warp + 8·half + l/4 and the columns 32·quad + 8·i + l%4·2 + {0, 1} for i = 0 … 3.
#include "common/chunk.cuh"

// warp: of the consumers, which hold 16 rows of the block each.
__device__ __forceinline__ void store_fragments(const float (&sum)[BLOCK_N / 2], char *block, int warp,
                                                int lane)
{
    constexpr int QUADS = BLOCK_N / 32;
    uint4 *runs = reinterpret_cast<uint4 *>(block) + warp * 2 * QUADS * 32 + lane;
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int quad = 0; quad < QUADS; quad++) {
            Chunk<Product, 8> vector;
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int j = (quad * 4 + i) * 4 + half * 2;
                vector.pairs[i] = pack_floats(Product{}, sum[j], sum[j + 1]);
            }
            runs[(half * QUADS + quad) * 32] = vector.words[0];
        }
    }
}
