# SPDX-License-Identifier: Apache-2.0
"""Full disks, read-only directories, foreign ones and wrong clocks fail no compile."""
import json
import os
import subprocess
import unittest

from support import FAILURE, OTHER_SPEC, PROGRAM, SPEC, TestCase, namespace, snapshot

YEAR = 365 * 86400
NAMESPACE = namespace()


def shifted(seconds):
    """The environment that moves a program's clock."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": os.environ["STILE_CLOCK_SHIFT"], "CLOCK_SHIFT": str(seconds),
            "ASAN_OPTIONS": (options + ":" if options else "") + "verify_asan_link_order=0"}


@unittest.skipUnless(NAMESPACE, "nothing can be mounted here: neither root nor user namespaces")
class Mounts(TestCase):
    def run_script(self, script, **environment):
        """Runs a shell script that sees $CACHE and may mount on it."""
        os.makedirs(self.cache, mode=0o700, exist_ok=True)
        completed = subprocess.run(NAMESPACE + ["sh", "-euc", script], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, universal_newlines=True, timeout=600,
                                   env=dict(self.environment, CACHE=self.cache, STILE=PROGRAM,
                                            SPEC=SPEC, OTHER=OTHER_SPEC, OUT=self.folder,
                                            **environment))
        self.assertEqual(completed.returncode, 0, completed.stdout + completed.stderr)
        return completed

    def test_a_full_disk_fails_no_compile_wherever_it_fills_up(self):
        for kilobytes in list(range(4, 64, 4)) + list(range(64, 200, 24)):
            done = self.run_script("""
                mount -t tmpfs -o mode=0700,size=%dk none "$CACHE"
                for i in 1 2 3 4; do
                    "$STILE" build "$SPEC" --arch sm_90a -o "$OUT/$i.stile" >/dev/null 2>"$OUT/$i.err" &
                    pids="${pids:-} $!"
                done
                for pid in $pids; do wait "$pid"; done
                for i in 2 3 4; do cmp "$OUT/1.stile" "$OUT/$i.stile"; done
                "$STILE" cache verify >"$OUT/verified"
                "$STILE" cache stats --json >"$OUT/stats.json"
                find "$CACHE" -name '.tmp-*' -o -name '*.lock'
                """ % kilobytes)
            self.assertEqual(done.stdout, "", "%d KiB" % kilobytes)
            for i in range(1, 5):
                with open(os.path.join(self.folder, "%d.err" % i)) as file:
                    messages = file.read()
                self.assertLessEqual(messages.count("\n"), 1, messages)

    def test_a_full_disk_keeps_what_was_used_last(self):
        # Two of the four sets of kernels fit; the size limit is far above the disk's.
        done = self.run_script("""
            mount -t tmpfs -o mode=0700,size=800k none "$CACHE"
            for arch in 80 89 90 100; do
                "$STILE" build "$SPEC" --arch sm_$arch -o "$OUT/$arch.stile" >/dev/null
            done
            "$STILE" cache verify >"$OUT/verified"
            "$STILE" cache stats --json >"$OUT/stats.json"
            STILE_NVRTC=/nowhere "$STILE" build "$SPEC" --arch sm_100 -o "$OUT/again.stile" >/dev/null
            cmp "$OUT/100.stile" "$OUT/again.stile"
            find "$CACHE" -name '.tmp-*' -o -name '*.lock'
            """, FAKE_NVRTC_BYTES="60000")
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        with open(os.path.join(self.folder, "stats.json")) as file:
            stats = json.load(file)
        kernels = len(self.compiled())
        self.assertEqual(sum(map(len, self.compiled().values())), kernels) # none of them twice
        self.assertGreater(stats["evictions"], 0)
        self.assertEqual(stats["evictions"] + stats["entries"], kernels)

    def test_a_read_only_directory_serves_hits_and_is_left_alone(self):
        self.build()
        before = snapshot(self.cache)
        count = sum(map(len, self.compiled().values()))
        done = self.run_script("""
            mount --bind "$CACHE" "$CACHE"
            mount -o remount,bind,ro "$CACHE"
            STILE_NVRTC=/nowhere "$STILE" build "$SPEC" --arch sm_90a -o "$OUT/hit.stile"
            "$STILE" build "$OTHER" --arch sm_90a -o "$OUT/new.stile"
            STILE_NVRTC=/nowhere "$STILE" build "$OTHER" --arch sm_90a -o "$OUT/again.stile"
            cmp "$OUT/new.stile" "$OUT/again.stile"
            """)
        self.assertEqual(snapshot(self.cache), before)
        self.assertEqual(sum(map(len, self.compiled().values())), 2 * count)
        for line in done.stderr.splitlines():
            self.assertIn("kernels in %s are used, but none can be added" % self.cache, line)
            self.assertIn("using " + os.path.join(self.folder, ".cache", "stile"), line)
        self.assertLessEqual(len(done.stderr.splitlines()), 3)

    def test_a_damaged_entry_of_a_read_only_directory_is_not_loaded(self):
        self.build()
        for entry in self.entries():
            with open(os.path.join(entry, "kernel.cubin"), "r+b") as file:
                file.seek(100)
                file.write(b"damage")
        before = snapshot(self.cache)
        count = sum(map(len, self.compiled().values()))
        self.run_script("""
            mount --bind "$CACHE" "$CACHE"
            mount -o remount,bind,ro "$CACHE"
            "$STILE" build "$SPEC" --arch sm_90a -o "$OUT/rebuilt.stile"
            """)
        self.assertEqual(snapshot(self.cache), before)
        self.assertEqual(sum(map(len, self.compiled().values())), 2 * count)
        with open(os.path.join(self.folder, "rebuilt.stile"), "rb") as rebuilt:
            with open(os.path.join(self.folder, "1.stile"), "rb") as first:
                self.assertEqual(rebuilt.read(), first.read())


class Clocks(TestCase):
    def use_order(self):
        """The architectures of the entries, the most recently used first."""
        order = []
        for entry in self.cache_json("list")["entries"]:
            if entry["arch"] not in order:
                order.append(entry["arch"])
        return order

    def test_a_clock_set_back_does_not_change_what_is_evicted(self):
        # Ten years ahead, then right, then ten years behind: the order of use is that of events.
        self.build(arch="sm_80", **shifted(10 * YEAR))
        self.build(arch="sm_89")
        self.build(arch="sm_90", **shifted(-10 * YEAR))
        self.assertEqual(self.use_order(), ["sm_90", "sm_89", "sm_80"])
        self.build(arch="sm_80", **shifted(-20 * YEAR)) # hits
        self.assertEqual(self.use_order(), ["sm_80", "sm_90", "sm_89"])
        stats = self.cache_json("stats")
        size = stats["bytes"] * 2 // 3 + 2048
        self.run_cache("prune", "--max-size", str(size), **shifted(-5 * YEAR))
        self.assertEqual(self.use_order(), ["sm_80", "sm_90"])
        self.run_cache("verify")

    def test_times_that_nobody_gave_do_no_harm(self):
        # As from a backup, or a disk of another machine: in the future, in the past, absurd.
        self.build(arch="sm_80")
        self.build(arch="sm_89")
        self.build(arch="sm_90")
        for arch, when in (("sm_80", 1e9 + 20 * YEAR * 2), ("sm_89", 1e5), ("sm_90", 7.9e9)):
            for entry in self.entries():
                if "/%s/" % arch in entry:
                    for name in ("", "kernel.meta"):
                        os.utime(os.path.join(entry, name), (when, when))
        size = str(self.cache_json("stats")["bytes"] + 4096)
        # Something new makes room at the cost of others, and is itself kept.
        self.build(arch="sm_100", STILE_CACHE_SIZE=size)
        stats = self.cache_json("stats")
        self.assertGreater(stats["evictions"], 0)
        self.assertLessEqual(stats["bytes"], int(size))
        self.assertEqual(len([e for e in self.entries() if "/sm_100/" in e]),
                         len({k for k in self.compiled() if "sm_100" in k[0]}))
        # From now on uses are later than the latest time that was met.
        self.build(arch="sm_80")
        self.assertEqual(self.use_order()[0], "sm_80")
        self.run_cache("list")

    def test_leavings_with_times_in_the_future_are_cleaned(self):
        self.build()
        left = os.path.join(self.cache, "v1", "sm_90a", ".tmp-1-0")
        os.mkdir(left)
        os.utime(left, (4e9, 4e9))
        self.run_cache("stats")
        self.assertFalse(os.path.exists(left))


class Foreign(TestCase):
    def test_a_directory_that_others_can_write_is_passed_over(self):
        os.mkdir(self.cache)
        os.chmod(self.cache, 0o777)
        messages = self.build()
        self.assertIn("others may write to it", messages)
        self.assertEqual(messages.count("kernel cache"), 1)
        self.assertEqual(os.listdir(self.cache), [])

    def test_without_a_home_kernels_go_to_a_private_temporary_directory(self):
        for name in ("STILE_CACHE_DIR", "HOME"):
            del self.environment[name]
        self.build()
        private = os.path.join(self.folder, "stile-%d" % os.geteuid())
        self.assertEqual(os.stat(private).st_mode & 0o7777, 0o700)
        self.finish(self.start(STILE_JIT="off"))
        os.chmod(private, 0o755) # so others may look, and one of them may have made it
        self.assertIn("others may use it", self.build())

    def test_a_link_in_place_of_the_temporary_directory_is_not_followed(self):
        for name in ("STILE_CACHE_DIR", "HOME"):
            del self.environment[name]
        target = os.path.join(self.folder, "target")
        os.mkdir(target, mode=0o700)
        os.symlink(target, os.path.join(self.folder, "stile-%d" % os.geteuid()))
        self.assertIn("memory only", self.build())
        self.assertEqual(os.listdir(target), [])

    def test_damaged_counters_cost_the_counts_and_nothing_else(self):
        self.build()
        stats = os.path.join(self.cache, "v1", "stats")
        for content in (b"", b"hits 12", b"x" * 300, b"x" * 100000):
            with open(stats, "wb") as file:
                file.write(content)
            self.assertEqual(self.build(), "")
            self.assertEqual(self.cache_json("stats")["misses"], 0)
            self.assertGreater(self.cache_json("stats")["hits"], 0)
        os.unlink(stats)
        os.mkdir(stats)
        self.assertEqual(self.build(), "")
        self.run_cache("stats", expect=FAILURE)


if __name__ == "__main__":
    unittest.main()
