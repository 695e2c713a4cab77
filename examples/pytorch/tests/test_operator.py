# SPDX-License-Identifier: Apache-2.0
"""The operator in plain PyTorch and the algebra of its bases."""

import json
import os
import tempfile
import unittest

import torch

from stile_torch import Basis, functional
from stile_torch.basis import load

STRASSEN = Basis.strassen()
BASES = [
    STRASSEN,
    STRASSEN.kron(Basis.classical(1, 2, 1)),
    Basis.classical(3, 1, 2),
    Basis.classical(1, 1, 1),
]


def double(*shape):
    return torch.randn(shape, dtype=torch.float64)


def contraction(x, w, basis):
    """STL with Ŵ = V·W, straight from T̂, tile by tile: [R, K] and [N, K] to [R, N]."""
    (m, k, n), (R, K), N = basis.tile, x.shape, w.shape[0]
    y = torch.zeros(-(-R // m) * m, -(-N // n) * n, dtype=x.dtype)
    x = torch.nn.functional.pad(x, (0, -K % k, 0, -R % m))
    w = torch.nn.functional.pad(w, (0, -K % k, 0, -N % n))
    tensor = basis.tensor.view(m * k, k * n, m * n)
    for i in range(0, y.shape[0], m):
        for j in range(0, y.shape[1], n):
            for p in range(0, x.shape[1], k):
                x_tile = x[i : i + m, p : p + k].reshape(-1)
                w_tile = w[j : j + n, p : p + k].T.reshape(-1)
                tile = torch.einsum('i,j,ijl->l', x_tile, w_tile, tensor)
                y[i : i + m, j : j + n] += tile.view(m, n)
    return y[:R, :N]


class Operator(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)

    def multiply(self, x, w, basis):
        w_hat = functional.encode_weight(w, basis.V, basis.tile)
        return functional.stl(x, w_hat, basis.U, basis.D, basis.tile, w.shape[0])

    def test_exact_bases_multiply_matrices_of_any_size_in_groups(self):
        for basis in BASES:
            for groups, rows, K, N in ((1, 4, 4, 4), (3, 7, 5, 9), (2, 1, 1, 1), (5, 2, 3, 1)):
                x, w = double(groups, rows, K), double(N, K)
                torch.testing.assert_close(self.multiply(x, w, basis), x @ w.T)

    def test_inexact_bases_are_their_tensor(self):
        for m, k, n, rank in ((2, 3, 2, 5), (1, 2, 4, 3), (4, 1, 1, 2)):
            basis = Basis.random(m, k, n, rank, seed=rank)
            x, w = double(7, 5), double(6, 5)
            torch.testing.assert_close(
                self.multiply(x[None], w, basis)[0], contraction(x, w, basis)
            )

    def test_no_tile_straddles_two_groups(self):
        basis = Basis.random(4, 2, 2, 6)
        x, w = double(3, 5, 4), double(6, 4)
        together = self.multiply(x, w, basis)
        for group in range(3):
            torch.testing.assert_close(
                together[group : group + 1], self.multiply(x[group, None], w, basis)
            )
        changed = x.clone()
        changed[1] += 1
        moved = (self.multiply(changed, w, basis) != together).flatten(1).any(1)
        self.assertEqual(moved.tolist(), [False, True, False])

    def test_gradients_pass_gradcheck_twice(self):
        basis = Basis.random(2, 3, 2, 4)
        inputs = [double(2, 3, 4), double(4, 2, 2), basis.U.clone(), basis.D.clone()]
        inputs = [tensor.requires_grad_() for tensor in inputs]

        def operator(x, w_hat, U, D):
            return functional.stl(x, w_hat, U, D, basis.tile, 3)

        self.assertTrue(torch.autograd.gradcheck(operator, inputs))
        self.assertTrue(torch.autograd.gradgradcheck(operator, inputs))

    def test_gradients_written_out_are_those_of_autograd(self):
        basis = Basis.random(3, 2, 4, 7)
        tensors = [double(2, 5, 3), double(7, 2, 2), basis.U.clone(), basis.D.clone()]
        inputs = [tensor.requires_grad_() for tensor in tensors]
        y = functional.stl(*inputs, basis.tile, 6)
        grad = torch.randn_like(y)
        wanted = torch.autograd.grad(y, inputs, grad)
        with torch.no_grad():
            got = functional.stl_backward(grad, *inputs, basis.tile, [True] * 4)
            for one, other in zip(got, wanted):
                torch.testing.assert_close(one, other)
            for only in range(4):
                needs = [index == only for index in range(4)]
                alone = functional.stl_backward(grad, *inputs, basis.tile, needs)
                self.assertEqual([gradient is not None for gradient in alone], needs)
                torch.testing.assert_close(alone[only], wanted[only])


class Algebra(unittest.TestCase):
    def test_strassen_is_known(self):
        self.assertTrue(STRASSEN.exact)
        self.assertEqual((STRASSEN.error, STRASSEN.growth, STRASSEN.sparse), (0, 4, True))
        self.assertEqual(STRASSEN.coupling(structural=True), 'full')
        self.assertEqual(STRASSEN.coupling(structural=False), 'none')
        square = STRASSEN.kron(STRASSEN)
        self.assertEqual((square.tile, square.rank, square.exact), ((4, 4, 4), 49, True))
        self.assertAlmostEqual(square.growth, 16)

    def test_a_projection_is_the_best_weight(self):
        basis = Basis.random(2, 2, 3, 6, seed=3)
        projected = basis.projected()
        self.assertLess(projected.error, basis.error)
        for _ in range(20):
            V = projected.V + 1e-3 * torch.randn_like(projected.V)
            self.assertGreater(Basis(basis.tile, basis.U, V, basis.D).error, projected.error)
        torch.testing.assert_close(STRASSEN.projected().V, STRASSEN.V)

    def test_dropping_classical_products_costs_what_they_were(self):
        dropped = Basis.classical(2, 2, 2).select([0, 1, 2, 5, 7])
        self.assertAlmostEqual(dropped.error, 3 / 8)
        self.assertEqual(dropped.coupling(structural=True), 'none')

    def test_random_bases_have_unit_gain_and_depend_on_the_seed_alone(self):
        one, same, other = (Basis.random(4, 3, 2, 9, seed) for seed in (1, 1, 2))
        self.assertAlmostEqual(float(one.tensor.square().sum()), 24)
        self.assertEqual(one.fingerprint, same.fingerprint)
        self.assertNotEqual(one.fingerprint, other.fingerprint)
        self.assertFalse(one.sparse)

    def test_coupling_sees_the_direction(self):
        U, D = torch.tensor([[1.0, 0], [0, 1], [1, 0]]), torch.tensor([[1.0, 0, 0], [0, 1, 1]])
        V = torch.ones(3, 1)
        self.assertEqual(Basis((2, 1, 1), U, V, D).coupling(True), 'causal')
        self.assertEqual(Basis((2, 1, 1), U.flip(1), V, D.flip(0)).coupling(True), 'full')
        V[2] = 0
        self.assertEqual(Basis((2, 1, 1), U, V, D).coupling(True), 'causal')
        self.assertEqual(Basis((2, 1, 1), U, V, D).coupling(False), 'none')

    def test_json_of_stile_basis_export_has_the_decoder_transposed(self):
        classical = Basis.classical(1, 2, 2)
        w = [[1, 0], [0, '1/1'], [1, 0], [0, 1]]
        data = {
            'name': 'c',
            'n': [1, 2, 2],
            'm': 4,
            'u': classical.U.tolist(),
            'v': classical.V.tolist(),
        }
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'c.json')
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({**data, 'w': w}, file)
            self.assertTrue(load(path).basis.exact)
            with open(
                path, 'w', encoding='utf-8'
            ) as file:  # ⟨2,1,2⟩: entry (a, d) is number d·2 + a
                json.dump(
                    {
                        'n': [2, 1, 2],
                        'm': 4,
                        'u': [[1, 0], [1, 0], [0, 1], [0, 1]],
                        'v': [[1, 0], [0, 1], [1, 0], [0, 1]],
                        'w': [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
                    },
                    file,
                )
            self.assertTrue(load(path).basis.exact)

    def test_bad_bases_and_specs_are_refused(self):
        good = Basis.classical(1, 1, 2)
        for change in (
            {'U': torch.ones(2, 2)},
            {'V': torch.ones(3, 2)},
            {'D': torch.ones(2, 3)},
            {'D': torch.full((2, 2), float('nan'))},
            {'tile': (2, 1, 2)},
        ):
            with self.assertRaises(ValueError):
                Basis(**{'tile': good.tile, 'U': good.U, 'V': good.V, 'D': good.D, **change})
        with self.assertRaises(TypeError):
            load(7)


if __name__ == '__main__':
    unittest.main()
