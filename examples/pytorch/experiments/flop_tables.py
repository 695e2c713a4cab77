# SPDX-License-Identifier: Apache-2.0
"""FLOP of T2T-ViT-7 and -14 at 224×224 and of TinyLlama-1.1B at 8192 tokens, by the tool's count.

usage: flop_tables.py [-o FILE.json]    a table in Markdown on stdout

Every linear layer is replaced. Models are on the meta device: nothing is computed. 2 FLOP are one
multiplication and addition; elementwise work, norms, softmax and look-ups are left out everywhere.
"""

import argparse
import json

import llama
import t2t_vit
import torch

import stile_torch as st

PAPER = {  # arXiv 2503.12211
    't2t-vit-7': {'stl': 2.7},
    't2t-vit-14': {'stl': 2.7},
    'tinyllama-1.1b': {'stl': 2.2, '2:4': 1.7},
}


def bases() -> dict:
    """By name; None is dense, 'sparse' 2:4. Counts depend on sizes, and zeros, alone."""
    strassen = st.Basis.strassen()
    return {
        'dense': None,
        '2:4': 'sparse',
        'STL ⟨4,4,4;16⟩': st.Basis.random(4, 4, 4, 16),
        'STL ⟨4,4,4;20⟩': st.Basis.random(4, 4, 4, 20),
        'STL ⟨4,4,4;24⟩': st.Basis.random(4, 4, 4, 24),
        'STL ⟨4,4,4;32⟩': st.Basis.random(4, 4, 4, 32),
        'STL ⟨4,4,4;49⟩, Strassen²': strassen.kron(strassen),
        'STL ⟨2,2,2;7⟩, Strassen': strassen,
        'STL ⟨1,4,4;8⟩, isolated': st.Basis.classical(1, 4, 4).select(range(0, 16, 2)),
    }


def models():
    """(name, factory, input) of each."""
    for name, config in t2t_vit.CONFIGS.items():
        yield name, lambda config=config: t2t_vit.T2TViT(config), (1, 3, 224, 224), torch.float32
    yield 'tinyllama-1.1b', lambda: llama.Llama(llama.TINYLLAMA), (4, 2048), torch.long


def count(make, shape, dtype, basis) -> dict:
    with torch.device('meta'):
        model, x = make(), torch.zeros(shape, dtype=dtype)
        parameters = sum(p.numel() for p in model.parameters())
        # Dense layers as STL of tile 1×1×1, which tells their products from the rest.
        stl = isinstance(basis, st.Basis)
        layers = st.replace_linears(model, basis if stl else 'classical:1,1,1', rows='sequence')
        flops = st.count_flops(model, x)
    linear = sum(layer.dense for layer in flops.layers)
    gemm = sum(layer.gemm for layer in flops.layers)
    codes = sum(layer.encode + layer.decode for layer in flops.layers)
    if not stl:
        gemm, codes = linear // (1 if basis is None else 2), 0
    total = gemm + codes + flops.other
    return {
        'parameters_dense': parameters,
        'linear_layers': len(layers),
        'dense_gflop': flops.dense / 1e9,
        'linear_gflop_dense': linear / 1e9,
        'gemm_gflop': gemm / 1e9,
        'encode_decode_gflop': codes / 1e9,
        'other_gflop': flops.other / 1e9,
        'total_gflop': total / 1e9,
        'ratio': flops.dense / total,
        'ratio_of_linear_layers': linear / (gemm + codes),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--output', help='write the counts as JSON')
    arguments = parser.parse_args()
    result = {'paper': PAPER, 'models': {}}
    for model, make, shape, dtype in models():
        result['models'][model] = {'input': list(shape), 'variants': {}}
        for name, basis in bases().items():
            result['models'][model]['variants'][name] = count(make, shape, dtype, basis)
    print('| model | variant | layers | encode, decode | other | total, GFLOP | ratio | paper |')
    print('| --- | --- | --- | --- | --- | --- | --- | --- |')
    for model, counted in result['models'].items():
        for name, c in counted['variants'].items():
            paper = PAPER[model].get(
                '2:4' if name == '2:4' else 'stl' if name.startswith('STL') else ''
            )
            cells = [
                f'{c[key]:.2f}' for key in ('gemm_gflop', 'encode_decode_gflop', 'other_gflop')
            ]
            print(
                f'| {model} | {name} | {" | ".join(cells)} | {c["total_gflop"]:.2f} '
                f'| ×{c["ratio"]:.2f} | {f"×{paper}" if paper else ""} |'
            )
    if arguments.output:
        with open(arguments.output, 'w', encoding='utf-8') as file:
            json.dump(result, file, indent=1, ensure_ascii=False)
            file.write('\n')


if __name__ == '__main__':
    main()
