# SPDX-License-Identifier: Apache-2.0
"""What stile offers to shells and terminals: completions, the manual page, progress."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

STILE = os.environ['STILE_PROGRAM']
SOURCE = pathlib.Path(os.environ['STILE_TEST_SOURCE'])


def has_terminals():
    """Whether pseudo-terminals can be had; a bare chroot without /dev/pts has none."""
    try:
        for descriptor in pty.openpty():
            os.close(descriptor)
    except OSError:
        return False
    return True


NO_TERMINALS = 'there are no pseudo-terminals here'


def stile(*words):
    result = subprocess.run([STILE, *words], capture_output=True, text=True, encoding='utf-8', check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def commands():
    """Every command of the program, those of groups as two words."""
    def list_of(help_text):
        section = help_text.split('\nCommands:\n')[1].split('\n\n')[0]
        return re.findall(r'^  (\S+(?: \S+)?)  ', section, re.M)
    found = []
    for command in list_of(stile('--help')):
        text = stile(command, '--help')
        found.append(command)
        if '\nCommands:\n' in text:
            found += list_of(text)
    return found


def options_of(command):
    return re.findall(r'^  (?:-\w, )?(--[\w-]+)', stile(*command.split(), '--help'), re.M)


def needs(program):
    return unittest.skipUnless(shutil.which(program), f'{program} is not here')


class Scripts(unittest.TestCase):
    def write(self, shell, name):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / name
        path.write_text(stile('completion', shell), encoding='utf-8')
        return path

    @needs('bash')
    def test_bash_completes_commands_and_options(self):
        path = self.write('bash', 'stile.bash')

        def complete(*words):
            """Candidates for the last word. compopt works only inside a real completion."""
            script = (f'compopt() {{ echo "compopt $*"; }}; source "{path}" || exit 9\n'
                      'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stile\n'
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            result = subprocess.run(['bash', '--norc', '-c', script, 'bash', 'stile', *words], text=True,
                                    capture_output=True, check=False)
            self.assertEqual((result.returncode, result.stderr), (0, ''))
            return result.stdout.split()

        self.assertEqual(complete('ver'), ['verify'])
        self.assertEqual(complete('verify', '--dev'), ['--device'])
        self.assertEqual(complete('verify', 'a.yaml', '--device', 'c'), ['cuda', 'cpu'])
        self.assertEqual(complete('run', '--device', '=', 'cp'), ['cpu'])
        self.assertEqual(complete('run', '--device', '='), ['auto', 'cuda', 'cpu'])
        self.assertEqual(complete('basis', 'sh'), ['show'])
        self.assertEqual(complete('basis', 'show', '--ya'), ['--yaml'])
        self.assertEqual(complete('cache', 'verify', '--dev'), [])
        self.assertEqual(complete('completion', ''), ['bash', 'zsh', 'fish'])
        self.assertEqual(complete('run', '--x', ''), ['compopt', '-o', 'default'])
        self.assertEqual(complete('generate', '-o', ''), ['compopt', '-o', 'dirnames'])
        self.assertEqual(complete('check', ''), ['compopt', '-o', 'default'])
        self.assertEqual(complete('doctor', ''), [])
        self.assertEqual(complete('explain', '--shape', ''), [])
        for command in commands():
            for option in options_of(command):
                self.assertIn(option, complete(*command.split(), option), command)

    @needs('fish')
    def test_fish_completes_commands_and_options(self):
        path = self.write('fish', 'stile.fish')

        def complete(line):
            result = subprocess.run(
                ['fish', '--no-config', '-c', f'source {path}; complete -C "{line}"'], text=True,
                capture_output=True, check=False, env={**os.environ, 'HOME': str(path.parent)})
            self.assertEqual((result.returncode, result.stderr), (0, ''))
            return [row.split('\t')[0] for row in result.stdout.splitlines()]

        self.assertEqual(complete('stile ver'), ['verify'])
        self.assertIn('--device', complete('stile verify --dev'))
        self.assertEqual(complete('stile verify --device cp'), ['cpu'])
        self.assertEqual(complete('stile basis sh'), ['show'])
        self.assertIn('--yaml', complete('stile basis show --ya'))
        self.assertNotIn('--device', complete('stile cache verify --dev'))
        self.assertIn('fish', complete('stile completion f'))

    @needs('zsh')
    @unittest.skipUnless(has_terminals(), NO_TERMINALS)
    def test_zsh_completes_commands_and_options(self):
        path = self.write('zsh', '_stile')
        folder = path.parent
        subprocess.run(['zsh', '-n', path], check=True)
        # A shell at a terminal, asked to complete by a tab.
        (folder / '.zshrc').write_text(
            f'fpath=({folder} $fpath); autoload -U compinit; compinit -u -D\n'
            'setopt no_beep list_ambiguous; bindkey "^I" complete-word; PS1="READY>"\n')

        def complete(line, wanted):
            child, terminal = pty.fork()
            if child == 0:
                os.environ.update(ZDOTDIR=str(folder), TERM='xterm')
                os.execlp('zsh', 'zsh', '-i')
            self.addCleanup(os.close, terminal)
            self.assertIn('READY>', read_until(terminal, 'READY>'))
            os.write(terminal, line.encode() + b'\t')
            self.assertIn(wanted, read_until(terminal, wanted))
            os.write(terminal, b'\x15exit\n')
            read_until(terminal, None)
            os.waitpid(child, 0)

        complete('stile ver', 'stile verify')
        complete('stile verify --dev', '--device')
        complete('stile verify --device=cp', 'cpu')
        complete('stile basis sh', 'show')

    def test_an_unknown_shell_is_a_usage_error(self):
        result = subprocess.run([STILE, 'completion', 'tcsh'], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn('bash, zsh and fish', result.stderr)


def read_until(terminal, wanted, seconds=30):
    """What a terminal shows, without escapes, until it shows `wanted` or the other side is gone."""
    text, end = '', time.monotonic() + seconds
    while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        try:
            more = os.read(terminal, 65536)
        except OSError: # the other side is gone
            break
        if not more:
            break
        text += more.decode(errors='replace')
        shown = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', text) if wanted else text
        if wanted and wanted in shown:
            return shown
    return text


class Manual(unittest.TestCase):
    @needs('groff')
    def test_groff_renders_it_without_a_warning(self):
        result = subprocess.run(['groff', '-man', '-ww', '-Tutf8', '-P-cbou'], input=stile('man'), text=True,
                                encoding='utf-8', capture_output=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        text = result.stdout
        for command in commands():
            self.assertRegex(text, rf'(?m)^ +stile {command}\b')
            for option in options_of(command):
                if option != '--help':
                    self.assertIn(option, text)
        self.assertIn('STILE_CACHE_DIR', text)

    @needs('mandoc')
    def test_mandoc_finds_nothing_wrong(self):
        result = subprocess.run(['mandoc', '-Tlint', '-Wwarning'], input=stile('man'), text=True,
                                encoding='utf-8', capture_output=True, check=False)
        complaints = [line for line in result.stdout.splitlines() if 'missing date' not in line]
        self.assertEqual(complaints, [])


class Progress(unittest.TestCase):
    WORDS = [STILE, 'verify', '--device', 'cpu', str(SOURCE / 'specs' / 'strassen2.yaml')]

    def at_terminal(self, words, term='xterm', columns=40):
        if not has_terminals():
            self.skipTest(NO_TERMINALS)
        master, slave = pty.openpty()
        subprocess.run(['stty', 'cols', str(columns)], stdin=slave, check=True)
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=slave,
                                   env={**os.environ, 'TERM': term})
        os.close(slave)
        text = read_until(master, None, 60)
        os.close(master)
        self.assertEqual(process.wait(), 0)
        return text

    def test_a_terminal_sees_it_and_it_never_stays(self):
        text = self.at_terminal(self.WORDS)
        lines = text.split('\r\x1b[K')
        self.assertGreater(len(lines), 1, 'there was no progress')
        for line in lines[1:]:
            self.assertLess(len(line.split('\r\n')[0]), 40) # never wraps
        # The last word on the screen is a cleared line or a message behind one.
        self.assertTrue(lines[-1] == '' or lines[-1].endswith('\r\n'), repr(lines[-1]))

    def test_a_pipe_and_a_dumb_terminal_see_none(self):
        result = subprocess.run(self.WORDS, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn('\x1b', result.stdout + result.stderr)
        self.assertNotIn('\r', result.stdout + result.stderr)
        self.assertNotIn('\x1b', self.at_terminal(self.WORDS, term='dumb'))


if __name__ == '__main__':
    unittest.main()
