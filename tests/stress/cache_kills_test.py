# SPDX-License-Identifier: Apache-2.0
"""A process killed at a random moment costs no other anything: no lost entry, no bad one."""
import os
import random
import shutil
import time
import unittest

from support import LONG, TestCase

ROUNDS = 1000 if LONG else 50
PROCESSES = 4


class Kills(TestCase):
    def one_round(self, rng, longest):
        started = time.monotonic()
        processes = [self.start(FAKE_NVRTC_MS="10") for _ in range(PROCESSES)]
        victim = processes.pop(rng.randrange(PROCESSES))
        time.sleep(rng.uniform(0, longest))
        victim.kill()
        victim.communicate()
        for process in processes:
            self.assertEqual(self.finish(process), "")
        elapsed = time.monotonic() - started
        self.same_outputs(processes)

        compiled = self.compiled()
        self.taken_over += any(len(who) == 2 for who in compiled.values())
        for kernel, who in compiled.items():
            again = [process for process in who if process != victim.pid]
            self.assertLessEqual(len(who), 2, kernel)
            self.assertLessEqual(len(again), 1, kernel)
        self.assertEqual(len(self.entries()), len(compiled))
        self.run_cache("verify")
        stats = self.cache_json("stats")
        self.assertEqual(stats["entries"], len(compiled))
        self.assertEqual(stats["damaged"], 0)
        # Counted before it begins; a victim may have died in between.
        begun = sum(map(len, compiled.values()))
        self.assertLessEqual(begun, stats["compiles"])
        self.assertLessEqual(stats["compiles"], begun + len(compiled))
        return elapsed

    def leavings(self):
        found = []
        for path, folders, files in os.walk(os.path.join(self.cache, "v1")):
            found += [os.path.join(path, name) for name in folders if name.startswith(".tmp-")]
            found += [os.path.join(path, name) for name in files if name.endswith(".lock")]
        return found

    def test_a_killed_process_leaves_no_bad_entry(self):
        seed = os.environ.get("STILE_TEST_SEED") or str(time.time_ns())
        print("STILE_TEST_SEED=%s" % seed)
        rng = random.Random(seed)
        longest, met, self.taken_over = 0.3, 0, 0
        for _ in range(ROUNDS):
            longest = 0.9 * longest + 0.1 * self.one_round(rng, longest)
            leavings = self.leavings()
            met += bool(leavings)
            for path in leavings: # as they would be two days later
                os.utime(path, (time.time() - 2 * 86400,) * 2)
            self.run_cache("stats")
            self.assertEqual(self.leavings(), [])
            shutil.rmtree(self.cache)
            os.unlink(self.log)
        print("%d rounds: in %d others took over a compilation, in %d leavings were cleaned"
              % (ROUNDS, self.taken_over, met))


if __name__ == "__main__":
    unittest.main()
