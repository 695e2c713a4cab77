# SPDX-License-Identifier: Apache-2.0
"""Times whole models: a forward pass in inference, and a training step without the optimizer.

usage: step_time.py MODEL VARIANT [--batch N] [--length N] [--backend B] [--runs N] [-o FILE.json]

MODEL is tinyllama-1.1b, t2t-vit-7, t2t-vit-14 or toy; VARIANT as in variants.py, weights are
random. In inference 2:4 uses PyTorch's semi-structured sparse tensors where it can; in training its
arithmetic is dense. One variant a process; `ratio` against dense needs both from one session of the
same machine.
"""

import argparse
import json
import statistics
import time

import llama
import sparse24
import t2t_vit
import torch
import variants

import stile_torch as st

TOY = llama.Config(vocabulary=64, width=32, hidden=64, depth=1, heads=4, kv_heads=2)
MODELS = {'tinyllama-1.1b': llama.TINYLLAMA, **t2t_vit.CONFIGS, 'toy': TOY}


def measure(call, device, runs: int) -> list:
    """Milliseconds of each of `runs` calls, after three to warm up."""
    times = []
    for index in range(runs + 3):
        if device.type == 'cuda':
            torch.cuda.synchronize()
        began = time.perf_counter()
        call()
        if device.type == 'cuda':
            torch.cuda.synchronize()
        if index >= 3:
            times.append(1e3 * (time.perf_counter() - began))
    return times


def compress(model):
    """2:4 weights in the form that sparse tensor cores take; the layers that could not be so."""
    from torch.sparse import to_sparse_semi_structured

    left = []
    for name, module in model.named_modules():
        if isinstance(module, sparse24.Sparse24Linear):
            weight = (module.weight * sparse24.mask24(module.weight)).detach()
            try:
                weight = to_sparse_semi_structured(weight)
            except RuntimeError:  # a size or type that it does not take
                left.append(name)
            module.__class__ = torch.nn.Linear
            module.weight = torch.nn.Parameter(weight, requires_grad=False)
    return left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', choices=MODELS)
    parser.add_argument('variant')
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--length', type=int, default=2048)
    parser.add_argument('--backend', choices=('auto', 'plain', 'library'), default='auto')
    parser.add_argument('--runs', type=int, default=20)
    parser.add_argument('--inference-only', action='store_true')
    parser.add_argument('-o', '--output')
    a = parser.parse_args()

    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    dtype = torch.bfloat16 if device.type == 'cuda' else torch.float32
    torch.manual_seed(0)
    config = variants.configuration(MODELS[a.model], a.length, a.variant)
    model = variants.convert(variants.dense(config), config, a.variant).to(device, dtype)
    for layer in model.modules():
        if isinstance(layer, st.STLLinear):
            layer.backend = a.backend
    x = variants.sample(config, a.length, device)
    x = x.expand(a.batch, *x.shape[1:]).contiguous()
    x = x if x.dtype == torch.long else x.to(dtype)
    result = {'model': a.model, 'variant': a.variant, 'batch': a.batch, 'length': a.length}
    result |= {'backend': a.backend, 'torch': torch.__version__}
    result['device'] = torch.cuda.get_device_name() if device.type == 'cuda' else 'cpu'

    if not a.inference_only:

        def step():
            model.zero_grad()
            model(x).float().square().mean().backward()

        result['training_ms'] = measure(step, device, a.runs)
        model.zero_grad()
    model.eval()
    if a.variant == '2:4' and device.type == 'cuda':
        result['layers_left_dense'] = compress(model)
    for layer in model.modules():
        if isinstance(layer, st.STLLinear) and layer.uses_library(x.to(dtype)):
            layer.pack()
    with torch.no_grad():
        result['inference_ms'] = measure(lambda: model(x), device, a.runs)
    for key in ('training_ms', 'inference_ms'):
        if key in result:
            print(f'{key}: median {statistics.median(result[key]):.3f} of {a.runs}')
    if a.output:
        with open(a.output, 'w', encoding='utf-8') as file:
            json.dump(result, file, indent=1)
            file.write('\n')


if __name__ == '__main__':
    main()
