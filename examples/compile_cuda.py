# SPDX-License-Identifier: Apache-2.0
"""Compiles generated CUDA with NVRTC: the sources stand alone and need no CUDA header.

usage: compile_cuda.py LIBNVRTC ARCH FILE.cu...    writes FILE.cubin beside each
"""
import ctypes
import os
import sys


class Nvrtc:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        # NVRTC opens its built-in declarations by name: loaded from beside it first, they are found.
        version = ctypes.c_int(), ctypes.c_int()
        self.call('Version', *map(ctypes.byref, version))
        builtins = 'libnvrtc-builtins.so.{0.value}.{1.value}'.format(*version)
        beside = os.path.join(os.path.dirname(path), builtins)
        self.builtins = ctypes.CDLL(beside if os.path.exists(beside) else builtins)

    def call(self, name, *arguments):
        result = getattr(self.library, 'nvrtc' + name)(*arguments)
        if result:
            raise RuntimeError(self.library.nvrtcGetErrorString(result).decode())

    def result(self, program, what):
        """The compiler's log ('ProgramLog') or output ('CUBIN')."""
        size = ctypes.c_size_t()
        self.call(f'Get{what}Size', program, ctypes.byref(size))
        data = ctypes.create_string_buffer(size.value)
        self.call(f'Get{what}', program, data)
        return data.raw

    def compile(self, path, arch):
        with open(path, 'rb') as file:
            source = file.read()
        program = ctypes.c_void_p()
        self.call('CreateProgram', ctypes.byref(program), source, os.path.basename(path).encode(),
                  0, None, None)
        options = (ctypes.c_char_p * 2)(f'--gpu-architecture={arch}'.encode(), b'--std=c++17')
        try:
            self.call('CompileProgram', program, len(options), options)
        except RuntimeError as error:
            log = self.result(program, 'ProgramLog').rstrip(b'\0').decode()
            sys.exit(f'{path}: {error}\n{log}')
        return self.result(program, 'CUBIN')


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    nvrtc = Nvrtc(sys.argv[1])
    for path in sys.argv[3:]:
        cubin = nvrtc.compile(path, sys.argv[2])
        output = os.path.splitext(path)[0] + '.cubin'
        with open(output, 'wb') as file:
            file.write(cubin)
        print(f'{output}: {len(cubin)} bytes')


main()
