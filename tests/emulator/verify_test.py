# SPDX-License-Identifier: Apache-2.0
"""The real kernels, rendered and compiled by the unchanged program, on the emulated GPU.

usage: verify_test.py BUILD ARCH SEED DELAYS
"""
import os
import subprocess
import sys
import tempfile

import emulate

PROGRAM = os.environ["STILE_PROGRAM"]
SKIPPED = 77
SPECS = os.path.join(os.environ["STILE_TEST_SOURCE"], "specs")

# A straight-line and a dense basis, trained weights under a coupling of rows, tf32 operands.
FILES = ("strassen", "random_r16", "causal_trained", "strassen_f32")
# Less than a tile, tails everywhere, more than a block along M and along N.
SHAPES = "3x2x1,33x47x29,290x40x29,9x150x530"

FUSED = """stile: 1
name: fused_%s
basis: %s
schedule: {region: 2}
"""
FUSED_BASES = {"strassen": "{name: strassen}",
               "dense": "{random: {tile: [4, 4, 4], rank: 16, seed: 1}}"}


def specs(folder, arch):
    files = FILES + (("e4m3",) if arch == "90" else ())
    paths = [os.path.join(SPECS, name + ".yaml") for name in files]
    for name, basis in FUSED_BASES.items() if arch == "90" else ():
        paths.append(os.path.join(folder, name + ".yaml"))
        with open(paths[-1], "w") as file:
            file.write(FUSED % (name, basis))
    return paths


def main():
    if not os.environ["STILE_EMULATOR_CXX"]:
        print("no C++ compiler, which would compile the kernels for the emulated GPU")
        return SKIPPED
    build, arch, seed, delays = sys.argv[1:]
    settings = {"ARCH": arch, "SEED": seed, "DELAYS": delays, "SMS": "6"}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([PROGRAM, "verify", *specs(folder, arch), "--shape", SHAPES],
                              env=emulate.environment_for(build, settings)).returncode


if __name__ == "__main__":
    sys.exit(main())
