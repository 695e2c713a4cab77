# SPDX-License-Identifier: Apache-2.0
"""The structures of the PyTorch package lie in memory as the headers say. Needs no PyTorch.

usage: abi_test.py COMPILER... -IFOLDER...
"""

import ctypes
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile


def load_library_module():
    path = pathlib.Path(os.environ['STILE_TEST_SOURCE']) / 'examples/pytorch/stile_torch/library.py'
    spec = importlib.util.spec_from_file_location('library', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checks(library):
    """One static assertion for each field and structure."""
    for name, structure in library.STRUCTURES.items():
        for field, *_ in structure._fields_[:-1]:
            mirror = getattr(structure, field)
            what = f'{name}.{field} lies elsewhere, or has another size, in {structure.__name__}'
            yield (
                f'_Static_assert(offsetof({name}, {field}) == {mirror.offset} && '
                f'sizeof((({name} *)0)->{field}) == {mirror.size}, "{what}");'
            )
        room = ctypes.sizeof(structure)
        yield f'_Static_assert(sizeof({name}) <= {room}, "{name} outgrew {structure.__name__}");'
    constants = {
        'STILE_DEVICE_CPU': library.DEVICE_CPU,
        'STILE_OP_FORWARD': library.FORWARD,
        'STILE_OP_BACKWARD_INPUT': library.BACKWARD_INPUT,
        'STILE_OP_BACKWARD_WEIGHT': library.BACKWARD_WEIGHT,
        'STILE_OP_BACKWARD_BASIS': library.BACKWARD_BASIS,
        'STILE_ERROR_UNSUPPORTED': library.UNSUPPORTED,
    }
    for name, value in constants.items():
        yield f'_Static_assert({name} == {value}, "{name} has another value");'
    yield (
        f'_Static_assert(__builtin_strncmp(STILE_VERSION, "{library.VERSION}", '
        f'{len(library.VERSION)}) == 0, "the package is for stile {library.VERSION}x");'
    )


def main():
    source = '#include <stddef.h>\n#include <stile/stile.h>\n'
    source += '\n'.join(checks(load_library_module())) + '\n'
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'abi.c')
        pathlib.Path(path).write_text(source, encoding='utf-8')
        sys.exit(subprocess.run([*sys.argv[1:], '-std=gnu11', '-fsyntax-only', path]).returncode)


main()
