# SPDX-License-Identifier: Apache-2.0
"""What the rows of a layer's input are, and which dependence between them is accepted.

An inexact basis mixes the rows of a tile. Along a sequence that leaks a causal model's future into
its past; across a batch it mixes what belongs to different users. So every layer has to say:

    'isolated'  a row of Y may depend on its own row of X only
    'causal'    rows along the last-but-one dimension are a sequence: also on earlier rows of it
    'sequence'  also on later rows of the same sequence
    'batch'     on every row of the call, whoever it belongs to

In 'causal' and 'sequence' tiling starts anew in every sequence, so that no tile straddles two.
There inputs of two dimensions need rows_per_group: their rows might be the images of a batch.
"""

from .basis import Spec

ALLOWED = {
    'isolated': ('none',),
    'causal': ('none', 'causal'),
    'sequence': ('none', 'causal', 'full'),
    'batch': ('none', 'causal', 'full'),
}
GROUPED = ('causal', 'sequence')
DEMANDS = {'none': ('none',), 'causal': ('none', 'causal'), 'any': ('none', 'causal', 'full')}


class RowsError(ValueError):
    """A basis couples rows in a way that the layer does not accept."""


def check(spec: Spec, rows: str, structural: bool):
    """Raises RowsError unless the basis keeps to `rows` and to what the spec demands.

    structural: whether Ŵ or the coefficients are trained freely, so that zeros alone can be relied
    on.
    """
    if rows not in ALLOWED:
        raise ValueError(
            f"rows must be one of {', '.join(map(repr, ALLOWED))}, not {rows!r}: it states "
            'which rows of the input may influence which rows of the output'
        )
    coupling = spec.basis.coupling(structural)
    if coupling in ALLOWED[rows] and coupling in DEMANDS[spec.rows]:
        return
    demand = f'rows={rows!r}' if coupling not in ALLOWED[rows] else f'its spec (rows: {spec.rows})'
    how = 'with trained Ŵ or coefficients' if structural else 'with Ŵ = V·W'
    hint = ''
    if structural and spec.basis.coupling(False) in ALLOWED[rows]:
        hint = "; with weight='dense' and a fixed basis it would not (Ŵ = V·W)"
    raise RowsError(f'{spec.basis!r} couples rows ({coupling}) {how}, against {demand}{hint}')


def split(shape, rows: str, rows_per_group=None):
    """Groups and rows per group of an input of this shape."""
    total = 1
    for size in shape[:-1]:
        total *= size
    if rows_per_group is None:
        if rows not in GROUPED:
            return 1, total
        if len(shape) == 2:
            raise ValueError(
                f'an input of shape {list(shape)} does not say whether its rows are one sequence '
                'or many: give rows_per_group, or a dimension more'
            )
        rows_per_group = shape[-2] if len(shape) > 1 else 1
    if rows_per_group < 1:
        return 1, total  # an empty sequence
    if total % rows_per_group:
        raise ValueError(f'{total} rows are no whole number of groups of {rows_per_group}')
    return total // rows_per_group, rows_per_group
