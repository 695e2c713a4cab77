# SPDX-License-Identifier: Apache-2.0
"""stile cache list|stats|verify|prune|clear say and do what they promise."""
import os
import time
import unittest

from support import CHECK_FAILED, ENVIRONMENT, USAGE, TestCase

DAY = 86400


class Commands(TestCase):
    def test_list_names_every_entry_the_most_recently_used_first(self):
        self.build(arch="sm_80")
        self.build(arch="sm_90a")
        self.build(arch="sm_80")
        found = self.cache_json("list")
        self.assertEqual(found["directory"], self.cache)
        folders = [os.path.relpath(e, os.path.join(self.cache, "v1")) for e in self.entries()]
        self.assertEqual(sorted(entry["folder"] for entry in found["entries"]), folders)
        self.assertEqual(sum(entry["bytes"] for entry in found["entries"]), found["bytes"])
        half = len(folders) // 2
        self.assertEqual([entry["arch"] for entry in found["entries"]],
                         ["sm_80"] * half + ["sm_90a"] * half)
        for entry in found["entries"]:
            self.assertEqual(entry["folder"], "%s/%s-%s" % (entry["arch"], entry["kernel"],
                                                            entry["hash"]))
            self.assertEqual(entry["nvrtc"], "99.0")
            used = time.mktime(time.strptime(entry["last_use"], "%Y-%m-%dT%H:%M:%SZ"))
            self.assertLess(abs(used - time.mktime(time.gmtime())), 600)
            size = sum(os.stat(os.path.join(self.cache, "v1", entry["folder"], name)).st_size
                       for name in os.listdir(os.path.join(self.cache, "v1", entry["folder"])))
            self.assertEqual(entry["bytes"], size)
        table = self.run_cache("list").stdout
        for entry in found["entries"]:
            self.assertIn(entry["hash"][:12], table)

    def test_an_empty_cache_is_nothing_special(self):
        self.assertEqual(self.cache_json("list")["entries"], [])
        self.assertEqual(self.cache_json("stats")["entries"], 0)
        self.assertEqual(self.cache_json("verify")["checked"], 0)
        self.assertEqual(self.cache_json("prune")["removed"], 0)
        self.assertEqual(self.cache_json("clear")["removed"], 0)

    def test_verify_finds_and_removes_what_is_bad(self):
        self.build()
        entries = self.entries()
        self.assertEqual(self.cache_json("verify")["checked"], len(entries))
        with open(os.path.join(entries[0], "kernel.log"), "a") as file:
            file.write("x")
        os.unlink(os.path.join(entries[1], "kernel.cubin"))
        bad = self.cache_json("verify", expect=CHECK_FAILED)
        self.assertEqual([os.path.join(self.cache, "v1", b["folder"]) for b in bad["bad"]],
                         entries[:2])
        self.assertEqual(self.entries(), entries)
        text = self.run_cache("verify", expect=CHECK_FAILED).stdout
        self.assertIn("checksum is wrong", text)
        self.assertIn("missing", text)
        removed = self.cache_json("verify", "--remove", expect=CHECK_FAILED)
        self.assertEqual(removed["removed"], 2)
        self.assertEqual(self.entries(), entries[2:])
        self.run_cache("verify")
        self.assertEqual(self.cache_json("stats")["damaged"], 2)

    def test_verify_tells_an_entry_that_lies_in_the_place_of_another(self):
        self.build()
        entries = self.entries()
        os.rename(entries[0], entries[0][:-64] + "0" * 64)
        bad = self.cache_json("verify", expect=CHECK_FAILED)["bad"]
        self.assertEqual([b["reason"] for b in bad], ["source or options are not those of its key"])

    def test_prune_by_age_of_last_use(self):
        self.build()
        old = self.entries()[:2]
        for entry in old:
            when = time.time() - 10 * DAY
            os.utime(os.path.join(entry, "kernel.meta"), (when, when))
        self.assertEqual(self.cache_json("prune", "--days", "11")["removed"], 0)
        self.assertEqual(self.cache_json("prune", "--days", "9")["removed"], 2)
        self.assertFalse(set(old) & set(self.entries()))

    def test_prune_by_size_keeps_the_most_recently_used(self):
        self.build(arch="sm_80")
        self.build(arch="sm_90a")
        half = self.cache_json("stats")["bytes"] // 2
        pruned = self.cache_json("prune", "--max-size", str(half + 1024))
        self.assertEqual({entry["arch"] for entry in self.cache_json("list")["entries"]}, {"sm_90a"})
        self.assertEqual(pruned["kept"], len(self.entries()))
        self.assertEqual(self.cache_json("prune", "--max-size=1G")["removed"], 0)
        self.assertEqual(self.cache_json("prune")["removed"], 0)
        self.assertEqual(self.cache_json("prune", STILE_CACHE_SIZE="0")["kept"], 0)

    def test_prune_by_version_of_nvrtc(self):
        self.build()
        count = len(self.entries())
        self.assertEqual(self.cache_json("prune", "--older-nvrtc")["removed"], 0)
        self.assertEqual(self.cache_json("prune", "--older-nvrtc=99.0")["removed"], 0)
        self.assertEqual(self.cache_json("prune", "--older-nvrtc=99.1", "--max-size", "1G")["removed"],
                         count)
        self.run_cache("prune", "--older-nvrtc", expect=ENVIRONMENT, STILE_NVRTC="/nowhere")

    def test_clear_removes_everything_of_ours_and_nothing_else(self):
        self.build()
        foreign = [os.path.join(self.cache, name) for name in
                   ("notes", "v1/notes", "v1/sm_90a/notes", "v1/sm_90a/other-1/deep/file", "v2/x")]
        for path in foreign:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write("mine")
        os.mkdir(os.path.join(self.cache, "v1/sm_90a/.tmp-1-abc"))
        count = len(self.compiled())
        self.assertEqual(self.cache_json("clear")["removed"], count)
        left = [os.path.join(path, name) for path, _, files in os.walk(self.cache) for name in files]
        self.assertEqual(sorted(left), sorted(foreign))
        for path in foreign:
            os.unlink(path)
        self.build()
        self.run_cache("clear")
        self.assertEqual(os.listdir(os.path.join(self.cache, "v1")), ["sm_90a"]) # other-1 is in it
        self.assertEqual(os.listdir(os.path.join(self.cache, "v1", "sm_90a")), ["other-1"])

    def test_clear_disturbs_no_program_that_runs(self):
        processes = [self.start(FAKE_NVRTC_MS="30") for _ in range(4)]
        while any(process.poll() is None for process in processes):
            self.run_cache("clear")
        for process in processes:
            self.assertEqual(self.finish(process), "")
        self.same_outputs(processes)
        self.run_cache("verify")

    def test_wrong_usage_is_refused(self):
        for words in (["prune", "--max-size", "much"], ["prune", "--max-size", "1X"],
                      ["prune", "--days", "-1"], ["prune", "--days", "soon"],
                      ["prune", "--older-nvrtc=13"], ["prune", "--older-nvrtc=x.y"],
                      ["list", "extra"], ["stat"], []):
            self.run_cache(*words, expect=USAGE)
        self.assertIn("did you mean stile cache stats", self.run_cache("stat", expect=USAGE).stderr)
        for name in ("list", "stats", "verify", "prune", "clear"):
            self.assertIn("usage: stile cache " + name, self.run_cache(name, "--help").stdout)

    def test_a_size_that_is_none_is_said_and_the_default_taken(self):
        messages = self.build(STILE_CACHE_SIZE="1 GB")
        self.assertIn('STILE_CACHE_SIZE is "1 GB"', messages)
        self.assertEqual(self.cache_json("stats", STILE_CACHE_SIZE="lots")["limit"], 1 << 30)
        for text, size in (("0", 0), ("512M", 512 << 20), ("2g", 2 << 30), ("3KiB", 3072),
                           ("7B", 7), ("1T", 1 << 40)):
            self.assertEqual(self.cache_json("stats", STILE_CACHE_SIZE=text)["limit"], size)

    def test_without_any_directory_the_environment_lacks_something(self):
        self.environment.update(STILE_CACHE_DIR="/proc/nowhere", HOME="/proc/nowhere",
                                TMPDIR="/proc/nowhere")
        self.run_cache("stats", expect=ENVIRONMENT)
        self.assertIn("memory only", self.build())


if __name__ == "__main__":
    unittest.main()
