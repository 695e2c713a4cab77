# SPDX-License-Identifier: Apache-2.0
"""The shared library exports what the public headers declare and runtime/exports.map lists, alone.

usage: exports_test.py LIBRARY.so HEADER-FOLDER...
"""
import os
import pathlib
import re
import subprocess
import sys


def listed():
    text = (pathlib.Path(os.environ['STILE_TEST_SOURCE']) / 'runtime/exports.map').read_text()
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    names = re.findall(r'\b(stile_\w+);', text)
    if names != sorted(set(names)):
        sys.exit('runtime/exports.map is not sorted, or names something twice')
    return set(names)


def declared(folders):
    names = set()
    for folder in folders:
        for header in pathlib.Path(folder).rglob('*.h'):
            text = re.sub(r'/\*.*?\*/', '', header.read_text(), flags=re.S)
            names.update(re.findall(r'^STILE_API[^;(]*?(\w+)\(', text, flags=re.M))
    return names


def exported(library):
    lines = subprocess.run(['nm', '-D', '--defined-only', library], check=True, text=True,
                           capture_output=True).stdout.splitlines()
    return {line.split()[-1].split('@')[0] for line in lines}


def differ(one, other, text):
    for name in sorted(one - other):
        print(f'{name} {text}')
    return bool(one - other)


def main():
    library, folders = sys.argv[1], sys.argv[2:]
    names, headers, symbols = listed(), declared(folders), exported(library)
    if len(names) < 20:
        sys.exit('the list is too short to be true')
    wrong = [
        differ(headers, names, 'is declared STILE_API, but runtime/exports.map lacks it'),
        differ(names, headers, 'is in runtime/exports.map, but no public header declares it'),
        differ(names, symbols, f'is in runtime/exports.map, but {library} does not define it'),
        differ(symbols, names, f'is exported by {library}, but not in runtime/exports.map'),
    ]
    sys.exit(any(wrong))


main()
