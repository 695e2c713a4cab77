// SPDX-License-Identifier: Apache-2.0
// The linear map of a dense decoder: input by input, into sums of all outputs held in registers.
// coefficients: [INPUTS][OUTPUTS] in shared memory, each row padded to COEFFICIENT_PITCH.
#include "common/accumulate.cuh"

template <class In, class Emit>
__device__ __forceinline__ void linear_map(const In &in, const float *coefficients, Emit emit)
{
    Lanes<TILES_PER_THREAD> sums[OUTPUTS];
#pragma unroll
    for (int output = 0; output < OUTPUTS; output++)
        sums[output] = 0.0f;

#pragma unroll 8
    for (int j = 0; j < INPUTS; j++) {
        const Lanes<TILES_PER_THREAD> value = in[j];
#pragma unroll
        for (int output = 0; output < OUTPUTS; output += 4) {
            const float4 row
                = *reinterpret_cast<const float4 *>(coefficients + j * COEFFICIENT_PITCH + output);
            accumulate(sums[output], row.x, value);
            if (output + 1 < OUTPUTS)
                accumulate(sums[output + 1], row.y, value);
            if (output + 2 < OUTPUTS)
                accumulate(sums[output + 2], row.z, value);
            if (output + 3 < OUTPUTS)
                accumulate(sums[output + 3], row.w, value);
        }
    }

#pragma unroll
    for (int output = 0; output < OUTPUTS; output++)
        emit(output, sums[output]);
}

// Copies the coefficients to shared memory, transposed. Needs a barrier afterwards.
__device__ __forceinline__ void load_coefficients(float *shared, const float *global, int thread,
                                                  int threads)
{
    for (int i = thread; i < OUTPUTS * INPUTS; i += threads)
        shared[i % INPUTS * COEFFICIENT_PITCH + i / INPUTS] = global[i];
}
