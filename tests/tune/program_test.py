# SPDX-License-Identifier: Apache-2.0
"""stile tune from end to end on the emulated GPU, which runs the real kernels: tuned, stopped, resumed.

usage: program_test.py PROGRAM BUILD
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "emulator"))
from emulate import environment_for, version  # noqa: E402

PROGRAM, BUILD = sys.argv[1:3]
# One block only, so that few kernels are compiled.
SPEC = """stile: 1
name: tuned
basis: {random: {tile: [4, 4, 4], rank: 2, seed: 1}}
schedule: {block: [64, 64, 64], stages: 2}
"""
SHAPE = "40x40x40"


class Tune(unittest.TestCase):
    def setUp(self):
        folder = os.path.join(BUILD, "tests", "tune")
        self.environment = environment_for(BUILD, {"ARCH": 80})
        self.cache = os.path.join(folder, "cache-" + version(self.environment))
        self.environment["STILE_CACHE_DIR"] = self.cache  # kernels stay for the next time
        for path in self.states() + glob.glob(os.path.join(self.cache, "v1", "winners")):
            os.unlink(path)
        self.spec = os.path.join(folder, "tuned.yaml")
        with open(self.spec, "w") as file:
            file.write(SPEC)
        self.command = [PROGRAM, "tune", self.spec, "--shape", SHAPE, "--iterations", "1", "--warmup",
                        "0", "--json=-"]

    def states(self):
        return glob.glob(os.path.join(self.cache, "v1", "tune-*"))

    def tune(self, *options):
        result = subprocess.run(self.command + list(options), env=self.environment,
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)["results"][0]

    def check(self, result):
        """Every schedule that was tried computes what the rule's does."""
        self.assertGreaterEqual(len(result["candidates"]), 5)
        for candidate in result["candidates"]:
            self.assertNotIn("refused", candidate)
            self.assertGreater(candidate["ms"], 0)
        methods = {c["schedule"].split("band")[1] for c in result["candidates"]}
        self.assertTrue(any("encode fma" in m for m in methods), methods)
        self.assertTrue(any("encode mma" in m for m in methods), methods)
        self.assertLessEqual(result["ms"], result["rule_ms"] * 1.01)
        self.assertTrue(result["complete"])
        self.assertEqual(self.states(), [])
        with open(os.path.join(self.cache, "v1", "winners"), encoding="utf-8") as file:
            winners = file.read()
        self.assertIn(result["schedule"], winners)
        listed = subprocess.run([PROGRAM, "cache", "winners", "--json"], env=self.environment,
                                capture_output=True, text=True)
        [winner] = json.loads(listed.stdout)
        self.assertEqual((winner["name"], winner["schedule"], winner["ms"]),
                         ("tuned", result["schedule"], result["ms"]))

    def test_a_session_that_is_stopped_goes_on(self):
        process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not self.states():
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, messages = process.communicate()
        if process.returncode == 0:  # it was faster than we
            self.check(json.loads(out)["results"][0])
            return
        self.assertEqual(process.returncode, -signal.SIGINT, messages)
        self.assertIn("the same command goes on from here", messages)
        self.assertEqual(len(self.states()), 1)
        result = self.tune()
        self.assertGreater(result["resumed"], 0)
        self.check(result)
        self.assertEqual(self.tune()["resumed"], 0)
        self.explain(SHAPE, "tuned", 0)
        self.explain("80x40x40", "tuned", 1)
        self.explain("4000x40x40", "pinned", None)

    def explain(self, shape, origin, distance):
        result = subprocess.run([PROGRAM, "explain", self.spec, "--shape", shape, "--device", "cuda", "--json"],
                                env=self.environment, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        [shape] = json.loads(result.stdout)[0]["shapes"]
        self.assertFalse(shape["gpu"]["calibrated"])
        self.assertEqual(shape["schedule"]["origin"], origin)
        if distance is not None:
            self.assertEqual(shape["schedule"]["winner"]["distance"], distance)

    def test_every_schedule_is_verified(self):
        result = subprocess.run([PROGRAM, "verify", self.spec, "--schedules", "--shape", "13x9x10"],
                                env=self.environment, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        lines = result.stdout.splitlines()
        self.assertGreaterEqual(len(lines), 5)  # the rule, three bands, plain encoding
        for line in lines:
            self.assertRegex(line, r"^tuned \(sm_80 64x64x64 .*\): ok, 2 passed, 0 failed")
        self.assertEqual(len(set(line.split(")")[0] for line in lines)), len(lines))


sys.argv[1:] = []
unittest.main()
