# SPDX-License-Identifier: Apache-2.0
"""Counting FLOP: of products and convolutions, with encode and decode of STL layers included."""

import dataclasses
import functools

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from . import rows as row_rules
from .layer import STLLinear


@dataclasses.dataclass
class LayerFlops:
    """One call of one STL layer."""

    name: str
    M: int
    K: int
    N: int
    gemm: int  # of the channels, whole tiles
    encode: int
    decode: int
    encode_weight: int  # in training where Ŵ = V·W (+ Δ); in inference it is done once
    dense: int  # 2·M·K·N

    @property
    def total(self) -> int:
        return self.gemm + self.encode + self.decode


@dataclasses.dataclass
class Flops:
    """A forward pass. Elementwise work, norms, softmax and look-ups are not counted anywhere."""

    layers: list  # of LayerFlops
    other: int  # products and convolutions that are no STL layer

    @property
    def stl(self) -> int:
        return sum(layer.total for layer in self.layers)

    @property
    def total(self) -> int:
        return self.stl + self.other

    @property
    def dense(self) -> int:
        """With every STL layer dense instead."""
        return sum(layer.dense for layer in self.layers) + self.other

    @property
    def ratio(self) -> float:
        return self.dense / self.total


def coefficient_flops(matrix: torch.Tensor, dense: bool) -> int:
    """FLOP to apply U, Vᵀ … to a tile: 2 for each entry of a dense one. A sparse one, whose entries
    are code: additions, and products with what is not ±1; without sharing, so that kernels may need
    fewer.
    """
    if dense:
        return 2 * matrix.numel()
    nonzero = matrix != 0
    additions = (nonzero.sum(1) - 1).clamp(min=0).sum()
    return int(additions + (nonzero & (matrix.abs() != 1)).sum())


def count_layer(layer: STLLinear, shape, rows_per_group=None, name: str = '') -> LayerFlops:
    """A call with an input of this shape."""
    groups, rows = row_rules.split(shape, layer.rows, rows_per_group or layer.rows_per_group)
    (m, k, n), basis = layer.tile, layer.basis
    dense = layer.train_basis or not basis.sparse
    K, N = layer.in_features, layer.out_features
    tile_rows, tile_inner, tile_columns = groups * -(-rows // m), -(-K // k), -(-N // n)
    return LayerFlops(
        name,
        groups * rows,
        K,
        N,
        gemm=2 * basis.rank * tile_rows * tile_inner * tile_columns,
        encode=coefficient_flops(basis.U, dense) * tile_rows * tile_inner,
        decode=coefficient_flops(basis.D, dense) * tile_rows * tile_columns,
        encode_weight=(
            0
            if layer.weight_mode == 'encoded'
            else coefficient_flops(basis.V, dense) * tile_inner * tile_columns
        ),
        dense=2 * groups * rows * K * N,
    )


def count_flops(model: nn.Module, *inputs, **keywords) -> Flops:
    """Counts a forward pass of `model`. The model and its inputs may be on the meta device, where
    nothing is computed. A product of 2·M·K·N counts as such; attention is counted in full, masked
    or not.
    """
    layers = []

    def record(layer, name, x, rows_per_group=None):
        layers.append(count_layer(layer, x.shape, rows_per_group, name))
        return x.new_zeros(*x.shape[:-1], layer.out_features)

    counted = [
        (name, module) for name, module in model.named_modules() if isinstance(module, STLLinear)
    ]
    training = {module: module.training for module in model.modules()}
    counter = FlopCounterMode(display=False)
    try:
        model.eval()
        for name, layer in counted:
            layer.forward = functools.partial(record, layer, name)
        # Attention as products, which every version of the counter knows.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            model(*inputs, **keywords)
    finally:
        for _, layer in counted:
            layer.__dict__.pop('forward', None)
        for module, mode in training.items():
            module.training = mode
    return Flops(layers, counter.get_total_flops())
