# SPDX-License-Identifier: Apache-2.0
"""The bases in specs/bases: each is what its name says, and together they keep what docs/catalogue.md promises."""
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(os.environ["STILE_TEST_SOURCE"])
PROGRAM = os.environ["STILE_PROGRAM"]
SCRIPT = ROOT / "docs" / "catalogue" / "table.py"
sys.path.insert(0, str(SCRIPT.parent))
import table  # noqa: E402

NAME = re.compile(r"(\d)(\d)(\d)_(\d+)(?:_g(\d+))?(?:_(causal|none))?(?:_([a-z0-9_]+))?")
BASES = table.load(PROGRAM)


def of(folder):
    return [b for b in BASES if b.folder == folder]


def least(bases, bound, rank):
    """The least error up to a rank, as printed with three digits where that is how it was known."""
    return min(e for r, e in table.best(bases, bound) if r <= rank)


class Catalogue(unittest.TestCase):
    def test_each_basis_is_what_its_name_says(self):
        for basis in BASES:
            with self.subTest(basis.path.name):
                self.assertEqual(basis.name, basis.path.stem)
                m, k, n, rank, bound, coupling, _ = NAME.fullmatch(basis.name).groups()
                self.assertEqual(basis.tile, (int(m), int(k), int(n)))
                self.assertEqual(basis.rank, int(rank))
                self.assertEqual(basis.folder, m + k + n)
                self.assertTrue(basis.source)
                if bound:
                    self.assertLessEqual(basis.growth, int(bound))
                if coupling:
                    self.assertEqual(basis.algebraic, coupling)

    def test_errors_are_at_or_below_those_known_before(self):
        for (folder, bound), points in table.BEFORE.items():
            for rank, known in points:
                digits = 4 if known == .4375 else 3
                self.assertLessEqual(round(least(of(folder), bound, rank), digits), known, (folder, bound, rank))

    def test_most_ranks_of_4x4_are_better_than_known_before(self):
        known = table.BEFORE["444", 16]
        better = sum(least(of("444"), 16, rank) < min(e for r, e in known if r <= rank) - 1e-3
                     for rank in range(17, 49))
        self.assertGreaterEqual(better, 28)

    def test_each_rank_is_better_than_the_one_below(self):
        for folder in table.TILES:
            top = max(b.rank for b in of(folder) if b.exact)
            for bound in (16, table.ANY):
                ranks = [rank for rank, _ in table.best(of(folder), bound)]
                self.assertEqual(ranks, list(range(1, top + 1)), (folder, bound))

    def test_no_basis_is_worse_than_dropping_classical_products(self):
        for basis in BASES:
            m, k, n = basis.tile
            self.assertLessEqual(basis.error, 1 - basis.rank / (m * k * n) + 1e-6, basis.name)

    def test_exact_ones_are_exact(self):
        exact = {b.name for b in BASES if b.exact}
        self.assertTrue({"222_7_polished", "333_23_polished", "444_49_polished"} <= exact, exact)

    def test_tables_and_figure_are_up_to_date(self):
        done = subprocess.run([sys.executable, SCRIPT, "--check", PROGRAM])
        self.assertEqual(done.returncode, 0, "run docs/catalogue/table.py")


if __name__ == "__main__":
    unittest.main()
