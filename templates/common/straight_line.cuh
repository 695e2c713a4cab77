// SPDX-License-Identifier: Apache-2.0
// The linear maps of sparse rational bases as straight-line code; in[j] is an input, emit(i, value) receives
// each output. The coefficients are in the code.

//@ function straight_line(name)
template <class In, class Emit>
__device__ __forceinline__ void ${name}(const In &in, Emit emit)
{
//@   for statement in program(name) do
//@     if statement.output then
    emit(${statement.output}, ${statement.value});
//@     else
    const auto ${statement.name} = ${statement.value};
//@     end
//@   end
}
//@ end
