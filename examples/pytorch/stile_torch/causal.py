# SPDX-License-Identifier: Apache-2.0
"""Proof on a model that the future does not reach the past."""

import dataclasses

import torch
from torch import Tensor, nn

from .layer import STLLinear

# Largest change that rounding explains, relative to the root mean square of the outputs.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 2e-1}


@dataclasses.dataclass(frozen=True)
class CausalReport:
    """Truth value: whether every check passed."""

    passed: bool
    bitwise: bool  # whether equality to the bit was demanded; else rounding was allowed for
    change: float  # the largest change of an earlier output, relative to their root mean square
    position: int  # of the token whose change showed it, -1 where nothing changed
    checked: int  # the number of positions tried

    def __bool__(self):
        return self.passed


def _moved(sample: Tensor, position: int, vocabulary: int, generator) -> Tensor:
    """The sample with all tokens from `position` on replaced by others."""
    moved, tail = sample.clone(), sample[:, position:]
    if sample.is_floating_point():
        noise = torch.randn(tail.shape, generator=generator, dtype=torch.float64, device='cpu')
        moved[:, position:] = tail + (1 + tail.detach().abs().amax()) * noise.to(
            tail.device, tail.dtype
        )
    else:
        shift = torch.randint(
            1, max(vocabulary, 2), tail.shape, generator=generator, device='cpu'
        ).to(tail.device, tail.dtype)
        moved[:, position:] = (tail + shift) % max(vocabulary, 2)
    return moved


@torch.no_grad()
def check_causal(
    model: nn.Module,
    sample: Tensor,
    *,
    positions=None,
    vocabulary: int = None,
    bitwise: bool = None,
    tolerance: float = None,
    seed: int = 0,
) -> CausalReport:
    """Moves later tokens and compares the outputs for earlier ones.

    sample      what the model takes: tokens [B, T] (integers) or features [B, T, d]; its outputs
                are [B, T, …], one per token
    positions   where the future begins; default: the first and last 17 positions, so that every
                place in a tile is tried
    vocabulary  other tokens are drawn below it; default: the largest token of the sample
    bitwise     whether not a bit may change; default: unless a layer is isolated or causal only
                by Ŵ = V·W, which holds up to rounding
    tolerance   for changes that rounding explains, relative to the root mean square of the outputs

    The model is in eval mode for the test, and then again in its own.
    """
    if sample.dim() < 2 or sample.shape[1] < 2:
        raise ValueError(
            f'a sample of shape {list(sample.shape)} has no two tokens: it must be [B, T, …]'
        )
    length = sample.shape[1]
    if positions is None:
        positions = sorted({*range(1, min(18, length)), *range(max(1, length - 17), length)})
    if vocabulary is None and not sample.is_floating_point():
        vocabulary = int(sample.max()) + 1
    if bitwise is None:
        bitwise = not any(
            isinstance(layer, STLLinear)
            and layer.basis.coupling(True) == 'full'
            and layer.rows in ('isolated', 'causal')
            for layer in model.modules()
        )

    generator = torch.Generator('cpu').manual_seed(seed)
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        before = model(sample)
        if before.dim() < 2 or before.shape[:2] != sample.shape[:2]:
            raise ValueError(
                f'outputs of shape {list(before.shape)} are not one per token of the sample'
            )
        limit = tolerance if tolerance is not None else TOLERANCES.get(before.dtype, 1e-3)
        scale = float(before.double().square().mean().sqrt()) or 1.0
        passed, change, worst = True, 0.0, -1
        for position in positions:
            old = before[:, :position]
            new = model(_moved(sample, position, vocabulary or 0, generator))[:, :position]
            moved = float((new.double() - old.double()).abs().max()) / scale
            if not torch.equal(new, old):
                passed = passed and not bitwise and moved <= limit  # NaN fails
                if worst < 0 or not moved <= change:
                    change, worst = moved, position
    finally:
        for module, mode in training.items():
            module.training = mode
    return CausalReport(passed, bitwise, change, worst, len(positions))
