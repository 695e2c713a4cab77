# SPDX-License-Identifier: Apache-2.0
"""stile basis group: bases from finite groups."""
import json
import re
import unittest

from support import OK, USAGE, TestCase


class Groups(TestCase):
    def make(self, *words):
        """Runs stile basis group into a file; what `basis show` says of it."""
        self.expect(OK, "basis", "group", *words, "-o", "out.yaml")
        return json.loads(self.expect(OK, "basis", "show", "out.yaml", "--json").out)["basis"]

    def survey(self, *words):
        return json.loads(self.expect(OK, "basis", "group", "--survey", "--json", *words).out)

    def test_exact_bases(self):
        for group, tile, rank in (("S3", "2,2,2", 9), ("Z2^3", "2,2,2", 8), ("Z2xZ4", "2,2,2", 8),
                                  ("Z2^2", "1,2,2", 4), ("Z6", "1,2,3", 6)):
            basis = self.make("--group", group, "--tile", tile)
            self.assertEqual((basis["rank"], basis["exact"], basis["rational"]), (rank, True, True), group)
        basis = self.make("--group", "Z8", "--tile", "2,2,2")
        self.assertEqual((basis["exact"], basis["rational"]), (True, False))

    def test_truncated_and_relaxed_bases(self):
        truncated = self.make("--group", "S3", "--tile", "2,2,2", "--rank", "7", "--truncate")
        self.assertEqual((truncated["rank"], truncated["exact"], truncated["rational"]), (7, False, True))
        self.assertAlmostEqual(truncated["error"], 43 / 440, 12)
        relaxed = self.make("--group", "Z7", "--tile", "2,2,2", "--relaxed")
        self.assertEqual((relaxed["rank"], relaxed["rational"]), (10, False))
        self.assertLess(relaxed["error"], 0.125)
        both = self.make("--group", "Z5", "--tile", "3,3,3", "--rank", "6", "--relaxed", "--truncate")
        self.assertLessEqual(both["rank"], 6)

    def test_the_source_is_the_command_that_makes_it_again(self):
        words = ["--group", "A4", "--tile", "2,2,2", "--rank", "5", "--relaxed", "--truncate", "--moves", "500",
                 "--seed", "7"]
        first = self.expect(OK, "basis", "group", *words).out
        [source] = re.findall(r'^source: "stile [^:]*: stile (.*)"$', first, re.M)
        self.assertEqual(source.split(), ["basis", "group", *words])
        self.assertEqual(self.expect(OK, *source.split()).out, first)

    def test_survey(self):
        survey = self.survey("--tile", "2,2,2")
        groups = {group["name"]: group for group in survey["groups"]}
        self.assertEqual(groups["S3"]["exact_rank"], 9)
        self.assertTrue(groups["S3"]["triple_product_property"])
        self.assertIs(groups["Z7"]["triple_product_property"], False)
        self.assertIsNone(groups["Z7"]["exact_rank"])
        errors = [row["error"] for row in survey["best"]]
        self.assertEqual(errors, sorted(errors, reverse=True))
        self.assertEqual((survey["best"][-1]["rank"], errors[-1]), (8, 0))
        table = self.expect(OK, "basis", "group", "--survey", "--tile", "2,2,2", "--group", "S3").out
        self.assertRegex(table, r"(?m)^S3 +6 +9 +yes +9$")
        self.assertRegex(table, r"(?m)^ +7 +0\.0977 +0\.125 ")
        one = self.survey("--tile", "2,2,2", "--group", "D4")
        self.assertEqual([group["name"] for group in one["groups"]], ["D4"])

    def test_mistakes_are_named(self):
        for message, words in (
                ("needs --group NAME", ["--tile", "2,2,2"]),
                ("needs --tile M,K,N", ["--group", "S3"]),
                ("needs --tile M,K,N", ["--survey"]),
                ("--tile is '2,2'", ["--group", "S3", "--tile", "2,2"]),
                ("--tile is '2,2,9'", ["--group", "S3", "--tile", "2,2,9"]),
                ("--tile is '0,2,2'", ["--survey", "--tile", "0,2,2"]),
                ("'M11' names no group", ["--group", "M11", "--tile", "2,2,2"]),
                ("'M11' names no group", ["--survey", "--group", "M11", "--tile", "2,2,2"]),
                ("too large", ["--group", "Z65", "--tile", "2,2,2"]),
                ("--rank is '0'", ["--group", "S3", "--tile", "2,2,2", "--rank", "0"]),
                ("--seed is '-1'", ["--group", "S3", "--tile", "2,2,2", "--seed", "-1"]),
                ("Z7 has no subsets of 2, 2 and 2 elements with the triple product property",
                 ["--group", "Z7", "--tile", "2,2,2"]),
                ("were found in D4xZ2^2, though not all were looked at",
                 ["--group", "D4xZ2^2", "--tile", "3,4,4"]),
                ("has 9 products: truncate it", ["--group", "S3", "--tile", "2,2,2", "--rank", "7"]),
                ("as few as 2 products: truncate one", ["--group", "Z7", "--tile", "2,2,2", "--rank", "2", "--relaxed"]),
                ("Z2 has no subsets of 2, 3 and 2 elements",
                 ["--group", "Z2", "--tile", "2,3,2", "--rank", "2", "--relaxed", "--truncate"]),
                ("need --rank", ["--group", "S3", "--tile", "2,2,2", "--truncate"]),
                ("need --rank", ["--group", "S3", "--tile", "2,2,2", "--moves", "10"]),
                ("leave out --rank", ["--survey", "--tile", "2,2,2", "--rank", "3"]),
                ("leave out --output", ["--survey", "--tile", "2,2,2", "-o", "x.yaml"]),
                ("--json goes with --survey", ["--group", "S3", "--tile", "2,2,2", "--json"])):
            self.refuse(message, "basis", "group", *words)
        self.expect(USAGE, "basis", "group", "S3", "--tile", "2,2,2")


if __name__ == "__main__":
    unittest.main()
