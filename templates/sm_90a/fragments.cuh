// SPDX-License-Identifier: Apache-2.0
// Ŷ in fragment order: the accumulators of wgmma as vectors of eight, straight from registers.
//
// Ŷ is [row blocks][column blocks][rank] blocks of BLOCK_M × BLOCK_N products. A block is a sequence of runs
// of 256 products, one vector of each lane: run ((warp of the block · 2 + half) · BLOCK_N/32 + quad) holds, for
// lane l, row 16·warp + 8·half + l/4 and the columns 32·quad + 8·i + l%4·2 + {0, 1} for i = 0 … 3.
#include "common/chunk.cuh"

// warp: of the consumers, which hold 16 rows of the block each.
__device__ __forceinline__ void store_fragments(const float (&sum)[BLOCK_N / 2], char *block, int warp,
                                                int lane)
{
    constexpr int QUADS = BLOCK_N / 32;
    using Vector = Chunk<Product, 8>;
    Product *runs = reinterpret_cast<Product *>(block) + (warp * 2 * QUADS * 32 + lane) * 8;
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int quad = 0; quad < QUADS; quad++) {
            float values[8];
#pragma unroll
            for (int i = 0; i < 8; i++)
                values[i] = sum[(quad * 4 + i / 2) * 4 + half * 2 + i % 2];
            Vector vector;
            from_floats(vector, values);
            vector.store(runs + (half * QUADS + quad) * 32 * 8);
        }
    }
}
