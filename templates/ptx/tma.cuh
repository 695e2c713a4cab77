// SPDX-License-Identifier: Apache-2.0
// Tensor copies from global to shared memory (sm_90); they complete by bytes on an mbarrier.

__device__ __forceinline__ void prefetch_tensormap(const stile_tensor_map *map)
{
    asm volatile("prefetch.tensormap [%0];" :: "l"(map) : "memory");
}

// A box at (x, y, z), x innermost; what lies outside of the tensor is filled with zeros.
__device__ __forceinline__ void cp_async_bulk_tensor_3d(unsigned shared_address,
                                                        const stile_tensor_map *map, unsigned barrier,
                                                        int x, int y, int z)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile"
                 ".mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];"
                 :: "r"(shared_address), "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z) : "memory");
}

// The same to every block of the cluster whose bit is set in `blocks`, data and bytes alike.
__device__ __forceinline__ void cp_async_bulk_tensor_3d_multicast(unsigned shared_address,
                                                                  const stile_tensor_map *map,
                                                                  unsigned barrier, int x, int y,
                                                                  int z, unsigned short blocks)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile"
                 ".mbarrier::complete_tx::bytes.multicast::cluster"
                 " [%0], [%1, {%3, %4, %5}], [%2], %6;"
                 :: "r"(shared_address), "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "h"(blocks)
                 : "memory");
}
