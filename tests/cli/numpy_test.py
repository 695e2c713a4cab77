# SPDX-License-Identifier: Apache-2.0
"""stile run on files that NumPy wrote, against NumPy's products."""
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


if __name__ == "__main__":
    unittest.main()
