"""Train the demo language model: a byte-level GPT-2 of 3.3 M parameters on the demo corpus.

``python -m gaincell.cosim.train --out DIR`` writes DIR/config.json, model.safetensors (bfloat16) and training.json
(loss curve and conditions). It can be interrupted at any time and run again: every step is a function of the seed and
the step's number, and a checkpoint is kept beside the output until the training is complete.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import transformers
import typer
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from ..circuits.errors import ModelError
from .text import END_OF_DOCUMENT, VOCABULARY, demo_corpus, encode
from .windows import held_out_windows, measure, token_losses, training_batch


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training, besides text and library versions."""

    steps: int = 5600
    batch: int = 16
    """Windows per step."""
    context: int = 256
    """Tokens per window."""
    learning_rate: float = 1.5e-3
    """Peak, reached after ``warmup`` steps, then a cosine to a tenth of it."""
    warmup: int = 200
    weight_decay: float = 0.1
    """On matrices only."""
    clip: float = 1.0
    """Largest gradient norm."""
    dropout: float = 0.1
    bf16: bool = True
    seed: int = 0


def demo_config(dropout: float) -> GPT2Config:
    """Architecture of the demo model: 4 layers of 4 heads of 64, context 256, one token per byte."""
    return GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=256,
        n_embd=256,
        n_layer=4,
        n_head=4,
        activation_function="gelu_pytorch_tanh",  # GPT-2's own gelu in one kernel
        embd_pdrop=dropout,
        resid_pdrop=dropout,
        attn_pdrop=0.0,
        bos_token_id=END_OF_DOCUMENT,
        eos_token_id=END_OF_DOCUMENT,
    )


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine from the peak to a tenth of it."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.55 + 0.45 * math.cos(math.pi * done))


