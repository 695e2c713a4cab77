# SPDX-License-Identifier: Apache-2.0
"""Kernels broken on purpose: verification on the emulated GPU must notice each time.

usage: mutation_test.py BUILD
"""
import os
import shutil
import subprocess
import sys
import tempfile

import emulate

PROGRAM = os.environ["STILE_PROGRAM"]
SKIPPED = 77
CHECK_FAILED, DEVICE_FAILED = 1, 4

STRASSEN = "stile: 1\nname: broken\nbasis: {name: strassen}\n"
FUSED = STRASSEN + "schedule: {region: 2}\n"

# What is broken: architecture, spec, shape, kernel, old text, new text.
MUTATIONS = {
    "cp.async waits for a group too few":
        ("80", STRASSEN, "33x700x29", "channel_gemm", "cp_async_wait_group<NUM_STAGES - 2>();",
         "cp_async_wait_group<NUM_STAGES - 1>();"),
    "a stage is filled while warps read it":
        ("80", STRASSEN, "33x700x29", "channel_gemm", "__syncthreads(); // stage k_block is full",
         "// "),
    "a stage is read before it is full":
        ("90", STRASSEN, "33x1300x29", "channel_gemm",
         "mbarrier_wait(barriers.full + 8 * ring.stage, ring.phase);", ""),
    "a stage is filled before it is empty":
        ("90", STRASSEN, "33x1300x29", "channel_gemm",
         "mbarrier_wait(barriers.empty + 8 * ring.stage, ring.phase ^ 1);", ""),
    "a stage is released while wgmma reads it":
        ("90", STRASSEN, "33x1300x29", "channel_gemm", "wgmma_wait_group<1>();", ""),
    "accumulators are stored while wgmma runs":
        ("90", STRASSEN, "33x1300x29", "channel_gemm", "wgmma_wait_group<0>();", ""),
    "fewer bytes are expected than come":
        ("90", STRASSEN, "33x1300x29", "channel_gemm", "expect_tx(full, STAGE_BYTES)",
         "expect_tx(full, X_BYTES)"),
    "a block leaves while its peer needs it":
        ("90", STRASSEN, "33x1300x29", "channel_gemm",
         "    barrier_cluster_arrive();\n    barrier_cluster_wait();\n}", "}"),
    "the fused kernel multiplies what is not encoded":
        ("90", FUSED, "600x300x70", "fused",
         "wait_for_count(counters.encoded + row_block, p.encode_pieces);", ""),
}
SEEDS = 16 # a race shows in some orders alone


class Bench:
    """Runs verification, with kernels kept from run to run."""

    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        self.mark = os.path.join(folder, "mutated") # made when a kernel is changed

    def run(self, arch, spec, shape, cache, seed=1, mutation=None):
        path = os.path.join(self.folder, "broken.yaml")
        with open(path, "w") as file:
            file.write(spec)
        settings = {"ARCH": arch, "SMS": "8", "DELAYS": "10", "SEED": seed, "MUTATED": self.mark}
        if mutation:
            settings["MUTATION"] = "=>".join(mutation)
        environment = emulate.environment_for(self.build, settings)
        environment["STILE_CACHE_DIR"] = os.path.join(self.folder, cache)
        return subprocess.run([PROGRAM, "verify", path, "--shape", shape], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)

    def is_noticed(self, arch, spec, shape, kernel, old, new):
        cache = os.path.join(self.folder, "broken")
        shutil.copytree(os.path.join(self.folder, "whole"), cache,
                        ignore=lambda _, names: [n for n in names if n.startswith(kernel + "-")])
        for seed in range(1, SEEDS + 1):
            broken = self.run(arch, spec, shape, "broken", seed, (old, new))
            if broken.returncode:
                break
        shutil.rmtree(cache)
        if not os.path.exists(self.mark):
            print("no kernel has the text " + old)
            return False
        os.remove(self.mark)
        if broken.returncode in (CHECK_FAILED, DEVICE_FAILED) \
                and "does not compile" not in broken.stdout:
            return True
        print(broken.stdout)
        return False


def main():
    if not os.environ["STILE_EMULATOR_CXX"]:
        print("no C++ compiler, which would compile the kernels for the emulated GPU")
        return SKIPPED
    failures, whole = 0, set()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sys.argv[1], folder)
        for name, mutation in MUTATIONS.items():
            problem = mutation[:3]
            if problem not in whole:
                result = bench.run(*problem, "whole")
                if result.returncode:
                    print(result.stdout)
                    return 1
                whole.add(problem)
            noticed = bench.is_noticed(*mutation)
            print("%s: %s" % (name, "noticed" if noticed else "NOT NOTICED"), flush=True)
            failures += not noticed
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
