"""Perplexity of an adapted Llama-like network against the share of its heads that compute on the arrays.

Heads are taken off the arrays in the order of their error, without training again: such a head computes
softmax with the weights of the original network. The error of a head is the mean square difference between
its contribution to the layer's output and the original one's, for the original network's inputs, over the
variance of that layer's output.

    python benchmarks/head_shares.py out/smollm2 --text test.txt
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from gaincell.cosim.network.adapters import load_adapted
from gaincell.cosim.network.batches import held_out_windows, measure
from gaincell.cosim.network.checkpoints import load_softmax, locate, tokenizer_of
from gaincell.cosim.network.compute import choose_compute
from gaincell.cosim.network.families import attention_modules

ERROR_WINDOWS = 2
"""Windows of the text's end that rank the heads; the perplexity is measured on its beginning."""


class MixedHeads(nn.Module):
    """An attention module of which some heads compute on the arrays and the others as softmax."""

    def __init__(self, analog: nn.Module, digital: nn.Module, depth: int) -> None:
        super().__init__()
        self.analog, self.digital, self.depth = analog, digital, depth
        heads = analog.o_proj.in_features // depth
        self.on_arrays = torch.ones(heads, dtype=torch.bool)
        self.layer_idx = analog.layer_idx
        analog.o_proj.register_forward_pre_hook(lambda _, args: (self._only(args[0], self.on_arrays),))
        digital.o_proj.register_forward_pre_hook(lambda _, args: (self._only(args[0], ~self.on_arrays),))

    def _only(self, x: Tensor, heads: Tensor) -> Tensor:
        return x * heads.repeat_interleave(self.depth)

    def forward(self, *args, **kwargs):
        if self.on_arrays.all():
            return self.analog(*args, **kwargs)
        if not self.on_arrays.any():
            return self.digital(*args, **kwargs)
        one, other = self.analog(*args, **kwargs), self.digital(*args, **kwargs)
        return (one[0] + other[0], *one[1:])


@torch.no_grad()
def head_errors(teacher: nn.Module, mixed: dict[str, MixedHeads], windows: Tensor) -> Tensor:
    """Error of each head (layers, heads) for the teacher's own inputs."""
    sums: list[Tensor] = []

    def compare(module: nn.Module, args: tuple, kwargs: dict, own: MixedHeads) -> None:
        outs = []
        for part in (own.analog, module):
            hidden = []
            hook = part.o_proj.register_forward_pre_hook(lambda _, a, hidden=hidden: hidden.append(a[0]))
            part.forward(*args, **kwargs)
            hook.remove()
            weight = part.o_proj.weight.view(len(part.o_proj.weight), -1, own.depth)
            x = hidden[0].view(*hidden[0].shape[:2], -1, own.depth)
            outs.append(torch.einsum("bthd,ohd->bhto", x.float(), weight.float()))
        analog, exact = outs
        scale = exact.sum(1).var() * exact.shape[-1]
        sums.append((analog - exact).square().sum(-1).mean((0, 2)) / scale)

    modules = attention_modules(teacher)
    handles = [
        modules[name].register_forward_pre_hook(
            lambda m, a, k, own=own: compare(m, a, k, own), with_kwargs=True
        )
        for name, own in mixed.items()
    ]
    total = 0
    for window in windows:
        sums.clear()
        teacher(input_ids=window[None, :-1], use_cache=False)
        total = total + torch.stack(sums)
    for handle in handles:
        handle.remove()
    return total / len(windows)


def main() -> None:
    """Rank the heads, then print one JSON object for each share: heads off, perplexity per token, ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--shares", type=float, nargs="+", default=[1.0, 0.95, 0.9, 0.8, 0.7, 0.5])
    arguments = parser.parse_args()
    compute = choose_compute("cpu")
    checkpoint = locate(arguments.model)
    teacher, model = load_softmax(checkpoint.softmax).eval(), load_adapted(checkpoint).eval()
    tokenizer = tokenizer_of(checkpoint, teacher.config.vocab_size)
    tokens = tokenizer.encode(arguments.text.read_text())
    windows = held_out_windows(tokens, context=arguments.context)
    depth = teacher.config.head_dim
    exact = load_softmax(checkpoint.softmax).eval()
    digital, mixed = attention_modules(exact), {}
    for name, module in attention_modules(model).items():
        mixed[name] = MixedHeads(module, digital[name], depth)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, mixed[name])
    with compute.autocast():
        errors = head_errors(teacher, mixed, windows[-ERROR_WINDOWS:])
    chosen = windows[: arguments.windows]
    known = measure(teacher, chosen, precision=compute.precision).perplexity
    order = errors.flatten().argsort(descending=True)
    for share in arguments.shares:
        digital_heads = round((1 - share) * errors.numel())
        keep = torch.ones(errors.numel(), dtype=torch.bool)
        keep[order[:digital_heads]] = False
        for own, heads in zip(mixed.values(), keep.view_as(errors), strict=True):
            own.on_arrays = heads
        found = measure(model, chosen, precision=compute.precision).perplexity
        row = {"share": share, "digital_heads": digital_heads, "perplexity": found, "ratio": found / known}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
