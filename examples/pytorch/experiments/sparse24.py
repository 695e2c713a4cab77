# SPDX-License-Identifier: Apache-2.0
"""2:4 sparsity: of four consecutive weights of a row the two largest are kept, chosen anew each
step.

Trained by SR-STE (arXiv 2102.04010): the gradient passes straight through the mask, and weights
that are masked decay, so that the choice settles.
"""

import torch
from torch import Tensor, nn


def mask24(w: Tensor) -> Tensor:
    """True for the two largest of each group of four; a last, shorter group is kept whole."""
    rows, columns = w.shape
    whole = columns - columns % 4
    groups = w[:, :whole].detach().abs().view(rows, -1, 4)
    kept = torch.zeros_like(groups, dtype=torch.bool).scatter_(2, groups.topk(2, 2).indices, True)
    mask = torch.ones_like(w, dtype=torch.bool)
    mask[:, :whole] = kept.view(rows, whole)
    return mask


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, decay):
        mask = mask24(w)
        ctx.save_for_backward(w, mask)
        ctx.decay = decay
        return w * mask

    @staticmethod
    def backward(ctx, grad):
        w, mask = ctx.saved_tensors
        return grad + ctx.decay * w * ~mask, None


class Sparse24Linear(nn.Linear):
    """A dense layer whose weights are 2:4 sparse when used; the arithmetic is dense."""

    decay = 2e-4

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, _Masked.apply(self.weight, self.decay), self.bias)


def sparsify(model: nn.Module, keep=()) -> list:
    """Makes every nn.Linear a Sparse24Linear in place, with its weights; returns their names."""
    names = [
        name
        for name, module in model.named_modules()
        if type(module) is nn.Linear and name not in keep
    ]
    for name in names:
        model.get_submodule(name).__class__ = Sparse24Linear
    return names
