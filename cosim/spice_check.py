"""SPICE check: simulate columns with the activations of a model and compare them with the surrogates.

A forward pass is traced. For random (layer, head, query, key or output), the pulse widths and stored voltages
of that operation are simulated in ngspice as a whole column: 64 cells on their bit line and the converter.
The simulated pulse width is compared with the one that the attention layer computed from the same inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ..circuits.errors import HardwareError, ModelError, SimulationError
from ..models import Hardware
from .attention.api import Trace
from .ledger.whole_model import on_hardware
from .network.checkpoints import Checkpoint, context_of
from .network.compute import FLOAT32, Compute
from .network.corpus import demo_corpus
from .network.evaluate import SILENT, Report
from .network.held_out import corpus_tokens
from .network.layer import record_traces

Progress = Callable[[int, int, str], None]
"""Called with (operations done, operations in all, what was done)."""


@dataclass(frozen=True)
class ColumnOperation:
    """One column of one array in one attention operation of the model."""

    layer: str
    """Name of the attention module."""
    head: int
    """Number of the query head."""
    query: int
    """Index of the query in the sequence."""
    stage: int
    """1: one key's column of the K array; 2: one output's column of the V array, in one sub-tile."""
    index: int
    """Packed index of the key (stage 1), or output dimension (stage 2)."""
    v_store: np.ndarray
    """Stored voltage of each row at its age, shape (rows,), V."""
    width: np.ndarray
    """Pulse width of each row, shape (rows,), fraction of T_max."""
    predicted: float
    """Converted pulse width by the surrogates, fraction of T_max."""


@dataclass(frozen=True)
class StageAgreement:
    """Agreement of simulated with predicted pulse widths of one stage."""

    stage: int
    """Stage: 1 (K array) or 2 (V array)."""
    operations: int
    """Number of simulated operations."""
    slope: float
    """Slope of simulated = slope x predicted + offset, fitted to the unclipped operations, dimensionless."""
    offset: float
    """Offset of that line, fraction of T_max."""
    rms: float
    """Root mean square of simulated - predicted, fraction of T_max."""
    worst: float
    """Largest absolute simulated - predicted, fraction of T_max."""
    unclipped: int
    """Number of operations whose predicted width is between 2 % and 98 % of T_max."""


def trace_operations(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    content: str | None,
    tokens: int,
    count: int,
    seed: int,
    technology: str | Path | None = None,
    compute: Compute = FLOAT32,
    report: Report = SILENT,
) -> list[ColumnOperation]:
    """Operations of a model that reads the first tokens of a text, see `draw_operations`.

    Args:
        checkpoint: the model; without adapted weights, it runs with calibrated scalers.
        hardware: hardware fitted to simulated circuits.
        content: text to read; None: the held-out part of the demo corpus.
        tokens: number of tokens to read, at most the model's context length.
        count: number of operations per stage.
        seed: seed of the choice of operations.
        technology: what the hardware was fitted to, if that is not a shipped technology.
        compute: device and precision of the forward pass.
        report: called with ("calibrate", layers done, layers).

    Raises:
        ModelError: the text is too short.
        HardwareError: the hardware was not fitted to simulated circuits.
    """
    condition_of(hardware, technology)
    model, tokenizer = on_hardware(checkpoint, hardware, compute=compute, report=report)
    tokens = min(tokens, context_of(model, most=256))
    held_out = corpus_tokens(tokenizer, demo_corpus().held_out) if content is None else None
    ids = tokenizer.encode(content) if held_out is None else held_out
    if len(ids) < tokens:
        raise ModelError(f"the text has {len(ids)} tokens; give at least {tokens}, or a smaller --tokens")
    with torch.no_grad(), record_traces(model) as traces, compute.autocast():
        model(input_ids=ids[None, :tokens].to(compute.device), use_cache=False)
    period = hardware.timing.latency * len(traces) if hardware.timing is not None else 0.0
    return draw_operations(traces, hardware, count, seed, period)


def draw_operations(
    traces: Mapping[str, Sequence[Trace]], hardware: Hardware, count: int, seed: int, token_period: float
) -> list[ColumnOperation]:
    """Random operations from all layers, heads and queries.

    The predicted widths of the sample are evenly spaced, so that clipped zeros do not fill it.

    Args:
        traces: name of each attention module -> its traces, as from `record_traces`.
        hardware: hardware of the traces.
        count: number of operations per stage.
        seed: seed of the choice.
        token_period: time between tokens, s.

    Raises:
        HardwareError: heads over several row tiles.
    """
    if any(trace.partials for found in traces.values() for trace in found):
        raise HardwareError(
            f"the SPICE check simulates heads of at most {hardware.rows} dimensions; these have more, on "
            "several row tiles: take hardware with more rows, or a network with smaller heads"
        )
    rng = np.random.default_rng(seed)
    layers = [(name, trace) for name, found in traces.items() for trace in found]
    operations = []
    for stage in (1, 2):
        pool = [
            _draw(rng, *layers[rng.integers(len(layers))], hardware, stage, token_period)
            for _ in range(20 * count)
        ]
        pool = [operation for operation in pool if operation.width.any()]
        order = np.argsort([operation.predicted for operation in pool], kind="stable")
        spread = np.linspace(0, len(pool) - 1, min(count, len(pool))).round().astype(int)
        inside = [i for i in order if 0.0 < abs(pool[i].predicted) < 0.98]
        chosen = [order[i] for i in spread] if len(inside) < count else _evenly(inside, pool, count)
        operations += [pool[i] for i in chosen]
    return operations


def simulate_operations(
    operations: Sequence[ColumnOperation],
    hardware: Hardware,
    *,
    technology: str | Path | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Simulate each operation's column in SPICE.

    Args:
        operations: the operations.
        hardware: hardware fitted to simulated circuits.
        technology: what it was fitted to, if that is not a shipped technology (see `condition_of`).
        jobs: number of simulations at the same time; None: one per core.
        progress: called after each operation.

    Returns:
        Table with one row per operation, with predicted and simulated width (fractions of T_max), status and
        message; the width of a failed simulation is NaN.

    Raises:
        HardwareError: the provenance does not state the circuits that the hardware was fitted to.
        SimulationError: ngspice or PySpice is missing.
    """
    from joblib import Parallel, delayed

    from ..circuits.runner import find_ngspice

    find_ngspice()
    condition = condition_of(hardware, technology)
    run = Parallel(n_jobs=jobs or -1, prefer="threads", return_as="generator")
    rows = []
    for operation, row in zip(
        operations, run(delayed(_simulate)(operation, condition) for operation in operations), strict=True
    ):
        rows.append(
            {
                "layer": operation.layer,
                "head": operation.head,
                "query": operation.query,
                "stage": operation.stage,
                "index": operation.index,
                "predicted": operation.predicted,
                **row,
            }
        )
        if progress:
            progress(len(rows), len(operations), f"stage {operation.stage}")
    return pd.DataFrame(rows)


