"""One optimiser step with gain-cell and with softmax attention: python benchmarks/training.py --help

A step is forward, backward and AdamW over all weights, on random tokens. The softmax model has torch's own
scaled dot-product attention. The twins are its copies, converted by `gaincell.cosim.convert` with the scalers
as they start, for neither their values nor the tokens' change what a step costs. Dropout is off in all, since
gain-cell attention has none and torch's attention is slower with it.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from functools import partial
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
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils.logging import disable_progress_bar

from gaincell.cosim import convert
from gaincell.cosim.network.checkpoints import DEMO, load_softmax
from gaincell.cosim.network.compute import Compute, choose_compute
from gaincell.models import Hardware

LIMIT = 1.3
"""A step with gain-cell attention is to take at most this multiple of the softmax model's."""
HARDWARE = ("leroux2025", "generic28")
SOFTMAX = "softmax"


def demo() -> nn.Module:
    """The demo GPT-2 that ships with the package: 3.3 M parameters."""
    return load_softmax(DEMO / "softmax")


def gpt2() -> nn.Module:
    """A model of the size of the smallest GPT-2, 124 M parameters, with random weights."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(attn_implementation="sdpa"))


MODELS = {"demo": (demo, 4, 256), "gpt2": (gpt2, 1, 1024)}
"""Name -> what makes the model, sequences and tokens per sequence of a step."""


def without_dropout(model: nn.Module) -> nn.Module:
    """The model in training mode, with no dropout anywhere."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model.train()


def step(model: nn.Module, adam: torch.optim.Optimizer, tokens: Tensor, compute: Compute) -> None:
    """One optimiser step on tokens (B, T + 1)."""
    with compute.autocast():
        logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
    loss = cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
    adam.zero_grad()
    loss.backward()
    adam.step()


def twins(
    name: str,
    hardware: list[str],
    implementation: str,
    device: torch.device,
    compute: Compute,
    compiled: bool,
) -> dict[str, Callable[[], None]]:
    """A step of the softmax model, and one of its copy on each hardware."""
    make, batch, length = MODELS[name]
    softmax = without_dropout(make()).to(device)
    models = {SOFTMAX: softmax}
    for chip in hardware:
        how = {"window": 1024, "implementation": implementation}
        models[chip] = convert(copy.deepcopy(softmax), Hardware.from_pretrained(chip), **how)
    generator = torch.Generator().manual_seed(0)
    shape = (batch, length + 1)
    tokens = torch.randint(softmax.config.vocab_size, shape, generator=generator).to(device)
    calls = {}
    for title, model in models.items():
        adam = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
        run = torch.compile(model) if compiled else model
        calls[title] = partial(step, run, adam, tokens, compute)
    return calls


def summary(times: dict[str, Times]) -> dict[str, dict]:
    """By attention: best and median time of a step, and the best one's multiple of softmax's."""
    own = times[SOFTMAX].best
    rows = {title: taken.summary() | {"ratio": taken.best / own} for title, taken in times.items()}
    for title, row in rows.items():
        row["met"] = None if title == SOFTMAX else row["ratio"] <= LIMIT
    return rows


def table(name: str, rows: dict[str, dict]) -> Table:
    """Seconds of a step of model `name` with each attention, and their ratio to softmax."""
    _, batch, length = MODELS[name]
    title = f"{name}: one step of {batch} x {length} tokens"
    result = Table("attention", "best s", "median s", "of softmax", title=title, title_justify="left")
    for attention, row in rows.items():
        mark = "" if row["met"] is None else f" {'✓' if row['met'] else '✗'} ≤ {LIMIT}"
        times = (f"{row[key]:.3g}" for key in ("best_s", "median_s"))
        result.add_row(attention, *times, f"{row['ratio']:.2f}{mark}")
    return result


def run(
    model: Annotated[list[str] | None, typer.Option(help="demo or gpt2 [default: both].")] = None,
    hardware: Annotated[
        list[str] | None, typer.Option(help=f"Shipped or saved [default: {' and '.join(HARDWARE)}].")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads [default: torch's].")] = None,
    instructions: Instructions = "native",
    implementation: Annotated[str, typer.Option(help="Of gain-cell attention, as in convert().")] = "auto",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Matrix products of the network: float32, bfloat16 or auto.")
    ] = "float32",
    compiled: Annotated[bool, typer.Option("--compile", help="All under torch.compile.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds at least.")] = 5,
    seconds: Annotated[float, typer.Option(min=0, help="Most time per model.")] = 300.0,
    processor_time: Annotated[
        bool, typer.Option(help="Count processor time: for one thread on a busy machine.")
    ] = False,
    to_json: Annotated[Path | None, typer.Option("--json", help="Where to write the numbers.")] = None,
) -> None:
    """Time one training step of softmax and gain-cell models in turn."""
    if unknown := set(model or ()) - set(MODELS):
        raise typer.BadParameter(f"unknown model {', '.join(unknown)}; use one of {', '.join(MODELS)}")
    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()
    disable_progress_bar()
    where = torch.device(device)
    wait = torch.cuda.synchronize if where.type == "cuda" else lambda: None
    conditions = {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": device}
    compute = Compute(where.type, choose_compute(where.type, precision).precision)
    conditions |= {
        "implementation": implementation,
        **processor(),
        "precision": compute.precision,
        "compile": compiled,
        "load": os.getloadavg()[0],
    }
    clock = time.process_time if processor_time else time.perf_counter
    conditions["clock"] = clock.__name__
    report: dict = {"conditions": conditions, "models": {}}
    for name in model or MODELS:
        calls = twins(name, hardware or list(HARDWARE), implementation, where, compute, compiled)
        rows = summary(in_turn(calls, rounds=rounds, seconds=seconds, synchronize=wait, clock=clock))
        report["models"][name] = rows
        Console().print(table(name, rows))
        if to_json:
            to_json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(run)
