# SPDX-License-Identifier: Apache-2.0
"""stile run and stile encode on the CPU, against products computed here; bad files."""
import array
import os
import unittest

from support import (FAILURE, OK, USAGE, TestCase, matrix, multiply, npy_bytes, read_npy, simple_spec, spec,
                     transpose, write_npy)


class RunTestCase(TestCase):
    def run_spec(self, text, x, w, *more, code=OK):
        """Y as (shape, dtype, values)."""
        self.write("s.yaml", text)
        write_npy(self.path("x.npy"), x)
        write_npy(self.path("w.npy"), w)
        words = ["run", "s.yaml", "--x", "x.npy", "--w", "w.npy", "--out", "y.npy", "--device", "cpu"]
        self.expect(code, *words, *more)
        return read_npy(self.path("y.npy"))


class Products(RunTestCase):
    def test_exact_bases_multiply_matrices(self):
        for basis in ("{name: strassen}", "{name: winograd}", "{name: laderman}",
                      "{kron: [strassen, strassen]}", "{classical: [1, 3, 2]}"):
            for M, K, N in ((1, 1, 1), (5, 7, 3), (12, 8, 16), (9, 26, 11)):
                x, w = matrix(M, M, K), matrix(N, N, K)
                shape, dtype, y = self.run_spec(simple_spec(basis), x, w)
                self.assertEqual((shape, dtype), ((M, N), "<f4"))
                self.assertEqual(y, multiply(x, transpose(w)), (basis, M, K, N))

    def test_layout_kn(self):
        x, w = matrix(1, 6, 5), matrix(2, 5, 9)
        _, _, y = self.run_spec(simple_spec(more="weight: {layout: kn, encode: online}\n"), x, w)
        self.assertEqual(y, multiply(x, w))

    def test_epilogue(self):
        x, w, residual = matrix(1, 4, 6), matrix(2, 5, 6), matrix(3, 4, 5)
        bias = matrix(4, 1, 5)[0]
        write_npy(self.path("r.npy"), residual)
        text = simple_spec(more="epilogue: {bias: true, activation: relu, residual: true}\n")
        dense = multiply(x, transpose(w))
        expected = [max(dense[i * 5 + j] + bias[j], 0) + residual[i][j] for i in range(4) for j in range(5)]
        for b in (bias, [bias]):  # [N] and [1, N]
            write_npy(self.path("b.npy"), b)
            _, _, y = self.run_spec(text, x, w, "--bias", "b.npy", "--residual", "r.npy")
            self.assertEqual(y, expected)

    def test_groups_are_products_of_their_own(self):
        # ⟨2,2,2;4⟩ at random is no matrix product: a tile that straddled two groups would show.
        basis = "{random: {tile: [2, 2, 2], rank: 4, seed: 3}}"
        x, w = matrix(1, 9, 6), matrix(2, 5, 6)
        _, _, whole = self.run_spec(simple_spec(basis), x, w, "--rows-per-group", "3")
        parts = []
        for group in range(3):
            parts += self.run_spec(simple_spec(basis), x[3 * group:3 * group + 3], w)[2]
        self.assertEqual(whole, parts)
        _, _, straddling = self.run_spec(simple_spec(basis), x, w)
        self.assertNotEqual(straddling, whole)

    def test_output_types(self):
        x, w = matrix(1, 3, 4), matrix(2, 2, 4)
        expected = multiply(x, transpose(w))
        for name, dtype in (("f32", "<f4"), ("f64", "<f8"), ("f16", "<f2"), ("bf16", "|V2"), ("<f2", "<f2")):
            _, found, y = self.run_spec(simple_spec(), x, w, "--out-dtype", name)
            self.assertEqual((found, y), (dtype, expected))

    def test_variants(self):
        text = simple_spec(more="variants: {weight.encode: [offline, online]}\n")
        x, w = matrix(1, 3, 4), matrix(2, 2, 4)
        _, _, y = self.run_spec(text, x, w, "--variant", "test/weight.encode=online")
        self.assertEqual(y, multiply(x, transpose(w)))
        os.remove(self.path("y.npy"))
        words = ["run", "s.yaml", "--x", "x.npy", "--w", "w.npy", "--out", "y.npy", "--device", "cpu"]
        result = self.refuse("test/weight.encode=offline", *words)
        self.assertIn("test/weight.encode=online", result.err)
        self.refuse("nonsense", *words, "--variant", "nonsense")
        self.assertFalse(os.path.exists(self.path("y.npy")))

    def test_without_a_gpu_the_cpu_takes_over_and_says_so(self):
        self.run_spec(simple_spec(), matrix(1, 3, 4), matrix(2, 2, 4))
        result = self.expect(OK, "run", "s.yaml", "--x", "x.npy", "--w", "w.npy", "--out", "z.npy")
        self.assertEqual(result.out, "")
        lines = result.err.splitlines()
        self.assertTrue(len(lines) == 1 or (len(lines) == 2 and "CPU" in lines[0]), result.err)
        self.assertIn("written to z.npy", lines[-1])


