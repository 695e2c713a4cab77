# SPDX-License-Identifier: Apache-2.0
"""Compiles tasks_test.cpp for several ranks and regions, and runs it.

usage: tasks_test.py SOURCE TEMPLATES
"""
import os
import subprocess
import sys
import tempfile

SKIPPED = 77


def main():
    compiler = os.environ["STILE_EMULATOR_CXX"]
    if not compiler:
        print("no C++ compiler")
        return SKIPPED
    source, templates = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "tasks")
        for rank, region, pieces in ((1, 1, 1), (7, 2, 8), (16, 4, 8), (49, 3, 2)):
            subprocess.run([compiler, "-std=c++17", "-O1", "-Wall", "-Werror", "-I", templates,
                            "-DRANK=%d" % rank, "-DREGION_PAIRS=%d" % region,
                            "-DDECODE_PIECES=%d" % pieces, source, "-o", program], check=True)
            subprocess.run([program], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
