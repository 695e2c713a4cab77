# SPDX-License-Identifier: Apache-2.0
"""STLLinear in plain PyTorch: weights, rows, masks, state, autocast, compiling, training."""

import copy
import io
import unittest

import torch
from torch import nn

from stile_torch import Basis, ChannelAnnealing, RowsError, Spec, STLLinear, fit, parameter_groups
from stile_torch.anneal import channels_to_keep

STRASSEN = Basis.strassen()


def causal_basis():
    """⟨2,1,1;3⟩: y0 = x0·w, y1 = x1·w + x0·w', with two weights."""
    return Basis(
        (2, 1, 1),
        torch.tensor([[1.0, 0], [0, 1], [1, 0]]),
        torch.tensor([[1.0], [1], [0]]),
        torch.tensor([[1.0, 0, 0], [0, 1, 1]]),
        'causal',
    )


def rotated_strassen():
    """Exact, with coefficients that no short number holds."""
    a, b, c = (torch.linalg.qr(torch.randn(2, 2, dtype=torch.float64))[0] for _ in range(3))
    strassen = Basis.strassen()
    return Basis(
        (2, 2, 2),
        strassen.U @ torch.kron(a, b),
        strassen.V @ torch.kron(b, c),
        torch.kron(a.T, c.T).contiguous() @ strassen.D,
        'rotated',
    )


def inexact():
    return Basis.random(2, 2, 2, 5)


