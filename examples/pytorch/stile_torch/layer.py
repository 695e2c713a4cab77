# SPDX-License-Identifier: Apache-2.0
"""STLLinear: a linear layer whose product is a Strassen-Tile operator."""

import math

import torch
from torch import Tensor, nn

from . import functional, library, ops, plans
from . import rows as row_rules
from .basis import Spec, load

WEIGHTS = ('encoded', 'dense', 'residual')
BACKENDS = ('auto', 'plain', 'library')

# torch.compile takes the answer for granted, rather than follow how it is found.
library_available = torch.compiler.assume_constant_result(library.available)


class STLLinear(nn.Module):
    """y = STL(x, W) + bias, with x [..., in_features] and y [..., out_features].

    spec        the basis: whatever stile_torch.load takes
    rows        which rows may influence which, see stile_torch.rows; there is no default
    weight      what is trained: 'encoded' Ŵ itself (parameter w_hat); 'dense' W, with Ŵ = V·W
                (parameter w); 'residual' W and Δ, with Ŵ = V·W + Δ (parameters w and delta)
    train_basis trains U and D, and V where W is encoded. Where `rows` is 'isolated' or 'causal',
                masks keep the rows of tiles that a product does not use at zero, whatever an
                optimizer does
    rows_per_group  the length of sequences where the last-but-one dimension of x is not that; also
                an argument of each call
    backend     'plain' PyTorch; 'library' for libstile; 'auto' takes the library for f32, f16 and
                bf16 on CUDA devices where it is found, and plain PyTorch for the rest

    U, V and D are in the state dict, with the masks. Their start is as in the basis; that of W as
    in nn.Linear, scaled so that y has the variance that it would have there.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        spec,
        *,
        rows: str,
        weight: str = 'encoded',
        bias: bool = True,
        train_basis: bool = False,
        rows_per_group=None,
        variant=None,
        backend: str = 'auto',
        device=None,
        dtype=None,
    ):
        super().__init__()
        if weight not in WEIGHTS:
            raise ValueError(
                f"weight must be one of {', '.join(map(repr, WEIGHTS))}, not {weight!r}"
            )
        if backend not in BACKENDS:
            raise ValueError(
                f"backend must be one of {', '.join(map(repr, BACKENDS))}, not {backend!r}"
            )
        if min(in_features, out_features) < 1:
            raise ValueError(f'a layer from {in_features} to {out_features} features cannot work')
        self.spec: Spec = load(spec, variant)
        self.in_features, self.out_features = in_features, out_features
        self.rows, self.rows_per_group = rows, rows_per_group
        self.weight_mode, self.train_basis, self.backend = weight, train_basis, backend
        self.structural = train_basis or weight != 'dense'
        row_rules.check(self.spec, rows, self.structural)
        # Where rows are kept apart by what cancels, coefficients rounded to 16 bits would mix them.
        self.wide_factors = self.basis.coupling(True) not in row_rules.ALLOWED[rows]

        _, k, n = self.tile
        dtype = dtype or torch.get_default_dtype()
        options = {'device': device, 'dtype': dtype}
        if weight != 'encoded':
            self.w = nn.Parameter(torch.empty(out_features, in_features, **options))
        encoded = torch.empty(
            self.basis.rank, -(-out_features // n), -(-in_features // k), **options
        )
        if weight == 'encoded':
            self.w_hat = nn.Parameter(encoded)
        elif weight == 'residual':
            self.delta = nn.Parameter(encoded)
        self.bias = nn.Parameter(torch.empty(out_features, **options)) if bias else None
        self._create_factors(device, torch.promote_types(dtype, torch.float32))
        self._library_basis = plans.register(self.basis, train_basis)
        self.register_buffer('packed', None, persistent=False)
        self.register_buffer('gate', None, persistent=False)
        self.reset_parameters()

    def _create_factors(self, device, dtype):
        m, k, n = self.tile
        reads, writes = self.basis.row_pattern()
        masks = {
            'U': reads[:, :, None].expand(-1, -1, k).flatten(1),
            'D': writes[:, None, :].expand(-1, n, -1).flatten(0, 1),
        }
        for name in ('U', 'D') + (('V',) if self.weight_mode != 'encoded' else ()):
            factor = getattr(self.basis, name).to(device=device, dtype=dtype, copy=True)
            if self.train_basis:
                self.register_parameter(name, nn.Parameter(factor))
            else:
                self.register_buffer(name, factor)
            if self.train_basis and self.rows in ('isolated', 'causal') and name in masks:
                self.register_buffer(name + '_mask', masks[name].to(device))

    @property
    def basis(self):
        """The basis that the layer started from."""
        return self.spec.basis

    @property
    def tile(self):
        return self.spec.basis.tile

    def extra_repr(self) -> str:
        m, k, n = self.tile
        return (
            f'{self.in_features}, {self.out_features}, '
            f'⟨{m},{k},{n};{self.basis.rank}⟩ {self.basis.name}, '
            f'rows={self.rows!r}, weight={self.weight_mode!r}, bias={self.bias is not None}'
            + (', train_basis=True' if self.train_basis else '')
        )

    # --- values ---

    @torch.no_grad()
    def reset_parameters(self):
        w = torch.empty(
            self.out_features, self.in_features, device=self.U.device, dtype=self.U.dtype
        )
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(w, -bound, bound)
        if not w.is_meta:
            encoded = self._project(w) if self.weight_mode == 'encoded' else self._encode(w)
            flat = encoded.double().flatten(1)
            gram = self.basis.gram.to(w.device)
            energy = (flat * (gram @ flat)).sum()  # of Y, for X of unit variance
            if energy > 0:
                w *= (self.tile[0] * w.double().square().sum() / energy).sqrt().to(w.dtype)
        self.set_dense(w)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    @torch.no_grad()
    def set_dense(self, w: Tensor):
        """Sets the weights from those [N, K] of a dense layer: Ŵ is their least-squares projection
        where it is trained itself, else V·W.
        """
        if self.weight_mode == 'encoded':
            self.w_hat.copy_(self._project(w))
        else:
            self.w.copy_(w)
        if self.weight_mode == 'residual':
            self.delta.zero_()
        self.packed = None

    def _project(self, w: Tensor) -> Tensor:
        V = self.basis.projected().V.to(w.device, torch.promote_types(w.dtype, torch.float32))
        return functional.encode_weight(w.to(V.dtype), V, self.tile)

    def _encode(self, w: Tensor) -> Tensor:
        V = self.V if self.wide_factors else self.V.to(w.dtype)
        return functional.encode_weight(w.to(V.dtype), V, self.tile)

    def factors(self):
        """U and D as they are used: masked, and D times the gate where channels fade."""
        U, D = self.U, self.D
        if hasattr(self, 'U_mask'):
            U, D = U * self.U_mask, D * self.D_mask
        return (U, D) if self.gate is None else (U, D * self.gate)

    def encoded_weight(self, dtype=None) -> Tensor:
        """Ŵ, [r, ⌈N/n⌉, ⌈K/k⌉], of this type."""
        if self.weight_mode == 'encoded':
            return self.w_hat.to(dtype or self.w_hat.dtype)
        dtype = dtype or self.w.dtype
        encoded = self._encode(self.w if self.wide_factors else self.w.to(dtype)).to(dtype)
        return encoded if self.weight_mode == 'dense' else encoded + self.delta.to(dtype)

    # --- channels ---

    def set_gate(self, gate: Tensor):
        """Weights of the channels, [r], for stile_torch.anneal; not kept in the state dict."""
        self.gate = gate.to(self.D.device, self.D.dtype)
        self._library_basis = plans.register(self.basis, True)

    @torch.no_grad()
    def select_channels(self, channels):
        """Keeps these channels only, without their gate; parameters are made anew."""
        spec = Spec(self.basis.select(channels), self.spec.rows)
        row_rules.check(spec, self.rows, self.structural)
        for name, axis in (
            ('w_hat', 0),
            ('delta', 0),
            ('U', 0),
            ('V', 0),
            ('D', 1),
            ('U_mask', 0),
            ('D_mask', 1),
        ):
            old = getattr(self, name, None)
            if old is None:
                continue
            new = old.index_select(axis, torch.tensor(channels, device=old.device))
            setattr(self, name, nn.Parameter(new) if isinstance(old, nn.Parameter) else new)
        self.spec, self.gate, self.packed = spec, None, None
        self.wide_factors = spec.basis.coupling(True) not in row_rules.ALLOWED[self.rows]
        self._library_basis = plans.register(spec.basis, self.train_basis)

    # --- the product ---

    def forward(self, x: Tensor, rows_per_group=None) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise ValueError(f'the input has {x.shape[-1]} features, the layer {self.in_features}')
        groups, rows = row_rules.split(x.shape, self.rows, rows_per_group or self.rows_per_group)
        kind = x.device.type
        if not torch.is_autocast_enabled(kind):
            return self._forward(x, groups, rows)
        with torch.autocast(kind, enabled=False):
            return self._forward(x.to(torch.get_autocast_dtype(kind)), groups, rows)

    def _forward(self, x: Tensor, groups: int, rows: int) -> Tensor:
        shape = (*x.shape[:-1], self.out_features)
        if x.numel() == 0:
            return x.new_zeros(shape)
        dtype = x.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        U, D = self.factors()
        if self.uses_library(x):
            packed = self.packed if not self.training else None
            if packed is None or torch.is_grad_enabled():
                w_hat = self.encoded_weight(dtype)
            else:
                w_hat = x.new_empty(0)  # not read
            y = ops.linear(
                x.reshape(-1, self.in_features),
                w_hat,
                U,
                D,
                bias,
                packed,
                self._library_basis,
                rows if groups > 1 else 0,
                self.out_features,
            )
            return y.view(shape)
        wide = torch.promote_types(U.dtype, dtype) if self.wide_factors else dtype
        y = functional.stl(
            x.reshape(groups, rows, self.in_features),
            self.encoded_weight(dtype),
            U.to(wide),
            D.to(wide),
            self.tile,
            self.out_features,
        ).reshape(shape)
        return y if bias is None else y + bias

    def uses_library(self, x: Tensor) -> bool:
        """Whether a call with this x runs in libstile."""
        if self.backend != 'auto':
            return self.backend == 'library'
        return x.is_cuda and x.dtype in plans.PRECISIONS and library_available()

    @torch.no_grad()
    def pack(self, dtype=None):
        """Lays Ŵ out for libstile once, for calls in eval mode; to be repeated when weights change.

        dtype: that of the inputs, which under autocast is not the weights' own.
        """
        self.packed = ops.pack_weight(
            self.encoded_weight(dtype).contiguous(),
            self._library_basis,
            self.in_features,
            self.out_features,
        )

    def train(self, mode: bool = True):
        if mode:
            self.packed = None
        return super().train(mode)

    # --- state ---

    def __setstate__(self, state):  # unpickled, maybe in another process
        super().__setstate__(state)
        plans.register(self.basis, self.train_basis or self.gate is not None)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        for name in ('U', 'V', 'D', 'U_mask', 'D_mask'):
            own, new = getattr(self, name, None), state_dict.get(prefix + name)
            if (
                own is None
                or new is None
                or isinstance(own, nn.Parameter)
                or own.is_meta
                or new.is_meta
            ):
                continue
            if own.shape != new.shape or not torch.allclose(
                own.double(), new.to(own.device).double(), rtol=1e-2
            ):
                error_msgs.append(
                    f'{prefix}{name} is that of another basis than {self.basis!r}: make the layer '
                    'with the basis of the checkpoint'
                )
                return
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        self.packed = None
