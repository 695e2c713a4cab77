# SPDX-License-Identifier: Apache-2.0
"""What is compared: dense models, narrower dense ones, 2:4, STL; by one line of text each.

    dense             as it is
    narrow:F          dense, width scaled until the forward pass takes F of the FLOP
    equal:VARIANT     the same with the FLOP of another variant
    2:4               sparse24.py
    stl:BASIS[,weight=MODE][,train][,keep=NAME+NAME][,anneal=R][,leak]
                      stile_torch; every linear layer but those named; R channels stay in the end

BASIS is a file of specs/bases by its name alone (444_24_g16; read by libstile); random/4/4/4/24/0,
the last number being a seed; strassen; strassen2; isolated/1/4/4/8, classical products evenly
dropped; or the path of a .json file of `stile basis export`. Rows are 'causal' in causal models,
or with `leak` 'sequence', which reads the answer and shows that it does; 'sequence' elsewhere.
"""

import dataclasses
import pathlib
import re

import llama
import sparse24
import t2t_vit
import torch

import stile_torch as st

CATALOGUE = pathlib.Path(__file__).resolve().parents[3] / 'specs/bases'


def basis_of(text: str) -> st.Basis:
    kind, *numbers = text.split('/') if not text.endswith('.json') else (text,)
    if kind == 'random':
        m, k, n, rank, seed = map(int, numbers)
        return st.Basis.random(m, k, n, rank, seed)
    if kind == 'strassen2':
        return st.Basis.strassen().kron(st.Basis.strassen())
    if kind == 'isolated':
        m, k, n, rank = map(int, numbers)
        every = m * k * n
        return st.Basis.classical(m, k, n).select([i * every // rank for i in range(rank)])
    if re.fullmatch(r'[0-9]{3}_[0-9a-z_]+', text):
        return st.Basis.from_file(CATALOGUE / text[:3] / f'{text}.yaml')
    return st.load(text).basis


def dense(config):
    return (llama.Llama if isinstance(config, llama.Config) else t2t_vit.T2TViT)(config)


def sample(config, length: int, device='cpu'):
    if isinstance(config, llama.Config):
        return torch.zeros(1, length, dtype=torch.long, device=device)
    return torch.zeros(1, 3, config.size, config.size, device=device)


def forward_flops(config, length: int) -> int:
    with torch.device('meta'):
        return st.count_flops(dense(config), sample(config, length, 'meta')).total


def narrowed(config, length: int, fraction: float):
    """The configuration whose FLOP come nearest to this fraction: widths in steps of a head's."""
    wanted = fraction * forward_flops(config, length)
    best = None
    for width in range(config.heads * 4, config.width + 1, config.heads * 4):
        scale = width / config.width
        changes = {'width': width}
        if isinstance(config, llama.Config):
            changes['hidden'] = max(8, round(config.hidden * scale / 8) * 8)
        else:
            changes['token_width'] = max(8, round(config.token_width * scale / 8) * 8)
        candidate = dataclasses.replace(config, **changes)
        distance = abs(forward_flops(candidate, length) - wanted)
        if best is None or distance < best[0]:
            best = distance, candidate
    return best[1]


def options_of(text: str) -> dict:
    words = dict(word.partition('=')[::2] for word in text.split(',')[1:])
    unknown = set(words) - {'weight', 'train', 'keep', 'anneal', 'leak'}
    if unknown:
        raise ValueError(f'{text}: there is no {unknown.pop()}')
    return words


def convert(model, config, variant: str):
    """Makes a dense model of this configuration the variant, in place, with its weights."""
    kind, _, text = variant.partition(':')
    if kind == 'stl':
        words = options_of(text)
        causal = getattr(config, 'causal', False) and 'leak' not in words
        st.replace_linears(
            model,
            basis_of(text.split(',')[0]),
            rows='causal' if causal else 'sequence',
            weight=words.get('weight', 'encoded'),
            train_basis='train' in words,
            keep=words.get('keep', '').split('+'),
        )
    elif variant == '2:4':
        sparse24.sparsify(model)
    elif kind not in ('dense', 'narrow', 'equal'):
        raise ValueError(
            f'{variant} is no variant; there are dense, narrow:F, equal:VARIANT, 2:4, stl:BASIS'
        )
    return model


def annealing(model, variant: str):
    """What fades channels of this variant, or None."""
    rank = options_of(variant).get('anneal') if variant.startswith('stl:') else None
    return st.ChannelAnnealing(model, int(rank)) if rank else None


def configuration(config, length: int, variant: str):
    kind, _, rest = variant.partition(':')
    if kind == 'narrow':
        return narrowed(config, length, float(rest))
    if kind == 'equal':
        fraction = flops(config, length, rest)['forward'] / forward_flops(config, length)
        return narrowed(config, length, fraction)
    return config


def flops(config, length: int, variant: str) -> dict:
    """Of a forward pass on one sequence or image."""
    config = configuration(config, length, variant)
    with torch.device('meta'):
        model = dense(config)
        if variant == '2:4':  # as products of rank 1, half of which are left
            st.replace_linears(model, 'classical:1,1,1', rows='isolated')
        else:
            convert(model, config, variant)
            fading = annealing(model, variant)
            if fading:
                fading.finish()
        counted = st.count_flops(model, sample(config, length, 'meta'))
    total = counted.other + counted.stl // 2 if variant == '2:4' else counted.total
    return {
        'forward': total,
        'encode_decode': 0
        if variant == '2:4'
        else sum(layer.encode + layer.decode for layer in counted.layers),
    }
