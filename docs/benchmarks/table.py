# SPDX-License-Identifier: Apache-2.0
"""Writes the README's table of measurements from the results of `stile bench --json` in this folder.

usage: table.py [--check] [README.md]    --check changes nothing and exits 1 where the table is stale
"""
import glob
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- table: docs/benchmarks/table.py -->\n", "<!-- end of table -->\n"


def milliseconds(value):
    return "%.3g" % value if value < 1 else "%.2f" % value


def load():
    runs = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.json"))):
        with open(path) as file:
            run = json.load(file)
        runs += [(run, result) for result in run["results"]]
    return runs


def row(result):
    stl, dense, basis = result["stl"], result["cublas"], result["spec"]["basis"]
    kernels = " + ".join("%.0f" % (1000 * k["median"]) for k in stl["kernels_ms"].values())
    return "| %d×%d×%d | %s, r=%d | %s | %s | **%.2f** | %.2f | %.0f | %s | %.1e | %.1e |" % (
        result["M"], result["K"], result["N"], "exact" if basis["exact"] else "dense",
        basis["rank"], milliseconds(stl["ms"]["median"]), milliseconds(dense["ms"]["median"]),
        result["ratio"], result["limit"], stl["dense_equivalent_tflops"], kernels,
        stl["operator_error"], dense["true_error"])


def table():
    runs = load()
    order = sorted(runs, key=lambda r: (r[1]["M"], -r[1]["K"], r[1]["N"],
                                        r[1]["spec"]["basis"]["rank"]))
    first = runs[0][0]
    environments = {(r["gpu"], r["driver"], r["nvrtc"], x.get("cublaslt_version")) for r, x in runs}
    assert len(environments) == 1, "the results come from different machines: %s" % environments
    loads = [x["gpu_under_load"] for _, x in runs]
    lines = [
        "| M×K×N | basis | stile, ms | cuBLASLt, ms | ratio | limit | TFLOP/s* | kernels, µs | "
        "error | cuBLASLt's |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [row(result) for _, result in order]
    version = runs[0][1]["cublaslt_version"]
    lines += [
        "",
        "%s, driver %s, NVRTC %s, cuBLASLt %d.%d.%d; bf16 in, encoded and out; SM clock %d–%d MHz at up "
        "to %.0f W." % (first["gpu"], first["driver"], first["nvrtc"], version // 10000,
                        version // 100 % 100, version % 100,
                        min(x["sm_clock_mhz"] for x in loads), max(x["sm_clock_mhz"] for x in loads),
                        max(x["power_w"] for x in loads)),
        "Medians of %d interleaved runs after %g s of warm-up, operands rotated over more than twice L2; "
        "weights" % (first["iterations"], first["warmup_seconds"]),
        "encoded offline. *2·M·K·N over the time. Kernels are encode X + channel GEMM + decode, timed one "
        "by one.",
        "Errors are relative RMS: stile's against the fp64 operator, cuBLASLt's against the fp64 product.",
    ]
    return "\n".join(lines) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    path = arguments[0] if arguments else os.path.join(HERE, "..", "..", "README.md")
    with open(path, encoding="utf-8") as file:
        old = file.read()
    before, rest = old.split(BEGIN)
    new = before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]
    if "--check" in sys.argv:
        sys.exit(new != old)
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)


main()
