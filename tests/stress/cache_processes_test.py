# SPDX-License-Identifier: Apache-2.0
"""Many processes starting cold on one directory: each kernel is compiled once, all succeed."""
import unittest

from support import TestCase


class Processes(TestCase):
    def run_cold(self, count):
        processes = [self.start(FAKE_NVRTC_MS="100") for _ in range(count)]
        for process in processes:
            self.assertEqual(self.finish(process), "")
        self.same_outputs(processes)

        compiled = self.compiled()
        kernels = len(compiled)
        self.assertGreaterEqual(kernels, 3)
        self.assertEqual([len(who) for who in compiled.values()], [1] * kernels)
        stats = self.cache_json("stats")
        self.assertEqual(stats["entries"], kernels)
        self.assertEqual(stats["compiles"], kernels)
        self.assertEqual(stats["misses"], kernels)
        self.assertEqual(stats["hits"], kernels * (count - 1))
        self.assertEqual(stats["damaged"], 0)
        self.assertEqual(stats["evictions"], 0)
        self.assertLessEqual(stats["waits"], stats["hits"])
        self.run_cache("verify")

        # Warm: nothing compiles, and nobody needs NVRTC.
        self.finish(self.start(STILE_JIT="off", STILE_NVRTC="/nowhere"))
        self.assertEqual(self.cache_json("stats")["hits"], kernels * count)

    def test_8_cold_processes_compile_each_kernel_once(self):
        self.run_cold(8)

    def test_64_cold_processes_compile_each_kernel_once(self):
        self.run_cold(64)

    def test_a_cache_that_is_too_small_fails_nobody(self):
        processes = [self.start(STILE_CACHE_SIZE="40K") for _ in range(16)]
        for process in processes:
            self.assertEqual(self.finish(process), "")
        self.same_outputs(processes)
        stats = self.cache_json("stats")
        self.assertGreater(stats["evictions"], 0)
        self.assertLessEqual(stats["bytes"], 40 << 10)
        self.assertEqual(stats["damaged"], 0)
        self.assertEqual(stats["compiles"], sum(map(len, self.compiled().values())))
        self.assertEqual(stats["entries"], stats["compiles"] - stats["evictions"])


if __name__ == "__main__":
    unittest.main()
