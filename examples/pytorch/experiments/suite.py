# SPDX-License-Identifier: Apache-2.0
"""The runs of an experiment, one after the other, in pieces; and their table.

usage: suite.py run SUITE --out DIR [--minutes 8] [--seeds 3] [--size small]
       suite.py table DIR...

`run` ends after the given time with exit code 75 and goes on where it stopped when called again; 0
when all is done. `table` prints what DIR has, in Markdown, means over seeds with their spread.
"""

import argparse
import collections
import json
import pathlib
import statistics
import sys
import time

import train

EXACT = 'stl:strassen2,weight=dense'  # Ŵ = V·W, W trained: matrix multiplication
SUITES = {  # lists of (task, variant, steps, pretraining)
    'masked': [
        *[('masked', v, 3000, None) for v in ('dense', '2:4', EXACT, 'stl:strassen2')],
        *[('masked', f'stl:random/4/4/4/{r}/0,train', 3000, None) for r in (16, 24, 32)],
        *[('masked', f'stl:444_{r}_g16,weight=dense', 3000, None) for r in (16, 24, 32)],
        *[('masked', f'stl:444_{r}_g16,weight=residual,train', 3000, None) for r in (16, 24)],
        *[
            ('masked', f'stl:strassen2,weight=residual,train,anneal={r}', 3000, None)
            for r in (24, 32)
        ],
        *[('masked', f'equal:stl:random/4/4/4/{r}/0', 3000, None) for r in (16, 24, 32)],
    ],
    'image': [
        *[('image', v, 3000, None) for v in ('dense', '2:4', EXACT)],
        *[('image', f'stl:random/4/4/4/{r}/0,train', 3000, None) for r in (16, 24)],
        *[('image', f'stl:444_{r}_g16,weight=residual,train', 3000, None) for r in (16, 24)],
        *[('image', f'equal:stl:random/4/4/4/{r}/0', 3000, None) for r in (16, 24)],
    ],
    'causal': [
        *[('causal', v, 3000, None) for v in ('dense', '2:4', EXACT, 'stl:isolated/1/4/4/8')],
        *[
            ('causal', f'stl:222_5_g16_{rows},weight=dense', 3000, None)
            for rows in ('causal', 'none')
        ],
        ('causal', 'stl:random/4/4/4/24/0,train,leak', 3000, None),
        ('causal', 'equal:stl:isolated/1/4/4/8', 3000, None),
    ],
    'finetune': [
        ('causal', 'dense', 3000, None),
        *[('causal', v, 1000, 3000) for v in ('dense', '2:4', 'stl:isolated/1/4/4/8')],
        ('causal', 'stl:isolated/1/4/4/8,weight=residual', 1000, 3000),
    ],
    'smoke': [
        ('causal', 'dense', 4, None),
        ('causal', 'stl:isolated/1/4/4/8,weight=residual', 3, 4),
        ('image', 'equal:2:4', 2, None),
    ],
}


def runs(suite: str, size: str, seeds: int, out: str):
    """The arguments of train.py, seed by seed, so that a first seed of all is there early."""
    for seed in range(seeds):
        for task, variant, steps, pretraining in SUITES[suite]:
            words = [task, variant, '--out', out, '--size', size]
            words += ['--seed', str(seed), '--steps', str(steps)]
            if pretraining:
                dense = [*words]
                dense[1], dense[-1] = 'dense', str(pretraining)
                name = train.run_name(train.arguments().parse_args(dense))
                words += ['--from', str(pathlib.Path(out) / f'{name}.pt'), '--lr', '3e-4']
            yield words


def run(a) -> int:
    end = time.monotonic() + 60 * a.minutes
    for words in runs(a.suite, a.size, a.seeds, a.out):
        left = end - time.monotonic()
        if left <= 0 or train.train(train.arguments().parse_args([*words, '--seconds', str(left)])):
            return train.CONTINUE
    return 0


def table(a) -> int:
    groups = collections.defaultdict(list)
    for folder in a.folders:
        for path in sorted(pathlib.Path(folder).glob('*.json')):
            figures = json.loads(path.read_text(encoding='utf-8'))
            start = 'dense' if figures['start'] else ''
            key = figures['task'], figures['variant'], start, figures['steps']
            groups[key].append(figures)
    print('| task | variant | from | steps | FLOP | parameters | loss | accuracy | leaks | seeds |')
    print('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
    for (task, variant, start, steps), found in sorted(groups.items()):
        losses = [figures['held_out']['loss'] for figures in found]
        spread = f' ± {statistics.stdev(losses):.4f}' if len(losses) > 1 else ''
        accuracy = statistics.mean(figures['held_out']['accuracy'] for figures in found)
        ratio = found[0]['flops']['forward'] / found[0]['flops_dense']['forward']
        causal = found[0]['coupling'].get('causal')
        leaks = '' if causal is None else 'no' if causal else '**yes**'
        print(
            f'| {task} | {variant} | {start} | {steps} | {ratio:.3f} | {found[0]["parameters"]:,} '
            f'| {statistics.mean(losses):.4f}{spread} | {accuracy:.3f} | {leaks} | {len(found)} |'
        )
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    runner = commands.add_parser('run')
    runner.set_defaults(call=run)
    runner.add_argument('suite', choices=SUITES)
    runner.add_argument('--out', required=True)
    runner.add_argument('--minutes', type=float, default=8)
    runner.add_argument('--seeds', type=int, default=3)
    runner.add_argument('--size', choices=train.SIZES, default='small')
    printer = commands.add_parser('table')
    printer.set_defaults(call=table)
    printer.add_argument('folders', nargs='+')
    arguments = parser.parse_args()
    sys.exit(arguments.call(arguments))


if __name__ == '__main__':
    main()
