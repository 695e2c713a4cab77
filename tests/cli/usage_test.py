# SPDX-License-Identifier: Apache-2.0
"""The command line itself: help, versions, mistakes, exit codes, lost output."""
import json
import os
import subprocess
import unittest

from support import (ENVIRONMENT, FAILURE, OK, PROGRAM, USAGE, TestCase, simple_spec, spec,
                     write_npy)

COMMANDS = ["check", "explain", "generate", "build", "encode", "run", "verify", "bench", "basis", "cache",
            "lua", "doctor", "completion", "man", "basis list", "basis show", "basis check", "basis kron",
            "basis import", "basis export",
            "cache list", "cache stats", "cache winners", "cache verify", "cache prune", "cache clear"]


class Help(TestCase):
    def test_every_command_has_help(self):
        for command in COMMANDS:
            for flag in ("--help", "-h"):
                result = self.expect(OK, *command.split(), flag)
                self.assertTrue(result.out.startswith("usage: stile " + command), result.out)
                for line in result.out.splitlines():
                    self.assertEqual(line, line.rstrip())
                self.assertEqual(result.err, "")

    def test_help_fits_a_terminal(self):
        for command in COMMANDS + [""]:
            for line in self.expect(OK, *command.split(), "--help").out.splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_help_wins_over_missing_arguments(self):
        self.assertIn("--x X.npy", self.expect(OK, "run", "--w", "w.npy", "--help").out)

    def test_the_program_lists_its_commands(self):
        for words in (["--help"], ["-h"], ["help"]):
            out = self.expect(OK, *words).out
            for command in COMMANDS:
                if " " not in command:
                    self.assertIn("\n  " + command + " ", out)
        self.assertTrue(self.expect(OK, "help", "run").out.startswith("usage: stile run"))

    def test_version(self):
        self.assertRegex(self.expect(OK, "--version").out, r"^stile \d+\.\d+\.\d+\n$")


class Mistakes(TestCase):
    def test_no_command(self):
        self.refuse("usage: stile COMMAND")

    def test_unknown_commands_name_the_nearest(self):
        self.refuse("unknown command 'chek': did you mean check?", "chek")
        self.refuse("unknown command 'rnu': did you mean run?", "rnu")
        self.refuse("unknown command 'frobnicate'\n", "frobnicate")
        self.refuse("unknown command ''", "")
        self.refuse("stile basis knows no 'shwo': did you mean stile basis show?", "basis", "shwo")
        self.refuse("stile basis needs list|show|check|kron", "basis")

    def test_unknown_options_name_the_nearest(self):
        self.refuse("unknown option --shap: did you mean --shape?", "explain", "a.yaml", "--shap", "1x1x1")
        self.refuse("unknown option --canonicla: did you mean --canonical?", "check", "--canonicla")
        self.refuse("unknown option --zzzzzz\n", "check", "--zzzzzz")
        self.refuse("unknown option -q\n", "check", "-q")
        self.refuse("unknown option --verbose before the command", "--verbose", "check")

    def test_arguments_of_options(self):
        self.refuse("--shape needs an argument: --shape MxKxN", "explain", spec("strassen"), "--shape")
        self.refuse("--shape needs an argument that is not empty", "explain", spec("strassen"), "--shape=")
        self.refuse("--canonical takes no argument", "check", "--canonical=yes", spec("strassen"))
        self.refuse("--x is given twice", "run", "a", "--x", "b", "--x", "c")

    def test_operands(self):
        self.refuse("stile check needs SPEC", "check")
        self.refuse("stile explain does not know what to do with 'b'", "explain", "a", "b")
        self.refuse("stile doctor does not know what to do with 'x'", "doctor", "x")
        self.refuse("stile run needs --x X.npy", "run", spec("strassen"))
        self.refuse("stile generate needs --output DIR", "generate", spec("strassen"))
        self.refuse("stile encode needs --out WHAT.npy", "encode", spec("strassen"), "--w", "w.npy")

    def test_shapes(self):
        for text in ("12", "1x2", "0x1x1", "1x2x3x4", "1x2x3,", ",1x2x3", "axbxc", "-1x1x1", "1.5x1x1",
                     "99999999999x1x1", "1x1x1 ", "2147482624x1x1"):
            self.refuse("--shape is '%s'" % text, "explain", spec("strassen"), "--shape", text)
        self.refuse("not a multiple of --rows-per-group 7", "explain", spec("strassen"), "--shape", "8x8x8",
                    "--rows-per-group", "7")
        self.refuse("--rows-per-group is '0'", "explain", spec("strassen"), "--shape", "8x8x8",
                    "--rows-per-group", "0")

    def test_the_largest_shape_is_explained(self):
        self.expect(OK, "explain", spec("strassen"), "--shape", "x".join(["2147482623"] * 3))

    def test_inputs_are_checked_before_the_device(self):
        for command in ("verify", "bench"):
            self.refuse("nowhere.yaml", command, "nowhere.yaml", "--shape", "8x8x8")
            self.refuse("--shape is '8'", command, spec("strassen"), "--shape", "8")
            self.refuse('no variant "no"', command, spec("strassen"), "--variant", "no")
        self.refuse("--rows-per-group is for the shapes of --shape", "verify", spec("strassen"),
                    "--rows-per-group", "3")

    def test_numbers(self):
        self.refuse("--random is 'many'", "verify", spec("strassen"), "--random", "many")
        self.refuse("--seed is '-1'", "verify", spec("strassen"), "--seed=-1")
        self.refuse("--warmup is 'nan'", "bench", spec("strassen"), "--warmup", "nan")
        self.refuse("--iterations is '0'", "bench", spec("strassen"), "--iterations", "0")

    def test_devices_and_architectures(self):
        self.refuse("--device is 'gpu'", "verify", spec("strassen"), "--device", "gpu")
        self.refuse("--device is 'cuda:x'", "verify", spec("strassen"), "--device", "cuda:x")
        self.refuse("--arch", "generate", spec("strassen"), "--arch", "hopper", "-o", "out")
        self.refuse("--arch", "generate", spec("strassen"), "--arch", "sm_70", "-o", "out")
        for wrong in ("mkl", "cublas,", ",cublas", "cublas,none", "cublas;cusparselt"):
            self.refuse("--against is '%s'" % wrong, "bench", spec("strassen"), "--against", wrong)

    def test_missing_spec(self):
        self.refuse("nowhere.yaml", "check", "nowhere.yaml")
        self.refuse("nowhere.yaml", "run", "nowhere.yaml", "--x", "x", "--w", "w", "--out", "y")