class Encoded(RunTestCase):
    def test_trained_weights_from_encode_give_the_dense_product(self):
        x, w = matrix(1, 5, 7), matrix(2, 6, 7)
        self.run_spec(simple_spec(), x, w)
        self.expect(OK, "encode", "s.yaml", "--w", "w.npy", "--out", "what.npy")
        shape, dtype, encoded = read_npy(self.path("what.npy"))
        self.assertEqual((shape, dtype), ((7, 3, 4), "<f4"))
        # Channel 4 of Strassen's V copies entry (1,1) of a tile; W is [N, K].
        self.assertEqual(encoded[4 * 12:4 * 12 + 3], [w[1][1], w[1][3], w[1][5]])
        self.write("t.yaml", simple_spec(more="weight: {layout: nk, encode: trained}\n"))
        words = ["run", "t.yaml", "--x", "x.npy", "--w", "what.npy", "--out", "y.npy", "--device", "cpu"]
        self.expect(OK, *words, "--n", "6")
        self.assertEqual(read_npy(self.path("y.npy"))[2], multiply(x, transpose(w)))
        self.refuse("give --n N", *words)
        self.refuse("[r, ceil(N/n), ceil(K/k)] = (7, 4, 4)", *words, "--n", "7")

    def test_a_trained_spec_encodes_the_start_of_its_training(self):
        text = simple_spec("{random: {tile: [2, 3, 2], rank: 5, seed: 2}}", "weight: {encode: %s}\n")
        write_npy(self.path("w.npy"), matrix(2, 6, 7))
        for encode in ("offline", "trained"):
            self.write(encode + ".yaml", text % encode)
            self.expect(OK, "encode", encode + ".yaml", "--w", "w.npy", "--out", encode + ".npy")
        self.assertEqual(read_npy(self.path("trained.npy")), read_npy(self.path("offline.npy")))

    def test_dense_weights_are_no_trained_ones(self):
        self.write("t.yaml", simple_spec(more="weight: {layout: nk, encode: trained}\n"))
        write_npy(self.path("x.npy"), matrix(1, 5, 7))
        write_npy(self.path("w.npy"), matrix(2, 6, 7))
        self.refuse("w.npy has shape (6, 7)", "run", "t.yaml", "--x", "x.npy", "--w", "w.npy", "--out",
                    "y.npy", "--n", "6", "--device", "cpu")


