# SPDX-License-Identifier: Apache-2.0
"""Strassen-Tile operators as layers of PyTorch models. README.md begins with an example."""

from .anneal import ChannelAnnealing
from .basis import Basis, Spec, load
from .causal import CausalReport, check_causal
from .convert import replace_linears
from .flops import Flops, LayerFlops, count_flops
from .layer import STLLinear
from .library import LibraryError
from .library import available as library_available
from .rows import RowsError
from .training import fit, parameter_groups

__all__ = [
    'Basis',
    'CausalReport',
    'ChannelAnnealing',
    'Flops',
    'LayerFlops',
    'LibraryError',
    'RowsError',
    'STLLinear',
    'Spec',
    'check_causal',
    'count_flops',
    'fit',
    'library_available',
    'load',
    'parameter_groups',
    'replace_linears',
]
