# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: running the program, and .npy files without NumPy."""
import array
import ast
import os
import random
import shutil
import struct
import subprocess
import tempfile
import unittest

SOURCE = os.environ["STILE_TEST_SOURCE"]
PROGRAM = os.environ["STILE_PROGRAM"]
SPECS = os.path.join(SOURCE, "specs")

OK, CHECK_FAILED, USAGE, ENVIRONMENT, FAILURE = range(5)


def spec(name):
    return os.path.join(SPECS, name + ".yaml")


class Result:
    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout.decode("utf-8")
        self.err = completed.stderr.decode("utf-8")


class TestCase(unittest.TestCase):
    """Each test runs in an empty folder of its own, with a cache of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="stile-cli-")
        os.chmod(self.folder, 0o700)
        self.environment = dict(os.environ, STILE_CACHE_DIR=os.path.join(self.folder, "cache"))

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(self.path(name), mode) as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def run_stile(self, *words, **options):
        completed = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, cwd=self.folder,
                                   env=options.pop("env", self.environment), timeout=120, **options)
        result = Result(completed)
        self.assertGreaterEqual(result.code, 0, "killed by a signal:\n" + result.err)
        self.assertNotIn("Sanitizer", result.err)
        return result

    def expect(self, code, *words, **options):
        result = self.run_stile(*words, **options)
        self.assertEqual(result.code, code, " ".join(words) + "\n" + result.out + result.err)
        return result

    def refuse(self, message, *words, code=USAGE):
        """The command fails, says so on stderr alone, and says this."""
        result = self.expect(code, *words)
        self.assertIn(message, result.err)
        self.assertEqual(result.out, "")
        return result


def npy_bytes(shape, data, dtype="<f4", fortran=False, version=1):
    header = "{'descr': %r, 'fortran_order': %r, 'shape': %r, }" % (dtype, fortran, tuple(shape))
    size = 10 if version == 1 else 12
    header += " " * (-(size + len(header) + 1) % 64) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode("latin-1") + data


def write_npy(path, rows):
    """Rows of equal length, or a flat list, as '<f4'."""
    if rows and isinstance(rows[0], list):
        shape, flat = (len(rows), len(rows[0])), [v for row in rows for v in row]
    else:
        shape, flat = (len(rows),), rows
    with open(path, "wb") as file:
        file.write(npy_bytes(shape, array.array("f", flat).tobytes()))
    return path


def read_npy(path):
    """Shape, dtype and flat list of numbers of a C-order file."""
    with open(path, "rb") as file:
        content = file.read()
    assert content[:8] == b"\x93NUMPY\x01\x00"
    length, = struct.unpack("<H", content[8:10])
    assert (10 + length) % 64 == 0
    header = ast.literal_eval(content[10:10 + length].decode("latin-1"))
    assert not header["fortran_order"]
    data = content[10 + length:]
    if header["descr"] == "|V2":
        words = array.array("H", data)
        values = [struct.unpack("<f", struct.pack("<I", w << 16))[0] for w in words]
    else:
        code = {"<f4": "f", "<f8": "d", "<f2": "e"}[header["descr"]]
        values = list(struct.unpack("<%d%s" % (len(data) // struct.calcsize(code), code), data))
    return header["shape"], header["descr"], values


def matrix(seed, rows, columns):
    """Halves of small integers: exact in every type, and so is every product here."""
    numbers = random.Random(seed)
    return [[numbers.randint(-4, 4) / 2 for _ in range(columns)] for _ in range(rows)]


def transpose(rows):
    return [list(column) for column in zip(*rows)]


def multiply(x, w):
    """X [M,K] times W [K,N], as a flat list."""
    columns = transpose(w)
    return [sum(a * b for a, b in zip(row, column)) for row in x for column in columns]


SPEC = """stile: 1
name: test
basis: %s
precision: {input: f32, encoded: tf32, product: f32, output: f32}
"""


def simple_spec(basis="{name: strassen}", more=""):
    return SPEC % basis + more
