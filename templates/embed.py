# SPDX-License-Identifier: Apache-2.0
"""Writes a C file holding the texts of the templates, sorted by name.

usage: embed.py TEMPLATE_DIR OUTPUT.c TEMPLATE...
"""
import os
import sys

ESCAPES = {'\\': '\\\\', '"': '\\"', '?': '\\?'}


def c_string(line):
    """One line of bytes as a C string literal. Octal, unlike hex, ends after three digits."""
    return '"' + ''.join(
        ESCAPES.get(chr(byte), chr(byte) if 32 <= byte < 127 else f'\\{byte:03o}')
        for byte in line) + '"'


def main():
    root, output, *paths = sys.argv[1:]
    entries = []
    for path in paths:
        with open(path, 'rb') as file:
            entries.append((os.path.relpath(path, root).replace(os.sep, '/'), file.read()))
    entries.sort()
    with open(output, 'w', encoding='ascii', newline='\n') as out:
        out.write('/* Made by templates/embed.py; do not edit. */\n#include "embedded.h"\n\n')
        out.write('const stile_embedded_template stile_embedded_templates[] = {\n')
        for name, text in entries:
            lines = '\n'.join('     ' + c_string(line) for line in text.splitlines(True))
            out.write(f'    {{"{name}", {len(text)},\n{lines or "     " + c_string(b"")}}},\n')
        out.write('};\n')
        out.write(f'const size_t stile_embedded_template_count = {len(entries)};\n')


main()
