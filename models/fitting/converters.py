"""Fits of the offset and gain of converters: Monte Carlo of converters and banks, drop along the rails."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..array import ConverterCurve
from ..variation import ConverterVariation, RailPattern
from .curves import measure_error


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


def fit_rail(rows: pd.DataFrame, curve: ConverterCurve, places: int, *, signed: bool) -> RailPattern:
    """Offset and gain along the rails of a bank, against a converter on rails without resistance.

    Both are parabolas over the place, as is the drop of a uniformly loaded rail. Errors: pulses of the
    held-out charges at the simulated places, of T_max.

    Args:
        rows: table `supply_drop` of one kind of converter, with t_out as fraction of T_max; of the rails with
            resistance only the widest are used.
        curve: the nominal converter.
        places: number of converters along the rails.
        signed: whether each polarity has its own offset and gain.
    """
    count = 4 if signed else 2
    whole = rows[rows["bank"] == "all"]
    if whole.empty:
        return RailPattern(values=np.zeros((places, count)))
    whole = whole[whole["r_supply"] == whole["r_supply"].min()].assign(sample=whole["place"])
    alone = rows[rows["bank"] == "ideal"].assign(sample=-1.0)
    own = converter_parameters(pd.concat([alone, whole]), curve, signed=signed)
    nominal, own = own.loc[-1.0].to_numpy(), own.drop(index=-1.0)
    at = own.index.to_numpy()
    degree = min(2, len(at) - 1)
    fits = [np.polyfit(at / places, column, degree) for column in (own.to_numpy() - nominal).T]

    def evaluated(place: np.ndarray) -> np.ndarray:
        return np.stack([np.polyval(fit, place / places) for fit in fits], axis=-1)

    unseen = whole[whole["held_out"]]
    variation = ConverterVariation(mean=nominal, factor=np.zeros((count, count)))
    along = nominal + evaluated(unseen["place"].to_numpy())
    predicted = curve(variation(unseen["charge"].to_numpy(), along)).numpy()
    errors = measure_error(predicted, unseen["t_out"].to_numpy(), 1.0, "of T_max")
    return RailPattern(values=evaluated(np.arange(places) + 0.5), errors=errors)


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
