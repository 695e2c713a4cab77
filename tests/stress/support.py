# SPDX-License-Identifier: Apache-2.0
"""What the stress tests of the kernel cache share: programs that compile one spec on one directory."""
import collections
import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

SOURCE = os.environ["STILE_TEST_SOURCE"]
PROGRAM = os.environ["STILE_PROGRAM"]
FAKE_NVRTC = os.environ["STILE_FAKE_NVRTC"]
SPEC = os.path.join(SOURCE, "tests", "golden", "strassen.yaml")
OTHER_SPEC = os.path.join(SOURCE, "tests", "golden", "winograd_tf32.yaml")
LONG = os.environ.get("STILE_STRESS") == "long"
OK, CHECK_FAILED, USAGE, ENVIRONMENT, FAILURE = range(5)


class TestCase(unittest.TestCase):
    """Each test has a folder of its own, closed to others, with the cache in it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="stile-stress-")
        self.cache = os.path.join(self.folder, "cache")
        self.log = os.path.join(self.folder, "compiled")
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("STILE_CACHE", "STILE_JIT", "STILE_LOG"))}
        self.environment.update(STILE_CACHE_DIR=self.cache, STILE_NVRTC=FAKE_NVRTC,
                                FAKE_NVRTC_LOG=self.log, TMPDIR=self.folder, HOME=self.folder)
        self.environment.pop("XDG_CACHE_HOME", None)
        self.outputs = 0

    def tearDown(self):
        shutil.rmtree(self.folder)

    def build_words(self, spec=SPEC, arch="sm_90a"):
        """The command that compiles the kernels of a spec, and the file it writes."""
        self.outputs += 1
        output = os.path.join(self.folder, "%d.stile" % self.outputs)
        return [PROGRAM, "build", spec, "--arch", arch, "-o", output], output

    def start(self, spec=SPEC, arch="sm_90a", **environment):
        words, output = self.build_words(spec, arch)
        process = subprocess.Popen(words, env=dict(self.environment, **environment),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, universal_newlines=True)
        process.output = output
        return process

    def finish(self, process):
        """Waits; the program must have succeeded. Returns what it wrote on stderr."""
        _, messages = process.communicate(timeout=600)
        self.assertEqual(process.returncode, OK, messages)
        return messages

    def build(self, spec=SPEC, arch="sm_90a", **environment):
        return self.finish(self.start(spec, arch, **environment))

    def run_cache(self, *words, expect=OK, **environment):
        completed = subprocess.run([PROGRAM, "cache", *words], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, universal_newlines=True, timeout=600,
                                   env=dict(self.environment, **environment))
        self.assertEqual(completed.returncode, expect, completed.stdout + completed.stderr)
        return completed

    def cache_json(self, *words, **options):
        return json.loads(self.run_cache(*words, "--json", **options).stdout)

    def compiled(self):
        """The processes that compiled each kernel, in order."""
        kernels = collections.defaultdict(list)
        if os.path.exists(self.log):
            with open(self.log) as file:
                for line in file:
                    process, option, name = line.split()
                    kernels[option, name].append(int(process))
        return kernels

    def entries(self):
        """The folders of all entries, whatever the program says."""
        found = []
        for path, folders, _ in os.walk(os.path.join(self.cache, "v1")):
            found += [os.path.join(path, name) for name in folders
                      if "-" in name and not name.startswith(".tmp-")]
        return sorted(found)

    def same_outputs(self, processes):
        contents = []
        for process in processes:
            with open(process.output, "rb") as file:
                contents.append(file.read())
        self.assertEqual(len(set(contents)), 1)


def snapshot(folder):
    """Names, sizes and times of change of all that is below a folder."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            status = os.lstat(os.path.join(path, name))
            found[os.path.join(path, name)] = (stat.S_IFMT(status.st_mode), status.st_size,
                                               status.st_mtime_ns)
    return found


def namespace():
    """The words that run a command where it may mount, or None."""
    for words in (["unshare", "-m"], ["unshare", "-Urm"]):
        if shutil.which("unshare") and subprocess.run(
                words + ["sh", "-c", "mount -t tmpfs none /mnt"], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL).returncode == 0:
            return words
    return None
