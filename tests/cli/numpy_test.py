# SPDX-License-Identifier: Apache-2.0
"""stile run on files that NumPy wrote, against NumPy's products."""
import json
import os
import unittest

import numpy as np

from support import OK, USAGE, TestCase, simple_spec


class NumPyFiles(TestCase):
    def setUp(self):
        super().setUp()
        self.write("s.yaml", simple_spec())
        numbers = np.random.default_rng(5)
        self.x = numbers.standard_normal((33, 50))
        self.w = numbers.standard_normal((21, 50))
        np.save(self.path("w.npy"), self.w)

    def words(self, spec="s.yaml"):
        return ["run", spec, "--x", "x.npy", "--w", "w.npy", "--out", "y.npy", "--device", "cpu"]

    def check(self, tolerance, spec="s.yaml"):
        self.expect(OK, *self.words(spec))
        y = np.load(self.path("y.npy"))
        truth = self.x @ self.w.T
        self.assertEqual((y.shape, y.dtype), (truth.shape, np.dtype("<f4")))
        self.assertLess(np.linalg.norm(y - truth) / np.linalg.norm(truth), tolerance)

    def test_c_and_fortran_order(self):
        for order in "CF":
            for dtype, tolerance in (("<f8", 1e-7), ("<f4", 1e-7), ("<f2", 1e-3)):
                np.save(self.path("x.npy"), np.asarray(self.x, dtype=dtype, order=order))
                self.check(tolerance)

    def test_versions_of_the_format(self):
        for version in ((1, 0), (2, 0), (3, 0)):
            with open(self.path("x.npy"), "wb") as file:
                np.lib.format.write_array(file, self.x, version=version)
            self.check(1e-7)

    def test_bf16_results_round_once(self):
        self.write("b.yaml", "stile: 1\nname: b\nbasis: {name: strassen}\nprecision: {input: f32, "
                             "encoded: tf32, output: bf16}\n")
        np.save(self.path("x.npy"), self.x)
        self.check(2e-3, "b.yaml")
        y = np.load(self.path("y.npy"))
        self.assertFalse((y.view("<u4") & 0xffff).any())
        self.expect(OK, *self.words("b.yaml"), "--out-dtype", "bf16")
        bits = np.load(self.path("y.npy")).view("<u2")
        self.assertTrue((bits == (y.view("<u4") >> 16)).all())

    def test_other_dtypes_are_refused(self):
        for array in (self.x.astype("<i4"), self.x.astype(">f4"), self.x.astype("complex64"),
                      self.x > 0, np.zeros((3, 50), dtype=[("a", "<f4")])):
            np.save(self.path("x.npy"), array)
            result = self.expect(USAGE, *self.words())
            self.assertIn("x.npy", result.err)
            self.assertFalse(os.path.exists(self.path("y.npy")))

    def test_pickled_objects_are_refused(self):
        np.save(self.path("x.npy"), np.array([[None]], dtype=object), allow_pickle=True)
        self.expect(USAGE, *self.words())

    def test_truncated_and_lying_files_are_refused(self):
        np.save(self.path("x.npy"), self.x)
        with open(self.path("x.npy"), "rb") as file:
            content = file.read()
        lies = content.replace(b"(33, 50)", b"(34, 50)")
        for bad in (content[:-1], content[:100], content[:9], b"", lies, content + b"\0"):
            self.write("x.npy", bad)
            result = self.expect(USAGE, *self.words())
            self.assertIn("x.npy", result.err)


class Operator(TestCase):
    """An inexact basis, evaluated tile by tile as the operator is defined."""
    m, k, n = 2, 3, 4

    def setUp(self):
        super().setUp()
        self.numbers = np.random.default_rng(8)
        shown = self.expect(OK, "basis", "show", "random:2,3,4;5;1", "--json").out
        self.u, self.v, self.d = (np.array(json.loads(shown)[name]) for name in "UVD")

    @staticmethod
    def tiles(matrix, rows, columns):
        """[tile row, tile column, entry] of a matrix that is padded with zeros."""
        a, b = -(-matrix.shape[0] // rows), -(-matrix.shape[1] // columns)
        padded = np.zeros((a * rows, b * columns))
        padded[:matrix.shape[0], :matrix.shape[1]] = matrix
        return padded.reshape(a, rows, b, columns).swapaxes(1, 2).reshape(a, b, rows * columns)

    def product(self, x, w_hat, columns):
        """From X [M, K] and encoded weights [r, N/n, K/k]."""
        x_hat = np.einsum("cj,abj->cab", self.u, self.tiles(x, self.m, self.k))
        y = np.einsum("jc,cab->abj", self.d, np.einsum("cab,cdb->cad", x_hat, w_hat))
        a, b = y.shape[:2]
        y = y.reshape(a, b, self.m, self.n).swapaxes(1, 2).reshape(a * self.m, b * self.n)
        return y[:len(x), :columns]

    def save(self, name, array):
        """As a file of any type and order that the program reads without loss."""
        array = array.astype(self.numbers.choice(["<f4", "<f8"]), order=self.numbers.choice(["C", "F"]))
        np.save(self.path(name + ".npy"), array)
        return ["--" + name, name + ".npy"]

    def check(self, M, K, N, group, layout, encode, epilogue):
        x, bias, residual, w = (self.numbers.standard_normal(shape).astype("<f4").astype("f8")
                                for shape in ((M, K), N, (M, N), (K, N)))
        w_hat = np.einsum("cj,baj->cab", self.v, self.tiles(w, self.k, self.n)).astype("<f4").astype("f8")
        self.write("s.yaml", simple_spec("{random: {tile: [2, 3, 4], rank: 5, seed: 1}}", f"""
weight: {{layout: {layout}, encode: {encode}}}
epilogue: {{bias: {epilogue}, activation: {"silu" if epilogue == "true" else "none"}, residual: {epilogue}}}
"""))
        words = ["run", "s.yaml", "--out", "y.npy", "--device", "cpu", "--rows-per-group", str(group)]
        words += self.save("x", x)
        if encode == "trained":
            words += self.save("w", w_hat) + ["--n", str(N)]
        else:
            words += self.save("w", w.T if layout == "nk" else w)
        y = np.concatenate([self.product(x[i:i + group], w_hat, N) for i in range(0, M, group)])
        if epilogue == "true":
            words += self.save("bias", bias) + self.save("residual", residual)
            y = (y + bias) / (1 + np.exp(-y - bias)) + residual
        self.expect(OK, *words)
        error = np.linalg.norm(np.load(self.path("y.npy")) - y) / np.linalg.norm(y)
        self.assertLess(error, 1e-6, (M, K, N, group, layout, encode, epilogue))

    def test_every_way_to_run_it(self):
        for M, K, N, group in ((12, 7, 9, 12), (15, 6, 8, 5), (1, 10, 5, 1), (6, 1, 7, 3), (7, 9, 1, 7)):
            for layout in ("nk", "kn"):
                for encode in ("offline", "online", "trained"):
                    for epilogue in ("false", "true"):
                        self.check(M, K, N, group, layout, encode, epilogue)


if __name__ == "__main__":
    unittest.main()
