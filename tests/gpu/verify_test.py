# SPDX-License-Identifier: Apache-2.0
"""The kernels of every kind of basis and input type against the operator in fp64, on a GPU.

usage: verify_test.py KIND: an input type, bf16, f16 or f32, or what sm_90a alone has, fused or fp8.
Exits 77, skipped, where there is no such GPU.
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


EPILOGUE = "epilogue: {bias: true, activation: silu, residual: true}\n"


def fused_specs():
    """The fused kernel with regions of one, two and four row pairs."""
    for basis in ("strassen", "winograd", "laderman", "strassen2", "random16", "random24"):
        for kind in ("bf16", "f16"):
            for region, lines in ((1, EPILOGUE), (2, ""), (4, "weight: {encode: online}\n")):
                yield ("%s_%s_%d" % (basis, kind, region), BASES[basis], "input: " + kind,
                       "schedule: {region: %d}\n%s" % (region, lines))
    yield "strassen_f32", BASES["strassen"], "input: f32", "schedule: {region: 2}\n"


def fp8_specs():
    for basis, reference in BASES.items():
        for encoded in ("e4m3", "e5m2"):
            for name, lines in (("offline", EPILOGUE), ("online", "weight: {encode: online}\n"),
                                ("trained", "weight: {encode: trained}\n")):
                yield ("%s_%s_%s" % (basis, encoded, name), reference, "encoded: " + encoded, lines)


def specs(kind):
    if kind in ("fused", "fp8"):
        yield from fused_specs() if kind == "fused" else fp8_specs()
        return
    for basis, reference in BASES.items():
        for option, lines in OPTIONS.items():
            yield "%s_%s" % (basis, option), reference, "input: " + kind, lines
        yield basis + "_types", reference, "input: %s, %s" % (kind, TYPES[kind]), ""


def has_gpu(kind):
    doctor = subprocess.run([PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE)
    found = json.loads(doctor.stdout)
    hopper = any("(sm_90a)" in finding["text"] for finding in found["findings"])
    return found["gpu_ready"] and (hopper or kind not in ("fused", "fp8"))


def main():
    kind = sys.argv[1]
    if not has_gpu(kind):
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
