# SPDX-License-Identifier: Apache-2.0
"""The kernels of every kind of basis and input type against the operator in fp64, on a GPU.

usage: verify_test.py INPUT, one of bf16, f16, f32. Exits 77, skipped, where there is no GPU.
"""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.environ["STILE_PROGRAM"]
SKIPPED = 77

BASES = {
    "strassen": "{name: strassen}",
    "winograd": "{name: winograd}",
    "laderman": "{name: laderman}",
    "strassen2": "{kron: [strassen, strassen]}",
    "random16": "{random: {tile: [4, 4, 4], rank: 16, seed: 1}}",
    "random24": "{random: {tile: [4, 4, 4], rank: 24, seed: 2}}",
    "oblong": "{random: {tile: [1, 3, 2], rank: 5, seed: 3}}",
}

# What else a spec may say; each basis meets each of these.
OPTIONS = {
    "plain": "",
    "online": "weight: {layout: kn, encode: online}\n",
    "trained": "weight: {layout: nk, encode: trained}\n",
    "epilogue": "weight: {layout: kn, encode: offline}\n"
                "epilogue: {bias: true, activation: gelu, residual: true}\n",
}

# Encoded, product and output types other than the default.
TYPES = {
    "bf16": "encoded: f16, product: f32, output: f32",
    "f16": "encoded: bf16, product: f16, output: bf16",
    "f32": "encoded: bf16, product: bf16, output: f16",
}


def specs(kind):
    for basis, reference in BASES.items():
        for option, lines in OPTIONS.items():
            yield "%s_%s" % (basis, option), reference, "input: " + kind, lines
        yield basis + "_types", reference, "input: %s, %s" % (kind, TYPES[kind]), ""


def has_gpu():
    doctor = subprocess.run([PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE)
    return json.loads(doctor.stdout)["gpu_ready"]


def main():
    kind = sys.argv[1]
    if not has_gpu():
        print("no GPU that could be used: stile doctor tells why")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, basis, precision, lines in specs(kind):
            paths.append(os.path.join(folder, name + ".yaml"))
            with open(paths[-1], "w") as file:
                file.write("stile: 1\nname: %s\nbasis: %s\nprecision: {%s}\n%s"
                           % (name, basis, precision, lines))
        return subprocess.run([PROGRAM, "verify", *paths, "--random", "20", "--seed", "1"]).returncode


if __name__ == "__main__":
    sys.exit(main())
