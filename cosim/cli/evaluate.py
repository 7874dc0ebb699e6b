"""`gaincell evaluate`: perplexity with exact attention and on the hardware."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import Json, emit_result, note, progress, stdout
from .models import (
    Base,
    Device,
    HardwareOption,
    ModelArgument,
    Precision,
    Supply,
    Temperature,
    Threads,
    Without,
    chosen_compute,
    chosen_effects,
    chosen_hardware,
    prepare,
)
from .quantities import parse_count
from .texts import ContextOption, DatasetConfig, DatasetOption, TextOption, chosen_text


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    hardware: HardwareOption = None,
    cell: Annotated[
        str | None, typer.Option(help="Cell curve of the hardware to use, such as table or linear.")
    ] = None,
    temperature: Temperature = None,
    vdd: Supply = None,
    text: TextOption = None,
    dataset: DatasetOption = None,
    dataset_config: DatasetConfig = None,
    split: Annotated[str, typer.Option(help="Part of the data set.")] = "test",
    context: ContextOption = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1, max=2**20, help="Tokens between overlapping windows [default: windows do not overlap]."
        ),
    ] = None,
    tokens: Annotated[
        int, typer.Option(parser=parse_count, help="About how many tokens to predict; 0: all.")
    ] = 20480,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the windows.")] = 0,
    first: Annotated[
        bool, typer.Option("--first", help="Read the first windows instead of a seeded choice.")
    ] = False,
    row: Annotated[
        list[str] | None,
        typer.Option(help="Measure this row alone, such as softmax or adapted; repeat for more."),
    ] = None,
    without: Without = None,
    chip: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Measure on the chip of this seed as well; repeat for a spread over chips."),
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Add the noise of writes, nodes and pulses, drawn with --seed.")
    ] = False,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Compare predicted tokens with those of the exact network.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Print perplexity with exact attention, mapped onto the hardware, calibrated, and adapted.

    A softmax control that had the same extra training stands beside the adapted row.

    Perplexities are per token of the network's vocabulary, and per word: the same loss spread over the words.
    With --stride, windows overlap as in Hugging Face's recipe for perplexity.

    Examples:

        gaincell evaluate demo

        gaincell evaluate demo --hardware leroux2025 --tokens 0

        gaincell evaluate out/adapted --without column --without decay

        gaincell evaluate my-gpt2 --text notes.txt --json

        gaincell evaluate out/smol --text test.txt --context 1024 --stride 512 --tokens 200k

        gaincell evaluate gpt2 --dataset wikitext --dataset-config wikitext-2-raw-v1 --row softmax

        gaincell evaluate demo --chip 0 --chip 1 --chip 2 --noise

        gaincell evaluate demo --hardware out/hardware --temperature 85
    """
    prepare(threads)
    import torch

    from ..network.checkpoints import locate
    from ..network.evaluate import ROWS, evaluate_model

    torch.manual_seed(seed)
    content = chosen_text(text, dataset, dataset_config, split, tokens)
    checkpoint = locate(model, base)
    with progress("evaluate", "") as update:
        result = evaluate_model(
            checkpoint,
            chosen_hardware(hardware, cell, checkpoint, temperature=temperature, vdd=vdd),
            content=content,
            context=context,
            stride=stride,
            tokens=tokens or None,
            seed=None if first else seed,
            rows=row or ROWS,
            effects=chosen_effects(without, noise),
            compute=chosen_compute(device, precision),
            chips=chip or (),
            agreement=agreement,
            report=lambda row, done, total: update(done, total, row),
        )
    if as_json:
        emit_result(result)
        return
    stdout.print(_table(result))
    for remark in _remarks(result):
        note(remark)


def _table(result: dict):
    from rich.table import Table

    # Only for a byte-level model, a token has a name of its own.
    unit = "byte" if result["token"] == "byte" else "token"
    windows = f"windows of {result['context']}" + (f" every {result['stride']}" if result["stride"] else "")
    on = f"{result['hardware']['name']} ({result['hardware']['cell']})"
    title = f"{result['tokens']:,} tokens in {windows} on {on}"
    headings = (f"perplexity per {unit}", "per word", "nats/byte", f"± nats/{unit}", "tokens/s")
    table = Table("", *headings, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row, perplexity in result["perplexity"].items():
        if perplexity is None:
            table.add_row(row, "-", "-", "-", "-", "-")
            continue
        per_word = result["perplexity_per_word"][row]
        word = f"{per_word:,.2f}" if per_word < 1e5 else f"{per_word:.1e}"
        numbers = (result["nats_per_byte"][row], result["standard_error_nats"][row])
        rate = f"{result['tokens_per_s'][row]:,.0f}"
        table.add_row(row, f"{perplexity:,.3f}", word, *(f"{number:.3f}" for number in numbers), rate)
    if chips := result["chips"]:
        table.add_section()
        for seed, perplexity in zip(chips["seed"], chips["perplexity"], strict=True):
            table.add_row(f"{chips['row']}, chip {seed}", f"{perplexity:,.3f}", *[""] * 4)
    return table


def _remarks(result: dict) -> list[str]:
    remarks = [
        f"adapted - {row}: {gap:+.3f} nats per {result['token']}"
        for row in ("control", "softmax")
        if (gap := result[f"adapted_minus_{row}_nats"]) is not None
    ]
    for row, found in (result["agreement"] or {}).items():
        remarks.append(
            f"{row}: most probable next token as softmax {found['top1']:.1%}, "
            f"KL divergence {found['kl_nats']:.3f} nats per {result['token']}"
        )
    for row, counts in result["outside_box"].items():
        of = result["outside_box_of"][row]
        found = ", ".join(f"{name} {n} ({n / of[name]:.1%})" for name, n in counts.items() if n)
        if found:
            remarks.append(f"{row}: outside validity boxes in {result['outside_box_tokens']} tokens: {found}")
    if chips := result["chips"]:
        count, spread = len(chips["seed"]), chips["spread_nats"]
        tail = "" if spread is None else f", standard deviation over {count} chips {spread:.3f}"
        remarks.append(
            f"{chips['row']} on chips - on nominal circuits: "
            f"{chips['mean_minus_nominal_nats']:+.3f} nats per {result['token']}{tail}"
        )
    return remarks + result["notes"]