def optimizer(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """AdamW that decays matrices and leaves gains, offsets and scalers alone."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.squeeze().ndim >= 2]
    others = [p for p in model.parameters() if p.requires_grad and p.squeeze().ndim < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=0.0, betas=(0.9, 0.95), fused=True)


def train(
    recipe: Recipe,
    tokens: Tensor,
    held_out: Tensor,
    *,
    config: GPT2Config | None = None,
    checkpoint: Path | None = None,
    every: int = 200,
    seconds_between_checkpoints: float = 60.0,
    report: Callable[[dict[str, float]], None] = lambda row: None,
) -> tuple[GPT2LMHeadModel, list[dict[str, float]]]:
    """Train on ``tokens`` (n,), watching windows ``held_out`` (m, context + 1) every ``every`` steps.

    Returns the model and its loss curve (step, train and held-out nats per token, seconds). With ``checkpoint``, an
    interrupted training continues from the file with identical results; raises ModelError when the file belongs to
    another recipe.
    """
    torch.manual_seed(recipe.seed)
    model = GPT2LMHeadModel(config or demo_config(recipe.dropout)).train()
    adam = optimizer(model, recipe.weight_decay)
    state = _resume(checkpoint, recipe, model, adam)
    step, curve, spent = state["step"], state["curve"], state["seconds"]
    clock = saved = time.monotonic()
    running, counted = 0.0, 0
    while step < recipe.steps:
        running, counted = running + _step(model, adam, recipe, tokens, step), counted + 1
        step += 1
        if step % every == 0 or step == recipe.steps:
            loss = measure(model, held_out, bf16=recipe.bf16)
            spent, clock = spent + time.monotonic() - clock, time.monotonic()
            curve.append({"step": step, "train": running / counted, "held_out": loss.nats, "seconds": round(spent, 1)})
            report(curve[-1])
            running, counted = 0.0, 0
            if checkpoint and time.monotonic() - saved > seconds_between_checkpoints:
                _save_state(checkpoint, recipe, model, adam, step, curve, spent)
                saved = time.monotonic()
    return model, curve


def _step(model: nn.Module, adam: torch.optim.AdamW, recipe: Recipe, tokens: Tensor, step: int) -> float:
    torch.manual_seed((recipe.seed << 32) + step)  # dropout too is a function of the step, so resuming changes nothing
    window = training_batch(tokens, step=step, seed=recipe.seed, batch=recipe.batch, context=recipe.context)
    for group in adam.param_groups:
        group["lr"] = learning_rate(step, recipe)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
        logits = model(input_ids=window[:, :-1], use_cache=False).logits
    loss = token_losses(logits, window[:, 1:])
    adam.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    adam.step()
    return loss.item()


def _resume(path: Path | None, recipe: Recipe, model: nn.Module, adam: torch.optim.AdamW) -> dict[str, Any]:
    if path is None or not path.exists():
        return {"step": 0, "curve": [], "seconds": 0.0}
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise ModelError(f"{path} belongs to another training recipe: delete it or choose another --out.")
    model.load_state_dict(state["model"])
    adam.load_state_dict(state["optimizer"])
    return state


def _save_state(
    path: Path, recipe: Recipe, model: nn.Module, adam: torch.optim.AdamW, step: int, curve: list, seconds: float
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"recipe": asdict(recipe), "step": step, "curve": curve, "seconds": seconds}
    part = path.with_suffix(".part")
    torch.save(state | {"model": model.state_dict(), "optimizer": adam.state_dict()}, part)
    os.replace(part, path)


def save(model: GPT2LMHeadModel, out: Path, training: dict[str, Any]) -> None:
    """Write config.json, model.safetensors (bfloat16) and, last, training.json."""
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(out)
    part = out / "training.json.part"
    part.write_text(json.dumps(training, indent=1) + "\n")
    os.replace(part, out / "training.json")


def plot_curve(training: dict[str, Any], path: Path) -> None:
    """Loss curve of a training.json as PNG or PDF."""
    from matplotlib.figure import Figure

    curve = training["curve"]
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in curve]
    axes.plot(steps, [row["train"] for row in curve], label="training text (with dropout)")
    axes.plot(steps, [row["held_out"] for row in curve], label="held-out text")
    axes.set(xlabel="step", ylabel="cross-entropy / (nats/byte)", ylim=(None, 2.6))
    axes.set_title(f"Demo GPT-2, seed {training['recipe']['seed']}: {curve[-1]['held_out']:.3f} nats/byte held out")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main(
    out: Annotated[Path, typer.Option(help="Directory for the checkpoint and training.json.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps of 4,096 tokens.")] = Recipe.steps,
    seed: Annotated[int, typer.Option()] = Recipe.seed,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    state: Annotated[Path | None, typer.Option(help="Checkpoint to resume from [default: OUT/state.pt].")] = None,
    figure: Annotated[Path | None, typer.Option(help="Where to draw the loss curve (png or pdf).")] = None,
) -> None:
    """Train the demo model; interrupt and run again at will."""
    torch.set_num_threads(threads)
    recipe, corpus = replace(Recipe(), steps=steps, seed=seed), demo_corpus()
    tokens, held_out = encode(corpus.train), encode(corpus.held_out)
    windows = held_out_windows(held_out, context=recipe.context)
    checkpoint = state or out / "state.pt"

    def report(row: dict[str, float]) -> None:
        rate = row["step"] * recipe.batch * recipe.context / row["seconds"]
        print(
            f"step {row['step']:>6}/{recipe.steps}  train {row['train']:.3f}  held out {row['held_out']:.3f} nats/byte"
            f"  {rate:,.0f} tokens/s",
            file=sys.stderr,
            flush=True,
        )

    model, curve = train(recipe, tokens, windows, checkpoint=checkpoint, report=report)
    final = measure(model.to(torch.bfloat16).float(), windows)  # what is stored is bfloat16, so that is what is measured
    training = {
        "command": "python -m gaincell.cosim.train " + shlex.join(sys.argv[1:]),
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
        "corpus": corpus.summary(),
        "held_out": {"nats_per_byte": final.nats, "perplexity": final.perplexity, "tokens": final.tokens},
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": threads,
        "curve": curve,
    }
    save(model, out, training)
    checkpoint.unlink(missing_ok=True)
    if figure:
        plot_curve(training, figure)
    print(f"held out: {final.nats:.4f} nats/byte, perplexity {final.perplexity:.3f} per byte", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
