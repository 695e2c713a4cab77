# SPDX-License-Identifier: Apache-2.0
"""libstile on a GPU behind the layer. Skipped without one, or without the library."""

import copy
import unittest

import torch
from stile_torch import Basis, STLLinear, check_causal, library

from test_layer import causal_basis

STRASSEN = Basis.strassen()


@unittest.skipUnless(torch.cuda.is_available(), 'there is no CUDA device')
@unittest.skipUnless(library.available(), 'libstile was not found (STILE_LIBRARY)')
class Cuda(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)

    def pair(self, basis, dtype=torch.bfloat16, **options):
        """The same layer on libstile, and in float64 in plain PyTorch."""
        options = {'rows': 'sequence', 'backend': 'library', **options}
        one = STLLinear(200, 136, basis, device='cuda', dtype=dtype, **options)
        other = copy.deepcopy(one).double()
        other.backend = 'plain'
        return one, other

    def test_it_computes_the_operator_and_its_gradients_up_to_rounding(self):
        limits = {torch.float32: 0.01, torch.float16: 0.01, torch.bfloat16: 0.05}
        for basis in (STRASSEN, Basis.random(4, 4, 4, 24), Basis.random(2, 3, 2, 5)):
            for dtype, limit in limits.items():
                for train_basis in (False, True):
                    one, other = self.pair(basis, dtype, train_basis=train_basis)
                    x = torch.randn(3, 67, 200, device='cuda', dtype=dtype)
                    grad = torch.randn(3, 67, 136, device='cuda', dtype=dtype)
                    results = []
                    for layer, kind in ((one, dtype), (other, torch.float64)):
                        given = x.to(kind, copy=True).requires_grad_()
                        y = layer(given)
                        y.backward(grad.to(kind))
                        gradients = {name: p.grad for name, p in layer.named_parameters()}
                        results.append({'y': y.detach(), 'x': given.grad, **gradients})
                    for name, got in results[0].items():
                        wanted = results[1][name]
                        error = (got.double() - wanted).norm() / wanted.norm()
                        self.assertLess(float(error), limit, f'{name} {dtype} {basis}')

    def test_a_graph_replays_with_new_inputs_beside_eager_calls(self):
        layer, _ = self.pair(Basis.random(4, 4, 4, 24), train_basis=True)
        x = torch.randn(2, 64, 200, device='cuda', dtype=torch.bfloat16)
        with torch.no_grad():
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                layer(x)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                y = layer(x)
            for _ in range(3):
                new = torch.randn_like(x)
                wanted = layer(new)
                x.copy_(new)
                graph.replay()
                self.assertTrue(torch.equal(y, wanted))

    def test_streams_are_those_of_pytorch(self):
        layer, _ = self.pair(STRASSEN)
        x = torch.randn(2, 64, 200, device='cuda', dtype=torch.bfloat16)
        with torch.no_grad():
            wanted = layer(x)
            streams = [torch.cuda.Stream() for _ in range(3)]
            torch.cuda.synchronize()
            results = []
            for stream in streams:
                with torch.cuda.stream(stream):
                    results.append(layer(x))
            torch.cuda.synchronize()
        for result in results:
            self.assertTrue(torch.equal(result, wanted))

    def test_memory_is_pytorchs(self):
        layer, _ = self.pair(STRASSEN, train_basis=True)
        x = torch.randn(4, 512, 200, device='cuda', dtype=torch.bfloat16)

        def outside():
            free, total = torch.cuda.mem_get_info()
            return total - free - torch.cuda.memory_reserved()

        for _ in range(3):
            layer(x).sum().backward()
        torch.cuda.synchronize()
        before = outside()
        for _ in range(10):
            layer(x).sum().backward()
        torch.cuda.synchronize()
        self.assertEqual(outside(), before)

    def test_masks_isolate_to_the_bit(self):
        layer = STLLinear(
            64, 64, causal_basis(), rows='causal', train_basis=True, backend='library'
        )
        model = torch.nn.Sequential(layer).to('cuda', torch.bfloat16)
        sample = torch.randn(2, 33, 64, device='cuda', dtype=torch.bfloat16)
        report = check_causal(model, sample)
        self.assertTrue(report)
        self.assertTrue(report.bitwise)

    def test_packed_weights_and_compiled_layers_give_the_same(self):
        layer, _ = self.pair(Basis.random(4, 4, 4, 24))
        x = torch.randn(2, 64, 200, device='cuda', dtype=torch.bfloat16)
        with torch.no_grad():
            wanted = layer.eval()(x)
            layer.pack()
            self.assertTrue(torch.equal(layer(x), wanted))
            compiled = torch.compile(layer, backend='aot_eager', fullgraph=True)
            self.assertTrue(torch.equal(compiled(x), wanted))

    def test_layers_take_it_by_themselves(self):
        layer = STLLinear(64, 64, STRASSEN, rows='batch', device='cuda')
        self.assertTrue(layer.uses_library(torch.ones(1, device='cuda')))
        self.assertFalse(layer.uses_library(torch.ones(1, device='cuda', dtype=torch.float64)))
        self.assertFalse(layer.uses_library(torch.ones(1)))


if __name__ == '__main__':
    unittest.main()
