# SPDX-License-Identifier: Apache-2.0
"""Kernels broken on purpose: verification on the emulated GPU must notice each time.

usage: mutation_test.py BUILD
"""
import os
import subprocess
import sys
import tempfile

import emulate

PROGRAM = os.environ["STILE_PROGRAM"]
CHECK_FAILED, DEVICE_FAILED = 1, 4

STRASSEN = "stile: 1\nname: broken\nbasis: {name: strassen}\n"
FUSED = STRASSEN + "schedule: {region: 2}\n"

# What is broken: architecture, spec, shape, old text, new text.
MUTATIONS = {
    "cp.async waits for a group too few":
        ("80", STRASSEN, "33x700x29", "cp_async_wait_group<NUM_STAGES - 2>();",
         "cp_async_wait_group<NUM_STAGES - 1>();"),
    "a stage is filled while warps read it":
        ("80", STRASSEN, "33x700x29", "__syncthreads(); // stage k_block is full", "// "),
    "a stage is read before it is full":
        ("90", STRASSEN, "33x1300x29", "mbarrier_wait(full + 8 * stage, phase);", ""),
    "a stage is filled before it is empty":
        ("90", STRASSEN, "33x1300x29", "mbarrier_wait(empty + 8 * stage, phase ^ 1);", ""),
    "a stage is released while wgmma reads it":
        ("90", STRASSEN, "33x1300x29", "wgmma_wait_group<1>();", ""),
    "accumulators are stored while wgmma runs":
        ("90", STRASSEN, "33x100x29", "wgmma_wait_group<0>();", ""),
    "fewer bytes are expected than come":
        ("90", STRASSEN, "33x100x29", "expect_tx(full + 8 * stage, STAGE_BYTES)",
         "expect_tx(full + 8 * stage, X_BYTES)"),
    "a block leaves while its peer needs it":
        ("90", STRASSEN, "33x100x29", "    barrier_cluster_arrive();\n    barrier_cluster_wait();\n}",
         "}"),
    "the fused kernel multiplies what is not encoded":
        ("90", FUSED, "600x300x70",
         "wait_for_count(counters.encoded + row_block, order.encode_pieces);", ""),
}


def run(build, folder, name, arch, spec, shape, mutation):
    path = os.path.join(folder, "broken.yaml")
    with open(path, "w") as file:
        file.write(spec)
    settings = {"ARCH": arch, "SMS": "8", "DELAYS": "30", "SEED": "1"}
    if mutation:
        settings["MUTATION"] = "=>".join(mutation)
    environment = emulate.environment_for(build, settings)
    if mutation:
        environment["STILE_CACHE_DIR"] = os.path.join(folder, name.replace(" ", "_"))
        environment["STILE_EMULATOR_MUTATED"] = os.path.join(folder, "mutated")
    return subprocess.run([PROGRAM, "verify", path, "--shape", shape], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        mark = os.path.join(folder, "mutated")
        for name, (arch, spec, shape, old, new) in MUTATIONS.items():
            whole = run(sys.argv[1], folder, name, arch, spec, shape, None)
            broken = run(sys.argv[1], folder, name, arch, spec, shape, (old, new))
            mutated = os.path.exists(mark)
            good = whole.returncode == 0 and mutated and broken.returncode in (CHECK_FAILED, DEVICE_FAILED) \
                and "does not compile" not in broken.stdout
            print("%s: %s" % (name, "noticed" if good else "NOT NOTICED"), flush=True)
            if not good:
                print(whole.stdout, broken.stdout if mutated else "no kernel has the text " + old)
                failures += 1
            if mutated:
                os.remove(mark)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
