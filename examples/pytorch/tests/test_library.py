# SPDX-License-Identifier: Apache-2.0
"""libstile behind the layer, on its CPU device. Skipped where the library is not found."""

import os
import pathlib
import tempfile
import unittest
from unittest import mock

import torch
from test_layer import causal_basis

from stile_torch import (
    Basis,
    ChannelAnnealing,
    LibraryError,
    RowsError,
    STLLinear,
    check_causal,
    library,
    load,
    ops,
    plans,
)
from stile_torch import layer as layer_module

STRASSEN = Basis.strassen()


@unittest.skipUnless(library.available(), 'libstile was not found (STILE_LIBRARY)')
class Library(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)

    def pair(self, basis, **options):
        """The same layer in libstile and in plain PyTorch."""
        options = {'rows': 'sequence', 'dtype': torch.float32, **options}
        one = STLLinear(7, 5, basis, backend='library', **options)
        other = STLLinear(7, 5, basis, backend='plain', **options)
        other.load_state_dict(one.state_dict())
        return one, other

    def compare(self, one, other, x, tolerance=1e-5):
        results = []
        for layer in (one, other):
            layer.zero_grad()
            given = x.clone().requires_grad_()
            y = layer(given)
            (y.float() * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
            gradients = [p.grad for p in layer.parameters()]
            results.append([y.detach(), given.grad, *gradients])
        for got, wanted in zip(*results):
            self.assertEqual(got.dtype, wanted.dtype)
            torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)

    def test_it_computes_what_plain_pytorch_does_and_its_gradients(self):
        for basis in (
            STRASSEN,
            Basis.random(2, 3, 2, 5),
            causal_basis(),
            Basis.random(4, 4, 4, 24),
        ):
            for options in (
                {},
                {'weight': 'dense'},
                {'weight': 'residual', 'bias': False},
                {'train_basis': True},
            ):
                one, other = self.pair(basis, **options)
                for shape in ((2, 3, 7), (1, 5, 7), (7,), (3, 2, 4, 7)):
                    self.compare(one, other, torch.randn(shape))

    def test_16_bit_types_differ_by_rounding_alone(self):
        for dtype in (torch.bfloat16, torch.float16):
            for train_basis in (False, True):
                one, other = self.pair(STRASSEN, dtype=dtype, train_basis=train_basis)
                self.compare(one, other, torch.randn(2, 3, 7).to(dtype), tolerance=0.1)
            one, other = self.pair(STRASSEN)
            with torch.autocast('cpu', dtype=torch.bfloat16):
                self.compare(one, other, torch.randn(2, 3, 7), tolerance=0.1)

    def test_fading_channels_reach_the_kernels(self):
        one, other = self.pair(STRASSEN)
        model = torch.nn.ModuleList([one, other])
        annealing = ChannelAnnealing(model, 4)
        annealing.step(0.5)
        self.compare(one, other, torch.randn(2, 3, 7))
        annealing.finish()
        self.compare(one, other, torch.randn(2, 3, 7))

    def test_gradients_are_computed_only_where_needed(self):
        one, other = self.pair(Basis.random(2, 2, 2, 5), train_basis=True)
        for frozen in (['w_hat'], ['U', 'D'], ['U', 'w_hat'], ['w_hat', 'U', 'D', 'bias'], ['D']):
            for layer in (one, other):
                for name, parameter in layer.named_parameters():
                    parameter.requires_grad_(name not in frozen)
                    parameter.grad = None
                layer(torch.ones(2, 3, 7)).sum().backward() if len(frozen) < 4 else None
            for (name, got), wanted in zip(one.named_parameters(), other.parameters()):
                self.assertEqual(got.grad is None, name in frozen or len(frozen) == 4)
                if got.grad is not None:
                    torch.testing.assert_close(got.grad, wanted.grad)

    def test_where_it_has_no_kernels_for_gradients_plain_pytorch_steps_in(self):
        one, other = self.pair(Basis.random(2, 2, 2, 5), train_basis=True)
        get = plans.get
        plans.get = lambda *arguments, op=0, **options: None if op else get(*arguments, **options)
        try:
            self.compare(one, other, torch.randn(2, 3, 7))
        finally:
            plans.get = get

    def test_the_ops_pass_pytorchs_own_checks(self):
        for basis, train_basis in ((STRASSEN, False), (Basis.random(2, 2, 2, 5), True)):
            layer = STLLinear(7, 5, basis, rows='sequence', train_basis=train_basis)
            u, d = (factor.detach().requires_grad_() for factor in layer.factors())
            w_hat = layer.w_hat.detach().requires_grad_()
            x, bias = torch.randn(6, 7, requires_grad=True), torch.randn(5, requires_grad=True)
            name = plans.register(basis, train_basis)
            tests = ('test_schema', 'test_faketensor', 'test_autograd_registration')
            arguments = x, w_hat, u, d, bias, None, name, 3, 5
            torch.library.opcheck(ops.linear, arguments, test_utils=tests)
            packed = ops.pack_weight(w_hat.detach(), name, 7, 5)
            values = [value.detach() for value in (x, w_hat, u, d)]
            for needs in ([True] * 4, [False, True, False, True], [True, False, False, False]):
                arguments_back = torch.randn(6, 5), *values, packed, name, 3, needs
                torch.library.opcheck(ops.linear_backward, arguments_back, test_utils=tests[:2])
            if train_basis:
                torch.library.opcheck(ops.linear, arguments, test_utils='test_aot_dispatch_dynamic')
            torch.library.opcheck(ops.pack_weight, (w_hat.detach(), name, 7, 5), test_utils=tests)

    def test_compiling_changes_nothing(self):
        one, _ = self.pair(Basis.random(2, 2, 2, 5), train_basis=True)
        compiled = torch.compile(one, backend='aot_eager', fullgraph=True)
        for rows in (3, 4):
            self.compare(compiled, one, torch.randn(2, rows, 7))

    def test_whether_there_is_a_library_is_a_constant_to_the_compiler(self):
        @torch.compile(backend='aot_eager', fullgraph=True)
        def scaled(x):
            return x * (2 if layer_module.library_available() else 3)

        self.assertEqual(float(scaled(torch.ones(()))), 2)

    def test_a_capture_keeps_the_workspace_that_a_warm_up_left_it(self):
        class Plan:
            workspace_size = 8
            made = []

            def workspace_init(self, address, stream):
                self.made.append((address, stream))

        plan, device = Plan(), mock.Mock(type='cuda')
        capturing, stream = mock.Mock(return_value=True), mock.Mock(return_value=1)

        def memory(size, device):
            return torch.empty(size, dtype=torch.uint8)

        with (
            mock.patch.object(torch.cuda, 'is_current_stream_capturing', capturing),
            mock.patch.object(plans, 'stream_of', stream),
            mock.patch.object(plans, 'buffer', memory),
        ):
            with self.assertRaisesRegex(RuntimeError, 'once beforehand'):
                plans.workspace(plan, device)
            capturing.return_value = False
            eager = plans.workspace(plan, device)
            self.assertEqual(plans.workspace(plan, device), eager)
            stream.return_value, capturing.return_value = 2, True
            self.assertEqual(plans.workspace(plan, device), eager)  # two calls in one capture
            self.assertEqual(plans.workspace(plan, device), eager)
            for stream.return_value in (1, 2):  # eager calls leave that of the graph alone
                capturing.return_value = False
                self.assertNotEqual(plans.workspace(plan, device), eager)
        self.assertEqual([made[1] for made in plan.made], [1, 1, 2])

    def test_packed_weights_are_used_in_eval_mode_alone(self):
        layer, _ = self.pair(STRASSEN)
        x = torch.randn(2, 3, 7)
        y = layer(x)
        layer.eval().pack()
        torch.testing.assert_close(layer(x), y)
        layer.w_hat.data.zero_()
        torch.testing.assert_close(layer(x), y)  # the packed ones
        layer.pack()
        torch.testing.assert_close(layer(x), layer.bias.expand(2, 3, 5))
        layer.w_hat.data.fill_(float('nan'))
        with torch.no_grad():  # weights are not even read
            torch.testing.assert_close(layer(x), layer.bias.expand(2, 3, 5))
        layer.w_hat.data.fill_(1)
        layer.train()
        self.assertIsNone(layer.packed)
        layer.eval().pack()
        layer.load_state_dict(layer.state_dict())
        self.assertIsNone(layer.packed)

    def test_specs_are_read_by_the_library(self):
        spec = {
            'stile': 1,
            'name': 'a',
            'basis': {'kron': ['strassen', 'strassen']},
            'rows': 'none',
        }
        loaded = load(spec)
        self.assertEqual(
            (loaded.basis.tile, loaded.basis.rank, loaded.rows), ((4, 4, 4), 49, 'none')
        )
        self.assertTrue(loaded.basis.exact)
        torch.testing.assert_close(loaded.basis.U, STRASSEN.kron(STRASSEN).U)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'spec.yaml')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(
                    'stile: 1\nname: a\nbasis: {name: laderman}\n'
                    'variants: {basis: [{name: laderman}, {name: winograd}]}\n'
                )
            self.assertEqual(load(path, 'a/basis={name:winograd}').basis.rank, 7)
            with self.assertRaisesRegex(LibraryError, 'laderman'):
                load(path)
        with self.assertRaisesRegex(LibraryError, 'STILE-'):
            load({**spec, 'base': 1})
        with self.assertRaisesRegex(ValueError, 'activation'):
            load({**spec, 'epilogue': {'activation': 'silu'}})
        with self.assertRaises(LibraryError):
            load('there is no such file.yaml')

    def test_bases_of_the_catalogue_keep_rows_apart_as_their_files_say(self):
        folder = pathlib.Path(__file__).resolve().parents[3] / 'specs/bases/222'
        found = [sorted(folder.glob(f'222_5_*_{kind}.yaml')) for kind in ('none', 'causal')]
        found.append(sorted(folder.glob('222_5_g*[0-9].yaml')))
        if not all(found):
            self.skipTest('the catalogue is not there')
        isolated, causal, mixing = (Basis.from_file(paths[0]) for paths in found)
        STLLinear(8, 8, isolated, rows='isolated', weight='dense')
        STLLinear(8, 8, causal, rows='causal', weight='dense')
        for basis, rows in ((isolated, 'isolated'), (causal, 'causal')):
            with self.assertRaises(RowsError):
                STLLinear(8, 8, basis, rows=rows)
        with self.assertRaises(RowsError):
            STLLinear(8, 8, mixing, rows='causal', weight='dense')
        for backend in ('plain', 'library'):
            for basis in (isolated, causal):
                options = {'rows': 'causal', 'weight': 'dense', 'backend': backend}
                model = torch.nn.Sequential(STLLinear(16, 16, basis, **options))
                self.assertTrue(check_causal(model, torch.randn(2, 9, 16), tolerance=1e-4))

    def test_a_basis_written_for_the_library_comes_back_to_the_bit(self):
        third = Basis(
            (1, 1, 1),
            torch.tensor([[1 / 3], [2.5e-7]]),
            torch.tensor([[1e10], [-0.5]]),
            torch.tensor([[0.1, 7]]),
        )
        for basis in (STRASSEN, Basis.random(3, 2, 1, 4), third):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, 'basis.yaml')
                plans.write_basis(basis, path)
                again = load({'stile': 1, 'name': 'a', 'basis': {'file': path}}).basis
            self.assertEqual(again.fingerprint, basis.fingerprint)

    def test_other_types_and_mixed_ones_are_refused(self):
        layer, _ = self.pair(STRASSEN)
        with self.assertRaisesRegex(TypeError, 'float64'):
            layer.double()(torch.randn(1, 3, 7, dtype=torch.float64))

    def test_a_batch_needs_no_plan_of_its_own(self):
        basis = Basis.random(2, 2, 2, 3)
        name = plans.register(basis, False)

        def get(M, rows):
            return plans.get(torch.device('cpu'), torch.float32, name, (M, 7, 5), rows)

        self.assertIs(get(5, 0), get(8, 0))
        self.assertIsNot(get(8, 0), get(9, 0))
        self.assertIs(get(9, 3), get(12, 3))
        self.assertIsNot(get(12, 3), get(12, 4))


class Missing(unittest.TestCase):
    def test_a_missing_library_is_reported_with_the_remedy(self):
        before = os.environ.get('STILE_LIBRARY')
        os.environ['STILE_LIBRARY'] = '/nowhere/libstile.so'
        library.get.cache_clear()
        try:
            self.assertFalse(library.available())
            with self.assertRaisesRegex(LibraryError, 'STILE_LIBRARY'):
                load('spec.yaml')
            layer = STLLinear(4, 4, STRASSEN, rows='batch')
            self.assertFalse(layer.uses_library(torch.randn(2, 4)))
            layer(torch.randn(2, 4))
        finally:
            os.environ.pop('STILE_LIBRARY')
            if before is not None:
                os.environ['STILE_LIBRARY'] = before
            library.get.cache_clear()


if __name__ == '__main__':
    unittest.main()
