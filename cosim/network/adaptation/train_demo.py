"""Training of the demo language model: a byte-level GPT-2 of 3.3 M parameters on the demo corpus.

`python -m gaincell.cosim.network.adaptation.train_demo --out DIR` writes DIR/config.json, model.safetensors
(bfloat16) and training.json (loss curve and conditions; `gaincell figures training DIR` draws the curve). It
can be interrupted at any time and run again.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import torch
import transformers
import typer
from transformers import GPT2Config, GPT2LMHeadModel

from ....circuits.files import sealed, write_json
from ..batches import held_out_windows, measure
from ..checkpoints import load_softmax, save_softmax
from ..compute import choose_compute
from ..corpus import END_OF_DOCUMENT, VOCABULARY, demo_corpus, encode
from .trainer import Recipe, Row, train

RECIPE = Recipe(
    steps=5600,
    batch=16,
    context=256,
    learning_rate=1.5e-3,
    warmup=200,
    floor=0.1,
    weight_decay=0.1,
    dropout=0.1,
)
"""Settings of the shipped checkpoint: 23 M tokens, 11 passes over the text."""


def demo_config(dropout: float = RECIPE.dropout) -> GPT2Config:
    """Architecture of the demo model: 4 layers of 4 heads of 64, context 256, one token per byte."""
    return GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=256,
        n_embd=256,
        n_layer=4,
        n_head=4,
        activation_function="gelu_pytorch_tanh",  # GPT-2's own gelu, in one kernel
        embd_pdrop=dropout,
        resid_pdrop=dropout,
        attn_pdrop=0.0,
        bos_token_id=END_OF_DOCUMENT,
        eos_token_id=END_OF_DOCUMENT,
    )


def main(
    out: Annotated[Path, typer.Option(help="Directory for the checkpoint and training.json.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps of 4,096 tokens.")] = RECIPE.steps,
    seed: Annotated[int, typer.Option(help="Seed of weights, batches and dropout.")] = RECIPE.seed,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    precision: Annotated[str, typer.Option(help="float32, bfloat16, or auto for what is faster.")] = "auto",
) -> None:
    """Train the demo model; an interrupted run continues with the same command."""
    torch.set_num_threads(threads)
    compute = choose_compute("cpu", precision)
    recipe = replace(RECIPE, steps=steps, seed=seed, precision=compute.precision)
    corpus = demo_corpus()
    windows = held_out_windows(encode(corpus.held_out), context=recipe.context)
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(demo_config(recipe.dropout))
    state = out / "state.pt"

    def report(row: Row) -> None:
        rate = row["step"] * recipe.batch * recipe.context / row["seconds"]
        losses = f"train {row['train']:.3f}  held out {row['held_out']:.3f} nats/byte"
        print(f"step {row['step']}/{steps}  {losses}  {rate:,.0f} tokens/s", file=sys.stderr, flush=True)

    curve = train(model, recipe, encode(corpus.train), held_out=windows, checkpoint=state, on_row=report)
    save_softmax(model, out)
    final = measure(load_softmax(out), windows)  # of the weights as stored, in float32 arithmetic
    training = {
        "command": "python -m gaincell.cosim.network.adaptation.train_demo " + shlex.join(sys.argv[1:]),
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
        "corpus": corpus.summary(),
        "held_out": {"nats_per_byte": final.nats, "standard_error": final.error, "tokens": final.tokens},
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": threads,
        **compute.record(),
        "curve": curve,
    }
    write_json(out / "training.json", sealed(training))
    state.unlink(missing_ok=True)
    print(
        f"held out: {final.nats:.4f} nats/byte, perplexity {final.perplexity:.3f} per byte", file=sys.stderr
    )


if __name__ == "__main__":
    typer.run(main)
