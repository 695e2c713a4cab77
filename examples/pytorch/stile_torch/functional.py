# SPDX-License-Identifier: Apache-2.0
"""The operator in plain PyTorch: any device and type, differentiable twice.

X̂ = U·(tiles of X), Ŷ_c = X̂_c·Ŵ_cᵀ, tiles of Y = D·Ŷ. Tiles are columns of a matrix, so that
encoding and decoding are one product each, and the channels one batched product. Sizes that are no
multiple of the tile are padded with zeros.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def tiles_of(x: Tensor, a: int, b: int) -> Tensor:
    """[G, R, C] as a·b × (G·⌈R/a⌉·⌈C/b⌉): a column for each a×b tile, row by row."""
    groups, rows, columns = x.shape
    tile_rows, tile_columns = (rows + a - 1) // a, (columns + b - 1) // b
    if rows % a or columns % b:
        x = F.pad(x, (0, tile_columns * b - columns, 0, tile_rows * a - rows))
    return (
        x.reshape(groups, tile_rows, a, tile_columns, b).permute(2, 4, 0, 1, 3).reshape(a * b, -1)
    )


def untile(tiles: Tensor, a: int, b: int, groups: int, rows: int, columns: int) -> Tensor:
    """The inverse of tiles_of: [groups, rows, columns], without the padding."""
    tile_rows, tile_columns = (rows + a - 1) // a, (columns + b - 1) // b
    x = tiles.view(a, b, groups, tile_rows, tile_columns).permute(2, 3, 0, 4, 1)
    return x.reshape(groups, tile_rows * a, tile_columns * b)[:, :rows, :columns]


def encode_weight(w: Tensor, V: Tensor, tile) -> Tensor:
    """Ŵ = V·W, [r, ⌈N/n⌉, ⌈K/k⌉], from W as an array [N, K]."""
    _, k, n = tile
    rank, (N, K) = V.shape[0], w.shape
    transposed = V.view(rank, k, n).transpose(1, 2).reshape(rank, n * k)
    return (transposed @ tiles_of(w[None], n, k)).view(rank, -(-N // n), -(-K // k))


def stl(x: Tensor, w_hat: Tensor, U: Tensor, D: Tensor, tile, out_features: int) -> Tensor:
    """Y [G, R, N] from X [G, R, K] and Ŵ [r, ⌈N/n⌉, ⌈K/k⌉]; no tile straddles two groups.

    X and Ŵ are of one type. Where U and D are of a wider one, X̂ and Y are formed in that, then
    rounded.
    """
    m, k, n = tile
    groups, rows, _ = x.shape
    rank = w_hat.shape[0]
    x_hat = (U @ tiles_of(x, m, k).to(U.dtype)).to(x.dtype)
    y_hat = torch.bmm(x_hat.view(rank, -1, w_hat.shape[2]), w_hat.transpose(1, 2))
    y_tiles = (D @ y_hat.view(rank, -1).to(D.dtype)).to(x.dtype)
    return untile(y_tiles, m, n, groups, rows, out_features)


def stl_backward(grad: Tensor, x: Tensor, w_hat: Tensor, U: Tensor, D: Tensor, tile, needs):
    """Gradients for (x, w_hat, U, D), None where `needs` says so; X̂ and Ŷ are computed again."""
    m, k, n = tile
    groups, rows, K = x.shape
    rank, needs_x, needs_w, needs_u, needs_d = w_hat.shape[0], *needs
    x_tiles = tiles_of(x, m, k) if needs_w or needs_u or needs_d else None
    x_hat = (U @ x_tiles).view(rank, -1, w_hat.shape[2]) if needs_w or needs_d else None
    y_tiles = tiles_of(grad, m, n)
    y_hat = (D.T @ y_tiles).view(rank, -1, w_hat.shape[1])  # dŶ
    dx = dw = du = dd = None
    if needs_x or needs_u:
        dx_hat = torch.bmm(y_hat, w_hat).view(rank, -1)
        if needs_x:
            dx = untile(U.T @ dx_hat, m, k, groups, rows, K)
        if needs_u:
            du = dx_hat @ x_tiles.T
    if needs_w:
        dw = torch.bmm(y_hat.transpose(1, 2), x_hat)
    if needs_d:
        dd = y_tiles @ torch.bmm(x_hat, w_hat.transpose(1, 2)).view(rank, -1).T
    return dx, dw, du, dd
