# SPDX-License-Identifier: Apache-2.0
"""The commands in README.md and docs/ as they stand there, and the links between the pages."""
import pathlib
import re
import shlex
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "cli"))
from support import ENVIRONMENT, OK, SOURCE, TestCase, matrix, write_npy  # noqa: E402

ROOT = pathlib.Path(SOURCE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class Readme(TestCase):
    def test_from_spec_to_result(self):
        [snippet] = re.findall(r"^```console\n(.*?)^```$", PAGES[0].read_text(encoding="utf-8"), re.M | re.S)
        shown, *commands = re.split(r"^\$ ", snippet, flags=re.M)[1:]
        cat, text = shown.split("\n", 1)
        self.assertEqual(cat, "cat spec.yaml")
        self.write("spec.yaml", text)
        write_npy(self.path("X.npy"), matrix(1, 5, 7))
        write_npy(self.path("W.npy"), matrix(2, 3, 7))
        for command in commands:
            program, *words = shlex.split(command, comments=True)
            self.assertEqual(program, "stile")
            result = self.run_stile(*words)
            without_gpu = words[0] in ("verify", "bench") and "no CUDA driver" in result.err
            self.assertEqual(result.code, ENVIRONMENT if without_gpu else OK, command + result.err)


class Pages(TestCase):
    def test_commands(self):
        """Lines that are commands run where the specs are; without NVRTC those that compile say so."""
        shutil.copytree(ROOT / "specs", self.path("specs"))
        count = 0
        for page in PAGES:
            for line in re.findall(r"^    (stile (?:build|cache)\b.*)$", page.read_text(encoding="utf-8"), re.M):
                words = shlex.split(re.split(r"  +", line)[0])
                result = self.run_stile(*words[1:])
                code = ENVIRONMENT if "NVRTC" in result.err else OK
                self.assertEqual(result.code, code, f"{page.name}: {line}\n{result.err}")
                count += 1
        self.assertGreater(count, 4)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
                if "://" not in target:
                    self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


if __name__ == "__main__":
    unittest.main()
