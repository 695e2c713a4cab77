# SPDX-License-Identifier: Apache-2.0
"""Makes and compares .npy matrices of float32, with nothing but Python.

usage: matrices.py make OUTPUT.npy ROWS COLUMNS SEED    normally distributed numbers
       matrices.py compare X.npy W.npy Y.npy            how far Y is from X times W transposed
"""
import array
import ast
import math
import random
import sys


def little_endian(row):
    if sys.byteorder == 'big':
        row.byteswap()
    return row


def write(path, rows, columns, value):
    """Writes the matrix whose entries value() gives, row by row."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += ' ' * (-(10 + len(header) + 1) % 64) + '\n'  # ends on a multiple of 64 bytes
    with open(path, 'wb') as file:
        file.write(b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header.encode())
        for _ in range(rows):
            file.write(little_endian(array.array('f', (value() for _ in range(columns)))).tobytes())


def read(path):
    """The rows of a matrix of float32."""
    with open(path, 'rb') as file:
        if file.read(6) != b'\x93NUMPY':
            sys.exit(f'{path}: not a .npy file')
        length = 2 if file.read(2)[0] == 1 else 4
        header = ast.literal_eval(file.read(int.from_bytes(file.read(length), 'little')).decode())
        if header['descr'] != '<f4' or header['fortran_order'] or len(header['shape']) != 2:
            sys.exit(f'{path}: not a matrix of float32, row by row')
        rows, columns = header['shape']
        values = array.array('f')
        values.frombytes(file.read())
        little_endian(values)
    return [values[i * columns:(i + 1) * columns] for i in range(rows)]


def compare(x, w, y, samples=500):
    """The root-mean-square error of sampled entries, relative to that of the true ones."""
    pick = random.Random(1).randrange
    error = size = 0
    for _ in range(samples):
        row, column = pick(len(y)), pick(len(y[0]))
        true = math.fsum(a * b for a, b in zip(x[row], w[column]))
        error += (y[row][column] - true) ** 2
        size += true ** 2
    return math.sqrt(error / size)


def main():
    match sys.argv[1:]:
        case ['make', path, rows, columns, seed]:
            normal = random.Random(int(seed)).gauss
            write(path, int(rows), int(columns), lambda: normal(0, 1))
        case ['compare', x, w, y]:
            error = compare(read(x), read(w), read(y))
            print(f'relative error of 500 entries against X times W transposed: {error:.2%}')
            sys.exit(not error < 0.05)
        case _:
            sys.exit(__doc__)


main()
