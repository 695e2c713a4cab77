# SPDX-License-Identifier: Apache-2.0
"""Trains one variant of one model on one task, in pieces; writes its figures as JSON.

usage: train.py TASK VARIANT --out DIR [--size S] [--seed N] [--steps N] [--seconds N] [--from
RUN.pt]

TASK is causal, masked or image; VARIANT is as in variants.py. A piece ends after --seconds with a
checkpoint, and exit code 75; the same command then continues where it stopped, with the same
numbers. Exit code 0: done, DIR/NAME.json is there.
"""

import argparse
import json
import math
import os
import pathlib
import re
import sys
import time

import data
import llama
import t2t_vit
import torch
import torch.nn.functional as F
import variants

import stile_torch as st

CONTINUE = 75  # EX_TEMPFAIL
SIZES = {  # of models, batch, length of sequences
    'toy': {
        'text': ({'width': 32, 'hidden': 64, 'depth': 2, 'heads': 4, 'kv_heads': 2}, 4, 32),
        'image': ({'size': 32, 'width': 32, 'depth': 1, 'heads': 2, 'token_width': 16}, 8, 0),
    },
    'small': {
        'text': ({'width': 512, 'hidden': 1408, 'depth': 8, 'heads': 8, 'kv_heads': 4}, 64, 512),
        'image': ({'size': 96, 'width': 256, 'depth': 7, 'heads': 4}, 256, 0),
    },
}


def setting(task: str, size: str):
    """Configuration, batch and length."""
    numbers, batch, length = SIZES[size]['image' if task == 'image' else 'text']
    if task == 'image':
        return t2t_vit.Config(classes=data.CLASSES, **numbers), batch, length
    config = llama.Config(vocabulary=data.VOCABULARY, causal=task == 'causal', **numbers)
    return config, batch, length


class Task:
    """Batches of a task, and its loss."""

    def __init__(self, task: str, size: str, device):
        self.task, self.device = task, device
        self.config, self.batch, self.length = setting(task, size)
        self.text = None if task == 'image' else data.Text(limit=1 << 18 if size == 'toy' else None)
        self.description = (
            {'images': data.draw.__doc__} if task == 'image' else self.text.description
        )

    def get(self, held_out: bool, seed: int, step: int):
        g = data.generator(self.task, held_out, seed, step)
        if self.task == 'image':
            x, y = data.draw(self.batch, self.config.size, g)
        else:
            x, y = getattr(self.text, self.task)(held_out, self.batch, self.length, g)
        return x.to(self.device), y.to(self.device)

    def loss(self, model, x, y):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == 'cuda'):
            logits = model(x)
        return F.cross_entropy(logits.float().flatten(0, -2), y.flatten()), logits

    @torch.no_grad()
    def evaluate(self, model, batches: int) -> dict:
        """On the same held-out batches for every run."""
        model.eval()
        losses, right, count = [], 0, 0
        for step in range(batches):
            x, y = self.get(True, 0, step)
            loss, logits = self.loss(model, x, y)
            losses.append(loss.item())
            counted = y != -100
            right += (logits.argmax(-1) == y)[counted].sum().item()
            count += counted.sum().item()
        model.train()
        return {'loss': sum(losses) / batches, 'accuracy': right / count}


