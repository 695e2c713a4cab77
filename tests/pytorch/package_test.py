# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of examples/pytorch in a Python with PyTorch; exit 77 where there is none."""

import os
import pathlib
import subprocess
import sys

SKIPPED = 77


def main():
    python = os.environ.get('STILE_TORCH_PYTHON', sys.executable)
    probe = subprocess.run([python, '-c', 'import torch'], capture_output=True, text=True)
    if probe.returncode:
        reason = (probe.stderr.strip() or 'no output').splitlines()[-1]
        print(f'skipped: the tests of the PyTorch package need PyTorch, but {python}: {reason}')
        sys.exit(SKIPPED)
    package = pathlib.Path(os.environ['STILE_TEST_SOURCE']) / 'examples/pytorch'
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([str(package), os.environ.get('PYTHONPATH', '')]),
        'PYTHONDONTWRITEBYTECODE': '1',
        'OMP_NUM_THREADS': '1',
    }
    tests = [python, '-m', 'unittest', 'discover', '-v', '-s', str(package / 'tests')]
    sys.exit(subprocess.run(tests, env=environment, cwd=package).returncode)


main()