def stage_agreement(rows: pd.DataFrame, stage: int) -> StageAgreement:
    """Agreement of one stage's simulated widths with the predicted ones.

    Args:
        rows: table of `simulate_operations`.
        stage: 1 (K array) or 2 (V array).

    Raises:
        SimulationError: no operation of that stage was simulated.
    """
    good = rows[(rows["stage"] == stage) & (rows["status"] == "ok")]
    if good.empty:
        raise SimulationError(
            f"no operation of stage {stage} could be simulated; the column `message` has the reasons"
        )
    predicted, simulated = good["predicted"].to_numpy(), good["simulated"].to_numpy()
    inside = (np.abs(predicted) > 0.02) & (np.abs(predicted) < 0.98)
    slope, offset = (
        np.polyfit(predicted[inside], simulated[inside], 1) if inside.sum() > 2 else (np.nan, np.nan)
    )
    error = simulated - predicted
    return StageAgreement(
        stage=stage,
        operations=len(good),
        slope=float(slope),
        offset=float(offset),
        rms=float(np.sqrt(np.mean(error**2))),
        worst=float(np.abs(error).max()),
        unclipped=int(inside.sum()),
    )


def condition_of(hardware: Hardware, technology: str | Path | None = None):
    """Operating condition of the circuits, from the provenance of fitted hardware.

    Args:
        hardware: hardware fitted to simulated circuits.
        technology: the technology that it was fitted to, or the path of its TOML file; None: the one that it
            names, if that is a shipped one. A library is code, so no other is simulated because data name it.

    Raises:
        HardwareError: it was not fitted to simulations, or to a technology that is not shipped and not given;
            the technology has changed since then.
        TechnologyError: an unknown technology, or a corner or size that it does not have.
        PlanError: a temperature or supply that no characterization has.
    """
    from ..characterization.plan import Plan
    from ..circuits.designs import Designs
    from ..circuits.technology import Technology, technologies
    from ..circuits.testbench import Condition

    if "condition" not in hardware.provenance:
        raise HardwareError(
            f"hardware {hardware.name!r} was not fitted to circuits at one condition; use generic28 or one "
            "that `gaincell fit` made, before `Hardware.at`"
        )
    try:
        known, source = hardware.provenance["condition"], hardware.provenance["technology"]
        name, digest = source["source"], source["digest"]
        condition = {key: known[key] for key in ("corner", "temperature", "vdd", "designs")}
    except (KeyError, TypeError) as error:
        raise HardwareError(
            f"hardware {hardware.name!r} does not say what it was fitted to ({error}); fit it again"
        ) from None
    if technology is None and name not in technologies():
        raise HardwareError(
            f"hardware {hardware.name!r} was fitted to {name!r}, which is no shipped technology; if you "
            "trust its library, give it: --technology PATH"
        )
    used = Technology.load(technology or name)
    if used.digest != digest:
        raise HardwareError(
            f"technology {used.name!r} is not, or no longer, the one that hardware {hardware.name!r} was "
            "fitted to; run `gaincell characterize` and `gaincell fit` again"
        )
    plan = Plan.build({"name": hardware.name, "procedures": ["column"], **condition}, "provenance")
    used.sections(plan.corner)
    return Condition(used, Designs.of(used, **plan.designs), plan.corner, plan.temperature, plan.vdd)


