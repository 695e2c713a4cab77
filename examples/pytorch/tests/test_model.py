# SPDX-License-Identifier: Apache-2.0
"""Whole models: conversion, causality, counting."""

import unittest

import torch
from test_layer import causal_basis
from torch import nn

from stile_torch import Basis, RowsError, STLLinear, check_causal, count_flops, replace_linears

STRASSEN = Basis.strassen()


class Block(nn.Module):
    """Causal attention and a feed-forward layer."""

    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        q, k, v = self.qkv(x)[:, None].chunk(3, -1)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended[:, 0])
        return x + self.down(torch.relu(self.up(x)))


class Language(nn.Module):
    def __init__(self, width=16, vocabulary=11):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        return self.head(self.blocks(self.embed(tokens)))


class Conversion(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.tokens = torch.randint(0, 11, (2, 21))

    def test_a_model_converted_to_an_exact_basis_is_the_same(self):
        for weight in ('encoded', 'dense', 'residual'):
            model = Language().double()
            before = model(self.tokens)
            names = replace_linears(model, STRASSEN, rows='sequence', weight=weight)
            self.assertEqual(len(names), 9)
            self.assertFalse(any(type(module) is nn.Linear for module in model.modules()))
            torch.testing.assert_close(model(self.tokens), before)

    def test_weights_are_projected_onto_an_inexact_basis(self):
        basis = Basis.classical(2, 2, 2).select(range(6))
        x = torch.randn(4000, 32)
        for weight in ('encoded', 'dense', 'residual'):
            model = nn.Sequential(nn.Linear(32, 32, bias=False))
            y = model(x)
            replace_linears(model, basis, rows='batch', weight=weight)
            error = (model(x) - y).square().sum() / y.square().sum()
            self.assertAlmostEqual(float(error.detach()), basis.projected().error, delta=0.03)

    def test_a_projection_that_would_couple_rows_is_not_taken(self):
        part = STRASSEN.select(range(6))
        nothing = Basis(part.tile, part.U, 0 * part.V, part.D)
        self.assertEqual(nothing.coupling(False), 'none')
        self.assertEqual(nothing.projected().coupling(False), 'full')
        for rows, V in (('isolated', nothing.V), ('sequence', nothing.projected().V)):
            model = nn.Sequential(nn.Linear(4, 4))
            replace_linears(model, nothing, rows=rows, weight='dense')
            torch.testing.assert_close(model[0].V, V.float())

    def test_layers_are_chosen_by_name_and_shared_ones_stay_shared(self):
        model = Language()

        def rows(name, module):
            return 'isolated' if name == 'head' else 'sequence'

        names = replace_linears(model, 'classical:2,2,2', rows=rows, keep=['blocks.0.*'])
        self.assertEqual(
            names, ['blocks.1.qkv', 'blocks.1.out', 'blocks.1.up', 'blocks.1.down', 'head']
        )
        self.assertEqual((model.head.rows, model.blocks[1].up.rows), ('isolated', 'sequence'))
        layer = nn.Linear(4, 4)
        model = nn.Sequential(layer, nn.ReLU(), layer)
        self.assertEqual(replace_linears(model, STRASSEN, rows='batch'), ['0'])
        self.assertIs(model[0], model[2])
        self.assertIsInstance(model[2], STLLinear)

    def test_what_cannot_be_converted_is_refused_before_anything_is(self):
        model = Language()
        model.head.weight = model.embed.weight
        with self.assertRaisesRegex(ValueError, 'embed.weight'):
            replace_linears(model, STRASSEN, rows='sequence')
        self.assertIs(type(model.blocks[0].up), nn.Linear)
        with self.assertRaises(RowsError):
            replace_linears(model, STRASSEN, rows='causal', keep=['head'])
        self.assertIs(type(model.blocks[0].up), nn.Linear)
        self.assertEqual(len(replace_linears(model, STRASSEN, rows='sequence', keep=['head'])), 8)
        with self.assertRaises(TypeError):
            replace_linears(nn.Linear(2, 2), STRASSEN, rows='batch')

    def test_attention_of_pytorch_keeps_its_own_projection(self):
        model = nn.ModuleDict({'attention': nn.MultiheadAttention(8, 2), 'up': nn.Linear(8, 8)})
        self.assertEqual(replace_linears(model, STRASSEN, rows='sequence'), ['up'])
        x = torch.randn(3, 2, 8)
        model['attention'](x, x, x)


class Causality(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.tokens = torch.randint(0, 11, (2, 21))

    def test_a_dense_causal_model_passes_to_the_bit(self):
        report = check_causal(Language(), self.tokens)
        self.assertTrue(report)
        self.assertEqual((report.bitwise, report.change, report.position), (True, 0, -1))

    def test_full_coupling_is_caught(self):
        for basis in (Basis.random(4, 4, 4, 24), STRASSEN):
            model = Language()
            replace_linears(model, basis, rows='sequence')
            for layer in model.modules():
                if isinstance(layer, STLLinear):
                    layer.w_hat.data += 0.1 * torch.randn_like(layer.w_hat)
            report = check_causal(model, self.tokens)
            self.assertFalse(report)
            self.assertGreater(report.change, 1e-2)
            self.assertGreaterEqual(report.position, 1)

    def test_one_leaking_layer_is_enough(self):
        model = Language()
        replace_linears(model, Basis.random(2, 2, 2, 6), rows='batch', only=['blocks.1.up'])
        self.assertFalse(check_causal(model, self.tokens))

    def test_structural_isolation_passes_to_the_bit(self):
        kept = Basis.classical(2, 2, 2).select([0, 1, 3, 4, 6, 7])
        for basis, rows in ((causal_basis(), 'causal'), (kept, 'isolated')):
            for train_basis in (False, True):
                model = Language()
                replace_linears(model, basis, rows=rows, train_basis=train_basis)
                report = check_causal(model, self.tokens)
                self.assertTrue(report)
                self.assertEqual((report.bitwise, report.change), (True, 0))

    def test_exact_bases_pass_within_rounding_and_not_without(self):
        model = Language()
        replace_linears(model, STRASSEN.kron(STRASSEN), rows='causal', weight='dense')
        report = check_causal(model, self.tokens)
        self.assertTrue(report)
        self.assertFalse(report.bitwise)
        self.assertLess(report.change, 1e-4)
        self.assertFalse(check_causal(model, self.tokens, bitwise=True))
        self.assertFalse(check_causal(model, self.tokens, tolerance=0))

    def test_features_and_chosen_positions(self):
        model = nn.Sequential(STLLinear(4, 4, causal_basis(), rows='causal'))
        self.assertTrue(check_causal(model, torch.randn(2, 9, 4), positions=[3, 4]))
        flipped = Basis(
            (2, 1, 1), causal_basis().U.flip(1), causal_basis().V, causal_basis().D.flip(0)
        )
        model = nn.Sequential(STLLinear(4, 4, flipped, rows='sequence'))
        model[0].w_hat.data.fill_(
            1
        )  # the projection of a dense weight would not use the third product
        self.assertFalse(check_causal(model, torch.randn(2, 9, 4)))
        self.assertTrue(
            check_causal(model, torch.randn(2, 9, 4), positions=[4])
        )  # between two tiles

    def test_not_a_number_is_no_pass(self):
        class Spoilt(nn.Module):
            def forward(self, x):
                return x + x[:, -1:] * float('inf') * 0

        self.assertFalse(check_causal(Spoilt(), torch.ones(1, 4, 2), bitwise=False))

    def test_modes_are_restored_and_bad_samples_refused(self):
        model = Language().train()
        model.head.eval()
        check_causal(model, self.tokens)
        self.assertEqual((model.training, model.head.training), (True, False))
        with self.assertRaises(ValueError):
            check_causal(model, self.tokens[:, :1])
        with self.assertRaises(ValueError):
            check_causal(lambda_model(), self.tokens)


def lambda_model():
    class Pooled(nn.Module):
        def forward(self, x):
            return x.float().mean(1, keepdim=True)

    return Pooled()


class Counting(unittest.TestCase):
    def test_counts_are_those_of_the_formula(self):
        model = nn.Sequential(STLLinear(10, 9, Basis.random(4, 4, 4, 24), rows='sequence'))
        flops = count_flops(model, torch.randn(2, 5, 10))
        (layer,) = flops.layers
        rows, inner, columns = 2 * 2, 3, 3  # whole tiles
        self.assertEqual((layer.M, layer.K, layer.N), (10, 10, 9))
        self.assertEqual(layer.gemm, 2 * 24 * rows * inner * columns)
        self.assertEqual(layer.encode, 2 * 24 * 16 * rows * inner)
        self.assertEqual(layer.decode, 2 * 24 * 16 * rows * columns)
        self.assertEqual((layer.encode_weight, layer.dense), (0, 2 * 10 * 10 * 9))
        self.assertEqual(flops.total, layer.gemm + layer.encode + layer.decode)

    def test_sparse_bases_are_counted_by_their_additions(self):
        layer = STLLinear(2, 2, STRASSEN, rows='batch', weight='dense')
        (counted,) = count_flops(nn.Sequential(layer), torch.randn(2, 2)).layers
        self.assertEqual((counted.encode, counted.decode, counted.encode_weight), (5, 8, 5))

    def test_what_is_not_stl_is_counted_as_it_is(self):
        tokens = torch.zeros(2, 21, dtype=torch.long)
        dense = count_flops(Language(), tokens)
        self.assertEqual(dense.layers, [])
        width, rows = 16, 2 * 21
        linear = 2 * rows * width * (2 * 8 * width + 11)
        attention = 2 * 2 * 2 * 2 * 21 * 21 * width
        self.assertEqual(dense.total, linear + attention)
        model = Language()
        names = replace_linears(model, Basis.random(4, 4, 4, 16), rows='sequence')
        converted = count_flops(model, tokens)
        self.assertEqual([layer.name for layer in converted.layers], names)
        self.assertEqual((converted.dense, converted.other), (dense.total, attention))
        self.assertAlmostEqual(converted.ratio, dense.total / converted.total)
        model(tokens)  # the layers work again

    def test_nothing_is_computed_on_the_meta_device(self):
        with torch.device('meta'):
            bases = Basis.classical(1, 4, 4).select(range(8)), STRASSEN.kron(STRASSEN)
            self.assertEqual([round(basis.projected().error, 9) for basis in bases], [0.5, 0])
            model = Language(4096, 32000)
            replace_linears(model, Basis.random(4, 4, 4, 16), rows='sequence')
            tokens = torch.zeros(1, 8192, dtype=torch.long)
        self.assertGreater(count_flops(model, tokens).ratio, 2)


if __name__ == '__main__':
    unittest.main()
