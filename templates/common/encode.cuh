// SPDX-License-Identifier: Apache-2.0
// What every encoder does once a thread has its tiles in registers: all channels, stored as they come.

//@ if constants.SPARSE == 1 then
//@   include("common/straight_line_map.cuh")
//@ else
//@   include("common/encode_dense.cuh")
//@ end

constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;

// out: channel 0 of the thread's tiles; in: their entries, numbered as the columns of the encoder.
__device__ __forceinline__ void encode_tiles(const Lanes<TILES_PER_THREAD> (&in)[TILE_ENTRIES],
                                             const float *coefficients, Encoded *out,
                                             long long channel_stride)
{
    linear_map(in, coefficients, [&](int channel, const Lanes<TILES_PER_THREAD> &value) {
        Chunk<Encoded, TILES_PER_THREAD> chunk;
        from_floats(chunk, value.of);
        chunk.store(out + channel * channel_stride);
    });
}
