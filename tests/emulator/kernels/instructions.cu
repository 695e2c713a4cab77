// SPDX-License-Identifier: Apache-2.0
// One instruction or two each, with results in global memory.

__device__ unsigned address_of(const void *shared)
{
    return (unsigned)__cvta_generic_to_shared(shared);
}

__device__ void wait(unsigned barrier)
{
    unsigned complete = 0;
    while (!complete)
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0;\n"
                     "selp.u32 %0, 1, 0, p;\n"
                     "}" : "=r"(complete) : "r"(barrier) : "memory");
}

// in, out: four 8×8 matrices of 16-bit elements, in as lanes hold them.
#define STMATRIX(name, transpose)                                                                  \
    extern "C" __global__ void name(const unsigned *in, unsigned short *out)                       \
    {                                                                                              \
        __shared__ __align__(16) unsigned short matrices[4][8][8];                                 \
        const unsigned row = address_of(matrices[threadIdx.x / 8][threadIdx.x % 8]);               \
        asm volatile("stmatrix.sync.aligned.m8n8.x4" transpose ".shared.b16 [%0], {%1, %2, %3, %4};" \
                     :: "r"(row), "r"(in[threadIdx.x]), "r"(in[32 + threadIdx.x]),                 \
                        "r"(in[64 + threadIdx.x]), "r"(in[96 + threadIdx.x]) : "memory");          \
        __syncwarp();                                                                              \
        for (int i = threadIdx.x; i < 256; i += 32)                                                \
            out[i] = (&matrices[0][0][0])[i];                                                      \
    }

STMATRIX(stmatrix_plain, "")
STMATRIX(stmatrix_transposed, ".trans")

// Through shared memory with bulk copies of 64 bytes.
extern "C" __global__ void bulk_copies(const unsigned *in, unsigned *out)
{
    __shared__ __align__(16) unsigned words[16];
    __shared__ __align__(8) unsigned long long word;
    const unsigned barrier = address_of(&word);
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(barrier) : "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 64;" :: "r"(barrier) : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
                 " [%0], [%1], 64, [%2];"
                 :: "r"(address_of(words)), "l"(in), "r"(barrier) : "memory");
    wait(barrier);
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], 64;"
                 :: "l"(out), "r"(address_of(words)) : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    out[16] = out[15]; // what was stored is there
}

struct __align__(64) Map {
    unsigned long long opaque[16];
};

// A box of 4 rows of 8 floats, 0 … 31, to row y and column x.
extern "C" __global__ void tensor_store(const __grid_constant__ Map map, int x, int y)
{
    extern __shared__ __align__(128) float box[];
    for (int i = 0; i < 32; i++)
        box[i] = i;
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%1, %2}], [%3];"
                 :: "l"(&map), "r"(x), "r"(y), "r"(address_of(box)) : "memory");
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// The first word of four, then zeros; what has come when the barrier's phase ends.
extern "C" __global__ void copies_at_a_barrier(const unsigned *in, unsigned *out)
{
    __shared__ __align__(16) unsigned words[4];
    __shared__ __align__(8) unsigned long long word;
    const unsigned barrier = address_of(&word);
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(barrier) : "memory");
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :: "r"(address_of(words)), "l"(in), "r"(4) : "memory");
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" :: "r"(barrier) : "memory");
    wait(barrier);
    for (int i = 0; i < 4; i++)
        out[i] = words[i];
}

extern "C" __global__ void atomics(const unsigned *, unsigned *out)
{
    asm volatile("atom.relaxed.gpu.global.add.u32 %0, [%1], 5;"
                 : "=r"(out[1]) : "l"(out) : "memory");
    asm volatile("atom.acq_rel.gpu.global.cas.b32 %0, [%1], 5, 9;"
                 : "=r"(out[2]) : "l"(out) : "memory");
    asm volatile("atom.global.cas.b32 %0, [%1], 5, 7;" : "=r"(out[3]) : "l"(out) : "memory");
    asm volatile("red.global.max.u32 [%0], 11;" :: "l"(out) : "memory");
    asm volatile("atom.global.exch.b32 %0, [%1], 1;" : "=r"(out[4]) : "l"(out) : "memory");
    asm volatile("st.release.gpu.global.u32 [%0], 2;" :: "l"(out + 5) : "memory");
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(out[6]) : "l"(out + 5) : "memory");
}

extern "C" __global__ void registers(const unsigned *in, unsigned *out)
{
    unsigned leader, low, high;
    unsigned long long both;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "elect.sync _|p, 0xffffffff;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}" : "=r"(leader));
    out[threadIdx.x] = leader;
    asm("mov.b64 %0, {%1, %2};" : "=l"(both) : "r"(in[0]), "r"(in[1]));
    asm("mov.b64 {%0, %1}, %2;" : "=r"(low), "=r"(high) : "l"(both));
    unsigned guarded = 0;
    asm("{\n"
        ".reg .pred p;\n"
        "setp.lt.s32 p, %1, 0;\n"
        "@p add.u32 %0, %0, 1;\n"
        "@!p add.u32 %0, %0, 2;\n"
        "}" : "+r"(guarded) : "r"(-1));
    if (threadIdx.x == 0) {
        out[32] = low;
        out[33] = high;
        out[34] = (unsigned)(both >> 32);
        out[35] = guarded;
        out[36] = __float_as_uint(__shfl_xor_sync(1, 1.5f, 0));
    }
}

// Warp 0 hands numbers to warp 1 through one place: one waits at a barrier, one arrives.
extern "C" __global__ void named_barriers(const unsigned *in, unsigned *out)
{
    __shared__ unsigned place[32];
    const int lane = threadIdx.x % 32;
    for (int i = 0; i < 4; i++) {
        if (threadIdx.x < 32) {
            if (i > 0)
                asm volatile("bar.sync 2, 64;" ::: "memory");
            place[lane] = in[i] + lane;
            asm volatile("bar.arrive 1, 64;" ::: "memory");
        } else {
            asm volatile("bar.sync 1, 64;" ::: "memory");
            out[i * 32 + lane] = place[lane];
            if (i < 3)
                asm volatile("bar.arrive 2, 64;" ::: "memory");
        }
    }
}