class BadInput(RunTestCase):
    def setUp(self):
        super().setUp()
        self.write("s.yaml", simple_spec())
        write_npy(self.path("x.npy"), matrix(1, 4, 6))
        write_npy(self.path("w.npy"), matrix(2, 5, 6))

    def refuse_run(self, message, x="x.npy", w="w.npy", text=None, more=()):
        if text:
            self.write("s.yaml", text)
        self.refuse(message, "run", "s.yaml", "--x", x, "--w", w, "--out", "y.npy", "--device", "cpu", *more)
        self.assertEqual([f for f in os.listdir(self.folder) if f.startswith("y.npy")], [])

    def test_shapes_that_do_not_fit(self):
        write_npy(self.path("t.npy"), transpose(matrix(2, 5, 6)))
        self.refuse_run("t.npy has shape (6, 5), but X has K = 6", w="t.npy")
        self.refuse_run("It would fit as [K, N]: transpose it, or set weight.layout: kn", w="t.npy")
        write_npy(self.path("v.npy"), [1.0, 2.0])
        self.refuse_run("v.npy has shape (2,), but X must be a matrix", x="v.npy")
        self.refuse_run("v.npy has shape (2,), but W must be a matrix", w="v.npy")
        self.write("e.npy", npy_bytes((0, 6), b""))
        self.refuse_run("e.npy", x="e.npy")
        self.refuse_run("--n is 6, but w.npy has N = 5", more=("--n", "6"))

    def test_hint_at_layout_nk(self):
        text = simple_spec(more="weight: {layout: kn}\n")
        self.refuse_run("It would fit as [N, K]: transpose it, or set weight.layout: nk", text=text)

    def test_operands_the_spec_lacks_or_wants(self):
        self.refuse_run("test has epilogue.bias: false", more=("--bias", "x.npy"))
        text = simple_spec(more="epilogue: {bias: true}\n")
        self.refuse_run("give --bias FILE.npy", text=text)
        self.refuse_run("x.npy has shape (4, 6), but the bias must be [N] = (5,)", more=("--bias", "x.npy"))
        text = simple_spec(more="epilogue: {residual: true}\n")
        self.refuse_run("the residual must be [M, N] = (4, 5)", text=text, more=("--residual", "x.npy"))

    def test_files_that_are_none(self):
        self.refuse_run("nowhere.npy", x="nowhere.npy")
        self.refuse_run(".", x=".")
        self.write("text.npy", "1, 2, 3\n")
        self.refuse_run("text.npy", x="text.npy")
        self.write("short.npy", npy_bytes((4, 6), b"\0" * 95))
        self.refuse_run("short.npy", x="short.npy")
        self.write("long.npy", npy_bytes((4, 6), b"\0" * 97))
        self.refuse_run("long.npy", x="long.npy")
        self.write("int.npy", npy_bytes((4, 6), b"\0" * 96, dtype="<i4"))
        self.refuse_run("<i4", x="int.npy")
        self.write("big.npy", npy_bytes((4, 6), b"\0" * 96, dtype=">f4"))
        self.refuse_run("big.npy", x="big.npy")
        self.write("huge.npy", npy_bytes((2**40, 2**40), b"\0" * 96))
        self.refuse_run("huge.npy", x="huge.npy")

    def test_results_that_cannot_be_written(self):
        words = ["run", "s.yaml", "--x", "x.npy", "--w", "w.npy", "--device", "cpu", "--out"]
        self.refuse("nodir/y.npy: cannot be written", *words, "nodir/y.npy")
        self.refuse("is a directory", *words, self.folder)
        if os.path.exists("/dev/full"):
            self.expect(FAILURE, *words, "/dev/full")

    def test_no_result_overwrites_an_operand(self):
        before = read_npy(self.path("x.npy"))
        os.link(self.path("w.npy"), self.path("hard.npy"))
        words = ["run", "s.yaml", "--x", "x.npy", "--w", "w.npy", "--device", "cpu", "--out"]
        self.refuse("x.npy: would be overwritten, but is also --x", *words, "x.npy")
        self.refuse("hard.npy: would be overwritten, but is also --w", *words, "hard.npy")
        self.refuse("s.yaml: would be overwritten, but is also the input", *words, "s.yaml")
        self.refuse("also --w", "encode", "s.yaml", "--w", "w.npy", "--out", "w.npy")
        self.assertEqual(read_npy(self.path("x.npy")), before)

    def test_out_dtype(self):
        self.refuse_run("--out-dtype is 'i8'", more=("--out-dtype", "i8"))

    def test_groups(self):
        self.refuse_run("M = 4 is not a multiple of --rows-per-group 3", more=("--rows-per-group", "3"))

    def test_encode(self):
        write_npy(self.path("v.npy"), [1.0, 2.0])
        self.refuse("W must be a matrix", "encode", "s.yaml", "--w", "v.npy", "--out", "e.npy")
        self.refuse("nodir/e.npy: cannot be written", "encode", "s.yaml", "--w", "w.npy", "--out",
                    "nodir/e.npy")


class Formats(RunTestCase):
    def test_files_of_every_kind_mean_the_same(self):
        x, w = matrix(1, 3, 4), matrix(2, 2, 4)
        expected = self.run_spec(simple_spec(), x, w)
        flat = [v for row in x for v in row]
        turned = [v for row in transpose(x) for v in row]
        bf16 = array.array("H", [array.array("I", array.array("f", [v]).tobytes())[0] >> 16 for v in flat])
        kinds = {
            "f8": npy_bytes((3, 4), array.array("d", flat).tobytes(), "<f8"),
            "fortran": npy_bytes((3, 4), array.array("f", turned).tobytes(), "<f4", True),
            "v2": npy_bytes((3, 4), array.array("f", flat).tobytes(), version=2),
            "v3": npy_bytes((3, 4), array.array("f", flat).tobytes(), version=3),
            "bf16": npy_bytes((3, 4), bf16.tobytes(), "|V2"),
            "bits": npy_bytes((3, 4), bf16.tobytes(), "<u2"),
        }
        for kind, content in kinds.items():
            self.write("k.npy", content)
            self.expect(OK, "run", "s.yaml", "--x", "k.npy", "--w", "w.npy", "--out", "y.npy", "--device",
                        "cpu")
            self.assertEqual(read_npy(self.path("y.npy")), expected, kind)


if __name__ == "__main__":
    unittest.main()
