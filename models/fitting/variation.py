"""Fits of the surrogates of mismatch: random curves of cells and writes, and all parts together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from ..curves import Spline, spline_from_pieces
from ..hardware import Hardware
from ..variation import CellStatistics, ConverterVariation, Mismatch, RandomCurve
from .converters import fit_bank_gain, fit_converter_variation, fit_rail
from .curves import measure_error

UNRESOLVED = 0.005
"""Largest share of the variance in the omitted modes, at the point where that share is largest."""


def fit_mismatch(
    tables: Mapping[str, pd.DataFrame], hardware: Hardware, write_device: str
) -> Mismatch | None:
    """Mismatch of cells, writes and converters, as far as there are tables.

    Args:
        tables: procedure -> table without failed rows; cell_mismatch, write_mismatch, converter_mismatch,
            (with the latter) bias_mismatch, and supply_drop are used, all optional.
        hardware: with its nominal cell and converter curves fitted.
        write_device: the write device in use.

    Returns:
        The mismatch; parts without a table are None. None without any of the tables.
    """
    parts: dict[str, object] = {}
    if "cell_mismatch" in tables:
        full, short = _by_width(tables["cell_mismatch"])
        peak = float(np.abs(full.to_numpy()).max())
        volts = full.columns.to_numpy()
        nominal = hardware.transfer(volts).numpy() + (hardware.edge or 0.0)
        parts["cell"] = fit_random_curve(volts, full.to_numpy(), nominal, scale=peak)
        parts["cell_statistics"] = cell_statistics(full, short, hardware.t_pulse_max)
    if "write_mismatch" in tables:
        rows = tables["write_mismatch"]
        written = _curves(rows[rows["write_device"] == write_device], "v_target", "v_written")
        volts = written.columns.to_numpy()
        parts["write"] = fit_random_curve(volts, written.to_numpy(), scale=1.0, unit="V")
    if "converter_mismatch" in tables or "supply_drop" in tables:
        parts["phi"] = _converters(tables, hardware, signed=False)
        parts["readout"] = _converters(tables, hardware, signed=True)
    return Mismatch(**parts) if parts else None


def _converters(
    tables: Mapping[str, pd.DataFrame], hardware: Hardware, *, signed: bool
) -> ConverterVariation:
    """Converters of one kind, with their bank and its rails as far as there are tables."""
    curve, count = (hardware.readout, 4) if signed else (hardware.phi, 2)

    def relative(name: str) -> pd.DataFrame:
        own = tables[name][tables[name]["signed"] == signed]
        return own.assign(t_out=own["t_out"] / hardware.t_pulse_max)

    variation = ConverterVariation(mean=np.zeros(count), factor=np.zeros((count, count)))
    if "converter_mismatch" in tables:
        variation = fit_converter_variation(relative("converter_mismatch"), curve, signed=signed)
        if "bias_mismatch" in tables:
            bank = fit_bank_gain(relative("bias_mismatch"), curve)
            variation = variation.model_copy(update={"bank": bank})
    if "supply_drop" in tables:
        rail = fit_rail(relative("supply_drop"), curve, hardware.columns, signed=signed)
        variation = variation.model_copy(update={"rail": rail})
    return variation


def fit_random_curve(
    x: np.ndarray,
    curves: np.ndarray,
    nominal: np.ndarray | None = None,
    *,
    scale: float | None = None,
    unit: str = "of peak",
    unresolved: float = UNRESOLVED,
) -> RandomCurve:
    """Modes of the deviation from the mean curve: principal components, with splines between the points.

    The components are those of the correlation matrix, so points of small variance have the same weight as
    points of large variance. The rank is the smallest for which the omitted modes have at most the share
    `unresolved` of the variance at every point. Errors: every second point of the last quarter of the
    circuits is predicted from their other points, by modes fitted to the first three quarters at those other
    points.

    Args:
        x: arguments, increasing, shape (n,).
        curves: one row per circuit, shape (samples, n).
        nominal: curve of a circuit without deviations, shape (n,); None for the mean of `curves`.
        scale: value that counts as 1 in the errors; None for the largest magnitude.
        unit: name of the scale.
        unresolved: largest share of the variance in the omitted modes.

    Raises:
        ValueError: fewer than 8 circuits, or all circuits alike at some point.
    """
    x, curves = np.asarray(x, float), np.asarray(curves, float)
    if len(curves) < 8:
        raise ValueError(f"curves: need at least 8 circuits, got {len(curves)}")
    deviations = curves - curves.mean(axis=0)
    if not (deviations.std(axis=0) > 0).all():
        raise ValueError("curves: all circuits are alike at some point; was mismatch simulated?")
    seen, unseen = np.split(deviations, [-(len(curves) // 4)])
    held = np.zeros(len(x), dtype=bool)
    held[1:-1:2] = True
    coarse = np.stack([mode(x).numpy() for mode in _modes(x[~held], seen[:, ~held], unresolved)])
    weight = seen.std(axis=0)[~held]
    scores = np.linalg.lstsq((coarse[:, ~held] / weight).T, (unseen[:, ~held] / weight).T, rcond=None)[0]
    predicted = scores.T @ coarse[:, held]
    peak = float(np.abs(curves).max()) if scale is None else scale
    errors = measure_error(predicted.ravel(), unseen[:, held].ravel(), peak, unit)
    mean = None if nominal is None else _through(x, curves.mean(axis=0) - nominal)
    box = {"v": (float(x[0]), float(x[-1]))}
    return RandomCurve(modes=_modes(x, deviations, unresolved), mean=mean, box=box, errors=errors)


def _modes(x: np.ndarray, deviations: np.ndarray, unresolved: float) -> tuple[Spline, ...]:
    std = deviations.std(axis=0, ddof=1)
    variance, vectors = np.linalg.eigh(np.corrcoef(deviations.T))
    variance, vectors = np.maximum(variance[::-1], 0.0), vectors[:, ::-1]
    explained = np.cumsum(variance * vectors**2, axis=1).min(axis=0)
    rank = int(np.argmax(explained >= 1 - unresolved)) + 1
    modes = []
    for r in range(rank):
        curve = std * vectors[:, r] * np.sqrt(variance[r])
        # The sign of a component is arbitrary; fix it so that a fit is reproducible.
        curve *= np.sign(vectors[np.argmax(np.abs(vectors[:, r])), r])
        modes.append(_through(x, curve))
    return tuple(modes)


def _through(x: np.ndarray, y: np.ndarray) -> Spline:
    return spline_from_pieces(CubicSpline(x, y), {"v": (float(x[0]), float(x[-1]))})


def cell_statistics(full: pd.DataFrame, short: pd.DataFrame, t_pulse_max: float) -> CellStatistics:
    """Moments of gain and offset at the voltages of the short pulses.

    Args:
        full: charge of full-width pulses, C; cells in rows, stored voltages (V) in columns.
        short: charge of shorter pulses, C, same layout, with their width (s) in `short.attrs["t_pulse"]`.
        t_pulse_max: width of a full pulse, s.
    """
    width = short.attrs["t_pulse"] / t_pulse_max
    levels = short.columns.to_numpy()
    common = [full.columns[np.argmin(np.abs(full.columns - level))] for level in levels]
    long, brief = full[common].to_numpy(), short.to_numpy()
    gain = (long - brief) / (1 - width)
    offset = long - gain
    pairs = [np.corrcoef(gain[:, i], offset[:, i])[0, 1] for i in range(len(levels))]
    return CellStatistics(
        levels=levels,
        gain_std=gain.std(axis=0, ddof=1),
        offset_std=offset.std(axis=0, ddof=1),
        gain_offset_correlation=np.array(pairs),
        correlation=np.corrcoef(gain.T),
        samples=len(gain),
    )


def _by_width(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Charges of the longest and of the shortest pulses, for the cells that have all points of both."""
    tables = {width: _curves(own, "v_store", "q_bl") for width, own in rows.groupby("t_pulse")}
    full, short = tables[max(tables)], tables[min(tables)]
    whole = full.index.intersection(short.index)
    short = short.loc[whole]
    short.attrs["t_pulse"] = min(tables)
    return full.loc[whole], short


def _curves(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """One row per sample with all points, one column per point."""
    return rows.pivot(index="sample", columns=x, values=y).dropna()
