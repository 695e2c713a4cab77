# SPDX-License-Identifier: Apache-2.0
"""stile build and the bundles it makes, with the real NVRTC and a driver that computes nothing.

usage: build_test.py STILE PLAN_PROBE FAKE_DRIVER_FOLDER. Exits 77, skipped, where there is no NVRTC.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

STILE, PROBE, DRIVER = (str(pathlib.Path(path).absolute()) for path in sys.argv[1:4])
SPECS = pathlib.Path(os.environ['STILE_TEST_SOURCE']) / 'specs'
UNSUPPORTED, IO = 3, 7


class Bundles(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='stile-build-'))
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = dict(os.environ, PATH=f'{os.path.dirname(STILE)}:{os.environ["PATH"]}',
                                STILE_CACHE_DIR=str(self.folder / 'cache'))
        for name in 'STILE_JIT', 'STILE_LOG', 'STILE_DUMP', 'STILE_CACHE_SIZE':
            self.environment.pop(name, None)

    def run_program(self, *words, cache='cache', **environment):
        environment = dict(self.environment, STILE_CACHE_DIR=str(self.folder / cache), **environment)
        return subprocess.run([str(word) for word in words], text=True, capture_output=True,
                              cwd=self.folder, env=environment)

    def build(self, *words, **options):
        return self.run_program(STILE, 'build', *words, **options)

    def probe(self, *words, **options):
        return self.run_program(PROBE, *words, LD_LIBRARY_PATH=DRIVER, **options)

    def probe_without_compiler(self, *words, cache='empty'):
        return self.probe(*words, cache=cache, STILE_JIT='off', STILE_NVRTC='/nonexistent')

    def check(self, result, status=0):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def test_the_command_of_a_missing_kernel_builds_what_is_missing(self):
        odd = self.folder / "it's odd"
        odd.mkdir()
        spec = shutil.copy(SPECS / 'laderman.yaml', odd)
        message = self.check(self.probe_without_compiler(spec), UNSUPPORTED).stderr
        self.assertIn('sm_90a', message)
        self.assertIn('laderman', message)
        command = message.strip().rsplit(': ', 1)[1]
        self.assertTrue(command.startswith('stile build '), command)
        self.check(self.run_program('sh', '-c', command))
        told = json.loads(self.check(
            self.probe_without_compiler(spec, 'laderman.stile')).stdout)
        self.assertEqual((told['compiles'], told['hits'], told['nvrtc']), (0, 0, False))

    def test_a_variant_builds_what_that_variant_lacks(self):
        spec = self.folder / 'two.yaml'
        spec.write_text('stile: 1\nname: two\nbasis: {name: strassen}\n'
                        'variants: {precision.input: [bf16, f16]}\n')
        one, both = self.folder / 'one.stile', self.folder / 'both.stile'
        self.check(self.build(spec, '--arch', 'sm_90a', '-o', both))
        told = self.check(self.build(spec, '--arch', 'sm_90a', '--variant',
                                     'two/precision.input=f16', '-o', one)).stdout
        self.assertIn('4 kernels of 1 variant for sm_90a', told)
        self.assertLess(one.stat().st_size, both.stat().st_size)
        wrong = self.check(self.build(spec, '--arch', 'sm_90a', '--variant', 'three', '-o', one), 2)
        self.assertIn('two/precision.input=bf16', wrong.stderr)

    def test_the_same_input_gives_the_same_bytes(self):
        one, two = self.folder / 'one.stile', self.folder / 'two.stile'
        specs = [SPECS / 'strassen.yaml', SPECS / 'winograd.yaml']
        self.check(self.build(*specs, '--arch', 'sm_80,sm_90a', '-o', one, cache='first'))
        self.check(self.build(*reversed(specs), specs[0], '--arch', 'sm_90a,sm_80,sm_90a', '-o', two,
                              cache='second'))
        self.assertEqual(one.read_bytes(), two.read_bytes())
        self.assertEqual(one.stat().st_mode & 0o777, 0o666 & ~current_umask())

    def test_json_lists_every_kernel(self):
        told = json.loads(self.check(self.build(
            SPECS / 'strassen.yaml', '--arch', 'sm_80', '-o', 'x.stile', '--json')).stdout)
        self.assertEqual([kernel['kernel'] for kernel in told['built']],
                         ['encode_x', 'encode_w', 'channel_gemm', 'decode'])
        self.assertEqual(told['bytes'], (self.folder / 'x.stile').stat().st_size)
        self.assertEqual(len({kernel['key'] for kernel in told['built']}), told['kernels'])

    def test_a_failure_leaves_the_old_file(self):
        old = self.folder / 'old.stile'
        old.write_bytes(b'old')
        bad = self.folder / 'bad.yaml'
        bad.write_text('stile: 1\n')
        strassen = SPECS / 'strassen.yaml'
        for words, status in [
            ((bad, strassen, '--arch', 'sm_90a'), 2),
            ((strassen, '--arch', 'sm_70'), 2),
            ((strassen, '--arch', 'sm_90a,'), 2),
            ((strassen, '--arch', 'sm_999'), 3),
            ((strassen,), 2),
        ]:
            result = self.check(self.build(*words, '-o', old), status)
            self.assertTrue(result.stderr)
            self.assertEqual(old.read_bytes(), b'old')
        result = self.check(self.build(strassen, '--arch', 'sm_90a', '-o', old, STILE_JIT='off'), 3)
        self.assertIn('STILE_JIT=off', result.stderr)
        result = self.check(self.build(strassen, '--arch', 'sm_90a', '-o', 'no/folder/x'), 2)
        self.assertIn('no/folder/x', result.stderr)
        self.assertEqual(sorted(path.name for path in self.folder.glob('*.stile*')), ['old.stile'])

    def test_damage_is_refused_or_recompiled_never_loaded(self):
        """Whatever happens to the file, the plan is made, or refused with a reason."""
        whole, broken = self.folder / 'whole.stile', self.folder / 'broken.stile'
        spec = SPECS / 'strassen.yaml'
        self.check(self.build(spec, '--arch', 'sm_90a', '-o', whole))
        data = whole.read_bytes()
        pick = random.Random(7)
        for i in range(60):
            copy = bytearray(data)
            if i % 3 == 0:
                del copy[pick.randrange(len(copy)):]
            else:
                copy[pick.randrange(len(copy) if i % 3 == 1 else 1056)] ^= 1 << pick.randrange(8)
            broken.write_bytes(copy)
            result = self.probe_without_compiler(spec, broken)
            self.assertIn(result.returncode, (UNSUPPORTED, IO), (i, result))
            self.assertTrue(result.stderr)
        broken.write_bytes(copy[:0] + data[:-1] + bytes([data[-1] ^ 1]))
        told = json.loads(self.check(self.probe(spec, broken)).stdout)  # in the cache since the build
        self.assertEqual((told['compiles'], told['hits']), (0, 1))

    def test_a_warm_plan_is_quick_and_loads_no_compiler(self):
        for name in 'strassen', 'random_r16':
            spec = SPECS / f'{name}.yaml'
            cold = json.loads(self.check(self.probe(spec)).stdout)
            warm = json.loads(self.check(self.probe(spec)).stdout)
            self.assertTrue(cold['nvrtc'])
            self.assertEqual((cold['compiles'], cold['hits']), (4, 0))
            self.assertFalse(warm['nvrtc'])
            self.assertEqual((warm['compiles'], warm['hits']), (0, 4))
            print(f'{name}: plan of four kernels made in {cold["milliseconds"]:.0f} ms cold, '
                  f'{warm["milliseconds"]:.1f} ms warm', file=sys.stderr)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def has_nvrtc():
    doctor = subprocess.run([STILE, 'doctor', '--json'], text=True, capture_output=True)
    states = {found['name']: found['state'] for found in json.loads(doctor.stdout)['findings']}
    return states['NVRTC'] != 'missing'


if __name__ == '__main__':
    if not has_nvrtc():
        print('skipped: there is no NVRTC')
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
