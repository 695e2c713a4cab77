# SPDX-License-Identifier: Apache-2.0
"""Commands that read specs and bases: check, explain, generate, basis, verify on the CPU."""
import json
import os
import unittest

from support import CHECK_FAILED, ENVIRONMENT, OK, SPECS, USAGE, TestCase, simple_spec, spec

EXAMPLES = sorted(os.path.join(SPECS, name) for name in os.listdir(SPECS) if name.endswith(".yaml"))


class Check(TestCase):
    def test_every_example_is_good(self):
        result = self.expect(OK, "check", *EXAMPLES)
        for path in EXAMPLES:
            self.assertIn(path + ": ok\n", result.out)
        self.assertEqual(result.err, "")

    def test_canonical_specs_are_good_and_canonical(self):
        path = self.write("a.yaml", simple_spec(more="epilogue: {activation: relu, bias: true}\n"))
        canonical = self.expect(OK, "check", path, "--canonical").out
        self.write("b.yaml", canonical)
        self.assertEqual(self.expect(OK, "check", "b.yaml", "--canonical").out, canonical)

    def test_variants(self):
        path = self.write("v.yaml", simple_spec(more="variants: {precision.encoded: [f16, bf16]}\n"))
        report = json.loads(self.expect(OK, "check", path, "--json").out)
        names = [v["name"] for v in report[0]["variants"]]
        self.assertEqual(names, ["test/precision.encoded=f16", "test/precision.encoded=bf16"])
        one = json.loads(self.expect(OK, "check", path, "--json", "--variant", names[1]).out)
        self.assertEqual([v["precision"]["encoded"] for v in one[0]["variants"]], ["bf16"])
        self.refuse("test/precision.encoded=f16", "check", path, "--variant", "nonsense")

    def test_json_carries_the_errors(self):
        path = self.write("bad.yaml", "stile: 1\nname: bad\nbasis: {name: strassen}\nrowz: any\nweigth: {}\n")
        report = json.loads(self.expect(USAGE, "check", path, "--json").out)
        self.assertFalse(report[0]["ok"])
        self.assertEqual([e["line"] for e in report[0]["errors"]], [4, 5])
        self.assertTrue(all(e["code"] > 0 and e["column"] == 1 for e in report[0]["errors"]))


class Explain(TestCase):
    def test_counts_by_hand(self):
        # 6×10×14 in 2×2×2 tiles: 3×5×7 tiles, 7 channels.
        path = self.write("a.yaml", simple_spec())
        report = json.loads(self.expect(OK, "explain", path, "--shape", "6x10x14", "--json").out)
        self.assertEqual(len(report), 1)
        shape = report[0]["shapes"][0]
        self.assertEqual((shape["tile_rows"], shape["tile_inner"], shape["tile_columns"]), (3, 5, 7))
        self.assertEqual(shape["mma_flops"], 2 * 7 * 3 * 5 * 7)
        self.assertEqual(shape["dense_flops"], 2 * 6 * 10 * 14)
        self.assertAlmostEqual(shape["limit"], 8 / 7)
        self.assertEqual(shape["dense_weight_bytes"], 4 * 10 * 14)
        self.assertEqual(shape["weight_bytes"], 4 * 7 * 5 * 7)
        kernels = {k["name"]: k for k in shape["kernels"]}
        self.assertEqual(kernels["encode_x"]["flops"], 5 * 3 * 5)   # Strassen: 5 additions
        self.assertEqual(kernels["encode_x"]["bytes_read"], 4 * 6 * 10)
        self.assertEqual(kernels["decode"]["bytes_written"], 4 * 6 * 14)
        self.assertFalse(kernels["encode_w"]["per_call"])

    def test_dense_bases_count_two_per_coefficient(self):
        path = self.write("a.yaml", simple_spec("{random: {tile: [2, 3, 4], rank: 5, seed: 1}}"))
        report = json.loads(self.expect(OK, "explain", path, "--shape", "2x3x4", "--json").out)
        kernels = {k["name"]: k["flops"] for k in report[0]["shapes"][0]["kernels"]}
        self.assertEqual(kernels["encode_x"], 2 * 5 * 2 * 3)
        self.assertEqual(kernels["encode_w"], 2 * 5 * 3 * 4)
        self.assertEqual(kernels["decode"], 2 * 5 * 2 * 4)

    def test_groups_restart_the_tiling(self):
        path = self.write("a.yaml", simple_spec())
        words = ["explain", path, "--shape", "15x4x4", "--rows-per-group", "5", "--json"]
        shape = json.loads(self.expect(OK, *words).out)[0]["shapes"][0]
        self.assertEqual((shape["groups"], shape["tile_rows"]), (3, 9))

    def test_several_shapes_and_shapes_of_the_spec(self):
        path = self.write("a.yaml", simple_spec(more="shapes: [{M: 8, K: 4, N: 2}]\n"))
        own = json.loads(self.expect(OK, "explain", path, "--json").out)[0]["shapes"]
        self.assertEqual([(s["M"], s["K"], s["N"]) for s in own], [(8, 4, 2)])
        given = json.loads(self.expect(OK, "explain", path, "--json", "--shape", "1x1x1,2X2X2").out)
        self.assertEqual([s["M"] for s in given[0]["shapes"]], [1, 2])

    def test_tables_show_both_kinds_of_coupling(self):
        out = self.expect(OK, "explain", spec("strassen"), "--shape", "64x64x64").out
        self.assertIn("none (algebraic), full (structural)", out)
        self.assertIn("⟨2,2,2;7⟩", out)
        for line in out.splitlines():
            self.assertEqual(line, line.rstrip())


    def test_backward_counts_each_operation_and_all_together(self):
        words = ["explain", spec("strassen"), "--shape", "256x128x512", "--backward"]
        report = json.loads(self.expect(OK, *words, "--json").out)[0]["shapes"][0]["backward"]
        self.assertEqual([r["op"] for r in report],
                         ["backward_input", "backward_weight", "backward_basis", "backward"])
        gemm = 2 * 7 * 128 * 64 * 256
        self.assertEqual([r["mma_flops"] for r in report], [gemm, gemm, 2 * gemm, 3 * gemm])
        self.assertLess(report[3]["bytes"], sum(r["bytes"] for r in report[:3]))
        self.assertIn("contract_d", self.expect(OK, *words).out)


