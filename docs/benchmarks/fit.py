# SPDX-License-Identifier: Apache-2.0
"""Fits the constants of the time model (runtime/cost_calibration.c) to the measurements in this folder.

usage: fit.py [--check]    --check changes nothing and exits 1 where the constants are stale

Prints how far the model is from each measurement. The model, in milliseconds:

    encode, decode   launch + bytes / rate, by method
    channel GEMM     launch + waves · (steps · step + tile)
    dense            launch + waves · 2·128·128·K·SMs / rate
    a run            the sum of its kernels, less `overlap` for each boundary between two

Least squares on relative errors. What has one measurement only is that measurement.
"""
import glob
import json
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "..", "..", "runtime", "cost_calibration.c")
BEGIN, END = "/* fit: docs/benchmarks/fit.py */\n", "/* end of fit */\n"
MULTIPROCESSORS = 132
CLUSTER, BLOCK_M, BLOCK_N, STEP = 2, 128, 256, 64  # of the Hopper kernel that was measured

# Single measurements of docs/performance.md, one H200: encoding and decoding 8192³, r = 16 by plain FMA, µs;
# generic channel GEMMs of 16 × 2048³ by block and stages, ms.
FMA_ENCODE, FMA_DECODE = 92, 95
GENERIC = [((128, 256, 64, 4), 0.747), ((128, 256, 64, 3), 0.750), ((256, 128, 64, 4), 0.747),
           ((128, 128, 64, 2), 0.781), ((128, 128, 64, 3), 0.804), ((128, 128, 64, 4), 0.849)]
TILE_STEPS = 3.0  # of a generic block outside its main loop, in steps: assumed, as on Hopper
# cuBLAS 13 in PyTorch 2.11, one H200: M, K, N, ms.
DENSE = [(16384, 16384, 16384, 13.5), (8192, 5632, 2048, 0.259), (8192, 8192, 8192, 1.50),
         (4096, 4096, 4096, 0.207)]


