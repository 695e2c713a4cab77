# SPDX-License-Identifier: Apache-2.0
"""Writes a C file holding the texts of the templates, sorted by name.

usage: embed.py TEMPLATE_DIR OUTPUT.c TEMPLATE...
"""
import os
import sys


def c_string(text):
    """The text as C string literals, one per line."""
    escape = {'\\': '\\\\', '"': '\\"', '\t': '\\t', '?': '\\?'}
    lines = text.split('\n')
    return '\n'.join(
        '    "' + ''.join(escape.get(c, c) for c in line) + ('\\n"' if i + 1 < len(lines) else '"')
        for i, line in enumerate(lines))


def main():
    root, output, *paths = sys.argv[1:]
    entries = []
    for path in paths:
        with open(path, encoding='ascii', newline='') as file:
            entries.append((os.path.relpath(path, root).replace(os.sep, '/'), file.read()))
    entries.sort()
    with open(output, 'w', encoding='ascii', newline='\n') as out:
        out.write('/* Made by templates/embed.py; do not edit. */\n#include "embedded.h"\n\n')
        out.write('const stile_embedded_template stile_embedded_templates[] = {\n')
        for name, text in entries:
            out.write('  {"%s", %d,\n%s},\n' % (name, len(text), c_string(text)))
        out.write('};\n')
        out.write('const size_t stile_embedded_template_count = %d;\n' % len(entries))


main()