class Generate(TestCase):
    def test_writes_every_kernel_of_every_variant(self):
        path = self.write("v.yaml", simple_spec(more="variants: {precision.encoded: [f16, bf16]}\n"))
        out = self.expect(OK, "generate", path, "--arch", "sm_80", "-o", "deep/er").out
        self.assertEqual(len(out.splitlines()), 8)
        for line in out.splitlines():
            self.assertTrue(line.startswith("deep/er/test_precision.encoded="), line)
            source = self.read(line)
            self.assertIn('extern "C"', source)
            self.assertNotIn("//@", source)
        self.assertEqual([f for f in os.listdir(self.path("deep/er")) if "." not in f], [])

    def test_training_adds_the_kernels_of_backward_plans(self):
        path = self.write("t.yaml", simple_spec(more="epilogue: {activation: relu, bias: true}\n"))
        plain = self.expect(OK, "generate", path, "-o", "plain").out.splitlines()
        more = self.expect(OK, "generate", path, "-o", "more", "--training").out.splitlines()
        names = {os.path.basename(line) for line in more} - {os.path.basename(line) for line in plain}
        self.assertEqual(len(more), len(plain) + len(names))
        self.assertLessEqual({"activate.cu", "decode_z.cu", "backward_product_dw.cu"}, names)

    def test_the_same_bytes_in_every_locale(self):
        for locale in ("C", "de_DE.UTF-8"):
            environment = dict(self.environment, LC_ALL=locale, LANG=locale)
            self.expect(OK, "generate", spec("random_r16"), "-o", locale, env=environment)
        for name in os.listdir(self.path("C/random_r16")):
            first = self.read("C/random_r16/" + name)
            self.assertEqual(self.read("de_DE.UTF-8/random_r16/" + name), first)

    def test_a_refused_kernel_leaves_nothing(self):
        text = "stile: 1\nname: e\nbasis: {name: strassen}\n"
        self.write("e.yaml", text + "precision: {encoded: e4m3}\n")
        result = self.refuse("e: precision.encoded e4m3 runs on sm_90a alone", "generate", "e.yaml",
                             "--arch", "sm_80", "-o", "out", code=ENVIRONMENT)
        self.assertNotIn("e: e:", result.err)
        self.write("e.yaml", text + "schedule: {block: [512, 512, 512], stages: 8}\n")
        self.refuse("schedule.block", "generate", "e.yaml", "-o", "out")
        self.assertEqual(os.listdir(self.folder), ["e.yaml"])

    def test_a_file_in_the_way(self):
        self.write("out", "")
        self.refuse("cannot be created", "generate", spec("strassen"), "-o", "out")