class Layer(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)

    def test_exact_bases_give_the_dense_layer(self):
        dense = nn.Linear(13, 11).double()
        for weight in ('encoded', 'dense', 'residual'):
            layer = STLLinear(13, 11, STRASSEN, rows='batch', weight=weight, dtype=torch.float64)
            layer.set_dense(dense.weight)
            layer.bias.data.copy_(dense.bias)
            for shape in ((13,), (5, 13), (2, 3, 13), (2, 1, 4, 13), (0, 13), (2, 0, 13)):
                x = torch.randn(shape, dtype=torch.float64)
                torch.testing.assert_close(layer(x), dense(x))

    def test_rows_must_be_stated_and_must_be_kept(self):
        with self.assertRaises(TypeError):
            STLLinear(4, 4, STRASSEN)
        with self.assertRaisesRegex(ValueError, 'must be one of'):
            STLLinear(4, 4, STRASSEN, rows='token')
        cases = [  # basis, weight, train_basis, rows that are accepted
            (STRASSEN, 'dense', False, {'isolated', 'causal', 'sequence', 'batch'}),
            (STRASSEN, 'encoded', False, {'sequence', 'batch'}),
            (STRASSEN, 'residual', False, {'sequence', 'batch'}),
            (STRASSEN, 'dense', True, {'sequence', 'batch'}),
            (causal_basis(), 'encoded', True, {'causal', 'sequence', 'batch'}),
            (causal_basis(), 'dense', False, {'isolated', 'causal', 'sequence', 'batch'}),
            (
                Basis.classical(2, 2, 1),
                'encoded',
                True,
                {'isolated', 'causal', 'sequence', 'batch'},
            ),
        ]
        for basis, weight, train_basis, accepted in cases:
            for rows in ('isolated', 'causal', 'sequence', 'batch'):
                options = {'rows': rows, 'weight': weight, 'train_basis': train_basis}
                if rows in accepted:
                    STLLinear(4, 4, basis, **options)
                else:
                    with self.assertRaises(RowsError):
                        STLLinear(4, 4, basis, **options)
        with self.assertRaisesRegex(RowsError, 'its spec'):
            STLLinear(4, 4, Spec(STRASSEN, 'none'), rows='batch')

    def test_sequences_never_mix(self):
        layer = STLLinear(4, 6, Basis.random(4, 2, 2, 6), rows='sequence')
        x = torch.randn(3, 5, 4)
        changed = x.clone()
        changed[1, 0] += 1
        moved = (layer(changed) != layer(x)).flatten(1).any(1)
        self.assertEqual(moved.tolist(), [False, True, False])
        flat = layer(x.view(15, 4), rows_per_group=5)
        torch.testing.assert_close(flat.view(3, 5, 6), layer(x))
        fixed = copy.deepcopy(layer)
        fixed.rows_per_group = 5
        torch.testing.assert_close(fixed(x.view(15, 4)), flat)
        with self.assertRaisesRegex(ValueError, 'whole number'):
            layer(x.view(15, 4), rows_per_group=4)
        with self.assertRaisesRegex(ValueError, 'rows_per_group'):
            layer(x[0])
        with self.assertRaisesRegex(ValueError, 'features'):
            layer(torch.randn(2, 5))

    def test_gradients_of_all_parameters_pass_gradcheck(self):
        for weight in ('encoded', 'dense', 'residual'):
            layer = STLLinear(
                3,
                5,
                inexact(),
                rows='sequence',
                weight=weight,
                train_basis=True,
                dtype=torch.float64,
            )
            names = [name for name, _ in layer.named_parameters()]
            self.assertIn('U', names)
            x = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
            values = [value.detach().clone().requires_grad_() for value in layer.parameters()]

            def call(x, *values, layer=layer, names=names):
                return torch.func.functional_call(layer, dict(zip(names, values)), (x,))

            self.assertTrue(torch.autograd.gradcheck(call, (x, *values)))

    def test_masks_of_causal_bases_survive_training(self):
        layer = STLLinear(6, 6, causal_basis(), rows='causal', train_basis=True)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
        x, y = torch.randn(4, 5, 6), torch.randn(4, 5, 6)
        with torch.no_grad():  # as noise or a foreign checkpoint would
            layer.U += 0.5
            layer.D += 0.5
        for _ in range(5):
            optimizer.zero_grad()
            (layer(x) - y).square().mean().backward()
            optimizer.step()
        U, D = layer.factors()
        self.assertEqual(Basis((2, 1, 1), U, layer.basis.V, D).coupling(True), 'causal')
        self.assertEqual((U != 0).tolist(), (causal_basis().U != 0).tolist())
        self.assertFalse(torch.equal(U, layer.basis.U.float()))
        later = x.clone()
        later[:, 3:] += 1
        self.assertTrue(torch.equal(layer(later)[:, :3], layer(x)[:, :3]))
        self.assertFalse(torch.equal(layer(later)[:, 3], layer(x)[:, 3]))

    def test_bases_that_are_not_trained_stay(self):
        layer = STLLinear(4, 4, inexact(), rows='batch', weight='dense')
        self.assertEqual({name for name, _ in layer.named_parameters()}, {'w', 'bias'})
        layer(torch.randn(3, 4)).sum().backward()
        torch.testing.assert_close(layer.U, inexact().U.float())

    def test_state_dicts_come_back_to_the_bit(self):
        for weight in ('encoded', 'dense', 'residual'):
            for train_basis in (False, True):

                def make():
                    return STLLinear(
                        5, 7, inexact(), rows='sequence', weight=weight, train_basis=train_basis
                    )

                one, other = make(), make()
                file = io.BytesIO()
                torch.save(one.state_dict(), file)
                file.seek(0)
                other.load_state_dict(torch.load(file, weights_only=True))
                x = torch.randn(2, 3, 5)
                self.assertTrue(torch.equal(one(x), other(x)))
                whole = io.BytesIO()
                torch.save(one, whole)
                whole.seek(0)
                self.assertTrue(torch.equal(torch.load(whole, weights_only=False)(x), one(x)))

    def test_a_state_dict_of_another_basis_is_refused(self):
        one = STLLinear(4, 4, Basis.random(2, 2, 2, 5, seed=1), rows='batch')
        other = STLLinear(4, 4, Basis.random(2, 2, 2, 5, seed=2), rows='batch')
        with self.assertRaisesRegex(RuntimeError, 'another basis'):
            other.load_state_dict(one.state_dict())
        masked = STLLinear(4, 4, causal_basis(), rows='causal', train_basis=True)
        state = masked.state_dict()
        state['U_mask'] = torch.ones_like(state['U_mask'])
        with self.assertRaisesRegex(RuntimeError, 'another basis'):
            masked.load_state_dict(state)

    def test_outputs_start_with_the_variance_of_a_dense_layer(self):
        x = torch.randn(512, 256)
        for weight in ('encoded', 'dense'):
            for basis in (
                STRASSEN,
                Basis.random(4, 4, 4, 16),
                Basis.classical(2, 2, 2).select([0, 3]),
            ):
                layer = STLLinear(256, 256, basis, rows='batch', weight=weight, bias=False)
                self.assertAlmostEqual(float(layer(x).detach().var()), 1 / 3, delta=0.05)

    def test_autocast_computes_in_bf16_and_trains_f32(self):
        for weight in ('encoded', 'dense', 'residual'):
            layer = STLLinear(16, 16, STRASSEN, rows='batch', weight=weight)
            x = torch.randn(8, 16)
            full = layer(x)
            with torch.autocast('cpu', dtype=torch.bfloat16):
                y = layer(x)
            self.assertEqual(y.dtype, torch.bfloat16)
            self.assertLess(float(((y - full).norm() / full.norm()).detach()), 0.02)
            y.float().square().sum().backward()
            for parameter in layer.parameters():
                self.assertEqual(parameter.grad.dtype, torch.float32)

    def test_isolation_by_cancellation_survives_16_bits(self):
        rotated = rotated_strassen()
        self.assertTrue(rotated.exact)
        layer = STLLinear(16, 16, rotated, rows='isolated', weight='dense', bias=False)
        x = torch.randn(64, 16)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            w = layer.w.detach()
            error = (layer(x).detach().float() - x @ w.T).norm() / (x @ w.T).norm()
            rounded = copy.deepcopy(layer)
            rounded.wide_factors = False
            worse = (rounded(x).detach().float() - x @ w.T).norm() / (x @ w.T).norm()
        self.assertLess(float(error), 2 * 1.66e-3 * (3 * rotated.growth + 1) ** 0.5)
        self.assertGreater(float(worse), 1.1 * float(error))

    def test_a_layer_of_bf16_runs(self):
        layer = STLLinear(16, 16, inexact(), rows='batch', dtype=torch.bfloat16)
        self.assertEqual((layer.w_hat.dtype, layer.U.dtype), (torch.bfloat16, torch.float32))
        self.assertEqual(layer(torch.randn(8, 16, dtype=torch.bfloat16)).dtype, torch.bfloat16)
        self.assertEqual(layer.bfloat16()(torch.randn(8, 16).bfloat16()).dtype, torch.bfloat16)

    def test_compiling_changes_nothing(self):
        layer = STLLinear(6, 5, inexact(), rows='sequence', train_basis=True)
        compiled = torch.compile(layer, backend='aot_eager', fullgraph=True)
        for shape in ((2, 4, 6), (3, 5, 6)):
            x = torch.randn(shape)
            torch.testing.assert_close(compiled(x), layer(x))
            compiled(x).sum().backward()
            gradient, layer.U.grad = layer.U.grad.clone(), None
            layer(x).sum().backward()
            torch.testing.assert_close(gradient, layer.U.grad)
            layer.zero_grad()

    def test_channels_fade_and_are_removed(self):
        model = nn.Sequential(
            STLLinear(4, 6, STRASSEN, rows='batch', weight='residual', train_basis=True),
            STLLinear(6, 6, STRASSEN, rows='batch'),
            STLLinear(6, 3, inexact(), rows='batch', weight='dense'),
        )
        x = torch.randn(5, 4)
        before = model(x)
        annealing = ChannelAnnealing(model, 5)
        torch.testing.assert_close(model(x), before)
        annealing.step(0.5)
        self.assertFalse(torch.allclose(model(x), before))
        annealing.step(2.0)
        faded = model(x)
        faded.sum().backward()
        gone = [c for c in range(7) if c not in channels_to_keep(STRASSEN, 5)]
        self.assertEqual(float(model[1].w_hat.grad[gone].abs().max()), 0)
        annealing.finish()
        self.assertEqual([layer.basis.rank for layer in model], [5, 5, 5])
        self.assertEqual(model[0].delta.shape[0], 5)
        torch.testing.assert_close(model(x), faded)
        for layer in model:
            copy.deepcopy(layer).load_state_dict(layer.state_dict())

    def test_the_channels_kept_are_those_that_err_least(self):
        kept = channels_to_keep(STRASSEN, 6)
        errors = [
            STRASSEN.select([c for c in range(7) if c != d]).projected().error for d in range(7)
        ]
        self.assertAlmostEqual(STRASSEN.select(kept).projected().error, min(errors))
        self.assertEqual(channels_to_keep(Basis.classical(2, 1, 1), 1), [0])
        with self.assertRaises(ValueError):
            channels_to_keep(STRASSEN, 8)

    def test_fading_must_not_couple_rows(self):
        layer = STLLinear(4, 4, STRASSEN, rows='isolated', weight='dense')
        ranks = {'none': [], 'causal': [], 'full': []}
        for rank in range(1, 7):
            left = STRASSEN.select(channels_to_keep(STRASSEN, rank))
            ranks[left.coupling(False)].append(rank)
        self.assertIn(6, ranks['none'])  # a product that stays within a row is the first to go
        ChannelAnnealing(nn.Sequential(layer), 6)
        with self.assertRaises(RowsError):
            ChannelAnnealing(nn.Sequential(layer), ranks['full'][0])

    def test_factors_have_a_rate_of_their_own_and_no_decay(self):
        model = nn.Sequential(
            STLLinear(4, 4, inexact(), rows='batch', train_basis=True), nn.Linear(4, 2)
        )
        groups = parameter_groups(model, lr=1.0, weight_decay=0.5, factor_lr=0.25)
        found = {
            id(p): (group['lr'], group['weight_decay']) for group in groups for p in group['params']
        }
        self.assertEqual(len(found), len(list(model.parameters())))
        self.assertEqual(found[id(model[0].U)], (0.25, 0.0))
        self.assertEqual(found[id(model[0].w_hat)], (1.0, 0.5))
        self.assertEqual(found[id(model[1].weight)], (1.0, 0.5))
        self.assertEqual(found[id(model[0].bias)], (1.0, 0.0))

    def test_training_lowers_the_loss(self):
        layer = STLLinear(16, 16, Basis.random(4, 4, 4, 24), rows='sequence', train_basis=True)
        x = torch.randn(64, 8, 16)
        y = x @ torch.randn(16, 16) / 4
        losses = fit(layer, [(x, y)] * 60, nn.functional.mse_loss, lr=1e-2)
        self.assertLess(losses[-1], 0.7 * losses[0])


if __name__ == '__main__':
    unittest.main()
