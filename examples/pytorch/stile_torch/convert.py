# SPDX-License-Identifier: Apache-2.0
"""Models of dense layers made into models of STL layers."""

import fnmatch

from torch import nn

from . import rows as row_rules
from .basis import Spec, load
from .layer import STLLinear


def _matches(name: str, patterns) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _projecting(spec: Spec, rows: str, structural: bool) -> Spec:
    """The spec with the V of the projection, if that keeps rows apart as well as they must be."""
    projected = Spec(spec.basis.projected(), spec.rows)
    try:
        row_rules.check(projected, rows, structural)
    except row_rules.RowsError:
        return spec
    return projected


def replace_linears(
    model: nn.Module, spec, *, rows, weight: str = 'encoded', only=('*',), keep=(), **options
) -> list:
    """Replaces every nn.Linear in `model` by an STLLinear with its weights projected onto the
    basis, in place; returns the names of the layers replaced.

    rows        as for STLLinear, or a function of name and module
    weight      as for STLLinear; with 'dense' and 'residual' W itself is kept, and V becomes the
                projection where the basis is inexact and rows are kept apart with that, too
    only, keep  names or patterns ('blocks.*.mlp.*') of layers to replace, and to leave
    options     further arguments of STLLinear

    The projection is by least squares over independent inputs. Subclasses of nn.Linear are left
    alone: others look inside them (nn.MultiheadAttention does).
    """
    if type(model) is nn.Linear:
        raise TypeError(
            'the model is a layer itself: put it into a module, so that it can be replaced there'
        )
    spec = load(spec, options.pop('variant', None))

    owners = {}
    for name, module in model.named_modules():
        for key, parameter in module.named_parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(f'{name}.{key}')
    found = [
        (name, module)
        for name, module in model.named_modules()
        if type(module) is nn.Linear and _matches(name, only) and not _matches(name, keep)
    ]
    for name, module in found:
        shared = [owner for owner in owners[id(module.weight)] if owner != f'{name}.weight']
        if shared:
            raise ValueError(
                f'the weight of {name} is also {shared[0]}: add {name!r} to keep, or untie it'
            )

    made = {}
    for name, dense in found:
        own_rows, own_spec = rows(name, dense) if callable(rows) else rows, spec
        if weight != 'encoded' and not spec.basis.exact:
            structural = weight != 'dense' or options.get('train_basis', False)
            own_spec = _projecting(spec, own_rows, structural)
        layer = STLLinear(
            dense.in_features,
            dense.out_features,
            own_spec,
            rows=own_rows,
            weight=weight,
            bias=dense.bias is not None,
            device=dense.weight.device,
            dtype=dense.weight.dtype,
            **options,
        )
        layer.train(dense.training)
        layer.set_dense(dense.weight.detach())
        if dense.bias is not None:
            layer.bias.data.copy_(dense.bias.detach())
        made[dense] = layer
    for parent in list(model.modules()):  # a layer may be used in several places
        for key, child in parent._modules.items():
            if child in made:
                parent._modules[key] = made[child]
    return [name for name, _ in found]