def up(a, b):
    return -(-a // b)


def solve(rows, values):
    """Least squares by normal equations; few unknowns."""
    n = len(rows[0])
    a = [[sum(r[i] * r[j] for r in rows) for j in range(n)] +
         [sum(r[i] * v for r, v in zip(rows, values))] for i in range(n)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[pivot] = a[pivot], a[i]
        for r in range(n):
            if r != i:
                factor = a[r][i] / a[i][i]
                a[r] = [x - factor * y for x, y in zip(a[r], a[i])]
    return [a[i][n] / a[i][i] for i in range(n)]


def fit(rows, values):
    """Least squares on relative errors."""
    return solve([[x / v for x in row] for row, v in zip(rows, values)], [1.0] * len(values))


def load():
    points = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.json"))):
        with open(path) as file:
            run = json.load(file)
            for r in run["results"]:
                if run["gpu"] != "NVIDIA H200" or "channel_gemm" not in r["stl"]["kernels_ms"]:
                    continue  # another GPU, or kernels that the model does not know
                basis = r["spec"]["basis"]
                m, k, n = basis["tile"]
                rows, inner, columns = up(r["M"], m), up(r["K"], k), up(r["N"], n)
                pitch, y_pitch, rank = up(inner, 64) * 64, up(columns, 64) * 64, basis["rank"]
                x, y = 2 * r["M"] * r["K"], 2 * r["M"] * r["N"]
                tiles = rank * up(rows, BLOCK_M * CLUSTER) * up(columns, BLOCK_N)
                kernels = {name: q["median"] for name, q in r["stl"]["kernels_ms"].items()}
                points.append({
                    "name": "r=%d %d×%d×%d" % (rank, r["M"], r["K"], r["N"]),
                    "method": "code" if basis["sparse"] else "mma",
                    "encode": x + 2 * rank * rows * pitch,
                    "decode": y + 2 * rank * rows * y_pitch,
                    "waves": up(tiles, MULTIPROCESSORS // CLUSTER),
                    "steps": up(inner, STEP),
                    "kernels": kernels,
                    "total": r["stl"]["ms"]["median"],
                    "dense": r["cublas"] and (r["M"], r["K"], r["N"], r["cublas"]["ms"]["median"]),
                })
    return points


def dense_work(M, K, N):
    waves = up(up(M, 128) * up(N, 128), MULTIPROCESSORS)
    return waves * MULTIPROCESSORS * 2.0 * 128 * 128 * K


def fit_linear(points, kernel):
    """launch and, by method, ms per byte of an encoder or decoder."""
    key = {"encode_x": "encode", "decode": "decode"}[kernel]
    rows = [[1, p[key] * (p["method"] == "mma"), p[key] * (p["method"] == "code")] for p in points]
    return fit(rows, [p["kernels"][kernel] for p in points])


def digits(value):
    return "%.4g" % value


def main():
    points = load()
    encode = fit_linear(points, "encode_x")
    decode = fit_linear(points, "decode")
    gemm = fit([[1, p["waves"] * p["steps"], p["waves"]] for p in points],
               [p["kernels"]["channel_gemm"] for p in points])
    dense_points = [p["dense"] for p in points if p["dense"]] + DENSE
    dense = fit([[1, dense_work(M, K, N)] for M, K, N, _ in dense_points],
                [ms for _, _, _, ms in dense_points])
    short = [p for p in points if p["total"] < 0.3]  # where it is not lost in the noise
    overlap = sum(sum(p["kernels"].values()) - p["total"] for p in short) / (2 * len(short))

    residuals = []

    def report(what, predicted, measured):
        residuals.append(predicted / measured - 1)
        print("%-34s %8.4f ms, measured %8.4f, %+5.1f %%" % (what, predicted, measured,
                                                         100 * residuals[-1]))

    for p in points:
        method = 1 if p["method"] == "mma" else 2
        times = {
            "encode_x": encode[0] + p["encode"] * encode[method],
            "channel_gemm": gemm[0] + p["waves"] * (p["steps"] * gemm[1] + gemm[2]),
            "decode": decode[0] + p["decode"] * decode[method],
        }
        for name, time in times.items():
            report(p["name"] + " " + name, time, p["kernels"][name])
        report(p["name"] + " run", sum(times.values()) - 2 * overlap, p["total"])
    kernel_rms = math.sqrt(sum(r * r for r in residuals) / len(residuals))
    worst = max(residuals, key=abs)
    first_dense = len(residuals)
    for M, K, N, ms in dense_points:
        report("dense %d×%d×%d" % (M, K, N), dense[0] + dense_work(M, K, N) * dense[1], ms)
    dense_rms = math.sqrt(sum(r * r for r in residuals[first_dense:]) / len(dense_points))
    print("STL: RMS %.1f %%, worst %+.1f %%; dense: RMS %.1f %%, worst %+.1f %%" % (
        100 * kernel_rms, 100 * worst, 100 * dense_rms,
        100 * max(residuals[first_dense:], key=abs)))

    work = 2 * 8192 * 8192 * 2  # bytes of encoding or decoding 8192³, r = 16
    fma = [(1e-3 * us - linear[0]) / work for us, linear in
           ((FMA_ENCODE, encode), (FMA_DECODE, decode))]
    lines = ["static const stile_calibration h200 = {\n"]
    for name, linear, plain in (("encode", encode, fma[0]), ("decode", decode, fma[1])):
        lines.append("    .%s = {.launch = %s, .mma = %s, .code = %s, .fma = %s},\n" % (
            name, digits(linear[0]), digits(1e-9 / linear[1]), digits(1e-9 / linear[2]),
            digits(1e-9 / plain)))
    lines.append("    .overlap = %s,\n" % digits(overlap))
    lines.append("    .dense = {.launch = %s, .rate = %s},\n" % (digits(dense[0]),
                                                               digits(1e-9 / dense[1])))
    lines.append("    .gemm_launch = %s,\n    .blocks =\n        {\n" % digits(gemm[0]))
    blocks = [("STILE_FAMILY_SM_90A", (BLOCK_M, BLOCK_N, STEP, 4), gemm[1], gemm[2])]
    for block, ms in GENERIC:
        m, n, k, stages = block
        shared = stages * (m + n) * k * 2
        resident = min(2 if m * n <= 128 * 128 else 1, 233472 // (shared + 1024))
        waves = up(16 * up(2048, m) * up(2048, n), MULTIPROCESSORS * resident)
        step = (ms - gemm[0]) / (waves * (2048 // k + TILE_STEPS))
        blocks.append(("STILE_FAMILY_SM_80", block, step, TILE_STEPS * step))
    for family, (m, n, k, stages), step, tile in blocks:
        lines.append("            {%s, %d, %d, %d, %d, %s, %s},\n" % (
            family, m, n, 2 * k, stages, digits(1e3 * step), digits(1e3 * tile)))
    lines.append("        },\n    .block_count = %d,\n};\n" % len(blocks))
    new_part = "".join(lines)

    with open(TARGET, encoding="utf-8") as file:
        old = file.read()
    before, rest = old.split(BEGIN)
    new = before + BEGIN + new_part + END + rest.split(END)[1]
    if "--check" in sys.argv:
        sys.exit("the constants are stale: run docs/benchmarks/fit.py" if new != old else 0)
    with open(TARGET, "w", encoding="utf-8") as file:
        file.write(new)


main()