class CommandLine(TestCase):
    def test_options_stand_anywhere(self):
        path = spec("strassen")
        plain = self.expect(OK, "explain", path, "--shape", "64x64x64").out
        self.assertEqual(self.expect(OK, "explain", "--shape=64x64x64", path).out, plain)
        self.assertEqual(self.expect(OK, "explain", "--shape", "64x64x64", "--", path).out, plain)

    def test_two_dashes_end_the_options(self):
        self.write("--canonical", simple_spec())
        self.assertIn("--canonical: ok", self.expect(OK, "check", "--", "--canonical").out)

    def test_json_takes_a_file_only_where_it_looks_like_one(self):
        path = self.write("a.yaml", simple_spec())
        before = self.read(path)
        json.loads(self.expect(OK, "check", "--json", "a.yaml").out)
        self.assertEqual(self.read(path), before)
        self.assertEqual(self.expect(OK, "check", "--json", "r.json", "a.yaml").out, "")
        self.assertEqual(json.loads(self.read("r.json"))[0]["file"], "a.yaml")
        self.expect(OK, "check", "a.yaml", "--json=plain")
        self.assertTrue(json.loads(self.read("plain"))[0]["ok"])

    def test_the_worst_of_several_specs_counts(self):
        good = self.write("good.yaml", simple_spec())
        bad = self.write("bad.yaml", "stile: 1\nname: bad\nbasis: {name: strasen}\n")
        for words in ([good, bad], [bad, good]):
            result = self.expect(USAGE, "check", *words)
            self.assertIn("good.yaml: ok", result.out)
            self.assertRegex(result.err, r"bad\.yaml:3:\d+: error: \[STILE-\d+\]")


