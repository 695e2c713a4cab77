# SPDX-License-Identifier: Apache-2.0
"""stile lua as a program: arguments, exit status, messages; its examples and documentation."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

STILE = os.environ['STILE_PROGRAM']
SOURCE = pathlib.Path(os.environ['STILE_TEST_SOURCE'])


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / 'specs').symlink_to(SOURCE / 'specs')

    def stile(self, *words, stdin='', **environment):
        return subprocess.run(
            [STILE, *map(str, words)], input=stdin, text=True, cwd=self.folder, timeout=300,
            capture_output=True, check=False,
            env={**os.environ, 'STILE_CACHE_DIR': str(self.folder / 'cache'), **environment})

    def script(self, text, *words, **environment):
        path = self.folder / 'script.lua'
        path.write_text(text, encoding='utf-8')
        return self.stile('lua', 'script.lua', *words, **environment)


class Program(Case):
    def test_arguments_arrive_as_with_lua(self):
        result = self.script('print(#arg, arg[0], arg[1], arg[2], arg[-1], ...)', '--json', '-x')
        self.assertEqual(result.stdout, '2\tscript.lua\t--json\t-x\tlua\t--json\t-x\n')
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_double_dash_ends_the_options_of_stile(self):
        (self.folder / '-odd').write_text('print("odd", ...)')
        result = self.stile('lua', '--', '-odd', '--help')
        self.assertEqual((result.returncode, result.stdout), (0, 'odd\t--help\n'), result.stderr)

    def test_a_script_comes_from_stdin_and_may_begin_with_a_hash_bang(self):
        result = self.stile('lua', '-', stdin='#!/usr/bin/env -S stile lua\nprint(stile.version())')
        self.assertRegex(result.stdout, r'^\d+\.\d+\.\d+\n$')

    def test_an_error_is_status_1_with_line_and_traceback(self):
        result = self.script('local function f()\n  stile.load("none.yaml")\nend\nf()\n')
        self.assertEqual((result.returncode, result.stdout), (1, ''))
        self.assertIn('script.lua:2: none.yaml: error: [STILE-', result.stderr)
        self.assertIn('stack traceback:', result.stderr)
        self.assertRegex(result.stderr, r"script.lua:4: in main chunk")

    def test_any_error_value_is_reported(self):
        self.assertIn('nil', self.script('error()').stderr)
        text = 'error(setmetatable({}, {__tostring = function() return "mine" end}))'
        result = self.script(text)
        self.assertIn('mine', result.stderr)
        self.assertEqual(result.returncode, 1)
        result = self.script('error(setmetatable({}, {__tostring = error}))')
        self.assertEqual(result.returncode, 1)

    def test_a_syntax_error_is_status_1_with_its_line(self):
        result = self.script('x = 1\ny = = 2\n')
        self.assertIn('script.lua:2:', result.stderr)
        self.assertEqual(result.returncode, 1)

    def test_os_exit_is_respected(self):
        self.assertEqual(self.script('os.exit(7)').returncode, 7)
        self.assertEqual(self.script('local s = stile.context{device="cpu"} os.exit(3, true)').returncode, 3)
        self.assertEqual(self.script('os.exit(true)').returncode, 0)

    def test_usage_errors_are_status_2(self):
        self.assertEqual(self.stile('lua').returncode, 2)
        self.assertEqual(self.stile('lua', '--frob', 'x.lua').returncode, 2)

    def test_a_missing_script_is_an_error_that_names_it(self):
        result = self.stile('lua', 'missing.lua')
        self.assertEqual(result.returncode, 2)
        self.assertIn('missing.lua: the script cannot be read', result.stderr)

    def test_lost_output_is_an_error(self):
        if not os.path.exists('/dev/full'):
            self.skipTest('no /dev/full')
        with open('/dev/full', 'w') as full:
            result = subprocess.run([STILE, 'lua', '-'], input='print("x")', text=True, stdout=full,
                                    stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 4, result.stderr)

    def test_the_whole_library_is_there(self):
        result = self.script('assert(io and os and debug and package and coroutine and utf8)\n'
                             'assert(require("stile") == stile)\n'
                             'local f = io.open("made.txt", "w") f:write("x") f:close()')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / 'made.txt').read_text(), 'x')

    def test_numbers_have_points_in_every_locale(self):
        result = self.script('print(0.5, stile.basis("strassen"):metrics().limit)',
                             LC_ALL='de_DE.UTF-8')
        self.assertTrue(result.stdout.startswith('0.5\t1.14'), result.stdout)

    def test_bytecode_is_refused(self):
        (self.folder / 'code.luac').write_bytes(b'\x1bLuaT\0\x19\x93\r\n\x1a\n')
        self.assertEqual(self.stile('lua', 'code.luac').returncode, 1)


class Api(Case):
    def run_lua(self, name, *words, **environment):
        return subprocess.run(
            [STILE, 'lua', f'tests/lua/{name}', str(self.folder), *words], cwd=SOURCE, text=True,
            env={**os.environ, **environment}, capture_output=True, timeout=300, check=False)

    def test_the_reference_holds(self):
        result = self.run_lua('api.lua')
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_no_argument_crashes(self):
        result = self.run_lua('fuzz.lua', STILE_JIT='off', STILE_CACHE_DIR=str(self.folder / 'c'))
        self.assertEqual(result.returncode, 0, result.stderr)


class Examples(Case):
    def example(self, name, *words):
        result = self.stile('lua', SOURCE / 'examples' / 'lua' / name, *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_variants_drops_verifies_and_writes_the_winner(self):
        spec = SOURCE / 'specs' / 'ffn_up.yaml'
        text = self.example('variants.lua', spec, 'device=cpu', 'out=best.yaml', 'keep=12')
        self.assertIn('dropped: schedule.stages 6 of schedule.block [128, 256, 64] need', text)
        self.assertNotIn('FAIL', text)
        self.assertIn('wrote best.yaml: ffn_up_best', text)
        self.assertEqual(len(re.findall(r'^ +- .*basis=', text, re.M)), 12)
        self.assertTrue('not compiled: ' in text or 'channel_gemm sm_90a' in text, text)
        result = self.stile('check', 'best.yaml')
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_search_ends_at_a_schedule_without_better_neighbours(self):
        text = self.example('search.lua', SOURCE / 'specs' / 'strassen.yaml', '512x512x512', 'tuned.yaml')
        costs = [float(cost) for cost in re.findall(r'^ *([0-9.e+-]+)  \d+ \d+ \d+ \d+$', text, re.M)]
        block = re.search(r'best of (\d+) schedules: block \[(\d+), (\d+), (\d+)\], stages (\d+)', text)
        self.assertEqual(int(block[1]), len(costs))
        self.assertGreater(len(costs), 4)
        best = re.search(rf'^ *([0-9.e+-]+)  {block[2]} {block[3]} {block[4]} {block[5]}$', text, re.M)
        self.assertEqual(float(best[1]), min(costs))
        self.assertEqual(self.stile('check', 'tuned.yaml').returncode, 0)

    def test_wrong_usage_is_status_2(self):
        for words in [(), ('x.yaml', 'frob=1')]:
            result = self.stile('lua', SOURCE / 'examples' / 'lua' / 'variants.lua', *words)
            self.assertEqual(result.returncode, 2, result.stderr)


class Documentation(Case):
    def test_every_snippet_runs_as_it_stands(self):
        text = (SOURCE / 'docs' / 'lua.md').read_text(encoding='utf-8')
        snippets = re.findall(r'^```lua\n(.*?)^```', text, re.M | re.S)
        self.assertGreater(len(snippets), 5)
        for snippet in snippets:
            with self.subTest(snippet=snippet.split('\n')[0]):
                result = self.script(snippet)
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_every_function_and_field_is_described(self):
        text = (SOURCE / 'docs' / 'lua.md').read_text(encoding='utf-8')
        result = self.script('for name in pairs(stile) do print(name) end')
        for name in result.stdout.split():
            self.assertIn(f'`stile.{name}', text)
        for path in (SOURCE / 'runtime' / 'script').glob('*.c'):
            for name in re.findall(r'\{"(\w+)", (?:get|make|measure|write|stile_script)_?\w*\}',
                                   path.read_text(encoding='utf-8')):
                self.assertRegex(text, rf'[.:`]{name}\b', f'{name} of {path.name}')


if __name__ == '__main__':
    unittest.main()
