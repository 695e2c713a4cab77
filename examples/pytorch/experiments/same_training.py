# SPDX-License-Identifier: Apache-2.0
"""Trains a model twice, from one seed on the same data: on libstile and in plain PyTorch.

usage: same_training.py [--steps 200] [--size small] [-o FILE.json]

Exit code 1 where the smoothed losses differ by more than 1 %.
"""

import argparse
import json
import sys

import torch
import train
import variants

import stile_torch as st

VARIANT = 'stl:random/4/4/4/24/0,train'
DECAY = 0.9  # of the smoothing


def losses(backend: str, size: str, steps: int, device) -> list:
    task = train.Task('masked', size, device)
    torch.manual_seed(0)
    model = variants.convert(variants.dense(task.config), task.config, VARIANT).to(device)
    for layer in model.modules():
        if isinstance(layer, st.STLLinear):
            layer.backend = backend
    optimizer = torch.optim.AdamW(st.parameter_groups(model, 1e-3, 0.05, 3e-4))
    found = []
    for step in range(steps):
        loss, _ = task.loss(model, *task.get(False, 0, step))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(loss.item())
    return found


def smoothed(values: list) -> list:
    mean, result = values[0], []
    for value in values:
        mean = DECAY * mean + (1 - DECAY) * value
        result.append(mean)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--size', choices=train.SIZES, default='small')
    parser.add_argument('-o', '--output')
    a = parser.parse_args()
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    curves = {name: losses(name, a.size, a.steps, device) for name in ('plain', 'library')}
    pairs = list(zip(*map(smoothed, curves.values())))
    worst = max(abs(library / plain - 1) for plain, library in pairs)
    print(f'smoothed losses after {a.steps} steps: {pairs[-1][0]:.4f} and {pairs[-1][1]:.4f}; ')
    print(f'they differ by {worst:.2%} at most')
    if a.output:
        with open(a.output, 'w', encoding='utf-8') as file:
            json.dump({'variant': VARIANT, 'difference': worst, **curves}, file, indent=1)
            file.write('\n')
    sys.exit(worst > 0.01)


if __name__ == '__main__':
    main()