class Basis(TestCase):
    def test_list(self):
        report = json.loads(self.expect(OK, "basis", "list", "--json").out)
        self.assertEqual({b["name"]: b["rank"] for b in report},
                         {"strassen": 7, "winograd": 7, "laderman": 23})
        self.assertTrue(all(b["exact"] for b in report))

    def test_show_tables_and_json_agree(self):
        shown = json.loads(self.expect(OK, "basis", "show", "classical:1,2,3", "--json").out)
        self.assertEqual(shown["basis"]["tile"], [1, 2, 3])
        self.assertEqual(shown["U"], [[1, 0]] * 3 + [[0, 1]] * 3)
        out = self.expect(OK, "basis", "show", "classical:1,2,3").out
        self.assertIn("x00  x01", out)
        self.assertIn("row coupling  none (algebraic), none (structural)", out)

    def test_yaml_reads_back_the_same(self):
        for name in ("laderman", "random:2,3,4;5;6"):
            text = self.expect(OK, "basis", "show", name, "--yaml").out
            self.write("b.yaml", text)
            self.assertEqual(self.expect(OK, "basis", "show", "b.yaml", "--yaml").out, text)
            self.assertIn("b.yaml: ok", self.expect(OK, "basis", "check", "b.yaml").out)

    def test_show_takes_specs(self):
        shown = json.loads(self.expect(OK, "basis", "show", spec("strassen2"), "--json").out)
        self.assertEqual((shown["basis"]["rank"], shown["basis"]["growth"]), (49, 16))
        self.refuse("ffn_up/", "basis", "show", spec("ffn_up"))

    def test_kron(self):
        self.expect(OK, "basis", "kron", "strassen", "classical:1,2,1", "-o", "k.yaml")
        shown = json.loads(self.expect(OK, "basis", "show", "k.yaml", "--json").out)["basis"]
        self.assertEqual((shown["tile"], shown["rank"], shown["exact"]), ([2, 4, 2], 14, True))
        self.assertIn("rank: 14", self.expect(OK, "basis", "kron", "strassen", "classical:1,2,1").out)
        self.refuse("stile basis kron needs A B", "basis", "kron", "strassen")
        self.expect(USAGE, "basis", "kron", "laderman", "laderman")  # 9 × 9 × 9 is too large

    def test_check_may_demand_exactness(self):
        text = self.expect(OK, "basis", "show", "random:2,2,2;4;1", "--yaml").out
        self.write("r.yaml", text)
        self.expect(OK, "basis", "check", "r.yaml")
        result = self.expect(CHECK_FAILED, "basis", "check", "r.yaml", "--exact")
        self.assertIn("r.yaml: the basis is not exact", result.err)

    def test_bad_names_and_files(self):
        self.refuse("did you mean strassen?", "basis", "show", "strasen")
        self.refuse("names no basis", "basis", "show", "classical:9,1,1")
        self.refuse("names no basis", "basis", "show", "random:2,2,2;0;1")
        self.refuse("names no basis", "basis", "show", "classical:2,2")
        self.write("b.yaml", "basis: 1\nname: b\ntile: [1, 1, 1]\nrank: 1\nU: [[1]]\nV: [[1, 2]]\nD: [[1]]\n")
        self.refuse("b.yaml:6:", "basis", "check", "b.yaml")


class Verify(TestCase):
    def test_every_example_on_the_cpu(self):
        result = self.expect(OK, "verify", *EXAMPLES, "--device", "cpu", "--random", "4", "--seed", "7")
        self.assertIn("seed 7", result.err)
        self.assertIn("strassen: ok", result.out)
        self.assertNotIn("FAIL", result.out)

    def test_what_could_not_be_run_is_not_called_ok(self):
        result = self.expect(USAGE, "verify", spec("strassen"), "--device", "cpu", "--shape",
                             "x".join(["2000000000"] * 3))
        self.assertIn("more than memory holds", result.err)
        self.assertIn("strassen: not verified, 0 passed, 0 failed", result.out)

    def test_a_bad_spec_hinders_no_good_one(self):
        bad = self.write("bad.yaml", "stile: 1\nname: bad\nbasis: {name: strasen}\n")
        result = self.expect(USAGE, "verify", bad, spec("strassen"), "--device", "cpu", "--shape", "3x3x3")
        self.assertIn("strassen: ok", result.out)
        self.assertIn("bad.yaml:3:", result.err)

    def test_json_lists_the_cases(self):
        path = self.write("a.yaml", simple_spec())
        words = ["verify", path, "--device", "cpu", "--shape", "9x7x5", "--json"]
        report = json.loads(self.expect(OK, *words).out)
        cases = report["variants"][0]["cases"]
        self.assertEqual([c["integers"] for c in cases], [False, False, True])
        self.assertTrue(all(c["passed"] and c["M"] == 9 for c in cases))
        self.assertLess(cases[0]["true_error"], 1e-13)  # exact basis, fp64

    def test_operations_of_the_backward_pass(self):
        path = self.write("a.yaml", simple_spec(more="epilogue: {activation: silu, bias: true}\n"))
        ops = ["forward_z", "backward_input", "backward_weight", "backward_basis", "backward"]
        words = ["verify", path, "--device", "cpu", "--shape", "9x7x5", "--json", "--op", ",".join(ops)]
        cases = json.loads(self.expect(OK, *words).out)["variants"][0]["cases"]
        self.assertEqual([c["op"] for c in cases], 3 * ops)
        self.assertTrue(all(c["passed"] for c in cases if c["applies"]))
        self.refuse("--op sideways", "verify", path, "--device", "cpu", "--op", "sideways")
        self.refuse("--op backward,", "verify", path, "--device", "cpu", "--op", "backward,")

    def test_random_cases_repeat_with_their_seed(self):
        path = self.write("a.yaml", simple_spec())
        words = ["verify", path, "--device", "cpu", "--random", "6", "--all", "--seed"]
        first = self.expect(OK, *words, "3").out
        self.assertEqual(self.expect(OK, *words, "3").out, first)
        self.assertNotEqual(self.expect(OK, *words, "4").out, first)


if __name__ == "__main__":
    unittest.main()
