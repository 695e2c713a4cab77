# SPDX-License-Identifier: Apache-2.0
"""The operator in libstile as PyTorch ops: autograd, torch.compile and CUDA graphs see plain ops.

They launch on PyTorch's current stream; every buffer, workspaces too, is PyTorch's. Where libstile
has no kernels for gradients, stile_torch.functional computes them.
"""

from typing import List, Optional

import torch
from torch import Tensor

from . import functional, library, plans


def _run(plan, device, **operands):
    """Runs a plan; operands are tensors, M an integer, None what is absent."""
    arguments = {
        name: value.data_ptr() if isinstance(value, Tensor) else value
        for name, value in operands.items()
        if value is not None
    }
    plan.run(plans.workspace(plan, device), plans.stream_of(device), **arguments)


def _packed(plan, w_hat: Tensor, packed: Optional[Tensor]) -> Tensor:
    """Ŵ as libstile reads it: `packed` if it is that and aligned, else made of w_hat."""
    device = w_hat.device
    if packed is None:
        w_hat = w_hat.contiguous()
        packed = plans.buffer(plan.weight_size, device)
        plan.encode_weight(
            w_hat.data_ptr(),
            packed.data_ptr(),
            plans.workspace(plan, device),
            plans.stream_of(device),
        )
    elif packed.numel() != plan.weight_size or packed.device != device:
        raise ValueError('the packed weight is of another type, size or device: pack() again')
    elif packed.data_ptr() % plans.ALIGNMENT:
        packed = plans.buffer(packed.numel(), device).copy_(packed)
    return packed


def _coefficients(plan, *factors):
    return (factor.float().contiguous() if plan.dense_basis else None for factor in factors)


@torch.library.custom_op('stile::pack_weight', mutates_args=(), device_types=('cpu', 'cuda'))
def pack_weight(w_hat: Tensor, basis: str, in_features: int, out_features: int) -> Tensor:
    """Ŵ [r, ⌈N/n⌉, ⌈K/k⌉] as libstile reads it, for stile::linear with inputs of the same type."""
    plan = plans.get(w_hat.device, w_hat.dtype, basis, (1, in_features, out_features))
    packed = _packed(plan, w_hat, None)
    return packed.clone() if packed.storage_offset() else packed  # as the fake result: no view


@pack_weight.register_fake
def _(w_hat, basis, in_features, out_features):
    plan = plans.get(w_hat.device, w_hat.dtype, basis, (1, in_features, out_features))
    return w_hat.new_empty(plan.weight_size, dtype=torch.uint8)


@torch.library.custom_op('stile::linear', mutates_args=(), device_types=('cpu', 'cuda'))
def linear(
    x: Tensor,
    w_hat: Tensor,
    u: Tensor,
    d: Tensor,
    bias: Optional[Tensor],
    packed: Optional[Tensor],
    basis: str,
    rows_per_group: int,
    out_features: int,
) -> Tensor:
    """STL(x, ŵ) + bias for x [M, K] in groups of rows_per_group (0: one group).

    packed: what pack_weight made of w_hat, which then is read by the backward pass alone, or None.
    u and d are read where the kernels of the basis take coefficients, and by the backward pass; of
    any float type.
    """
    if w_hat.dtype != x.dtype:
        raise TypeError(f'x is {x.dtype}, but the encoded weight {w_hat.dtype}')
    shape = (*x.shape, out_features)
    plan = plans.get(x.device, x.dtype, basis, shape, rows_per_group, bias is not None)
    x = x.contiguous()
    packed = _packed(plan, w_hat, packed)
    bias = None if bias is None else bias.contiguous()
    u, d = _coefficients(plan, u, d)
    y = x.new_empty(x.shape[0], out_features)
    _run(plan, x.device, M=x.shape[0], x=x, w=packed, y=y, bias=bias, u=u, d=d)
    return y


@linear.register_fake
def _(x, w_hat, u, d, bias, packed, basis, rows_per_group, out_features):
    return x.new_empty(x.shape[0], out_features)


