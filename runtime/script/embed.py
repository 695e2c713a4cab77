# SPDX-License-Identifier: Apache-2.0
"""Writes a C file holding a text as an array of bytes.

usage: embed.py TEXT OUTPUT.c
"""
import sys


def main():
    source, output = sys.argv[1:]
    with open(source, 'rb') as file:
        text = file.read()
    text.decode('ascii')  # a plain char may be signed
    rows = [text[i:i + 20] for i in range(0, len(text), 20)]
    with open(output, 'w', encoding='ascii', newline='\n') as out:
        out.write('/* Made by runtime/script/embed.py; do not edit. */\n#include "script/prelude.h"\n\n')
        out.write('const char stile_script_prelude[] = {\n')
        for row in rows:
            out.write('    ' + ', '.join(map(str, row)) + ',\n')
        out.write('};\n')
        out.write(f'const size_t stile_script_prelude_size = {len(text)};\n')


main()
