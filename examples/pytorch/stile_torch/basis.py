# SPDX-License-Identifier: Apache-2.0
"""Bases ⟨m,k,n;r⟩: the coefficients of a bilinear operator on tiles, and what they imply.

U (r × mk) encodes tiles of X, V (r × kn) tiles of W, D (mn × r) decodes. Row-major: entry (a, b) of
an m×k tile is column a·k+b of U, row a·n+d of D gives entry (a, d) of the tile of Y.
"""

import dataclasses
import functools
import hashlib
import json
import os
from fractions import Fraction

import torch
from torch import Tensor

EXACT_TOLERANCE = 1e-9  # per entry of T̂, for bases that are exact
COUPLING_TOLERANCE = 1e-6  # of the largest entry of T̂, below which rows are not coupled

STRASSEN = (
    [
        [1, 0, 0, 1],
        [0, 0, 1, 1],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [1, 1, 0, 0],
        [-1, 0, 1, 0],
        [0, 1, 0, -1],
    ],
    [
        [1, 0, 0, 1],
        [1, 0, 0, 0],
        [0, 1, 0, -1],
        [-1, 0, 1, 0],
        [0, 0, 0, 1],
        [1, 1, 0, 0],
        [0, 0, 1, 1],
    ],
    [[1, 0, 0, 1, -1, 0, 1], [0, 0, 1, 0, 1, 0, 0], [0, 1, 0, 1, 0, 0, 0], [1, -1, 1, 0, 0, 1, 0]],
)


def _tensor(values) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device='cpu')


def as_fraction(value: float):
    """The fraction p/q, as text, that this double stands for, p and q up to 2^20; '' if none."""
    fraction = Fraction(value).limit_denominator(1 << 20)
    return str(fraction) if float(fraction) == value and abs(fraction.numerator) <= 1 << 20 else ''


