# SPDX-License-Identifier: Apache-2.0
"""The architecture of TinyLlama-1.1B (arXiv 2401.02385): RMSNorm, rotary positions, grouped-query
attention, SwiGLU. Also smaller, and bidirectional for masked modelling.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    vocabulary: int = 32000
    width: int = 2048
    hidden: int = 5632
    depth: int = 22
    heads: int = 32
    kv_heads: int = 4
    causal: bool = True


TINYLLAMA = Config()


def rotate(x: Tensor) -> Tensor:
    """Rotary positions of [B, heads, T, head width]; pairs are its two halves."""
    half = x.shape[-1] // 2
    rates = 10000 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)[:, None] * rates
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.split(half, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class RMSNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-5)
        return (x * scale.to(x.dtype)) * self.weight.to(x.dtype)


class Attention(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        head = config.width // config.heads
        self.config, self.head = config, head
        self.q = nn.Linear(config.width, config.heads * head, bias=False)
        self.k = nn.Linear(config.width, config.kv_heads * head, bias=False)
        self.v = nn.Linear(config.width, config.kv_heads * head, bias=False)
        self.out = nn.Linear(config.heads * head, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (-1, self.head)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        repeats = self.config.heads // self.config.kv_heads
        k, v = (tensor.repeat_interleave(repeats, 1) for tensor in (rotate(k), v))
        y = F.scaled_dot_product_attention(rotate(q), k, v, is_causal=self.config.causal)
        return self.out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.norm1, self.norm2 = RMSNorm(config.width), RMSNorm(config.width)
        self.attention = Attention(config)
        self.gate = nn.Linear(config.width, config.hidden, bias=False)
        self.up = nn.Linear(config.width, config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    """Tokens [B, T] to logits [B, T, vocabulary]."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = RMSNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))
