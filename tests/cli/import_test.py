# SPDX-License-Identifier: Apache-2.0
"""Bases of other programs: stile basis import and export."""
import io
import json
import os
import pickle
import struct
import unittest
import zipfile

from support import CHECK_FAILED, OK, USAGE, TestCase, npy_bytes

# Strassen's factors as other programs list them: u, v and w, for the transposed product.
U = [[1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0], [-1, 0, 1, 0], [0, 1, 0, -1]]
V = [[1, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, -1], [-1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
W = [[1, 0, 0, 1], [0, 1, 0, -1], [0, 0, 1, 1], [1, 1, 0, 0], [-1, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


def transposed(vectors):
    return [[v[0], v[2], v[1], v[3]] for v in vectors]


def as_json(u=U, v=V, w=W, **more):
    return json.dumps(dict({"n": [2, 2, 2], "m": len(u), "u": u, "v": v, "w": w}, **more))


def as_sms(rows):
    lines = ["%d %d R" % (len(rows), len(rows[0]))]
    lines += ["%d %d %s" % (i + 1, j + 1, value) for i, row in enumerate(rows) for j, value in enumerate(row) if value]
    return "\n".join(lines + ["0 0 0", ""])


def as_npy(vectors, code="b", dtype="|i1"):
    """(size, rank)"""
    flat = [vector[i] for i in range(len(vectors[0])) for vector in vectors]
    return npy_bytes((len(vectors[0]), len(vectors)), struct.pack("<%d%s" % (len(flat), code), *flat), dtype)


def stack_npy():
    flat = [vector[i] for factor in (U, V, W) for i in range(4) for vector in factor]
    return npy_bytes((3, 4, 7), struct.pack("<84f", *flat), "<f4")


def archive(files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in files.items():
            with file.open(name + ".npy", "w", force_zip64=True) as entry:  # as NumPy writes them
                entry.write(data)
    return out.getvalue()


class Import(TestCase):
    def shown(self, name):
        return json.loads(self.expect(OK, "basis", "show", name, "--json").out)["basis"]

    def assert_exact(self, *words, convention):
        result = self.expect(OK, "basis", "import", *words, "-o", "out.yaml")
        self.assertEqual(result.out, "")
        self.assertIn("⟨2,2,2;7⟩, exact as %s," % convention, result.err)
        self.expect(OK, "basis", "check", "--exact", "out.yaml")
        return result

    def test_every_convention_is_found_and_named(self):
        for bits in range(8):
            factors = [transposed(f) if bits >> i & 1 else f for i, f in enumerate((U, V, W))]
            self.write("b.json", as_json(*factors))
            names = [letter + ("t" if bits >> i & 1 else "") for i, letter in enumerate("XW")]
            names.append("Y" if bits & 4 else "Yt")  # w is for the transposed tile already
            result = self.assert_exact("b.json", convention=",".join(names))
            self.assertIn("though not" if bits else "which is usual", result.err)

    def test_sms_files_are_found_by_their_endings(self):
        os.mkdir(self.path("in"))
        d = [list(column) for column in zip(*transposed(W))]
        for letter, rows in zip("LRP", (U, V, d)):
            self.write("in/s_%s.sms" % letter, as_sms(rows))
        for letter in "LRP":
            self.assert_exact("in/s_%s.sms" % letter, convention="X,W,Y")
        self.assertIn("source: \"imported from s, read as X,W,Y\"", self.read("out.yaml"))
        self.assertIn("name: s\n", self.read("out.yaml"))
        self.write("r.txt", as_sms(V))
        self.assert_exact("in/s_L.sms", "r.txt", "in/s_P.sms", convention="X,W,Y")
        self.refuse("stands in place 1 of L, R, P", "basis", "import", "in/s_R.sms", "in/s_L.sms", "in/s_P.sms")
        self.refuse("a basis has three", "basis", "import", "in/s_L.sms", "in/s_R.sms")
        os.remove(self.path("in/s_P.sms"))
        self.refuse("in/s_P.sms: error: [STILE-004]", "basis", "import", "in/s_L.sms")
        self.write("in/s_P.sms", as_sms(d).replace("1 1 1\n", "1 x 1\n", 1))
        self.refuse("in/s_P.sms:2:3: error: [STILE-016]", "basis", "import", "in/s_L.sms")

    def test_numpy_files(self):
        self.write("s.npy", stack_npy())
        self.assert_exact("s.npy", convention="X,W,Yt")
        arrays = {"u": as_npy(U), "v": as_npy(V, "d", "<f8"), "w": as_npy(W, "q", "<i8")}
        self.write("three.npz", archive(arrays))
        self.assert_exact("three.npz", convention="X,W,Yt")
        self.write("many.npz", archive({"2,2,2": stack_npy(), "x": b"no array"}))
        self.assert_exact("many.npz", "--entry", "2,2,2", convention="X,W,Yt")
        self.refuse('one of "2,2,2", "x"', "basis", "import", "many.npz")

    def test_compressed_archives_are_read_or_refused_by_name(self):
        self.write("c.npz", archive({"s": stack_npy()}, zipfile.ZIP_DEFLATED))
        if os.environ["STILE_TEST_ZLIB"] == "true":
            self.assert_exact("c.npz", convention="X,W,Yt")
            data = bytearray(archive({"s": stack_npy()}, zipfile.ZIP_DEFLATED))
            for at in range(60, len(data), 7):  # no damage may pass for a basis, or crash
                damaged = bytes(data[:at]) + bytes([data[at] ^ 0x55]) + bytes(data[at + 1:])
                self.write("d.npz", damaged)
                result = self.run_stile("basis", "import", "d.npz")
                self.assertIn(result.code, (OK, USAGE))
                if result.code == OK:
                    self.assertIn("exact as X,W,Yt", result.err)
        else:
            self.refuse("built without zlib", "basis", "import", "c.npz")

    def test_pickles_are_never_read(self):
        class Trap:
            def __reduce__(self):
                return os.mkdir, ("trapped",)
        data = pickle.dumps(Trap())
        self.write("p.npy", npy_bytes((1,), data, "|O"))
        self.write("p.npz", archive({"p": npy_bytes((1,), data, "|O")}))
        self.write("raw.npy", data)
        self.refuse("holds Python objects", "basis", "import", "p.npy")
        self.refuse("holds Python objects", "basis", "import", "p.npz")
        self.refuse("is no .npy file", "basis", "import", "raw.npy")
        self.assertFalse(os.path.exists(self.path("trapped")))

    def test_an_inexact_basis_needs_a_convention(self):
        self.write("six.json", as_json(U[:6], V[:6], W[:6]))
        self.refuse("no convention makes this ⟨2,2,2;6⟩ exact", "basis", "import", "six.json", code=CHECK_FAILED)
        result = self.expect(OK, "basis", "import", "six.json", "--as", "X,W,Yt", "-o", "six.yaml")
        self.assertIn("error 0.5 as X,W,Yt", result.err)
        self.assertFalse(self.shown("six.yaml")["exact"])

    def test_a_wrong_convention_is_taken_but_contradicted(self):
        self.write("b.json", as_json())
        result = self.expect(OK, "basis", "import", "b.json", "--as", "Xt,W,Yt", "-o", "b.yaml")
        self.assertIn("it would be exact as X,W,Yt", result.err)
        self.refuse("--as must be X,W,Y with a t", "basis", "import", "b.json", "--as", "C")

    def test_name_and_source(self):
        self.write("b.json", as_json(name="theirs", source="a paper"))
        out = self.expect(OK, "basis", "import", "b.json").out
        self.assertIn("name: theirs\n", out)
        self.assertIn('source: "a paper"\n', out)
        out = self.expect(OK, "basis", "import", "b.json", "--name", "mine", "--source", "me").out
        self.assertIn("name: mine\n", out)
        self.assertIn("source: me\n", out)
        self.refuse("--name must be one line", "basis", "import", "b.json", "--name", "a\nb")

    def test_mistakes(self):
        self.write("b.json", as_json())
        self.write("b.txt", as_json())
        self.refuse("say what it is with --format", "basis", "import", "b.txt")
        self.assert_exact("b.txt", "--format", "json", convention="X,W,Yt")
        self.refuse("--format must be sms, json or numpy", "basis", "import", "b.txt", "--format", "csv")
        self.refuse("--entry names an array", "basis", "import", "b.json", "--entry", "u")
        self.refuse("only .sms files come in threes", "basis", "import", "b.json", "b.txt")
        self.refuse("ends neither in _L.sms", "basis", "import", "b.sms")
        self.refuse("would be overwritten", "basis", "import", "b.json", "-o", "b.json")
        self.write("bad.json", as_json().replace("-1", "one", 1))
        self.refuse("bad.json:1:", "basis", "import", "bad.json")
        self.write("large.json", " " * (5 << 20))
        self.refuse("is larger than 4 MiB", "basis", "import", "large.json")


class Export(TestCase):
    BASES = ("strassen", "winograd", "laderman", "classical:2,3,4", "random:2,3,1;5;7")

    def test_every_format_reads_back_as_the_same_file(self):
        for name in self.BASES:
            yaml = self.expect(OK, "basis", "show", name, "--yaml").out
            for path, back in (("b.yaml", None), ("b.json", "b.json"), ("b.sms", "b_L.sms")):
                self.expect(OK, "basis", "export", name, "-o", path)
                if back is None:
                    self.assertEqual(self.read(path), yaml)
                    continue
                convention = () if not name.startswith("random") else ("--as", "X,W,Yt" if "json" in path else "X,W,Y")
                self.assertEqual(self.expect(OK, "basis", "import", back, *convention).out, yaml, (name, path))

    def test_json_is_json(self):
        report = json.loads(self.expect(OK, "basis", "export", "strassen", "--format", "json").out)
        self.assertEqual((report["n"], report["m"], report["name"]), ([2, 2, 2], 7, "strassen"))
        self.assertTrue(all(len(vector) == 4 for key in "uvw" for vector in report[key]))

    def test_fractions_are_strings_in_json_and_exact_in_sms(self):
        self.write("b.yaml", "basis: 1\nname: b\ntile: [1, 1, 1]\nrank: 1\nU: [[1/3]]\nV: [[3]]\nD: [[1]]\n")
        self.assertEqual(json.loads(self.expect(OK, "basis", "export", "b.yaml", "--format", "json").out)["u"],
                         [["1/3"]])
        self.expect(OK, "basis", "export", "b.yaml", "-o", "b.sms")
        self.assertEqual(self.read("b_L.sms"), "1 1 R\n1 1 1/3\n0 0 0\n# name: b\n")

    def test_mistakes(self):
        self.refuse("say what to write with --format", "basis", "export", "strassen")
        self.refuse("say what to write with --format", "basis", "export", "strassen", "-o", "b.npz")
        self.refuse("--format must be yaml, sms or json", "basis", "export", "strassen", "--format", "npz")
        self.refuse("three .sms files", "basis", "export", "strassen", "--format", "sms")
        self.refuse("did you mean strassen?", "basis", "export", "strasen", "--format", "json")


if __name__ == "__main__":
    unittest.main()
