# SPDX-License-Identifier: Apache-2.0
"""Installs stile into a temporary prefix and builds the host example there, with pkg-config alone.

usage: install_test.py MESON PREFIX CC [CXX]

The build command is the one in the comment at the top of examples/host/host.c. The program runs on the
CPU device, against the shared library and against the static one.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

source = pathlib.Path(os.environ['STILE_TEST_SOURCE'])
build = pathlib.Path(os.environ['STILE_TEST_BUILD'])


def run(*words, **options):
    print('$', ' '.join(map(str, words)), flush=True)
    result = subprocess.run([str(word) for word in words], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, **options)
    print(result.stdout, flush=True)
    if result.returncode:
        sys.exit(f'exit status {result.returncode}')
    return result.stdout


def install(meson, prefix, folder):
    """Where the files would be, had stile been configured for a prefix in `folder`."""
    run(meson, 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', folder)
    root = folder / prefix.relative_to('/')
    [description] = root.rglob('stile.pc')
    text = description.read_text()
    if f'prefix={prefix}\n' not in text:
        sys.exit(f'{description} does not name the prefix')
    description.write_text(text.replace(f'prefix={prefix}\n', f'prefix={root}\n'))
    return root, description.parent


def command_of(program):
    """The line of a source's first comment that builds it."""
    comment = program.read_text().split('*/')[1]
    return re.search(r'^ \* +(cc .*)$', comment, flags=re.M).group(1)


def snippet_program():
    """The C of the README, with the declarations that it leaves to the reader."""
    readme = (source / 'README.md').read_text()
    [snippet] = re.findall(r'^```c\n(.*?)^```$', readme, flags=re.M | re.S)
    include, body = snippet.split('\n\n', 1)
    return f"""{include}
int main(void)
{{
    stile_spec *spec = 0;
    stile_context *context = 0;
    stile_plan *plan = 0;
    stile_stream stream = 0;
    void *workspace = 0, *w = 0, *w_hat = 0, *x = 0, *y = 0;
    int64_t M = 8, K = 8, N = 8;
{body}
    return 0;
}}
"""


def check_output(text, cpu_runs):
    if text.count('run on a stream: right') != cpu_runs or 'WRONG' in text:
        sys.exit('the example did not compute what it should')


def main():
    meson, prefix, cc = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory(prefix='stile-install-') as name:
        folder = pathlib.Path(name)
        root, descriptions = install(meson, prefix, folder / 'destdir')
        host = shutil.copytree(source / 'examples/host', folder / 'host')
        os.environ['PKG_CONFIG_PATH'] = f"{descriptions}:{os.environ.get('PKG_CONFIG_PATH', '')}"
        os.environ['STILE_CACHE_DIR'] = str(folder / 'cache')
        command = command_of(host / 'host.c').replace('cc ', cc + ' -Wall -Wextra -Werror ', 1)
        libraries = descriptions.parent
        shared = dict(os.environ, LD_LIBRARY_PATH=str(libraries))

        print('--- shared')
        run('sh', '-c', command, cwd=host)
        if 'libstile.so' not in run('ldd', 'host', cwd=host, env=shared):
            sys.exit('the example is not linked against the shared library')
        check_output(run('./host', 'linear.yaml', 'cpu', cwd=host, env=shared), 2)

        print('--- the README')
        (folder / 'readme.c').write_text(snippet_program())
        run('sh', '-c', f'{cc} -Wall -Wextra -Werror readme.c -o readme '
            '$(pkg-config --cflags --libs stile)', cwd=folder)

        if len(sys.argv) > 4:
            print('--- C++')
            (folder / 'version.cpp').write_text(
                '#include <stile/stile.h>\n'
                'int main() { return stile_version() == nullptr; }\n')
            run('sh', '-c', f'{sys.argv[4]} -std=c++17 -Wall -Wextra -Werror version.cpp -o version '
                '$(pkg-config --cflags --libs stile)', cwd=folder)
            run('./version', cwd=folder, env=shared)

        print('--- static')
        for library in libraries.glob('libstile.so*'):
            library.unlink()
        (host / 'host').unlink()
        run('sh', '-c', command.replace('--libs', '--libs --static'), cwd=host)
        if 'libstile' in run('ldd', 'host', cwd=host):
            sys.exit('the example is not linked against the static library')
        check_output(run('./host', 'linear.yaml', 'cpu', cwd=host), 2)

        print('--- the program, and a spec that the example does not compute')
        if 'stile ' not in run(root / 'bin/stile', '--version'):
            sys.exit('the installed program does not tell its version')
        run(root / 'bin/stile', 'check', *sorted((root / 'share/stile/specs').glob('*.yaml')))
        for name in ('share/stile/specs/stile.schema.json', 'share/man/man1/stile.1',
                     'share/bash-completion/completions/stile.bash'):
            if not (root / name).is_file():
                sys.exit(f'{name} is not installed')
        refused = subprocess.run(['./host', source / 'specs/ffn_up.yaml', 'cpu'], cwd=host,
                                 capture_output=True, text=True)
        if refused.returncode != 1 or not refused.stderr:
            sys.exit('the example accepted a spec of another layer')


main()