def _evenly(inside: list[int], pool: list[ColumnOperation], count: int) -> list[int]:
    """Indices of distinct operations whose predicted widths are closest to `count` equally spaced ones.

    inside: indices into `pool`, sorted by predicted width.
    """
    values = np.array([pool[i].predicted for i in inside])
    taken: list[int] = []
    for target in np.linspace(values[0], values[-1], count):
        for candidate in np.argsort(np.abs(values - target), kind="stable"):
            if inside[candidate] not in taken:
                taken.append(inside[candidate])
                break
    return taken


def _draw(
    rng: np.random.Generator, name: str, trace: Trace, hardware: Hardware, stage: int, token_period: float
) -> ColumnOperation:
    """One random operation of a stage."""
    batch, heads, queries, _ = trace.widths.shape
    item, head, query = (int(rng.integers(n)) for n in (batch, heads, queries))
    group = head // (heads // trace.key_volts.shape[1])
    valid = trace.ring.valid[item % len(trace.ring.valid), 0, query]
    age = trace.ring.age[item % len(trace.ring.age), 0, query].double() * token_period
    if stage == 1:
        index = int(rng.choice(np.flatnonzero(valid.cpu().numpy())))
        stored = _aged(hardware, trace.key_volts[item, group, index], age[index])
        width, predicted = trace.widths[item, head, query], trace.phi[item, head, query, index]
    else:
        tiles = [tile for tile in trace.sub_tiles if bool(valid[tile.keys].any())]
        tile, index = tiles[rng.integers(len(tiles))], int(rng.integers(trace.value_volts.shape[-1]))
        stored = _aged(hardware, trace.value_volts[item, group, tile.keys, index], age[tile.keys])
        width = trace.phi[item, head, query, tile.keys]
        readout, charge = hardware.readout, tile.charge[item, head, query, index]
        predicted = (charge / hardware.q_sat_2).clamp(-1, 1) if readout is None else readout(charge)
    rows = hardware.rows * (2 if stage == 1 and hardware.signed_query == "mirrored" else 1)
    return ColumnOperation(
        layer=name,
        head=head,
        query=query,
        stage=stage,
        index=index,
        v_store=_rows(stored, rows, hardware.v_zero),
        width=_rows(width, rows, 0.0),
        predicted=float(predicted),
    )


def _aged(hardware: Hardware, volts: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
    """Stored voltages (V) at their age (s)."""
    return volts if hardware.retention is None else hardware.retention(volts.double().cpu(), age.cpu())


def _rows(values: torch.Tensor, rows: int, idle: float) -> np.ndarray:
    """Values of a full column, shape (rows,); unused rows hold `idle`."""
    column = np.full(rows, idle)
    column[: len(values)] = values.double().cpu().numpy()
    return column


def _simulate(operation: ColumnOperation, condition) -> dict[str, object]:
    """Simulated width (fraction of T_max), status and message of one operation."""
    from ..characterization.measure import pulse_width
    from ..circuits.runner import simulate
    from ..circuits.testbench import column

    signed, t_max = operation.stage == 2, condition.designs.clocking.t_pulse_max
    result = simulate(column(condition, operation.v_store, operation.width * t_max, signed=signed))
    if result.waveforms is None:
        return {"simulated": np.nan, "status": str(result.status), "message": result.message}
    threshold = condition.vdd / 2
    width = pulse_width(result.waveforms, "v(out)", threshold) / t_max
    if signed and result.waveforms["v(sign)"][-1] < threshold:
        width = -width
    return {"simulated": width, "status": "ok", "message": ""}
