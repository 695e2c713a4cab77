// SPDX-License-Identifier: Apache-2.0
// Each block of a cluster of two sends its index to the other one and counts itself globally.

extern "C" __global__ void __cluster_dims__(2, 1, 1) exchange(unsigned *out, unsigned *count)
{
    __shared__ __align__(8) unsigned long long word;
    __shared__ unsigned received;
    const unsigned barrier = (unsigned)__cvta_generic_to_shared(&word);
    const unsigned place = (unsigned)__cvta_generic_to_shared(&received);
    unsigned rank, complete = 0;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));

    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(barrier) : "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 4;" :: "r"(barrier) : "memory");
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
    asm volatile("{\n"
                 ".reg .b32 remote_place, remote_barrier;\n"
                 "mapa.shared::cluster.u32 remote_place, %0, %3;\n"
                 "mapa.shared::cluster.u32 remote_barrier, %2, %3;\n"
                 "st.async.shared::cluster.mbarrier::complete_tx::bytes.b32"
                 " [remote_place], %1, [remote_barrier];\n"
                 "}" :: "r"(place), "r"(blockIdx.x), "r"(barrier), "r"(rank ^ 1) : "memory");
    while (!complete)
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0;\n"
                     "selp.u32 %0, 1, 0, p;\n"
                     "}" : "=r"(complete) : "r"(barrier) : "memory");
    out[blockIdx.x] = received;
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(count) : "memory");
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
