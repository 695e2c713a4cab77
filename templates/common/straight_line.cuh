// SPDX-License-Identifier: Apache-2.0
// The linear map of a sparse rational basis as straight-line code; in[j] is an input, emit(i, value)
// receives each output. The coefficients are in the code.

template <class In, class Emit>
__device__ __forceinline__ void linear_map(const In &in, const float *, Emit emit)
{
//@ for statement in program("linear_map") do
//@   if statement.output then
    emit(${statement.output}, ${statement.value});
//@   else
    const Lanes ${statement.name} = ${statement.value};
//@   end
//@ end
}

// Nothing to load.
__device__ __forceinline__ void load_coefficients(float *, const float *, int, int) {}
