# SPDX-License-Identifier: Apache-2.0
"""The code of the experiments, at toy size."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import torch

from stile_torch import check_causal, library

FOLDER = pathlib.Path(__file__).resolve().parent.parent / 'experiments'
sys.path.insert(0, str(FOLDER))

import data  # noqa: E402
import flop_tables  # noqa: E402
import llama  # noqa: E402
import sparse24  # noqa: E402
import suite  # noqa: E402
import t2t_vit  # noqa: E402
import train  # noqa: E402
import variants  # noqa: E402

TOY = train.setting('causal', 'toy')[0]


class Models(unittest.TestCase):
    def test_architectures_have_the_parameters_that_were_published(self):
        with torch.device('meta'):
            made = {
                'TinyLlama': llama.Llama(llama.TINYLLAMA),
                **{name: t2t_vit.T2TViT(config) for name, config in t2t_vit.CONFIGS.items()},
            }
        counts = {name: sum(p.numel() for p in model.parameters()) for name, model in made.items()}
        self.assertEqual(counts['TinyLlama'], 1_100_048_384)
        self.assertEqual(round(counts['t2t-vit-7'] / 1e6, 1), 4.3)
        self.assertEqual(round(counts['t2t-vit-14'] / 1e6, 1), 21.5)

    def test_dense_models_take_the_flop_that_were_published(self):
        for model, make, shape, dtype in flop_tables.models():
            if model.startswith('t2t'):
                counted = flop_tables.count(make, shape, dtype, None)
                published = {'t2t-vit-7': 1.1, 't2t-vit-14': 4.8}[model]  # 10⁹ multiply-adds
                self.assertEqual(round(counted['total_gflop'] / 2, 1), published)

    def test_language_models_are_causal_or_not_as_configured(self):
        torch.manual_seed(0)
        tokens = torch.randint(0, 256, (2, 20))
        for causal in (True, False):
            config = train.setting('causal' if causal else 'masked', 'toy')[0]
            self.assertEqual(bool(check_causal(llama.Llama(config), tokens)), causal)

    def test_images_of_a_batch_never_mix(self):
        torch.manual_seed(0)
        config, _, length = train.setting('image', 'toy')
        variant = 'stl:random/4/4/4/24/0,train'
        model = variants.convert(variants.dense(config), config, variant).eval()
        images = torch.randn(3, 3, config.size, config.size)
        others = torch.cat([images[:1], torch.randn(2, 3, config.size, config.size)])
        torch.testing.assert_close(model(images)[0], model(others)[0])
        self.assertFalse(torch.equal(model(images)[1], model(others)[1]))

    def test_half_of_the_weights_are_kept_and_gradients_pass(self):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(10, 3, bias=False))
        self.assertEqual(sparse24.sparsify(model), ['0'])
        weight = model[0].weight
        mask = sparse24.mask24(weight)
        self.assertEqual(mask[:, :8].view(3, 2, 4).sum(2).tolist(), [[2, 2]] * 3)
        self.assertTrue(mask[:, 8:].all())
        lowest = weight.abs().masked_fill(~mask, 9)[:, :8].view(3, 2, 4).amin(2)
        highest = weight.abs().masked_fill(mask, 0)[:, :8].view(3, 2, 4).amax(2)
        self.assertTrue((lowest >= highest).all())
        x = torch.randn(5, 10)
        torch.testing.assert_close(model(x), x @ (weight * mask).T)
        model(x).sum().backward()
        wanted = x.sum(0).expand(3, 10) + sparse24.Sparse24Linear.decay * weight * ~mask
        torch.testing.assert_close(weight.grad, wanted)


class Data(unittest.TestCase):
    def test_batches_depend_on_seed_and_step_alone(self):
        text = data.Text(limit=1 << 14)
        for make in (
            lambda g: text.causal(False, 2, 16, g),
            lambda g: text.masked(True, 2, 16, g),
            lambda g: data.draw(2, 16, g),
        ):
            one, same, other = (make(data.generator('t', step)) for step in (1, 1, 2))
            self.assertTrue(all(map(torch.equal, one, same)))
            self.assertFalse(torch.equal(one[0], other[0]))

    def test_tasks_ask_for_what_was_hidden(self):
        text = data.Text(limit=1 << 14)
        x, y = text.causal(False, 4, 32, data.generator(0))
        self.assertTrue(torch.equal(x[:, 1:], y[:, :-1]))
        x, y = text.masked(False, 64, 32, data.generator(0))
        self.assertTrue(torch.equal(x == data.MASK, y != -100))
        self.assertAlmostEqual(float((y != -100).float().mean()), 0.15, delta=0.02)

    def test_held_out_text_is_none_of_the_training_text(self):
        text = data.Text()
        self.assertGreater(len(text.train), 10 * len(text.held_out))
        self.assertGreater(len(text.held_out), 100_000)

    def test_classes_can_be_seen(self):
        images, classes = data.draw(400, 32, data.generator(0))
        self.assertEqual(sorted(set(classes.tolist())), list(range(data.CLASSES)))
        self.assertEqual(images.shape, (400, 3, 32, 32))
        self.assertTrue(images.isfinite().all())


class Runs(unittest.TestCase):
    def arguments(self, folder, *words):
        words = (*words, '--out', folder, '--size', 'toy', '--batches', '1', '--every', '1')
        return train.arguments().parse_args([*words, '--device', 'cpu'])

    def test_a_run_in_pieces_is_the_run_in_one(self):
        figures = []
        for seconds in ('1000', '0'):
            with tempfile.TemporaryDirectory() as folder:
                words = ('masked', 'stl:strassen,weight=residual,train,anneal=6', '--steps', '3')
                arguments = self.arguments(folder, *words, '--seconds', seconds)
                codes = [train.train(arguments)]
                while codes[-1] == train.CONTINUE and len(codes) < 9:
                    codes.append(train.train(arguments))
                self.assertEqual(codes, [0] if seconds != '0' else [train.CONTINUE] * 2 + [0])
                (path,) = pathlib.Path(folder).glob('*.json')
                figures.append(json.loads(path.read_text(encoding='utf-8')))
        self.assertEqual(figures[0]['curve'], figures[1]['curve'])
        self.assertEqual(figures[0]['held_out'], figures[1]['held_out'])

    def test_results_say_whether_the_future_leaks(self):
        for variant, causal in (
            ('stl:isolated/1/4/4/8', True),
            ('stl:random/4/4/4/24/0,train,leak', False),
            ('stl:strassen2,weight=dense', True),
        ):
            with tempfile.TemporaryDirectory() as folder:
                train.train(self.arguments(folder, 'causal', variant, '--steps', '2'))
                (path,) = pathlib.Path(folder).glob('*.json')
                figures = json.loads(path.read_text(encoding='utf-8'))
            self.assertEqual(figures['coupling']['causal'], causal, variant)

    def test_a_suite_goes_on_where_it_stopped_and_makes_a_table(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(FOLDER / 'suite.py')]
            options = ['--out', folder, '--size', 'toy', '--seeds', '1', '--minutes']
            for minutes, code in (('0', train.CONTINUE), ('9', 0)):
                done = subprocess.run([*command, 'run', 'smoke', *options, minutes])
                self.assertEqual(done.returncode, code)
            table = subprocess.run(
                [*command, 'table', folder], capture_output=True, text=True, check=True
            ).stdout
        self.assertEqual(table.count('\n'), 2 + 3)
        self.assertIn('| causal | stl:isolated/1/4/4/8,weight=residual | dense | 3 |', table)

    @unittest.skipUnless(library.available(), 'libstile was not found (STILE_LIBRARY)')
    def test_training_on_libstile_is_training_in_plain_pytorch(self):
        command = [sys.executable, str(FOLDER / 'same_training.py'), '--size', 'toy']
        self.assertEqual(subprocess.run([*command, '--steps', '10']).returncode, 0)

    def test_equal_models_take_as_many_flop(self):
        dense = variants.flops(TOY, 32, 'dense')['forward']
        half = variants.flops(TOY, 32, '2:4')['forward']
        self.assertLess(half, dense)
        narrow = variants.flops(TOY, 32, 'narrow:1')['forward']
        self.assertEqual(narrow, dense)
        config = train.setting('causal', 'small')[0]
        wanted = variants.flops(config, 512, '2:4')['forward']
        got = variants.flops(config, 512, 'equal:2:4')['forward']
        self.assertLess(abs(got / wanted - 1), 0.08)

    def test_suites_name_variants_that_there_are(self):
        for name in suite.SUITES:
            for words in suite.runs(name, 'toy', 1, 'nowhere'):
                a = train.arguments().parse_args(words)
                if re.search(r'stl:[0-9]{3}_', a.variant) and not library.available():
                    continue  # bases of the catalogue are read by libstile
                config, _, length = train.setting(a.task, a.size)
                self.assertGreater(variants.flops(config, length, a.variant)['forward'], 0)
        with self.assertRaises(ValueError):
            variants.convert(variants.dense(TOY), TOY, 'stl:strassen,wieght=dense')
        with self.assertRaises(ValueError):
            variants.convert(variants.dense(TOY), TOY, 'sparse')


if __name__ == '__main__':
    unittest.main()
