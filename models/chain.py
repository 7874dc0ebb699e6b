"""Predictions of the surrogates for a simulated array, and for a chain of both arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .hardware import Hardware
from .phases import phase_sums, two_phase_charge


def predict_chain(hardware: Hardware, rows: pd.DataFrame, stage: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and simulated pulse widths of one product, over all chains in a table.

    The prediction of product 2 starts from the predicted pulses of product 1, not from the simulated ones, so
    it covers the whole chain.

    Args:
        hardware: the fitted surrogates.
        rows: table `chain` or `chain64`.
        stage: 1 or 2, the product.

    Returns:
        Predicted and simulated widths, fractions of T_max, each of shape (outputs of all chains,).
    """
    predicted, simulated = [], []
    for _, chain in rows.groupby("point"):
        first = chain.iloc[0]
        query = np.asarray(first["t_query"]) / hardware.t_pulse_max
        key = np.asarray(first["v_key"]).reshape(len(query), -1)
        value = np.asarray(first["v_value"]).reshape(key.shape[1], -1)
        pulses = product_widths(hardware, query, key, 1)
        predicted.append(pulses if stage == 1 else product_widths(hardware, pulses, value, 2))
        own = chain[chain["stage"] == stage].sort_values("index")
        simulated.append(own["t_out"].to_numpy() / hardware.t_pulse_max)
    return np.concatenate(predicted), np.concatenate(simulated)


def product_widths(hardware: Hardware, width: np.ndarray, stored: np.ndarray, array: int) -> np.ndarray:
    """Converted pulse widths of an array's columns.

    Args:
        hardware: the fitted surrogates; its cell, columns and converters are used.
        width: pulse widths on the rows, fractions of T_max, shape (rows,).
        stored: stored voltages, V, shape (rows, columns).
        array: 1 for the K array, 2 for the V array.

    Returns:
        Widths, fractions of T_max, shape (columns,).
    """
    converter = hardware.phi if array == 1 else hardware.readout
    return converter(bit_line_charge(hardware, width, stored, array)).numpy()


def bit_line_charge(hardware: Hardware, width: np.ndarray, stored: np.ndarray, array: int) -> np.ndarray:
    """Charge that an array's cells deliver to its bit lines.

    With a two-phase query, pulses of negative width into array 1 are integrated in the first phase and count
    with the opposite sign.

    Args:
        hardware: the fitted surrogates; its cell and columns are used.
        width: pulse widths on the rows, fractions of T_max, shape (rows,).
        stored: stored voltages, V, shape (rows, columns).
        array: 1 for the K array, 2 for the V array.

    Returns:
        Charge, C, shape (columns,).
    """
    column = hardware.column_1 if array == 1 else hardware.column_2
    if array == 1 and hardware.signed_query == "two-phase":
        pulses = np.broadcast_to(width, stored.T.shape)
        sums = phase_sums(pulses, stored.T, hardware.transfer, hardware.edge or 0.0)
        loads = phase_sums(pulses, stored.T, column.loading)
        return two_phase_charge(column, hardware.swap_efficiency, *zip(sums, loads, strict=True)).numpy()
    charge = width @ hardware.transfer(stored).numpy() + hardware.edge * (width > 0).sum()
    return column(charge, width @ column.loading(stored).numpy()).numpy()
