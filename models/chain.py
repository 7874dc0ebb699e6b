"""What the surrogates predict for a simulated two-array chain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .hardware import Hardware
from .phases import phase_sums, two_phase_charge


def predict_chain(hardware: Hardware, rows: pd.DataFrame, stage: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and simulated pulse widths of one stage, fractions of T_max, over all chains in a table.

    Stage 2 starts from the predicted, not from the simulated, pulses of stage 1: it is the whole chain.
    """
    predicted, simulated = [], []
    for _, chain in rows.groupby("point"):
        first = chain.iloc[0]
        query = np.asarray(first["t_query"]) / hardware.t_pulse_max
        key = np.asarray(first["v_key"]).reshape(len(query), -1)
        value = np.asarray(first["v_value"]).reshape(key.shape[1], -1)
        pulses = product(hardware, query, key, 1)
        predicted.append(pulses if stage == 1 else product(hardware, pulses, value, 2))
        own = chain[chain["stage"] == stage].sort_values("index")
        simulated.append(own["t_out"].to_numpy() / hardware.t_pulse_max)
    return np.concatenate(predicted), np.concatenate(simulated)


def product(hardware: Hardware, width: np.ndarray, stored: np.ndarray, array: int) -> np.ndarray:
    """Pulses (rows,) into an array of stored volts (rows, columns): converted widths (columns,) / T_max."""
    converter = hardware.phi if array == 1 else hardware.readout
    return converter(bit_line_charge(hardware, width, stored, array)).numpy()


def bit_line_charge(hardware: Hardware, width: np.ndarray, stored: np.ndarray, array: int) -> np.ndarray:
    """Charge (C) on the bit lines (columns,) after pulses (rows,) / T_max on stored volts (rows, columns).

    Negative widths, into array 1 of two phases, come first and count with the opposite sign.
    """
    column = hardware.column_1 if array == 1 else hardware.column_2
    if array == 1 and hardware.signed_query == "two-phase":
        pulses = np.broadcast_to(width, stored.T.shape)
        sums = phase_sums(pulses, stored.T, hardware.transfer, hardware.edge or 0.0)
        loads = phase_sums(pulses, stored.T, column.loading)
        return two_phase_charge(column, hardware.swap_efficiency, *zip(sums, loads, strict=True)).numpy()
    charge = width @ hardware.transfer(stored).numpy() + hardware.edge * (width > 0).sum()
    return column(charge, width @ column.loading(stored).numpy()).numpy()