@torch.library.custom_op('stile::linear_backward', mutates_args=(), device_types=('cpu', 'cuda'))
def linear_backward(
    grad: Tensor,
    x: Tensor,
    w_hat: Tensor,
    u: Tensor,
    d: Tensor,
    packed: Optional[Tensor],
    basis: str,
    rows_per_group: int,
    needs: List[bool],
) -> List[Tensor]:
    """The gradients of stile::linear for x, w_hat, u and d; empty where `needs` says so. Those of u
    and d are f32.
    """
    needs_x, needs_w, needs_u, needs_d = needs
    op = (
        needs_x * library.BACKWARD_INPUT
        | needs_w * library.BACKWARD_WEIGHT
        | (needs_u or needs_d) * library.BACKWARD_BASIS
    )
    shape = (*x.shape, grad.shape[1])
    plan = plans.get(x.device, x.dtype, basis, shape, rows_per_group, op=op) if op else None
    if plan is None:
        return _plain_backward(grad, x, w_hat, u, d, basis, rows_per_group, needs)
    x, grad = x.contiguous(), grad.contiguous()
    reads_x, reads_w = needs_w or needs_u or needs_d, needs_x or needs_u or needs_d
    if reads_w:
        forward = plans.get(x.device, x.dtype, basis, shape, rows_per_group)
        packed = _packed(forward, w_hat, packed)
    u, d, du, dd = u.float(), d.float(), None, None
    if needs_u or needs_d:
        du, dd = torch.empty_like(u), torch.empty_like(d)
    dx = torch.empty_like(x) if needs_x else None
    dw = torch.empty(w_hat.shape, dtype=x.dtype, device=x.device) if needs_w else None
    given_u, given_d = _coefficients(plan, u, d)
    _run(
        plan,
        x.device,
        M=x.shape[0],
        x=x if reads_x else None,
        w=packed if reads_w else None,
        u=given_u,
        d=given_d,
        dy=grad,
        dx=dx,
        dw=dw,
        du=du,
        dd=dd,
    )
    gradients = dx, dw, du if needs_u else None, dd if needs_d else None
    return [x.new_empty(0) if gradient is None else gradient for gradient in gradients]


def _plain_backward(grad, x, w_hat, u, d, basis, rows_per_group, needs):
    rows = rows_per_group or x.shape[0]
    gradients = functional.stl_backward(
        grad.reshape(-1, rows, grad.shape[1]),
        x.reshape(-1, rows, x.shape[1]),
        w_hat,
        u.to(x.dtype),
        d.to(x.dtype),
        plans.tile_of(basis),
        needs,
    )
    dx, dw, du, dd = (x.new_empty(0) if gradient is None else gradient for gradient in gradients)
    dx = dx.reshape(x.shape).contiguous() if needs[0] else dx
    return [dx, dw, du.float() if needs[2] else du, dd.float() if needs[3] else dd]


@linear_backward.register_fake
def _(grad, x, w_hat, u, d, packed, basis, rows_per_group, needs):
    like = (x, w_hat, u.float(), d.float())
    return [
        torch.empty_like(tensor, memory_format=torch.contiguous_format)
        if needed
        else x.new_empty(0)
        for tensor, needed in zip(like, needs)
    ]


def _setup_context(ctx, inputs, output):
    x, w_hat, u, d, _, packed, ctx.basis, ctx.rows_per_group, _ = inputs
    ctx.save_for_backward(x, w_hat, u, d, packed)


def _backward(ctx, grad):
    x, w_hat, u, d, packed = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:5])
    gradients = linear_backward(
        grad, x, w_hat, u, d, packed, ctx.basis, ctx.rows_per_group, needs[:4]
    )
    dx, dw, du, dd = (gradient if need else None for gradient, need in zip(gradients, needs))
    du = du if du is None else du.to(u.dtype)
    dd = dd if dd is None else dd.to(d.dtype)
    return dx, dw, du, dd, grad.sum(0) if needs[4] else None, None, None, None, None


linear.register_autograd(_backward, setup_context=_setup_context)