def rate(step: int, steps: int) -> float:
    """Warm-up over the first 5 %, then a cosine down to a tenth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.55 + 0.45 * math.cos(math.pi * (step - warm) / max(1, steps - warm))


def run_name(a) -> str:
    words = [a.task, a.size, a.variant, f'lr{a.lr:g}', f'{a.steps}', f'seed{a.seed}']
    if a.start:
        words.insert(3, 'from-' + pathlib.Path(a.start).stem)
    return re.sub(r'[^A-Za-z0-9.=_-]+', '_', '-'.join(words))


def save(path: pathlib.Path, write):
    """Aside, then renamed: a run that is killed leaves the last good one."""
    aside = path.with_suffix(path.suffix + '.new')
    write(aside)
    os.replace(aside, path)


def make_model(a, task: Task):
    torch.manual_seed(a.seed)
    config = variants.configuration(task.config, task.length, a.variant)
    model = variants.dense(config)
    if a.start:
        model.load_state_dict(torch.load(a.start, map_location='cpu', weights_only=True)['model'])
    return variants.convert(model, config, a.variant).to(task.device)


def coupling(model, task: Task) -> dict:
    """Whether the future reaches the past: only asked of causal models."""
    if task.task != 'causal':
        return {}
    report = st.check_causal(model, task.get(True, 0, 0)[0][:2])
    return {'causal': report.passed, 'bitwise': report.bitwise, 'change': report.change}


def train(a) -> int:
    torch.backends.cuda.matmul.allow_tf32 = True
    folder = pathlib.Path(a.out)
    folder.mkdir(parents=True, exist_ok=True)
    name = run_name(a)
    result, checkpoint = folder / f'{name}.json', folder / f'{name}.pt'
    if result.exists():
        return 0
    began = time.monotonic()
    device = torch.device(a.device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    task = Task(a.task, a.size, device)
    model = make_model(a, task)
    groups = st.parameter_groups(model, a.lr, 0.05, a.lr * a.factor_lr)
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    base = [group['lr'] for group in optimizer.param_groups]
    fading = variants.annealing(model, a.variant)
    first, step, curve, seconds = 0, 0, [], 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location='cpu', weights_only=True)
        model.load_state_dict(state['model'])
        optimizer.load_state_dict(state['optimizer'])
        first = step = state['step']
        curve, seconds = state['curve'], state['seconds']

    def keep(path):
        parts = {'model': model.state_dict(), 'step': step, 'curve': curve}
        parts |= {
            'optimizer': optimizer.state_dict(),
            'seconds': seconds + time.monotonic() - began,
        }
        torch.save(parts, path)

    while step < a.steps:
        if step > first and time.monotonic() - began > a.seconds:
            save(checkpoint, keep)
            print(f'{name}: {step} of {a.steps} steps; run it again to continue', file=sys.stderr)
            return CONTINUE
        for group, lr in zip(optimizer.param_groups, base):
            group['lr'] = lr * rate(step, a.steps)
        if fading:  # from a tenth to half of the way
            fading.step((step / a.steps - 0.1) / 0.4)
        loss, _ = task.loss(model, *task.get(False, a.seed, step))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % a.every == 0 or step == a.steps:
            curve.append([step, loss.item()])
    save(checkpoint, keep)
    if fading:
        fading.finish()
    held_out = task.evaluate(model, a.batches)
    figures = {
        'name': name,
        **{key: getattr(a, key) for key in ('task', 'size', 'variant', 'seed', 'steps', 'lr')},
        'factor_lr': a.lr * a.factor_lr,
        'start': a.start and pathlib.Path(a.start).stem,
        'batch': task.batch,
        'length': task.length,
        'parameters': sum(p.numel() for p in model.parameters()),
        'flops': variants.flops(task.config, task.length, a.variant),
        'flops_dense': variants.flops(task.config, task.length, 'dense'),
        'held_out': held_out,
        'curve': curve,
        'coupling': coupling(model, task),
        'data': task.description,
        'seconds': seconds + time.monotonic() - began,
        'device': torch.cuda.get_device_name() if device.type == 'cuda' else 'cpu',
        'torch': torch.__version__,
    }
    text = json.dumps(figures, indent=1) + '\n'
    save(result, lambda path: path.write_text(text, encoding='utf-8'))
    print(f'{name}: held-out loss {held_out["loss"]:.4f}')
    return 0


def arguments(parser=None):
    parser = parser or argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('task', choices=('causal', 'masked', 'image'))
    parser.add_argument('variant')
    parser.add_argument('--out', required=True)
    parser.add_argument('--size', choices=SIZES, default='small')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--steps', type=int, default=1000)
    parser.add_argument('--lr', type=float, default=1e-3)
    parser.add_argument('--factor-lr', type=float, default=0.3, help='of U, V and D, relative')
    parser.add_argument('--every', type=int, default=10, help='steps between points of the curve')
    parser.add_argument('--batches', type=int, default=20, help='held-out batches')
    parser.add_argument('--seconds', type=float, default=420, help='the length of a piece')
    parser.add_argument('--from', dest='start', help='the checkpoint of a dense run to start from')
    parser.add_argument('--device')
    return parser


if __name__ == '__main__':
    sys.exit(train(arguments().parse_args()))
