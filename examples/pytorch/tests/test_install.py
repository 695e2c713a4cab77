# SPDX-License-Identifier: Apache-2.0
"""The package installs, and the example of its README runs in a fresh process."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Install(unittest.TestCase):
    def test_the_three_lines_of_the_readme_train_a_model(self):
        (code,) = re.findall(
            r'three lines train.*?```python\n(.*?)```',
            (ROOT / 'README.md').read_text('utf-8'),
            re.S,
        )
        self.assertEqual(code.count('\n'), 3)
        code += 'print(sum(losses[:20]), sum(losses[-20:]))\nassert losses[-1] < 0.8 * losses[0]\n'
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, 'source'), os.path.join(folder, 'target')
            skipped = shutil.ignore_patterns('build', '*.egg-info', '__pycache__')
            shutil.copytree(ROOT, source, ignore=skipped)
            if all(map(importlib.util.find_spec, ('pip', 'setuptools'))):
                command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps']
                command += ['--no-build-isolation', '--no-index', '--target', target, source]
                subprocess.run(command, check=True)
            else:
                target = source
            environment = {**os.environ, 'PYTHONPATH': target, 'PYTHONDONTWRITEBYTECODE': '1'}
            done = subprocess.run(
                [sys.executable, '-c', 'import torch; torch.manual_seed(0)\n' + code],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
            )
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == '__main__':
    unittest.main()
