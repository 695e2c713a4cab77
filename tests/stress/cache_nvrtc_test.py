# SPDX-License-Identifier: Apache-2.0
"""The same with the real compiler: eight cold processes, then one without NVRTC."""
import os
import subprocess
import sys
import unittest

from support import PROGRAM, TestCase

SKIP = 77


class RealCompiler(TestCase):
    def test_8_cold_processes_compile_each_kernel_once(self):
        del self.environment["STILE_NVRTC"]
        if "STILE_NVRTC" in os.environ:
            self.environment["STILE_NVRTC"] = os.environ["STILE_NVRTC"]
        processes = [self.start() for _ in range(8)]
        for process in processes:
            self.assertEqual(self.finish(process), "")
        self.same_outputs(processes)
        stats = self.cache_json("stats")
        self.assertGreaterEqual(stats["entries"], 3)
        self.assertEqual(stats["compiles"], stats["entries"])
        self.assertEqual(stats["hits"], 7 * stats["entries"])
        self.run_cache("verify")
        self.build(STILE_JIT="off", STILE_NVRTC="/nowhere")


def has_nvrtc():
    """Whether `doctor` finds one."""
    text = subprocess.run([PROGRAM, "doctor"], stdout=subprocess.PIPE,
                          universal_newlines=True).stdout
    return any(line.split()[:2] == ["ok", "NVRTC"] for line in text.splitlines())


if __name__ == "__main__":
    if not has_nvrtc():
        print("skipped: no NVRTC")
        sys.exit(SKIP)
    unittest.main()
