"""One token more, with a cache of keys and values or of levels: python benchmarks/generation.py --help

A model of the size of the smallest GPT-2 (124 M parameters, random weights) has read a prompt; then each call
gives it one token. The twins of the softmax model are its copies, converted with the scalers as they start.
With the same hardware, both kinds of cache must lead to the same tokens, or the run fails.
"""

from __future__ import annotations

import copy
import json
import os
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from memory import keep_freed_memory
from processor import Instructions, processor
from rich.console import Console
from rich.table import Table
from timing import Times, in_turn
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GPT2Config, GPT2LMHeadModel

from gaincell.cosim import LevelCache, convert
from gaincell.cosim.network.kv_cache import cache_keyword
from gaincell.models import Hardware

SOFTMAX, LEVELS = "softmax", " on levels"
WINDOW, MOST = 1024, 4096
HARDWARE = ("leroux2025", "generic28")


class Writer:
    """A model that has read the prompt, and goes on by a token a call."""

    def __init__(self, model: nn.Module, cache: Cache, prompt: Tensor) -> None:
        self.model, self.cache, self.written = model, {cache_keyword(model): cache}, []
        self._read(prompt)

    def __call__(self) -> None:
        """Write the likeliest token."""
        self._read(self.written[-1])

    @torch.no_grad()
    def _read(self, tokens: Tensor) -> None:
        logits = self.model(tokens, **self.cache, logits_to_keep=1).logits
        self.written.append(logits[:, -1:].argmax(-1))


def writers(hardware: list[str], length: int, layers: int) -> dict[str, Writer]:
    """The softmax model, and its copy on each hardware with either cache."""
    torch.manual_seed(0)
    config = GPT2Config(n_positions=MOST, n_layer=layers, attn_implementation="sdpa")
    softmax = GPT2LMHeadModel(config).eval()
    prompt = torch.randint(softmax.config.vocab_size, (1, length))
    found = {SOFTMAX: Writer(softmax, DynamicCache(config=softmax.config), prompt)}
    for name in hardware:
        model = convert(copy.deepcopy(softmax), Hardware.from_pretrained(name), window=WINDOW)
        found[name] = Writer(model, DynamicCache(config=model.config), prompt)
        found[name + LEVELS] = Writer(model, LevelCache(model), prompt)
    return found


def table(length: int, times: dict[str, Times]) -> Table:
    """Milliseconds a token, and tokens a second."""
    title = f"one token after {length} and more, window {WINDOW}"
    result = Table("attention", "best ms", "median ms", "tokens/s", "of softmax", title=title)
    for name, taken in times.items():
        ratio = taken.best / times[SOFTMAX].best
        numbers = (1e3 * taken.best, 1e3 * taken.median, 1 / taken.best, ratio)
        result.add_row(name, *(f"{number:.3g}" for number in numbers))
    return result


def run(
    hardware: Annotated[
        list[str] | None, typer.Option(help=f"Shipped or saved [default: {' and '.join(HARDWARE)}].")
    ] = None,
    length: Annotated[int, typer.Option(min=1, max=MOST // 2, help="Tokens of the prompt.")] = WINDOW,
    layers: Annotated[int, typer.Option(min=1, help="Layers of the model.")] = 12,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    instructions: Instructions = "native",
    rounds: Annotated[int, typer.Option(min=1, max=MOST // 8, help="Rounds at least.")] = 30,
    seconds: Annotated[float, typer.Option(min=0, help="Most time.")] = 60.0,
    processor_time: Annotated[
        bool, typer.Option(help="Count processor time: for one thread on a busy machine.")
    ] = False,
    to_json: Annotated[Path | None, typer.Option("--json", help="Where to write the numbers.")] = None,
) -> None:
    """Time a token of softmax and gain-cell models in turn."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    clock = time.process_time if processor_time else time.perf_counter
    report: dict = {
        "conditions": {"torch": torch.__version__, "threads": threads, "load": os.getloadavg()[0]}
    }
    report["conditions"] |= {"clock": clock.__name__, "length": length, "window": WINDOW}
    report["conditions"] |= {"layers": layers, **processor()}
    ready = writers(hardware or list(HARDWARE), length, layers)
    times = in_turn(ready, rounds=rounds, seconds=seconds, clock=clock)
    for name in hardware or HARDWARE:
        plain, levels = (torch.cat(ready[key].written) for key in (name, name + LEVELS))
        if not torch.equal(plain[:rounds], levels[:rounds]):
            raise SystemExit(f"{name}: the tokens differ with the cache")
    report["attention"] = {
        name: taken.summary() | {"ratio": taken.best / times[SOFTMAX].best} for name, taken in times.items()
    }
    Console().print(table(length, times))
    if to_json:
        to_json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(run)
