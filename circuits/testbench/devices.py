"""Testbench of single transistors: drain current against gate voltage."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..runner import Simulation
from .bench import TRANSIENT_OPTIONS, Condition, open_circuit

GATE_STEP = 0.01
"""Largest step of the gate voltage, V."""
V_LINEAR = 0.05
"""Drain voltage of the linear-region curve, V."""


def device_transfer(
    condition: Condition, role: str, length: Sequence[float], width: float = 1e-6
) -> Simulation:
    """Gate sweep of one device role at several channel lengths, drains at V_LINEAR and at the supply.

    All voltages are negative for a p-channel device. Saves i(vlin<i>) and i(vsat<i>), the drain currents of
    length i, over the gate voltage.

    Args:
        condition: technology and operating point.
        role: device role.
        length: channel lengths, m.
        width: channel width, m.

    Raises:
        TechnologyError: the technology has no such role.
    """
    sign = 1.0 if condition.technology.device(role).polarity == "n" else -1.0
    circuit = open_circuit(f"transfer curves of {role}", condition)
    circuit.V("g", "g", circuit.gnd, 0.0)
    save = []
    for i, l_channel in enumerate(length):
        for region, volts in (("lin", V_LINEAR), ("sat", condition.vdd)):
            drain = f"{region}{i}"
            circuit.V(drain, drain, circuit.gnd, sign * volts)
            nodes = (drain, "g", circuit.gnd, circuit.gnd)
            circuit.X(drain, f"dev_{role}", *nodes, w=float(width), l=float(l_channel))
            save.append(f"i(v{drain})")
    end = sign * condition.vdd
    # A sweep whose step does not divide the supply would end below it.
    step = end / math.ceil(condition.vdd / GATE_STEP - 1e-6)
    lines = [str(circuit).rstrip(), ".options " + " ".join(f"{k}={v}" for k, v in TRANSIENT_OPTIONS.items())]
    lines += [".save " + " ".join(save), f".dc vg 0 {end!r} {step!r}", ".end\n"]
    return Simulation("\n".join(lines), end=end)
