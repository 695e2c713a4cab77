# SPDX-License-Identifier: Apache-2.0
"""Times one training step of one layer: forward and all gradients, no optimizer.

usage: layer_time.py [--shape MxKxN] [--runs N] [-o FILE.json]

Dense against STL with trained U, D and Ŵ, in plain PyTorch and on libstile; runs are interleaved,
so that a change of clocks meets all alike. bf16 on a GPU.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

import stile_torch as st

RANKS = (16, 24)


def layers(K: int, N: int, device, dtype):
    yield 'dense', nn.Linear(K, N, bias=False, device=device, dtype=dtype)
    for rank in RANKS:
        basis = st.Basis.random(4, 4, 4, rank)
        for backend in ('plain', 'library') if st.library_available() else ('plain',):
            options = {'rows': 'batch', 'bias': False, 'train_basis': True, 'backend': backend}
            layer = st.STLLinear(K, N, basis, device=device, dtype=dtype, **options)
            yield f'STL r={rank}, {backend}', layer


def timed(call, device) -> float:
    """Milliseconds."""
    if device.type != 'cuda':
        began = time.perf_counter()
        call()
        return 1e3 * (time.perf_counter() - began)
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    events[0].record()
    call()
    events[1].record()
    torch.cuda.synchronize()
    return events[0].elapsed_time(events[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--shape', default='8192x2048x5632')
    parser.add_argument('--runs', type=int, default=30)
    parser.add_argument('-o', '--output')
    a = parser.parse_args()
    M, K, N = map(int, a.shape.split('x'))
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    dtype = torch.bfloat16 if device.type == 'cuda' else torch.float32
    torch.manual_seed(0)
    x = torch.randn(M, K, device=device, dtype=dtype, requires_grad=True)
    grad = torch.randn(M, N, device=device, dtype=dtype)
    made = dict(layers(K, N, device, dtype))
    times = {name: [] for name in made}

    for run in range(a.runs + 3):
        for name, layer in made.items():
            x.grad = None
            layer.zero_grad()
            time_of_run = timed(lambda layer=layer: layer(x).backward(grad), device)
            if run >= 3:
                times[name].append(time_of_run)

    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f'{name:20} {value:8.3f} ms   ×{medians["dense"] / value:.2f}')
    if a.output:
        result = {'shape': [M, K, N], 'dtype': str(dtype), 'ms': times, 'torch': torch.__version__}
        result['device'] = torch.cuda.get_device_name() if device.type == 'cuda' else 'cpu'
        with open(a.output, 'w', encoding='utf-8') as file:
            json.dump(result, file, indent=1)
            file.write('\n')


if __name__ == '__main__':
    main()
