# SPDX-License-Identifier: Apache-2.0
"""Optimizers for models with STL layers."""

import torch
from torch import nn

from .layer import STLLinear


def parameter_groups(
    model: nn.Module, lr: float, weight_decay: float, factor_lr: float = None
) -> list:
    """Groups for an optimizer: trained U, V and D have a rate of their own and no decay, which
    would only move the scale from one factor of a product to the others; nor have vectors (biases,
    norms).
    """
    factors, vectors, others = [], [], []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            if isinstance(module, STLLinear) and name in ('U', 'V', 'D'):
                factors.append(parameter)
            else:
                (vectors if parameter.dim() < 2 else others).append(parameter)
    unique = {id(p): p for p in others}
    groups = [
        {'params': list(unique.values()), 'lr': lr, 'weight_decay': weight_decay},
        {'params': vectors, 'lr': lr, 'weight_decay': 0.0},
        {'params': factors, 'lr': lr if factor_lr is None else factor_lr, 'weight_decay': 0.0},
    ]
    return [group for group in groups if group['params']]


def fit(model: nn.Module, batches, loss, *, lr: float = 3e-3, weight_decay: float = 0.0) -> list:
    """Trains by AdamW: a step of loss(model(x), y) for each (x, y) in `batches`. The losses, in
    order.

    For first experiments. Loops of your own need no more than parameter_groups.
    """
    optimizer = torch.optim.AdamW(parameter_groups(model, lr, weight_decay))
    losses = []
    model.train()
    for x, y in batches:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses
