# SPDX-License-Identifier: Apache-2.0
"""Plans of libstile for the shapes that PyTorch meets, and buffers from PyTorch's allocator."""

import os
import tempfile
import threading

import torch
from torch import Tensor

from . import library
from .basis import Basis, as_fraction

ALIGNMENT = 256  # of workspaces and encoded weights

PRECISIONS = {
    torch.float32: {'input': 'f32', 'encoded': 'tf32', 'product': 'f32', 'output': 'f32'},
    torch.float16: {'input': 'f16', 'encoded': 'f16', 'product': 'f16', 'output': 'f16'},
    torch.bfloat16: {'input': 'bf16', 'encoded': 'bf16', 'product': 'bf16', 'output': 'bf16'},
}

_lock = threading.RLock()
_bases = {}
_plans = {}
_workspaces = {}


# --- bases by name: ops take strings, not objects ---


def register(basis: Basis, trained: bool) -> str:
    """The name by which ops know a basis. Kernels of trained ones depend on tile and rank alone."""
    m, k, n = basis.tile
    name = f'{m},{k},{n};{basis.rank}' if trained else basis.fingerprint
    with _lock:
        _bases.setdefault(name, (basis, trained))
    return name


def tile_of(name: str) -> tuple:
    return _bases[name][0].tile


def write_basis(basis: Basis, path: str):
    """A basis file that holds the same coefficients, fractions as fractions."""
    m, k, n = basis.tile
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'basis: 1\nname: torch_{basis.fingerprint}\n')
        file.write(f'tile: [{m}, {k}, {n}]\nrank: {basis.rank}\n')
        for key in 'UVD':
            file.write(f'{key}:\n')
            for row in getattr(basis, key).tolist():
                entries = (as_fraction(value) or repr(value) for value in row)
                file.write(f"  - [{', '.join(entries)}]\n")


# --- plans ---


def _create(ordinal, dtype, name, bias, op, M, K, N, rows_per_group):
    basis, trained = _bases[name]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'basis.yaml')
        if trained:
            source = {'random': {'tile': list(basis.tile), 'rank': basis.rank, 'seed': 0}}
        else:
            write_basis(basis, path)
            source = {'file': path}
        spec = {
            'stile': 1,
            'name': 'stile_torch',
            'basis': source,
            'precision': PRECISIONS[dtype],
            'weight': {'layout': 'nk', 'encode': 'trained'},
            'epilogue': {'bias': bias},
        }
        return library.Plan(ordinal, spec, op, M, K, N, rows_per_group)


def get(
    device: torch.device, dtype, basis: str, shape, rows_per_group=0, bias=False, op=library.FORWARD
):
    """A plan for at least M rows, shape being (M, K, N); made once, for the life of the process.

    Plans are made for powers of two of groups (of rows, where there is one), so that few serve all
    batch sizes. None for backward operations that this device has no kernels for.
    """
    if dtype not in PRECISIONS:
        raise TypeError(f"libstile has no {dtype}: use f32, f16 or bf16, or backend='plain'")
    if device.type not in ('cpu', 'cuda'):
        raise TypeError(f"libstile does not run on {device}: use CUDA, the CPU or backend='plain'")
    M, K, N = shape
    group = rows_per_group or 1
    M = group << (M // group - 1).bit_length()
    ordinal = library.DEVICE_CPU if device.type == 'cpu' else device.index
    key = ordinal, dtype, basis, bias, op, M, K, N, rows_per_group
    with _lock:
        if key not in _plans:
            try:
                _plans[key] = _create(*key)
            except library.LibraryError as error:
                if op == library.FORWARD or error.code != library.UNSUPPORTED:
                    raise
                _plans[key] = None
        return _plans[key]


# --- buffers ---


def stream_of(device: torch.device):
    """PyTorch's current stream there; libstile ignores it on the CPU."""
    return torch.cuda.current_stream(device).cuda_stream if device.type == 'cuda' else None


def buffer(size: int, device: torch.device) -> Tensor:
    """Bytes aligned as libstile wants them. CUDA's allocator aligns to 512, the CPU's to 64."""
    if device.type == 'cuda':
        return torch.empty(size, dtype=torch.uint8, device=device)
    memory = torch.empty(size + ALIGNMENT, dtype=torch.uint8, device=device)
    return memory[-memory.data_ptr() % ALIGNMENT :][:size]


def workspace(plan, device: torch.device) -> int:
    """The address of the workspace of a plan on the current stream: calls on a stream take turns.

    Initialising one cannot be captured, so a capture takes over one that a warm-up left behind.
    Graphs captured on one stream share it: they must not be replayed at the same time.
    """
    stream = stream_of(device)
    capturing = device.type == 'cuda' and torch.cuda.is_current_stream_capturing()
    with _lock:
        eager, captured = _workspaces.setdefault(plan, ({}, {}))
        if capturing and stream not in captured:
            if not eager:
                raise RuntimeError(
                    'a graph is being captured before this layer ran on inputs of this size: run '
                    'the model once beforehand, as for every CUDA graph'
                )
            captured[stream] = eager.pop(next(iter(eager)))
        if not capturing and stream not in eager:
            eager[stream] = buffer(max(plan.workspace_size, 1), device)
            plan.workspace_init(eager[stream].data_ptr(), stream)
        return (captured if capturing else eager)[stream].data_ptr()
