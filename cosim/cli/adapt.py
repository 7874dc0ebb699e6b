"""`gaincell adapt`: pre-trained model -> adapted model and softmax control."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Json, emit, note, progress, stdout
from .defaults import ADAPTED, MOST_SAMPLES
from .models import (
    Device,
    HardwareOption,
    ModelArgument,
    Precision,
    Threads,
    Without,
    chosen_compute,
    chosen_effects,
    chosen_hardware,
    prepare,
)
from .quantities import parse_count, parse_limit
from .texts import ContextOption, DatasetConfig, DatasetOption, TextOption, chosen_source

DEMO = "demo"
"""The demo network is small enough to learn end to end alone: no layer-wise stage, no transforms."""
DISTIL = "160k"
"""Tokens that each attention layer of any other network sees in the layer-wise stage."""

if TYPE_CHECKING:
    from ...models import Hardware
    from ..network.adaptation.draws import Draws

TYPICAL = 27.0
"""Temperature of the typical die that --dies adapts to, C."""


def run(
    model: ModelArgument = DEMO,
    hardware: HardwareOption = None,
    cell: Annotated[
        str | None, typer.Option(help="Cell curve of the hardware to use, such as table or linear.")
    ] = None,
    text: TextOption = None,
    dataset: DatasetOption = None,
    dataset_config: DatasetConfig = None,
    split: Annotated[str, typer.Option(help="Part of the data set.")] = "train",
    self_text: Annotated[
        int | None,
        typer.Option(
            parser=parse_count, help="Instead of a text: about so many tokens that the network writes itself."
        ),
    ] = None,
    context: ContextOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the adapted model and its control.")] = ADAPTED,
    distil: Annotated[
        tuple | None,
        typer.Option(
            parser=parse_limit,
            help="Layer-wise stage: tokens of each layer such as 160k, 200steps, or 10min for all; 0: none "
            f"[default: 0 for {DEMO}, else {DISTIL}].",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=MOST_SAMPLES, help="Steps of fine-tuning [default: 240].")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(parser=parse_count, help="Instead of --steps: tokens that fine-tuning sees.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, max=100_000, help="Instead of --steps: about this long, control included."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What fine-tuning follows: teacher (predictions, hidden states; no control), text, or mixed "
            f"[default: mixed for {DEMO}, else teacher]."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            min=1e-9,
            max=10,
            help="Peak learning rate [default: 1e-3, less for wide networks, more with --lora].",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1, max=4096, help="Windows per step of fine-tuning [default: by context, vocabulary]."
        ),
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help="Train low-rank additions of this rank [default: all weights]."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Go on from this result of adapt, or adapter, of the same network: only fine-tuning, with "
            "the transforms that it has."
        ),
    ] = None,
    rotate: Annotated[
        bool | None,
        typer.Option(
            "--rotate/--no-rotate", help=f"Rotate q and k before the arrays [default: not {DEMO}, others do]."
        ),
    ] = None,
    per_dimension: Annotated[
        bool | None,
        typer.Option(
            "--per-dimension/--per-head",
            help=f"Scale and offset for each dimension or each head [default: per head for {DEMO} alone].",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the training batches and draws.")] = 0,
    dies: Annotated[
        Path | None,
        typer.Option(
            help="Fine-tune through dies between the fitted corners in this folder (`gaincell corners`), not "
            "through the nominal die alone."
        ),
    ] = None,
    chips: Annotated[
        bool, typer.Option("--chips", help="Fine-tune through chips with local mismatch, one per draw.")
    ] = False,
    mismatch: Annotated[
        str | None,
        typer.Option(help="Hardware that describes mismatch, if that of --dies does not, such as generic28."),
    ] = None,
    draw_steps: Annotated[
        int, typer.Option(min=1, max=MOST_SAMPLES, help="Steps that share a drawn die or chip.")
    ] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=4096, help="Processes of the layer-wise stage.")] = 1,
    backend: Annotated[str, typer.Option(help="Where the layer-wise stage runs: local or dask.")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler, such as tcp://host:8786, or its scheduler file.")
    ] = None,
    without: Without = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again, whatever is in the folder.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Calibrate a model's scalers to the hardware, distil its attention layers, and fine-tune it.

    A softmax control gets the same steps on the same text. A run can be interrupted: the same command
    continues it, and a finished one is not repeated. Perplexities are per token.

    With --dies or --chips every step of fine-tuning sees another die of the process, another temperature, or
    another chip's local mismatch; the printed losses are those of the nominal die, by default the set's
    typical one at 27 C. `gaincell yield` measures the result on dies that were not trained on.

    Examples:

        gaincell adapt demo

        gaincell adapt demo --hardware leroux2025 --minutes 10 --out out/leroux

        gaincell adapt my-gpt2 --hardware out/hardware --steps 1000 --json

        gaincell adapt my-llama --text notes/ --hardware generic28-sc --tokens 1M --out out/llama

        gaincell adapt gpt2 --dataset wikitext --dataset-config wikitext-2-raw-v1 --tokens 1M

        gaincell adapt gpt2 --self-text 200k --distil 20min --lora 16

        gaincell adapt my-llama --text notes/ --backend dask --scheduler tcp://host:8786

        gaincell adapt my-llama --text notes/ --start out/llama --objective text --out out/notes

        gaincell adapt demo --dies out/corners --out out/for-every-die
    """
    if sum(limit is not None for limit in (steps, tokens, minutes)) > 1:
        raise typer.BadParameter("give one of --steps, --tokens and --minutes")
    if self_text is not None and (text is not None or dataset is not None):
        raise typer.BadParameter("give --self-text or a text, not both")
    if mismatch is not None and not (chips and dies):
        raise typer.BadParameter("--mismatch belongs to --dies with --chips")
    from ...characterization import backends
    from ...circuits.files import require_folder

    require_folder(out)
    prepare(threads)
    from ..network.adaptation.adapt import Observer, adapt_model
    from ..network.adaptation.budget import Budget
    from ..network.adaptation.fine_tuning import OBJECTIVES, RECIPE, recipe_for
    from ..network.adaptation.lora import RATE
    from ..network.transforms import Transforms

    objective = objective or ("mixed" if model == DEMO else "teacher")
    if objective not in OBJECTIVES:
        raise typer.BadParameter(f"--objective {objective}: known are {', '.join(OBJECTIVES)}")
    distillation, hidden = OBJECTIVES[objective]

    def recipe(network, context: int):
        own = {"learning_rate": learning_rate} if learning_rate is not None else {}
        own |= {"batch": batch} if batch is not None else {}
        own |= {"steps": steps or RECIPE.steps, "seed": seed, "distillation": distillation, "hidden": hidden}
        found = recipe_for(network, replace(RECIPE, context=context))
        if lora is not None:
            found = replace(found, learning_rate=RATE * found.learning_rate)
        return replace(found, **own)

    plain = model == DEMO or start is not None
    kind, limit = distil if distil is not None else parse_limit("0" if plain else DISTIL)
    transforms = Transforms(
        rotation=0 if (not plain if rotate is None else rotate) else None,
        per_dimension=not plain if per_dimension is None else per_dimension,
    )
    phase, total = "", 0

    with backends.backend(backend, scheduler), progress("adapt", "") as update:
        update(0, 1, "load")
        wanted, draws = _wanted(hardware, cell, start or model, dies, chips, mismatch, draw_steps, seed)

        def begin(name: str, steps: int) -> None:
            nonlocal phase, total
            phase, total = name, steps
            update(0, steps, name)

        def shown(done: int, loss: float) -> None:
            update(done, total, phase if math.isnan(loss) else f"{phase} {loss:.3f} nats")

        def measured(row: str, tokens: int, nats: float) -> None:
            after = f" after {tokens:,} tokens{' a layer' if row == 'distilled' else ''}" if tokens else ""
            perplexity = math.exp(min(nats, 700))
            note(f"{row}{after}: held-out perplexity {perplexity:,.4g}")

        result = adapt_model(
            model,
            wanted,
            out,
            recipe=recipe,
            minutes=minutes,
            tokens=tokens,
            text=chosen_source(text, dataset, dataset_config, split),
            self_text=self_text,
            context=context,
            transforms=transforms,
            distil=Budget(**{kind: limit}),
            lora=lora,
            start=start,
            jobs=jobs,
            effects=chosen_effects(without),
            draws=draws,
            compute=chosen_compute(device, precision),
            fresh=fresh,
            observer=Observer(begin, shown, measured),
        )
    held_out = result.held_out
    gap = {row: held_out["adapted"] - held_out[row] for row in ("control", "softmax") if row in held_out}
    if as_json:
        emit({**asdict(result), "adapted_minus_control_nats": gap.get("control"), "out": str(out)})
        return
    if result.cached:
        note(f"{out} already holds this adaptation")
    for row, nats in held_out.items():
        stdout.print(f"{row:>10}  {nats:.3f} nats per token", soft_wrap=True)
    for row, difference in gap.items():
        stdout.print(f"adapted - {row}: {difference:+.3f} nats per token", soft_wrap=True)
    note(f"{result.steps} steps; adapted model in {out}")


def _wanted(
    hardware: str | None,
    cell: str | None,
    model: str,
    dies: Path | None,
    chips: bool,
    mismatch: str | None,
    draw_steps: int,
    seed: int,
) -> tuple[Hardware, Draws | None]:
    """Hardware to adapt to, with --dies by default their typical one at 27 C, and the draws."""
    from ...models import Hardware
    from ...models.dies import DieSet
    from ..network.adaptation.draws import Draws
    from ..network.checkpoints import locate

    fitted = None
    if dies is not None:
        fitted = DieSet.load(dies, None if mismatch is None else Hardware.from_pretrained(mismatch))
    if fitted is None or hardware is not None:
        wanted = chosen_hardware(hardware, cell, locate(model))
    else:
        wanted = fitted.at(0.0, 0.0, TYPICAL)
        wanted = wanted if cell is None else wanted.with_cell(cell)
    if fitted is None and not chips:
        return wanted, None
    return wanted, Draws(wanted, fitted, chips=chips, every=draw_steps, seed=seed)
