# SPDX-License-Identifier: Apache-2.0
"""The kernels of the backward pass on the emulated GPU: every gradient, and what the forward pass keeps.

usage: backward_test.py BUILD ARCH
"""
import os
import subprocess
import sys
import tempfile

import emulate

SKIPPED = 77
PROGRAM = os.environ["STILE_PROGRAM"]

# Between them: code and operands, both layouts, trained and dense weights, 16 and 32 bits, masked bases.
SPECS = {
    "trained": """
basis: {classical: [2, 1, 2]}
rows: none
weight: {encode: trained}
epilogue: {bias: true, activation: gelu_tanh, residual: true}
""",
    "dense_kn": """
basis: {random: {tile: [2, 3, 4], rank: 17, seed: 3}}
precision: {input: f32}
weight: {layout: kn, encode: online}
epilogue: {bias: true, activation: silu}
""",
    "dense_nk": """
basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}
""",
}
# Of an architecture: which specs, which operations.
RUNS = {
    "80": (["trained", "dense_kn"], "forward_z,backward"),
    "90": (["dense_nk"], "backward_input,backward"),
}


def main():
    if not os.environ["STILE_EMULATOR_CXX"]:
        print("no C++ compiler, which would compile the kernels for the emulated GPU")
        return SKIPPED
    build, arch = sys.argv[1:]
    names, operations = RUNS[arch]
    settings = {"ARCH": arch, "SEED": "3", "DELAYS": "0", "SMS": "6"}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in names:
            paths.append(os.path.join(folder, name + ".yaml"))
            with open(paths[-1], "w") as file:
                file.write("stile: 1\nname: " + name + SPECS[name])
        return subprocess.run([PROGRAM, "verify", *paths, "--op", operations, "--shape", "34x23x41",
                               "--rows-per-group", "17"],
                              env=emulate.environment_for(build, settings)).returncode


if __name__ == "__main__":
    sys.exit(main())