@dataclasses.dataclass(frozen=True, eq=False)
class Basis:
    """Coefficients in float64 on the CPU. Made by class methods, or from tensors of your own."""

    tile: tuple  # (m, k, n)
    U: Tensor
    V: Tensor
    D: Tensor
    name: str = 'unnamed'

    def __post_init__(self):
        m, k, n = tile = tuple(int(side) for side in self.tile)
        object.__setattr__(self, 'tile', tile)
        for key, sizes in (('U', (-1, m * k)), ('V', (-1, k * n)), ('D', (m * n, -1))):
            matrix = getattr(self, key)
            matrix = matrix if isinstance(matrix, Tensor) else _tensor(matrix)
            matrix = matrix.detach().to('cpu', torch.float64, copy=True)
            if matrix.dim() != 2 or any(
                want not in (-1, is_) for want, is_ in zip(sizes, matrix.shape)
            ):
                raise ValueError(
                    f'{key} of a basis for {m}x{k}x{n} tiles cannot be {list(matrix.shape)}'
                )
            if not matrix.isfinite().all():
                raise ValueError(f'{key} has coefficients that are not finite')
            object.__setattr__(self, key, matrix)
        if not self.U.shape[0] == self.V.shape[0] == self.D.shape[1]:
            raise ValueError(
                f'U, V and D are for {self.U.shape[0]}, {self.V.shape[0]} and '
                f'{self.D.shape[1]} products'
            )

    def __repr__(self):
        m, k, n = self.tile
        return f'Basis({self.name}: ⟨{m},{k},{n};{self.rank}⟩)'

    # --- where bases come from ---

    @classmethod
    def classical(cls, m: int, k: int, n: int) -> 'Basis':
        """The m·k·n products of matrix multiplication, ordered by (a, b, d)."""
        sides = (torch.arange(side, device='cpu') for side in (m, k, n))
        a, b, d = torch.meshgrid(*sides, indexing='ij')
        one_hot = torch.nn.functional.one_hot
        return cls(
            (m, k, n),
            one_hot((a * k + b).flatten(), m * k),
            one_hot((b * n + d).flatten(), k * n),
            one_hot((a * n + d).flatten(), m * n).T,
            f'classical:{m},{k},{n}',
        )

    @classmethod
    def strassen(cls) -> 'Basis':
        """Strassen's seven products for 2×2 tiles."""
        return cls((2, 2, 2), *map(_tensor, STRASSEN), 'strassen')

    @classmethod
    def random(cls, m: int, k: int, n: int, rank: int, seed: int = 0) -> 'Basis':
        """Independent N(0, 1) coefficients, scaled so that outputs have the variance of a product.

        The distribution is that of `random` in specs, the numbers are not.
        """
        generator = torch.Generator('cpu').manual_seed(seed)
        U, V, D = (
            torch.randn(shape, generator=generator, dtype=torch.float64, device='cpu')
            for shape in ((rank, m * k), (rank, k * n), (m * n, rank))
        )
        squares = ((U @ U.T) * (V @ V.T) * (D.T @ D)).sum()  # ‖T̂‖², without T̂
        scale = (m * k * n / squares) ** (1 / 6)
        return cls((m, k, n), U * scale, V * scale, D * scale, f'random({m},{k},{n};{rank};{seed})')

    @classmethod
    def from_file(cls, path) -> 'Basis':
        """A basis file (.yaml, read by libstile), or a .json file of `stile basis export`."""
        if not os.fspath(path).endswith('.json'):
            file = {'file': os.path.abspath(path)}
            return load({'stile': 1, 'name': 'basis', 'basis': file}).basis
        with open(path, encoding='utf-8') as file:
            data = json.load(file)
        m, k, n = data['n']
        U, V, W = (
            [[float(Fraction(entry)) for entry in row] for row in data[key]] for key in 'uvw'
        )
        D = _tensor(W).view(-1, n, m).permute(2, 1, 0).reshape(m * n, -1)
        return cls((m, k, n), _tensor(U), _tensor(V), D, data.get('name', str(path)))

    # --- what can be made of them ---

    def kron(self, other: 'Basis') -> 'Basis':
        """The basis that applies `self` to tiles of tiles of `other`: sides and ranks multiply."""
        sides = [(self.tile[i], other.tile[i]) for i in range(3)]

        def product(one, two, rows, columns):  # channels first
            r, s = one.shape[0], two.shape[0]
            one = one.view(r, 1, sides[rows][0], 1, sides[columns][0], 1)
            two = two.view(1, s, 1, sides[rows][1], 1, sides[columns][1])
            return (one * two).reshape(r * s, -1)

        tile = tuple(a * b for a, b in sides)
        return Basis(
            tile,
            product(self.U, other.U, 0, 1),
            product(self.V, other.V, 1, 2),
            product(self.D.T, other.D.T, 0, 2).T,
            f'kron({self.name},{other.name})',
        )

    def select(self, channels) -> 'Basis':
        """The same with these products only, in this order."""
        channels = torch.as_tensor(channels, device='cpu')
        return Basis(
            self.tile,
            self.U[channels],
            self.V[channels],
            self.D[:, channels],
            f'{self.name}[{len(channels)}]',
        )

    def projected(self) -> 'Basis':
        """The same with the V that makes Ŵ = V·W the least-squares projection of W.

        For every tile of W it minimises the error of the tiles of Y over X with independent entries
        of unit variance: Ŵ solves (UUᵀ ∘ DᵀD) ŵ = ⟨the true product, u_c ⊗ d_c⟩. An exact basis
        stays as exact as it was.
        """
        m, k, n = self.tile
        right = torch.einsum('cab,adc->cbd', self.U.view(-1, m, k), self.D.view(m, n, -1))
        V = torch.linalg.pinv(self.gram, hermitian=True) @ right.reshape(-1, k * n)
        return Basis(self.tile, self.U, V, self.D, self.name)

    # --- what they are like ---

    @property
    def rank(self) -> int:
        return self.U.shape[0]

    @functools.cached_property
    def gram(self) -> Tensor:
        """UUᵀ ∘ DᵀD: ŵᵀ·gram·ŵ is the energy of a tile of Y for X of unit variance."""
        return (self.U @ self.U.T) * (self.D.T @ self.D)

    @functools.cached_property
    def tensor(self) -> Tensor:
        """T̂[(a,b),(b',d),(a',d')], mk × kn × mn."""
        return torch.einsum('ci,cj,lc->ijl', self.U, self.V, self.D)

    @functools.cached_property
    def _distance(self) -> Tensor:
        m, k, n = self.tile
        eye = [torch.eye(side, dtype=torch.float64, device='cpu') for side in self.tile]
        true = torch.einsum('ae,bc,df->abcdef', *eye).reshape(m * k, k * n, m * n)
        return self.tensor - true

    @property
    def exact(self) -> bool:
        """Whether STL with Ŵ = V·W is matrix multiplication."""
        return bool(self._distance.abs().max() <= EXACT_TOLERANCE)

    @property
    def error(self) -> float:
        """‖T − T̂‖² / (mkn): the relative squared error as a product of independent inputs."""
        m, k, n = self.tile
        return float(self._distance.square().sum() / (m * k * n))

    @property
    def growth(self) -> float:
        """Φ: rounding of encoded and product types is amplified by √Φ."""
        m, k, n = self.tile
        squares = [
            matrix.square().sum(axis) for matrix, axis in ((self.U, 1), (self.V, 1), (self.D, 0))
        ]
        return float((squares[0] * squares[1] * squares[2]).sum() / (m * k * n))

    @functools.cached_property
    def sparse(self) -> bool:
        """Whether kernels have it as code: rational, at most half of the coefficients not zero."""
        values = torch.cat([matrix.flatten() for matrix in (self.U, self.V, self.D)])
        return 2 * int((values != 0).sum()) <= len(values) and all(
            map(as_fraction, values.unique().tolist())
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(repr(self.tile).encode())
        for matrix in (self.U, self.V, self.D):
            digest.update(matrix.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def row_pattern(self):
        """Which rows of tiles a product reads and writes: boolean r × m, and m × r."""
        m, k, n = self.tile
        return (self.U.view(-1, m, k) != 0).any(2), (self.D.view(m, n, -1) != 0).any(1)

    def coupling(self, structural: bool) -> str:
        """How output rows of a tile depend on its input rows: 'none', 'causal' or 'full'.

        structural: whatever Ŵ is, to the bit. Otherwise with Ŵ = V·W, up to rounding.
        """
        m, k, n = self.tile
        if structural:
            reads, writes = (pattern.double() for pattern in self.row_pattern())
            couples = (writes @ reads) > 0  # [a', a]
        else:
            largest = self.tensor.abs().view(m, k, k * n, m, n).amax((1, 2, 4))  # [a, a']
            couples = (largest > COUPLING_TOLERANCE * largest.max()).T
        if not couples.triu(1).any():
            return 'causal' if couples.tril(-1).any() else 'none'
        return 'full'


@dataclasses.dataclass(frozen=True, eq=False)
class Spec:
    """What a layer takes of a spec: its basis, and the coupling of rows that it allows."""

    basis: Basis
    rows: str = 'any'  # 'any' | 'causal' | 'none'


def load(spec, variant=None) -> Spec:
    """A spec from any of: a Spec; a Basis; 'strassen'; 'classical:2,2,2'; the path of a .json file
    that `stile basis export` wrote; the path of a spec (.yaml); a dict with the contents of a spec.

    The last two are read and checked by libstile. Files of bases alone are read by Basis.from_file.
    """
    if isinstance(spec, Spec):
        return spec
    if isinstance(spec, Basis):
        return Spec(spec)
    if spec == 'strassen':
        return Spec(Basis.strassen())
    if isinstance(spec, str) and spec.startswith('classical:'):
        return Spec(Basis.classical(*map(int, spec[len('classical:') :].split(','))))
    if isinstance(spec, (str, os.PathLike)) and os.fspath(spec).endswith('.json'):
        return Spec(Basis.from_file(spec))
    if not isinstance(spec, (str, os.PathLike, dict)):
        raise TypeError(
            f'a spec is a path, a dict, a Basis or the name of one, not {type(spec).__name__}'
        )
    from . import library

    found = library.load_operator(spec, variant)
    if found.activation != 'none' or found.residual:
        raise ValueError(
            'the spec has an activation or a residual in its epilogue, which a linear layer '
            'has not: put them into the model'
        )
    m, k, n = found.tile
    U, V, D = (_tensor(values) for values in (found.u, found.v, found.d))
    return Spec(
        Basis(found.tile, U.view(-1, m * k), V.view(-1, k * n), D.view(m * n, -1), found.basis),
        found.rows,
    )
