# SPDX-License-Identifier: Apache-2.0
"""Layers of the PyTorch package on the emulated GPU: forward and all gradients by the real kernels,
against plain PyTorch in float64. Exit 77 without PyTorch.

usage: emulated_test.py BUILD
"""

import os
import pathlib
import subprocess
import sys

SKIPPED = 77
SOURCE = pathlib.Path(os.environ.get('STILE_TEST_SOURCE', '.'))


def run_emulated(build):
    sys.path.insert(0, str(SOURCE / 'tests/emulator'))
    from emulate import environment_for

    python = os.environ.get('STILE_TORCH_PYTHON', sys.executable)
    if subprocess.run([python, '-c', 'import torch'], stderr=subprocess.DEVNULL).returncode:
        print(f'skipped: {python} has no PyTorch')
        sys.exit(SKIPPED)
    environment = environment_for(build, {'ARCH': 90})
    environment['PYTHONPATH'] = str(SOURCE / 'examples/pytorch')
    environment['OMP_NUM_THREADS'] = '1'
    sys.exit(subprocess.run([python, __file__, '--inside'], env=environment).returncode)


def compare():
    import stile_torch as st
    import torch
    from stile_torch import library

    # Tensors of the CPU go to device 0, which is emulated and reads host memory.
    library.DEVICE_CPU = 0
    torch.manual_seed(0)
    worst = 0.0
    for basis, train_basis in ((st.Basis.strassen(), False), (st.Basis.random(4, 4, 4, 24), True)):
        options = {'rows': 'sequence', 'train_basis': train_basis}
        one = st.STLLinear(40, 24, basis, backend='library', dtype=torch.bfloat16, **options)
        other = st.STLLinear(40, 24, basis, backend='plain', dtype=torch.float64, **options)
        other.load_state_dict(one.state_dict())
        x, grad = (torch.randn(2, 13, size).bfloat16() for size in (40, 24))
        results = []
        for layer in (one, other):
            given = x.to(layer.bias.dtype, copy=True).requires_grad_()
            y = layer(given)
            y.backward(grad.to(y.dtype))
            gradients = {name: parameter.grad for name, parameter in layer.named_parameters()}
            results.append({'y': y.detach(), 'x': given.grad, **gradients})
        for name, wanted in results[1].items():
            got = results[0][name].double()
            error = float((got - wanted).norm() / wanted.norm())
            print(f'{basis!r} {name}: relative error {error:.2e}')
            # NaN fails; what is expected is 1.66e-3 · √(3Φ + 1), Φ being the growth, or less
            assert error < 2 * 1.66e-3 * (3 * max(basis.growth, 1) + 1) ** 0.5, name
            worst = max(worst, error)
    assert worst > 1e-4, 'bf16 kernels round: this was something else'


if sys.argv[1] == '--inside':
    compare()
else:
    run_emulated(sys.argv[1])
