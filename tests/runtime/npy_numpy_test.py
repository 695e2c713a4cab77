# SPDX-License-Identifier: Apache-2.0
"""Files that NumPy wrote go through npy_probe and come back as NumPy would convert them."""
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

PROBE = sys.argv.pop(1)


def bf16_bits(array):
    """float32 to bfloat16 bits, to nearest even; no NaN."""
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


class NpyTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.random = np.random.default_rng(1)

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def probe(self, name, dtype='f32'):
        result = subprocess.run([PROBE, self.path(name), dtype, self.path('out.npy')],
                                capture_output=True, text=True, check=False)
        self.assertIn(result.returncode, (0, 1), result.stderr)  # never a crash
        if result.returncode:
            self.assertFalse(os.path.exists(self.path('out.npy')))
            return result.stderr.strip().replace(self.folder.name + '/', '')
        out = np.load(self.path('out.npy'))
        os.remove(self.path('out.npy'))
        return out

    def save(self, array, name='x.npy', **options):
        np.save(self.path(name), array, **options)

    def normal(self, *shape):
        return self.random.standard_normal(shape)

    def test_every_dtype_and_order_reads_as_numpy_reads_it(self):
        for shape in (7,), (1, 1), (33, 65), (100, 3), (4, 5, 6), (0, 3):
            for dtype in '<f4', '<f8', '<f2':
                for order in 'CF':
                    array = np.array(self.normal(*shape), dtype=dtype, order=order)
                    self.save(array)
                    out = self.probe('x.npy')
                    self.assertEqual(out.dtype, np.float32)
                    self.assertTrue(out.flags.c_contiguous)
                    np.testing.assert_array_equal(out, array.astype(np.float32))
                    out = self.probe('x.npy', 'f16')
                    np.testing.assert_array_equal(out, array.astype(np.float16))

    def test_views_are_saved_as_arrays(self):
        array = self.normal(20, 30).astype('f4')
        for view in array.T, array[::2, ::3], array[:, 1:2], array[::-1]:
            self.save(view)
            np.testing.assert_array_equal(self.probe('x.npy'), view)

    def test_all_three_versions_read(self):
        array = self.normal(3, 4).astype('f4')
        for major in 1, 2, 3:
            with open(self.path('x.npy'), 'wb') as file:
                np.lib.format.write_array(file, array, version=(major, 0))
            np.testing.assert_array_equal(self.probe('x.npy'), array)

    def test_bfloat16_travels_as_bits(self):
        array = self.normal(5, 7).astype('f4')
        bits = bf16_bits(array)
        expected = (bits.astype(np.uint32) << 16).view(np.float32)
        for stored in bits, bits.view('V2'):
            self.save(stored)
            np.testing.assert_array_equal(self.probe('x.npy'), expected)
        self.save(array)
        out = self.probe('x.npy', 'bf16')
        self.assertEqual(out.dtype, np.dtype('V2'))
        np.testing.assert_array_equal(out.view(np.uint16), bits)

    def test_doubles_are_rounded_once(self):
        self.save(np.array([1 + 2.0**-8 + 2.0**-30, 1 + 2.0**-8]))
        self.assertEqual(list(self.probe('x.npy', 'bf16').view(np.uint16)), [0x3F81, 0x3F80])

    def refused(self, array, message, **options):
        self.save(array, **options)
        self.assertEqual(self.probe('x.npy'), message)

    def test_other_dtypes_are_refused_by_name(self):
        unsupported = "x.npy: dtype '%s' is not supported: convert with .astype('float32')"
        for dtype in '<i4', '<i8', '|b1', '|i1', '<u4', '<c8', '<U3', '|S4', '<M8[s]', '|V3':
            self.refused(np.zeros((2, 2), dtype), unsupported % dtype)
        if np.dtype(np.longdouble).itemsize == 16:
            self.refused(np.zeros((2, 2), np.longdouble), unsupported % '<f16')

    def test_big_endian_is_refused(self):
        for dtype in '>f4', '>f8', '>f2':
            self.refused(np.zeros((2, 2), dtype), f"x.npy: dtype '{dtype}' is big-endian: "
                         "convert with .astype('<f4')")

    def test_structures_and_objects_are_refused(self):
        self.refused(np.zeros(3, [('a', '<f4'), ('b', '<i4')]),
                     'x.npy: structured dtypes are not supported: save one field as float32')
        self.refused(np.zeros(3, [('a', '<f4', (2,))]),
                     'x.npy: structured dtypes are not supported: save one field as float32')
        self.refused(np.array([{}, None], dtype=object), "x.npy: dtype '|O' holds Python objects: "
                     "convert with .astype('float32')", allow_pickle=True)

    def test_other_ranks_are_refused(self):
        message = 'x.npy: the array has %d dimensions: 1 to 3 are supported'
        self.refused(np.float32(1), message % 0)
        self.refused(np.zeros((1, 2, 1, 2), 'f4'), message % 4)

    def edit(self, change):
        """The bytes of a good file, changed."""
        self.save(np.ones((100, 200), 'f4'))
        with open(self.path('x.npy'), 'rb') as file:
            data = file.read()
        with open(self.path('x.npy'), 'wb') as file:
            file.write(change(data))
        return self.probe('x.npy')

    def test_truncated_files_are_refused(self):
        lies = 'x.npy: header says shape (100, 200) of <f4, 80000 bytes, but '
        self.assertEqual(self.edit(lambda data: data[:128 + 1234]),
                         lies + 'only 1234 bytes follow: write the file again')
        self.assertEqual(self.edit(lambda data: data[:-1]),
                         lies + 'only 79999 bytes follow: write the file again')
        self.assertEqual(self.edit(lambda data: data + b'x'),
                         lies + '80001 bytes follow: write the file again')
        self.assertEqual(self.edit(lambda data: data[:60]),
                         'x.npy: the file ends within its header')
        self.assertEqual(self.edit(lambda data: b''),
                         'x.npy: not a .npy file: write it with numpy.save')

    def test_headers_that_lie_are_refused(self):
        self.assertEqual(self.edit(lambda data: data.replace(b'(100, 200), }', b'(999, 200), }')),
                         'x.npy: header says shape (999, 200) of <f4, 799200 bytes, but only 80000 '
                         'bytes follow: write the file again')
        self.assertEqual(self.edit(lambda data: data.replace(b'<f4', b'<f8')),
                         'x.npy: header says shape (100, 200) of <f8, 160000 bytes, but only 80000 '
                         'bytes follow: write the file again')
        huge = b'(4294967296, 4294967296), }'
        self.assertEqual(self.edit(lambda data: data.replace(b'(100, 200), }'.ljust(len(huge)), huge)),
                         'x.npy: the shape has more elements than memory can hold')

    def test_archives_are_refused(self):
        np.savez(self.path('x.npy.npz'), np.ones(3))
        os.rename(self.path('x.npy.npz'), self.path('x.npy'))
        self.assertEqual(self.probe('x.npy'), 'x.npy: not a .npy file: write it with numpy.save')


if __name__ == '__main__':
    unittest.main()
