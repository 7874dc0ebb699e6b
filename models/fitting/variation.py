"""Fits of the surrogates of mismatch to Monte Carlo tables: random curves of cells, offset and gain of
converters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from ..array import ConverterCurve
from ..curves import Spline, spline_from_pieces
from ..hardware import Hardware
from ..variation import CellStatistics, ConverterVariation, Mismatch, RandomCurve
from .curves import measure_error

UNRESOLVED = 0.005
"""Largest share of the variance in the omitted modes, at the point where that share is largest."""


def fit_mismatch(
    tables: Mapping[str, pd.DataFrame], hardware: Hardware, write_device: str
) -> Mismatch | None:
    """Mismatch of cells, writes and converters, as far as there are tables.

    Args:
        tables: procedure -> table without failed rows; cell_mismatch, write_mismatch, converter_mismatch and
            (with the latter) bias_mismatch are used, all optional.
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
    if "converter_mismatch" in tables:
        parts["phi"] = _converters(tables, hardware.phi, False, hardware.t_pulse_max)
        parts["readout"] = _converters(tables, hardware.readout, True, hardware.t_pulse_max)
    return Mismatch(**parts) if parts else None


def _converters(
    tables: Mapping[str, pd.DataFrame], curve: ConverterCurve, signed: bool, t_pulse_max: float
) -> ConverterVariation:
    """Converters of one kind, with their bank if there is the table bias_mismatch."""

    def relative(name: str) -> pd.DataFrame:
        own = tables[name][tables[name]["signed"] == signed]
        return own.assign(t_out=own["t_out"] / t_pulse_max)

    variation = fit_converter_variation(relative("converter_mismatch"), curve, signed=signed)
    if "bias_mismatch" not in tables:
        return variation
    return variation.model_copy(update={"bank": fit_bank_gain(relative("bias_mismatch"), curve)})


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


def fit_converter_variation(rows: pd.DataFrame, curve: ConverterCurve, *, signed: bool) -> ConverterVariation:
    """Joint distribution of offset and gain over Monte Carlo samples.

    Errors: pulses of the held-out charges, predicted from each sample's own offset and gain, of T_max.

    Args:
        rows: table with sample, charge (C), t_out (fraction of T_max), held_out.
        curve: the nominal converter.
        signed: whether each polarity has its own offset and gain.
    """
    table = converter_parameters(rows, curve, signed=signed)
    values = table.to_numpy()
    variation = ConverterVariation(mean=values.mean(axis=0), factor=_cholesky(values))
    unseen = rows[rows["held_out"] & rows["sample"].isin(table.index)]
    own = values[table.index.get_indexer(unseen["sample"])]
    predicted = curve(variation(unseen["charge"].to_numpy(), own)).numpy()
    errors = measure_error(predicted, unseen["t_out"].to_numpy(), 1.0, "of T_max")
    return variation.model_copy(update={"errors": errors})


def converter_parameters(rows: pd.DataFrame, curve: ConverterCurve, *, signed: bool) -> pd.DataFrame:
    """Offset and gain of each sample.

    The inverse of the nominal curve gives for every pulse the charge from which the nominal converter makes
    it. A straight line through these charges against the true ones has the slope 1 + gain and is zero at the
    offset.

    Args:
        rows: table with sample, charge (C), t_out (fraction of T_max), held_out.
        curve: the nominal converter.
        signed: whether each polarity has its own line.

    Returns:
        One row per sample: offsets (C) and gains (dimensionless), columns as in `ConverterVariation.mean`.
    """
    rows = rows.assign(seen=invert_converter(rows["t_out"].to_numpy(), curve))
    parameters = []
    for polarity in (1, -1) if signed else (1,):
        own = rows[~rows["held_out"] & (np.sign(rows["charge"]) == polarity)]
        true, back = (own.pivot(index="sample", columns="charge", values=c) for c in ("charge", "seen"))
        whole = back.notna().all(axis=1)
        true, back = true[whole], back[whole]
        slope = np.ptp(back.to_numpy(), axis=1) / np.ptp(true.to_numpy(), axis=1)
        offset = true.mean(axis=1) - back.mean(axis=1) / slope
        parameters.append(pd.DataFrame({"offset": offset, "gain": slope - 1}))
    return pd.concat(parameters, axis=1).dropna()


def fit_bank_gain(rows: pd.DataFrame, curve: ConverterCurve) -> np.ndarray:
    """Lower triangular factor of the covariance of the gain that the converters of a bank share.

    Args:
        rows: table with sample, charge (C, one per polarity), t_out (fraction of T_max).
        curve: the nominal converter.

    Returns:
        Factor by polarity, positive charge first, dimensionless, shape (1, 1) or (2, 2).
    """
    gain = invert_converter(rows["t_out"].to_numpy(), curve) / rows["charge"] - 1
    table = rows.assign(gain=gain).pivot(index="sample", columns="charge", values="gain").dropna()
    return _cholesky(table.to_numpy()[:, ::-1])


def invert_converter(width: np.ndarray, curve: ConverterCurve) -> np.ndarray:
    """Charge for which a nominal converter gives a pulse of this width.

    A pulse on a plateau, or beyond it by a time step of the simulator, gets the charge at the knee, where the
    plateau begins. That is the smallest charge that can have caused it.

    Args:
        width: pulse width, fraction of T_max, shape (n,).
        curve: the nominal converter.

    Returns:
        Charge, C, shape (n,).
    """
    grid = np.linspace(*curve.box["charge"], 20001)
    widths = curve(grid).numpy()
    first, last = np.flatnonzero(widths <= widths[0])[-1], np.flatnonzero(widths >= widths[-1])[0]
    return np.interp(width, widths[first : last + 1], grid[first : last + 1])


def _cholesky(values: np.ndarray) -> np.ndarray:
    """Lower triangular factor of the covariance of `values` (samples, n); columns may differ by many
    decades."""
    std = values.std(axis=0, ddof=1)
    correlation = np.atleast_2d(np.corrcoef(values.T))
    # The small diagonal keeps exactly related columns positive definite despite rounding.
    return std[:, None] * np.linalg.cholesky(correlation + 1e-9 * np.eye(len(std)))


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
