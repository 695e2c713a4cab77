# SPDX-License-Identifier: Apache-2.0
"""T2T-ViT (Yuan et al., arXiv 2101.11986) with performer tokens: the -7 and -14 architectures.

Overlapping patches are unfolded three times, with a performer layer after each of the first two; a
transformer follows on the tokens that are left, (size/16)² of them and a class token.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    size: int = 224  # of square images
    classes: int = 1000
    width: int = 256
    depth: int = 7
    heads: int = 4
    mlp_ratio: float = 2.0
    token_width: int = 64


CONFIGS = {
    't2t-vit-7': Config(width=256, depth=7, heads=4, mlp_ratio=2.0),
    't2t-vit-14': Config(width=384, depth=14, heads=6, mlp_ratio=3.0),
}


class Mlp(nn.Sequential):
    def __init__(self, width: int, hidden: int):
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class TokenPerformer(nn.Module):
    """Attention by positive random features, one head, then an MLP; changes the width of tokens."""

    def __init__(self, width_in: int, width: int, features: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width_in), nn.LayerNorm(width)
        self.kqv = nn.Linear(width_in, 3 * width)
        self.proj = nn.Linear(width, width)
        self.mlp = Mlp(width, width)
        random = torch.empty(features, width)
        self.register_buffer('random', nn.init.orthogonal_(random) * math.sqrt(features))

    def feature_map(self, x: Tensor) -> Tensor:
        exponent = x @ self.random.T - x.square().sum(-1, keepdim=True) / 2
        return exponent.exp() / math.sqrt(self.random.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        k, q, v = self.kqv(self.norm1(x)).chunk(3, -1)
        k, q = self.feature_map(k), self.feature_map(q)
        scale = q @ k.sum(1)[:, :, None] + 1e-8
        x = v + self.proj(q @ (k.transpose(1, 2) @ v) / scale)
        return x + self.mlp(self.norm2(x))


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self.mlp = Mlp(width, int(width * config.mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        attended = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        x = x + self.proj(attended.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp(self.norm2(x))


def sinusoids(tokens: int, width: int) -> Tensor:
    angle = torch.arange(tokens)[:, None] / 10000 ** (torch.arange(width) // 2 * 2 / width)
    angle[:, 0::2], angle[:, 1::2] = angle[:, 0::2].sin(), angle[:, 1::2].cos()
    return angle[None]


class T2TViT(nn.Module):
    """Images [B, 3, size, size] to logits [B, classes]."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, token = config, config.token_width
        self.attention1 = TokenPerformer(3 * 7 * 7, token, token // 2)
        self.attention2 = TokenPerformer(token * 3 * 3, token, token // 2)
        self.project = nn.Linear(token * 3 * 3, config.width)
        self.cls = nn.Parameter(torch.zeros(1, 1, config.width))
        nn.init.trunc_normal_(self.cls, std=0.02)
        tokens = (config.size // 16) ** 2 + 1
        self.register_buffer('position', sinusoids(tokens, config.width), persistent=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.classes)

    @staticmethod
    def as_image(tokens: Tensor) -> Tensor:
        side = math.isqrt(tokens.shape[1])
        return tokens.transpose(1, 2).unflatten(2, (side, side))

    def forward(self, images: Tensor) -> Tensor:
        x = F.unfold(images, 7, stride=4, padding=2).transpose(1, 2)
        for attention in (self.attention1, self.attention2):
            x = F.unfold(self.as_image(attention(x)), 3, stride=2, padding=1).transpose(1, 2)
        x = self.project(x)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, :1]))[:, 0]  # a sequence of one row for each image
