"""Attention at speed, side by side in one run: python benchmarks/attention.py --help

One process, the same threads, the same allocator and the same inputs for: the published equations with dense
masks (dense.py), torch's exact softmax attention (causal, and with a band mask where there is a window), and
the implementations of `gain_cell_attention` on published and on simulated hardware. They take turns, so that
whatever else the machine does meets all of them (timing.py). Peak memory is measured before (memory.py).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from contenders import (
    BAND,
    CASES,
    DENSE,
    DENSE_FOUR,
    GPU_CASES,
    REFERENCE,
    Attention,
    Case,
    Contender,
    Signals,
    contenders,
)
from memory import keep_freed_memory, peak, return_freed_memory
from processor import Instructions, processor
from rich.console import Console
from tables import plot_scaling, scaling_table, show_case
from targets import ratios
from timing import Clock, in_turn

from gaincell.circuits.errors import GaincellError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
BIN = 1 / 15
"""One count of the read-out: outputs are sums of these."""
APART = 1e-3
"""Share of outputs that rounding may put into a neighbouring bin."""
COUNTED = 20_000
"""Outputs that this share is taken of at least."""


@dataclass(frozen=True)
class Settings:
    """How to measure."""

    device: torch.device
    dtype: torch.dtype
    rounds: int
    """Rounds of timing at least."""
    seconds: float
    """Most time for the timing of one kind of call in one case."""
    memory: bool
    training: bool
    clock: Clock

    def kinds(self, case: Case, signals: Signals) -> dict[str, Callable[[Attention], object]]:
        """Kind of call -> what it does with an attention."""
        trains = self.training and case.queries > 1
        return {"forward": signals.forward} | ({"training": signals.training} if trains else {})


Chosen = dict[str, Contender]


def measure(cases: dict[Case, Chosen], how: Settings) -> dict[Case, dict[str, dict]]:
    """Peaks, times and distances from the dense transcription of each case, by contender."""
    # Memory first: where blocks were kept, their places are used again and hide what returns at once.
    peaks = {case: _peaks(case, chosen, how) if how.memory else {} for case, chosen in cases.items()}
    keep_freed_memory()
    results = {}
    for case, chosen in cases.items():
        found = _times(case, chosen, how)
        results[case] = {name: peaks[case].get(name, {}) | result for name, result in found.items()}
    return results


def _ready(
    case: Case, chosen: Chosen, how: Settings, signals: Signals
) -> tuple[dict[str, Attention], dict[str, str]]:
    """Every contender that exists here, used once; and why the others do not."""
    ready, missing = {}, {}
    for name, contender in chosen.items():
        if not contender.fits(case):
            continue
        try:
            attention = contender.build(case, how.device, how.dtype)
            signals.forward(attention)
        except (GaincellError, RuntimeError) as error:
            missing[name] = str(error).partition("\n")[0]
        else:
            ready[name] = attention
    return ready, missing


def _peaks(case: Case, chosen: Chosen, how: Settings) -> dict[str, dict]:
    signals = Signals.draw(case, how.device, how.dtype)
    ready, _ = _ready(case, chosen, how, signals)
    return {
        name: {
            f"{kind}_MiB": peak(partial(run, attention), how.device)
            for kind, run in how.kinds(case, signals).items()
        }
        for name, attention in ready.items()
    }


def _times(case: Case, chosen: Chosen, how: Settings) -> dict[str, dict]:
    signals = Signals.draw(case, how.device, how.dtype)
    ready, missing = _ready(case, chosen, how, signals)
    results: dict[str, dict] = {name: {} for name in ready}
    wait = torch.cuda.synchronize if how.device.type == "cuda" else lambda: None
    for kind, run in how.kinds(case, signals).items():
        calls = {name: partial(run, attention) for name, attention in ready.items()}
        settings = {"rounds": how.rounds, "seconds": how.seconds, "clock": how.clock}
        for name, times in in_turn(calls, synchronize=wait, **settings).items():
            results[name][kind] = times.summary()
    published = {name: attention for name, attention in ready.items() if chosen[name].published}
    for name, share in bins_apart(published, case, how).items():
        results[name]["bins_apart"] = share
    return results | {name: {"unavailable": reason} for name, reason in missing.items()}


def bins_apart(published: dict[str, Attention], case: Case, how: Settings) -> dict[str, float]:
    """Share of the outputs, of several draws if few, in another bin than the dense transcription's."""
    if DENSE not in published:
        return {}
    draws = -(-COUNTED // (case.batch * case.heads * case.queries * case.head_dim))
    apart = dict.fromkeys(published, 0.0)
    for seed in range(draws):
        signals = Signals.draw(case, how.device, how.dtype, seed)
        out = {name: signals.forward(attention).float() for name, attention in published.items()}
        for name, x in out.items():
            apart[name] += ((x - out[DENSE]).abs() > BIN / 2).float().mean().item() / draws
    return apart


def scaling(chosen: Chosen, how: Settings) -> list[dict]:
    """Cost against T at window 1024: of ours up to 16,384 tokens, of the others as far as is bearable."""
    bearable = {DENSE: 2048, DENSE_FOUR: 2048, BAND: 4096, REFERENCE: 2048}
    cases = {
        Case(tokens, tokens, 1024): {
            name: one for name, one in chosen.items() if tokens <= bearable.get(name, tokens)
        }
        for tokens in (1024, 2048, 4096, 8192, 16384)
    }
    return [
        {"tokens": case.queries, "window": case.window, "pairs": case.pairs, "contenders": results}
        for case, results in measure(cases, how).items()
    ]


def conditions(device: torch.device, dtype: str) -> dict:
    """What the numbers depend on."""
    found = {"torch": torch.__version__, "threads": torch.get_num_threads(), "dtype": dtype}
    found |= processor()
    found["load"] = os.getloadavg()[0]
    if device.type == "cuda":
        found["card"] = torch.cuda.get_device_name(device)
    return found


def run(
    case: Annotated[
        list[str] | None, typer.Option(help="Cases T/window or decode/S [default: all of them].")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Contenders [default: all of them].")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of everything.")] = 1,
    instructions: Instructions = "native",
    dtype: Annotated[str, typer.Option(help=f"One of {', '.join(DTYPES)}.")] = "float32",
    device: Annotated[str, typer.Option(help="cpu, or cuda: batch 8.")] = "cpu",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds at least.")] = 5,
    seconds: Annotated[float, typer.Option(min=0, help="Most time per case and kind.")] = 60.0,
    processor_time: Annotated[
        bool, typer.Option(help="Count processor time: for one thread on a busy machine.")
    ] = False,
    quick: Annotated[bool, typer.Option(help="Two small cases, few rounds: does it run?")] = False,
    memory: Annotated[bool, typer.Option(help="Measure peak memory too.")] = True,
    training: Annotated[bool, typer.Option(help="Measure forward + backward too.")] = True,
    scale: Annotated[
        bool, typer.Option("--scaling", help="Instead of the cases: cost against T up to 16,384.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="With --scaling: where to draw it (png or pdf).")] = None,
    to_json: Annotated[Path | None, typer.Option("--json", help="Where to write everything.")] = None,
) -> None:
    """Compare implementations of attention in time, memory and values."""
    return_freed_memory()
    torch.set_num_threads(threads)
    where, kind, gpu = torch.device(device), choose(dtype, DTYPES, "--dtype"), device.startswith("cuda")
    known = contenders(where)
    cases = {one.name: one for one in (GPU_CASES if gpu else CASES)}
    wanted = case or (["256/256", "decode/1024"] if quick else list(cases))
    for name in only or ():
        choose(name, known, "--only")
    chosen = {name: known[name] for name in known if (name in only if only else name != REFERENCE)}
    rounds, seconds = (2, 1.0) if quick else (rounds, seconds)
    clock = time.process_time if processor_time else time.perf_counter
    how = Settings(where, kind, rounds, seconds, memory, training, clock)
    report: dict = {"conditions": conditions(where, dtype) | {"clock": clock.__name__}}
    console = Console()
    console.print("  ".join(f"{key}: {value}" for key, value in report["conditions"].items()))
    if scale or plot:
        report["scaling"] = scaling(chosen, how)
        console.print(scaling_table(report["scaling"]))
    else:
        chosen_cases = {choose(name, cases, "--case"): chosen for name in wanted}
        report["cases"] = {}
        for one, results in measure(chosen_cases, how).items():
            reached = ratios(one, results, gpu)
            report["cases"][one.name] = {
                "contenders": results,
                "ratios": [vars(ratio) | {"met": ratio.met} for ratio in reached],
            }
            show_case(console, one, results, reached)
    if plot:
        plot_scaling(report["scaling"], report["conditions"], plot)
    if to_json:
        to_json.write_text(json.dumps(report, indent=1) + "\n")
    require_agreement(report)


def choose(name: str, known: dict, option: str):
    """The entry of that name. Raises `BadParameter` with the names there are."""
    if name not in known:
        raise typer.BadParameter(f"unknown {name!r} for {option}; use one of {', '.join(known)}")
    return known[name]


def require_agreement(report: dict) -> None:
    """Exit with status 1 where an output differs from the dense transcription's by more than rounding."""
    if report["conditions"]["dtype"] != "float32":
        return  # the dense transcription computes in the inputs' type, the others in float32
    apart = [
        f"{case}, {name}"
        for case, found in report.get("cases", {}).items()
        for name, result in found["contenders"].items()
        if result.get("bins_apart", 0.0) > APART
    ]
    if apart:
        raise SystemExit(f"more than {APART:.1%} of the outputs are in another bin: {'; '.join(apart)}")


if __name__ == "__main__":
    typer.run(run)
