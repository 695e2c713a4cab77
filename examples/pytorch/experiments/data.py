# SPDX-License-Identifier: Apache-2.0
"""Data that is at hand everywhere: Python's standard library as text, and images that are drawn.

Batches depend on the seed and the step alone, so that a run resumed is the run not interrupted.
"""

import hashlib
import math
import pathlib
import sysconfig

import torch
from torch import Tensor

MASK = 256  # the token of what is to be guessed; bytes are 0 … 255
VOCABULARY = 257
SHAPES = ('disc', 'square', 'triangle', 'ring', 'cross')
FILLS = ('plain', 'stripes', 'checks', 'dots')
CLASSES = len(SHAPES) * len(FILLS)


def generator(*numbers) -> torch.Generator:
    digest = hashlib.sha256(repr(numbers).encode()).digest()
    return torch.Generator('cpu').manual_seed(int.from_bytes(digest[:7], 'big'))


class Text:
    """Bytes of the sources of Python's standard library, tests and third-party packages left out.

    Every 20th file, by the hash of its path, is held out. `description` says what was read.
    """

    def __init__(self, limit: int = None):
        root = pathlib.Path(sysconfig.get_path('stdlib'))
        parts = {True: [], False: []}
        left_out = {'site-packages', 'dist-packages', 'test', 'tests', 'idle_test', '__pycache__'}
        for path in sorted(root.rglob('*.py'), key=lambda path: path.relative_to(root).as_posix()):
            name = path.relative_to(root)
            if not left_out & set(name.parts):
                held_out = hashlib.sha256(name.as_posix().encode()).digest()[0] % 20 == 0
                parts[held_out].append(path.read_bytes())
        train, held = (b'\n'.join(parts[held_out])[:limit] for held_out in (False, True))
        self.train, self.held_out = (
            torch.tensor(list(part), dtype=torch.uint8) for part in (train, held)
        )
        self.description = {
            'text': 'Python standard library, *.py without tests',
            'python': sysconfig.get_python_version(),
            'train_bytes': len(train),
            'held_out_bytes': len(held),
            'sha256': hashlib.sha256(train + held).hexdigest(),
        }

    def windows(self, part: Tensor, batch: int, length: int, g: torch.Generator) -> Tensor:
        starts = torch.randint(0, len(part) - length + 1, (batch, 1), generator=g)
        return part[starts + torch.arange(length)].long()

    def causal(self, held_out: bool, batch: int, length: int, g: torch.Generator):
        """Tokens and their successors."""
        part = self.held_out if held_out else self.train
        tokens = self.windows(part, batch, length + 1, g)
        return tokens[:, :-1], tokens[:, 1:]

    def masked(self, held_out: bool, batch: int, length: int, g: torch.Generator):
        """Tokens of which 15 % are masked, and those masked (-100 elsewhere)."""
        tokens = self.windows(self.held_out if held_out else self.train, batch, length, g)
        masked = torch.rand(tokens.shape, generator=g) < 0.15
        return tokens.masked_fill(masked, MASK), tokens.masked_fill(~masked, -100)


def draw(batch: int, size: int, g: torch.Generator):
    """Images [B, 3, size, size] and their classes: a shape with a fill, anywhere, of any size, turn
    and colours, on a shaded and noisy ground with three short lines across it.

    There are 5 shapes times 4 fills. Noise has a standard deviation of 0.15 of the range of
    colours.
    """

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(batch, *shape, 1, 1, generator=g)

    classes = torch.randint(0, CLASSES, (batch,), generator=g)
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = axis[:, None].expand(size, size), axis.expand(size, size)
    angle, scale = uniform(0, 2 * math.pi), uniform(0.3, 0.6)
    dx, dy = x - uniform(-0.35, 0.35), y - uniform(-0.35, 0.35)
    u = (dx * angle.cos() + dy * angle.sin()) / scale
    v = (dy * angle.cos() - dx * angle.sin()) / scale
    radius = (u.square() + v.square()).sqrt()
    inside = torch.stack(
        [
            radius < 1,
            torch.maximum(u.abs(), v.abs()) < 0.85,
            (v > -0.6) & (v + math.sqrt(3) * u.abs() < 1.2),
            (radius < 1) & (radius > 0.55),
            (torch.minimum(u.abs(), v.abs()) < 0.3) & (torch.maximum(u.abs(), v.abs()) < 1),
        ]
    )
    waves = (9 * u).sin(), (9 * v).sin()
    fills = torch.stack(
        [torch.ones_like(u) > 0, waves[0] > 0, waves[0] * waves[1] > 0, waves[0] + waves[1] > 0.6]
    )
    each = torch.arange(batch)
    shape = inside[classes // len(FILLS), each][:, None]
    fill = fills[classes % len(FILLS), each][:, None]

    ground = uniform(-1, 1, 3) + uniform(-0.5, 0.5, 3) * x + uniform(-0.5, 0.5, 3) * y
    colours = uniform(-1, 1, 3), uniform(-1, 1, 3)
    image = torch.where(shape, torch.where(fill, *colours), ground)
    for _ in range(3):
        turn = uniform(0, math.pi)
        along = (x - uniform(-0.8, 0.8)) * turn.cos() + (y - uniform(-0.8, 0.8)) * turn.sin()
        across = (y - uniform(-0.8, 0.8)) * turn.cos() - (x - uniform(-0.8, 0.8)) * turn.sin()
        line = ((across.abs() < 0.03) & (along.abs() < 0.4))[:, None]
        image = torch.where(line, uniform(-1, 1, 3), image)
    return image + 0.15 * torch.randn(image.shape, generator=g), classes
