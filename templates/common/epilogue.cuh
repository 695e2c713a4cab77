// SPDX-License-Identifier: Apache-2.0
// The end of a decoder: bias, activation, residual, one rounding, and the store, for runs of COUNT
// neighbouring columns of Y. INSIDE: all of them lie inside of the matrix, in memory aligned for whole chunks.
#include "common/chunk.cuh"

template <int COUNT, bool INSIDE = false>
struct Epilogue {
    const stile_decode_params &p;
    long long first_column;
    int valid;  // columns of the run that lie inside of the matrix
    bool whole; // all of them do, and memory is aligned for whole chunks
    Chunk<Output, COUNT> bias;

    __device__ __forceinline__ Epilogue(const stile_decode_params &params, long long column)
        : p(params), first_column(column)
    {
        const long long left = p.columns - first_column;
        valid = left < 0 ? 0 : left < COUNT ? (int)left : COUNT;
        whole = INSIDE || (valid == COUNT && p.vectorized);
        if (HAS_BIAS)
            load(bias, static_cast<const Output *>(p.bias) + first_column);
    }

    __device__ __forceinline__ void load(Chunk<Output, COUNT> &chunk, const Output *memory) const
    {
        if (whole)
            chunk.load(memory);
        else
            chunk.load(memory, valid);
    }

    // values: the decoded columns of one row of Y.
    __device__ __forceinline__ void store(long long row, const float (&values)[COUNT]) const
    {
        float finished[COUNT];
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            finished[i]
                = Activation::apply(HAS_BIAS ? values[i] + to_float(bias.elements[i]) : values[i]);

        if (HAS_RESIDUAL) {
            Chunk<Output, COUNT> residual;
            load(residual,
                 static_cast<const Output *>(p.residual) + row * p.residual_pitch + first_column);
#pragma unroll
            for (int i = 0; i < COUNT; i++)
                finished[i] += to_float(residual.elements[i]);
        }

        Chunk<Output, COUNT> rounded;
        from_floats(rounded, finished);
        Output *y = static_cast<Output *>(p.y) + row * p.y_pitch + first_column;
        if (whole)
            rounded.store(y);
        else
            rounded.store(y, valid);
    }
};
