# SPDX-License-Identifier: Apache-2.0
"""Annealing: training starts with more channels than are to stay, and fades the others out."""

import torch
from torch import nn

from . import rows as row_rules
from .basis import Basis, Spec
from .layer import STLLinear


def channels_to_keep(basis: Basis, rank: int) -> list:
    """Which `rank` channels serve best: one after the other the channel is dropped without which
    the projection (Basis.projected) has the least error; of equal ones the last.
    """
    if not 1 <= rank <= basis.rank:
        raise ValueError(f'of {basis.rank} channels {rank} cannot stay')
    kept = list(range(basis.rank))
    while len(kept) > rank:
        errors = [
            (round(basis.select(kept[:i] + kept[i + 1 :]).projected().error, 9), -i)
            for i in range(len(kept))
        ]
        del kept[-min(errors)[1]]
    return kept


class ChannelAnnealing:
    """Fades channels of all STL layers of `model` that have more than `rank`.

    Call step() in the course of training, and finish() at its end: the channels are then removed,
    so that parameters have other shapes and optimizers have to be made anew. While channels fade,
    kernels take coefficients as operands, even if the basis is not trained.
    """

    def __init__(self, model: nn.Module, rank: int):
        self._kept = {}
        chosen = {}
        for layer in model.modules():
            if isinstance(layer, STLLinear) and layer.basis.rank > rank:
                key = layer.basis.fingerprint
                if key not in chosen:
                    chosen[key] = channels_to_keep(layer.basis, rank)
                left = Spec(layer.basis.select(chosen[key]), layer.spec.rows)
                row_rules.check(left, layer.rows, layer.structural)
                self._kept[layer] = chosen[key]
        self.step(0.0)

    def step(self, progress: float):
        """Sets the weight of the channels that go: 1 at progress 0, none from progress 1 on."""
        weight = 1.0 - min(max(progress, 0.0), 1.0)
        for layer, kept in self._kept.items():
            gate = torch.full((layer.basis.rank,), weight, dtype=layer.D.dtype)
            gate[kept] = 1.0
            layer.set_gate(gate)

    def finish(self):
        """Removes the channels that went."""
        for layer, kept in self._kept.items():
            layer.select_channels(kept)
        self._kept = {}
