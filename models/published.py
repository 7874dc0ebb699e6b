"""Hardware without a fit: the published analog attention of Leroux et al. 2025, and exact softmax.

Source of every number of `leroux2025`: N. Leroux, P.-P. Manea, C. Sudarshan, J. Finkbeiner, S. Siegel, J. P.
Strachan, E. Neftci, "Analog in-memory computing attention mechanism for fast and energy-efficient large
language models", Nature Computational Science 5, 813-824 (2025), https://doi.org/10.1038/s43588-025-00854-1,
arXiv 2409.19315, and the authors' public training code. The numbers are a reference for comparison, not
results of this toolkit.
"""

from __future__ import annotations

import numpy as np

from .cost import Area, Constant, EnergyModel, Phase, StageEnergy, Timing
from .curves import Polynomial
from .hardware import SHIPPED, Hardware

CITATION = (
    "N. Leroux et al., Analog in-memory computing attention mechanism for fast and energy-efficient "
    "large language models, Nature Computational Science 5, 813-824 (2025), doi 10.1038/s43588-025-00854-1"
)
"""Reference of the publication, as written into the hardware's provenance."""
V_ZERO = 0.45
"""Stored voltage that represents zero, V."""
V_IN = 0.9
"""Amplitude of the read pulses, V."""
CELL_COEFFICIENTS = (
    (0.17393044, 0.15653739, 0.14088365, 0.12679529),
    (5.51975209, 4.96777688, 4.4709992),
    (-1.44776001, -1.30298401),
    (46.05483778,),
)
"""C_ij of charge = width * sum_ij C_ij (v_store - 0.45)^i V_in^j, total degree i + j <= 3, in the
publication's unit. Row i, column j."""
LINEAR_SLOPE = 19.3
"""Slope of the authors' linear intermediate cell, f(x) = 19.3 x."""
DECAY_PER_TOKEN = 1.6e-4
"""Decay rate, per token: 12 layers x 65 ns over a retention of 5 ms is 1.56e-4; the authors train with
1.6e-4."""
PICOJOULES = {
    "first product and converters": (1120, "K arrays, query pulses and ReLU converters"),
    "second product and converters": (700, "V arrays and signed converters"),
    "dac": (330, "pulse-width and voltage converters at the input"),
    "digital control": (4000, "control and routing, 113.7 mW"),
}
"""Stage -> published energy per token and head at window 1024 and head dimension 64 (a total, not a law), pJ,
and what it covers."""


def collapsed_cell() -> Polynomial:
    """The published cell at the fixed pulse amplitude: sum_i (sum_j C_ij V_in^j) (v - 0.45)^i.

    Source: Leroux et al. 2025, https://doi.org/10.1038/s43588-025-00854-1, Methods, and the training code.
    """
    collapsed = [float(np.polynomial.polynomial.polyval(V_IN, row)) for row in CELL_COEFFICIENTS]
    return Polynomial(coefficients=np.array(collapsed), center=V_ZERO, box={"v": (0.0, 0.9)})


def leroux2025() -> Hardware:
    """The published design: 64 x 64 gain cells in 28 nm CMOS, window 1024, head dimension 64."""
    linear = Polynomial(coefficients=np.array([0.0, LINEAR_SLOPE]), center=V_ZERO, box={"v": (0.0, 0.9)})
    return Hardware(
        name="leroux2025",
        description="Published coefficients, energies and latency of Leroux et al. 2025, not simulated here.",
        origin="published",
        cells={"nonlinear": collapsed_cell(), "linear": linear},
        cell="nonlinear",
        charge_unit="arbitrary (the publication's unit)",
        q_sat_1=80.0,
        q_sat_2=40.0,
        decay_per_token=DECAY_PER_TOKEN,
        energy=EnergyModel(stages=_energy_stages()),
        timing=Timing(phases=(Phase(name="attention of one token", seconds=65e-9, origin="published"),)),
        area=Area(square_metres=0.5e-6, origin="published", note="per head with digital control"),
        provenance={"source": CITATION, "preprint": "arXiv 2409.19315", "window": 1024, "head_dim": 64},
    )


def _energy_stages() -> tuple[StageEnergy, ...]:
    return tuple(
        StageEnergy(name=name, origin="published", law=Constant(joules=energy * 1e-12), note=note)
        for name, (energy, note) in PICOJOULES.items()
    )


def ideal() -> Hardware:
    """Exact digital softmax attention, the oracle of every comparison."""
    return Hardware(
        name="ideal",
        kind="softmax",
        description="Exact softmax attention; describes no circuit, no energy and no time.",
        origin="exact",
        provenance={"source": "definition: softmax(q k^T / sqrt(d)) v"},
    )


def write_shipped() -> None:
    """Write both hardwares into the package, where `Hardware.from_pretrained` finds them by name."""
    for hardware in (leroux2025(), ideal()):
        hardware.save_pretrained(SHIPPED / hardware.name)
