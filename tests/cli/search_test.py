# SPDX-License-Identifier: Apache-2.0
"""stile basis search."""
import json
import os
import subprocess
import time
import unittest

from support import CHECK_FAILED, OK, PROGRAM, USAGE, TestCase


class Search(TestCase):
    def search(self, *words):
        """Runs a search into a file; what --json and `basis show` say of it."""
        found = json.loads(self.expect(OK, "basis", "search", *words, "-o", "out.yaml", "--json").out)
        shown = json.loads(self.expect(OK, "basis", "show", "out.yaml", "--json").out)
        self.assertEqual(found["basis"], shown["basis"])
        return found

    def test_exact_bases_are_found_and_proved(self):
        for seed in "1", "99", "123456789":
            found = self.search("--tile", "2,2,2", "--rank", "7", "--exact", "--seed", seed)
            self.assertTrue(found["found"] and found["basis"]["exact"])
            self.assertEqual((found["basis"]["tile"], found["basis"]["rank"]), ([2, 2, 2], 7))
            self.expect(OK, "basis", "check", "out.yaml", "--exact")

    def test_options_reach_the_search(self):
        found = self.search("--tile", "2,2,2", "--rank", "5", "--growth", "4", "--rows", "causal", "--starts", "8",
                            "--name", "mine")
        self.assertLess(found["basis"]["error"], 0.275)
        self.assertLessEqual(found["basis"]["growth"], 4)
        self.assertEqual(found["basis"]["name"], "mine")
        self.assertEqual((found["starts"], found["finished"], found["seed"]), (8, 8, 1))
        found = self.search("--tile=2,2,2", "--rank=6", "--coefficients=integer", "--starts=4", "--growth=9")
        self.assertNotIn(".", self.read("out.yaml").split("U:")[1])
        found = self.search("winograd", "--tile=2,2,2", "--rank=6", "--starts=1", "--weight=0.01")
        self.assertLess(found["basis"]["growth"], 3)

    def test_the_source_is_a_command_that_finds_the_same(self):
        self.search("strassen", "--tile", "2,2,2", "--rank", "5", "--starts", "3", "--seed", "5", "--threads", "2")
        first = self.read("out.yaml")
        source = next(line for line in first.split("\n") if line.startswith("source: "))
        words = json.loads(source[len("source: "):]).split(": stile ")[1].split()
        self.expect(OK, *words, "-o", "again.yaml", "--threads", "1")
        self.assertEqual(self.read("again.yaml"), first)

    def test_the_basis_goes_to_stdout_where_no_file_is_named(self):
        result = self.expect(OK, "basis", "search", "--tile", "2,1,2", "--rank", "4", "--exact")
        self.assertTrue(result.out.startswith("basis: 1\n"))
        self.assertIn("exact, growth 1", result.err)

    def test_failure_writes_nothing(self):
        result = self.refuse("2 starts found no exact basis; the least error is", "basis", "search", "--tile", "2,2,2",
                             "--rank", "6", "--exact", "--starts", "2", "-o", "out.yaml", code=CHECK_FAILED)
        self.assertIn("allow more starts", result.err)
        self.assertFalse(os.path.exists(self.path("out.yaml")))

    def test_a_killed_search_resumes_to_the_same_bytes(self):
        words = ["basis", "search", "--tile", "3,3,3", "--rank", "18", "--growth", "5", "--starts", "4"]
        self.expect(OK, *words, "-o", "whole.yaml")
        words += ["-o", "broken.yaml", "--checkpoint", "state", "--every", "0", "--resume"]
        for _ in range(6):
            before = self.path("state")
            process = subprocess.Popen([PROGRAM, *words], cwd=self.folder, stderr=subprocess.DEVNULL,
                                       stdin=subprocess.DEVNULL)
            deadline = time.monotonic() + 30
            while process.poll() is None and not os.path.exists(before) and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(0.1)
            process.kill()
            process.wait()
        self.expect(OK, *words)
        self.assertEqual(self.read("broken.yaml"), self.read("whole.yaml"))
        self.expect(OK, *words)  # all is done: nothing but reading
        self.assertEqual(self.read("broken.yaml"), self.read("whole.yaml"))

    def test_mistakes_are_named(self):
        tile = ["--tile", "2,2,2"]
        self.write("state", "stile-search 1\nno problem\n")
        for message, words in (
                ("needs --tile", ["--rank", "7"]),
                ("needs --rank", tile),
                ("--tile is '2,2'", ["--tile", "2,2", "--rank", "7"]),
                ("--tile is '2,2,9'", ["--tile", "2,2,9", "--rank", "7"]),
                ("--tile is '2,2,2,'", ["--tile", "2,2,2,", "--rank", "7"]),
                ("rank 9 cannot work: it must be from 1 to 8", tile + ["--rank", "9"]),
                ("--growth is '0'", tile + ["--rank", "7", "--growth", "0"]),
                ("either --growth or --weight", tile + ["--rank", "7", "--growth", "4", "--weight", "0.1"]),
                ("--coefficients is 'octal'", tile + ["--rank", "7", "--coefficients", "octal"]),
                ("not real ones", tile + ["--rank", "7", "--exact", "--coefficients", "real"]),
                ("exact bases have integer or rational", tile + ["--rank", "7", "--exact", "--coefficients", "bf16"]),
                ("--rows is 'few'", tile + ["--rank", "7", "--rows", "few"]),
                ("need real coefficients", tile + ["--rank", "7", "--rows", "none", "--coefficients", "integer"]),
                ("--resume needs --checkpoint", tile + ["--rank", "7", "--resume"]),
                ("there is a checkpoint already", tile + ["--rank", "7", "--checkpoint", "state"]),
                ("state: this is the checkpoint of another search, of no problem",
                 tile + ["--rank", "7", "--checkpoint", "state", "--resume"]),
                ("'laderman' has tiles of 3x3x3", ["laderman"] + tile + ["--rank", "7"]),
                ("rank 7, but the search is for rank 6", tile + ["--rank", "6", "--support", "strassen"]),
                ("--json needs --output", tile + ["--rank", "7", "--json"]),
                ("is no basis of the catalogue", tile + ["--rank", "7", "--from", "strasen"])):
            self.refuse(message, "basis", "search", *words)


if __name__ == "__main__":
    unittest.main()