class Output(TestCase):
    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk_is_an_error(self):
        for words in (["--help"], ["check", spec("strassen")], ["basis", "list"], ["--version"]):
            with open("/dev/full", "w") as full:
                completed = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(completed.returncode, FAILURE)
            self.assertIn(b"stdout cannot be written", completed.stderr)

    def test_a_closed_pipe_is_an_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        completed = subprocess.run([PROGRAM, "basis", "list"], stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        self.assertEqual(completed.returncode, FAILURE)

    def test_a_closed_stdout_is_an_error_and_harms_no_file(self):
        script = '"$0" generate "$1" -o out >&-'
        completed = subprocess.run(["sh", "-c", script, PROGRAM, spec("strassen")], cwd=self.folder,
                                   stderr=subprocess.PIPE)
        self.assertEqual(completed.returncode, FAILURE, completed.stderr)
        source = self.read("out/strassen/decode.cu")
        self.assertNotIn("out/strassen", source)

    def test_json_into_an_unwritable_file_is_refused_before_the_work(self):
        for command in (["check"], ["verify", "--device", "cpu"], ["bench"]):
            self.refuse("nodir/r.json: cannot be written: there is no folder nodir", *command,
                        spec("strassen"), "--json", "nodir/r.json")
        self.assertFalse(os.path.exists(self.path("nodir")))

    def test_no_output_overwrites_an_input(self):
        path = self.write("a.yaml", simple_spec())
        basis = self.write("b.yaml", self.expect(OK, "basis", "show", "strassen", "--yaml").out)
        os.symlink(path, self.path("link.yaml"))
        texts = [self.read(path), self.read(basis)]
        for words in (["check", "a.yaml", "--json=a.yaml"], ["check", "a.yaml", "--json=./a.yaml"],
                      ["check", "a.yaml", "--json=link.yaml"],
                      ["build", "a.yaml", "--arch", "sm_80", "-o", "a.yaml"],
                      ["basis", "kron", "strassen", "b.yaml", "-o", "b.yaml"]):
            self.refuse("is also the input: choose another file to write", *words)
        self.refuse("is also --output", "build", "a.yaml", "--arch", "sm_80", "-o", "x.json", "--json=x.json")
        self.assertEqual([self.read(path), self.read(basis)], texts)

    def test_what_hinders_an_output_is_named(self):
        self.write("file", "")
        words = ["basis", "kron", "strassen", "strassen", "-o"]
        self.refuse("no/k.yaml: cannot be written: there is no folder no\n", *words, "no/k.yaml")
        self.refuse("file/k.yaml: cannot be written: file is not a folder\n", *words, "file/k.yaml")
        self.refuse(".: is a directory", *words, ".")


class Environment(TestCase):
    def without_libraries(self):
        environment = dict(self.environment, STILE_NVRTC=self.path("nothing"))
        environment.pop("CUDA_PATH", None)
        return environment

    def test_doctor_names_one_thing_to_do(self):
        result = self.run_stile("doctor")
        self.assertIn(result.code, (OK, ENVIRONMENT))
        self.assertEqual(result.out.count("\nNext: "), 1)
        for name in ("driver", "NVRTC", "cuBLASLt", "cache", "CPU"):
            self.assertRegex(result.out, r"(?m)^(ok|missing|problem) +" + name)
        report = json.loads(self.run_stile("doctor", "--json").out)
        self.assertEqual(report["gpu_ready"], result.code == OK)

    def test_doctor_misses_nvrtc(self):
        result = self.expect(ENVIRONMENT, "doctor", env=self.without_libraries())
        self.assertRegex(result.out, r"(?m)^missing +NVRTC")

    def test_doctor_refuses_a_cache_that_others_may_write_to(self):
        os.mkdir(self.path("open"))
        os.chmod(self.path("open"), 0o777)
        environment = dict(self.environment, STILE_CACHE_DIR=self.path("open"))
        self.assertRegex(self.run_stile("doctor", env=environment).out, r"(?m)^problem +cache")

    def test_commands_without_a_gpu_need_no_nvrtc(self):
        environment = self.without_libraries()
        for words in (["--help"], ["check", spec("strassen")], ["basis", "show", "strassen"],
                      ["explain", spec("strassen"), "--shape", "64x64x64"],
                      ["generate", spec("strassen"), "-o", "out"],
                      ["verify", spec("strassen"), "--device", "cpu", "--shape", "8x8x8"]):
            self.expect(OK, *words, env=environment)

    def test_nonsense_in_variables_is_said_and_does_no_harm(self):
        words = ["run", spec("strassen"), "--x", "x.npy", "--w", "x.npy", "--out", "y.npy", "--device", "cpu"]
        write_npy(self.path("x.npy"), [[1.0, 2.0], [3.0, 4.0]])
        result = self.expect(OK, *words, env=dict(self.environment, STILE_LOG="loud"))
        self.assertIn('STILE_LOG is "loud", not error, warning, info or debug', result.err)
        self.assertNotIn("STILE_LOG", self.expect(OK, *words, env=dict(self.environment, STILE_LOG="debug")).err)
        os.mkdir(self.path("cache"), 0o700)
        result = self.expect(OK, "cache", "stats", env=dict(self.environment, STILE_CACHE_SIZE="-5"))
        self.assertIn('STILE_CACHE_SIZE is "-5", not a number of bytes', result.err)

    def test_bench_refuses_the_cpu(self):
        self.refuse("needs a GPU", "bench", spec("strassen"), "--shape", "8x8x8", "--device", "cpu")

    def test_without_a_gpu_verify_and_bench_say_so(self):
        if json.loads(self.run_stile("doctor", "--json").out)["gpu_ready"]:
            self.skipTest("there is a GPU")
        for command in ("verify", "bench"):
            self.expect(ENVIRONMENT, command, spec("strassen"), "--shape", "8x8x8")


if __name__ == "__main__":
    unittest.main()
