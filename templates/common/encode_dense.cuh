// SPDX-License-Identifier: Apache-2.0
// The linear map of a dense encoder: output by output, as sums over inputs held in registers.
// coefficients: [OUTPUTS][INPUTS] in shared memory, each row padded to COEFFICIENT_PITCH.
#include "common/accumulate.cuh"

template <class In, class Emit>
__device__ __forceinline__ void linear_map(const In &in, const float *coefficients, Emit emit)
{
#pragma unroll 2
    for (int output = 0; output < OUTPUTS; output++) {
        Lanes<TILES_PER_THREAD> sum = 0.0f;
#pragma unroll
        for (int j = 0; j < INPUTS; j += 4) {
            const float4 row
                = *reinterpret_cast<const float4 *>(coefficients + output * COEFFICIENT_PITCH + j);
            accumulate(sum, row.x, in[j]);
            if (j + 1 < INPUTS)
                accumulate(sum, row.y, in[j + 1]);
            if (j + 2 < INPUTS)
                accumulate(sum, row.z, in[j + 2]);
            if (j + 3 < INPUTS)
                accumulate(sum, row.w, in[j + 3]);
        }
        emit(output, sum);
    }
}

// Copies the coefficients to shared memory, as the map wants them. Needs a barrier afterwards.
__device__ __forceinline__ void load_coefficients(float *shared, const float *global, int thread,
                                                  int threads)
{
    for (int i = thread; i < OUTPUTS * INPUTS; i += threads)
        shared[i / INPUTS * COEFFICIENT_PITCH + i % INPUTS] = global[i];
}
