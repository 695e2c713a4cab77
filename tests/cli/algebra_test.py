# SPDX-License-Identifier: Apache-2.0
"""stile basis sum, rotate, transpose, cycle, drop, merge, balance and polish."""
import json
import unittest

from support import OK, USAGE, TestCase


class Algebra(TestCase):
    def make(self, *words):
        """Runs a command of stile basis into a file; what `basis show` says of it."""
        self.expect(OK, "basis", *words, "-o", "out.yaml")
        return json.loads(self.expect(OK, "basis", "show", "out.yaml", "--json").out)

    def test_results_are_exact_bases_of_the_shape_announced(self):
        for words, tile, rank in (
                (["sum", "strassen", "classical:2,2,1", "--along", "n"], [2, 2, 3], 11),
                (["sum", "classical:1,2,2", "strassen", "classical:1,2,2", "--along=m"], [4, 2, 2], 15),
                (["cycle", "classical:1,2,3"], [2, 3, 1], 6),
                (["transpose", "classical:1,2,3"], [3, 2, 1], 6),
                (["rotate", "strassen", "--a", "[[1, 1], [0, 1]]", "--c", "[[1/2, 0], [1, -1]]"], [2, 2, 2], 7),
                (["merge", "laderman"], [3, 3, 3], 23),
                (["balance", "winograd"], [2, 2, 2], 7)):
            basis = self.make(*words)["basis"]
            self.assertEqual((basis["tile"], basis["rank"], basis["exact"]), (tile, rank, True), words)

    def test_the_file_on_stdout_is_the_file_written(self):
        result = self.expect(OK, "basis", "cycle", "strassen")
        self.assertIn("exact, growth 4, rows none", result.err)
        self.make("cycle", "strassen")
        self.assertEqual(self.read("out.yaml"), result.out)

    def test_a_rotation_and_its_inverse_restore_the_basis(self):
        strassen = json.loads(self.expect(OK, "basis", "show", "strassen", "--json").out)
        self.expect(OK, "basis", "rotate", "strassen", "--b", "[[2, 1], [1, 1]]", "-o", "there.yaml")
        back = self.write("back.yaml", "B:\n  - [1, -1]\n  - [-1, 2]\n")
        restored = self.make("rotate", "there.yaml", "--matrices", back)
        for matrix in "UVD":
            self.assertEqual(restored[matrix], strassen[matrix])

    def test_drop_by_number_and_by_effect(self):
        self.assertEqual(self.make("drop", "classical:2,2,2", "--channels", "0,7")["basis"]["error"], 0.25)
        basis = self.make("drop", "strassen", "--count", "1")["basis"]
        self.assertEqual((basis["rank"], basis["error"]), (6, 0.5))

    def test_polish_reports_the_trade(self):
        result = self.expect(OK, "basis", "polish", "strassen", "--minimize", "additions")
        self.assertIn("growth 4 -> 7, additions 18 -> 15, nonzeros 36 -> 42", result.err)
        shown = self.make("polish", "strassen", "--minimize", "growth")["basis"]
        self.assertAlmostEqual(shown["growth"], 200 / 72, 12)
        self.assertTrue(shown["exact"])
        self.assertEqual(self.make("polish", "winograd", "--minimize", "nonzeros")["basis"]["growth"], 4)

    def test_mistakes_are_named(self):
        self.write("m.yaml", "A: [[1, 0], [0, 1]]\nE: 1\n")
        for message, words in (
                ("needs --along", ["sum", "strassen", "strassen"]),
                ("--along is 'x'", ["sum", "strassen", "strassen", "--along", "x"]),
                ("sides n must agree", ["sum", "strassen", "classical:2,2,1", "--along", "m"]),
                ("either --channels or --count", ["drop", "strassen"]),
                ("either --channels or --count", ["drop", "strassen", "--count", "1", "--channels", "1"]),
                ("no channel 7", ["drop", "strassen", "--channels", "7"]),
                ("--channels is '1,'", ["drop", "strassen", "--channels", "1,"]),
                ("--count is '0'", ["drop", "strassen", "--count", "0"]),
                ("cannot drop 7 of the 7", ["drop", "strassen", "--count", "7"]),
                ("either --matrices, or some of", ["rotate", "strassen"]),
                ("m.yaml:2:1: error: [STILE-012]", ["rotate", "strassen", "--matrices", "m.yaml"]),
                ("none.yaml", ["rotate", "strassen", "--matrices", "none.yaml"]),
                ("--a:1:1: error: [STILE-026] A has 1 rows", ["rotate", "strassen", "--a", "[[1, 2]]"]),
                ("--b:1:1: error:", ["rotate", "strassen", "--b", "x"]),
                ("matrix C is singular", ["rotate", "strassen", "--c", "[[1, 1], [1, 1]]"]),
                ("needs --minimize", ["polish", "strassen"]),
                ("growth, additions or nonzeros", ["polish", "strassen", "--minimize", "speed"]),
                ("is not exact", ["polish", "random:2,2,2;5;1", "--minimize", "growth"])):
            self.refuse(message, "basis", *words)

    def test_no_output_overwrites_an_input(self):
        self.expect(OK, "basis", "cycle", "strassen", "-o", "b.yaml")
        before = self.read("b.yaml")
        self.expect(USAGE, "basis", "transpose", "b.yaml", "-o", "b.yaml")
        self.assertEqual(self.read("b.yaml"), before)

    def test_help(self):
        for name in ("sum", "rotate", "transpose", "cycle", "drop", "merge", "balance", "polish"):
            self.assertIn("usage: stile basis " + name, self.expect(OK, "basis", name, "--help").out)


if __name__ == "__main__":
    unittest.main()
