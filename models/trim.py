"""The trim of a fitted die: codes of its write references, and what its replicas give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from .values import Value

BANKS = {"converter": "ReLU", "readout": "signed"}
"""Design of a bank's converters -> its label."""

FOLLOWING = ("i_ramp", "i_ramp_n", "t_skew")
"""Fields of a bank that follow temperature and supply."""


class ReplicaBank(Value):
    """What the replicas of one bank of converters give at the fitted condition."""

    replica_cells: int | None = None
    """Number of cells that either ramp's current follows; None: the currents are fixed."""
    i_ramp: float = Field(gt=0)
    """Current of the p ramp, A."""
    i_ramp_n: float = Field(gt=0)
    """Current of the n ramp, A."""
    t_skew: float = Field(ge=0)
    """Delay of the window against the ramp, s."""

    @property
    def source(self) -> str:
        """Where the ramps' currents come from, in words."""
        return "fixed" if self.replica_cells is None else f"{self.replica_cells} replica cells"


class DieTrim(Value):
    """Trim of one die. It is a record: the fitted curves contain its effect.

    A tester sets the codes once. Ramp currents and window delays follow replica cells and a replica
    converter, so they differ between the temperatures and supplies of a die.
    """

    steps: int = Field(ge=1)
    """Number of steps of the references from ground to the supply."""
    bottom: int
    """Steps of the bottom reference above ground."""
    middle: int
    """Steps of the middle reference above half the supply."""
    top: int
    """Steps of the top reference below the supply."""
    measurements: int = Field(ge=0)
    """Number of signs that the tester measured."""
    banks: dict[str, ReplicaBank]
    """What the replicas give, by design (`converter`, `readout`)."""

    @property
    def sentence(self) -> str:
        """The trim in words."""
        banks = ", ".join(
            f"{BANKS.get(name, name)} {bank.i_ramp * 1e6:.3g} and {bank.i_ramp_n * 1e6:.3g} uA "
            f"({bank.source}), {bank.t_skew * 1e12:.0f} ps"
            for name, bank in self.banks.items()
        )
        return (
            f"write references at codes {self.bottom} (bottom), {self.middle} (middle) and {self.top} (top) "
            f"of {self.steps} after {self.measurements} signs; ramps and delays: {banks}"
        )

    @classmethod
    def of(cls, record: Mapping[str, Any], designs: Mapping[str, Any]) -> DieTrim:
        """The trim that a characterization recorded.

        Args:
            record: `trim` of the manifest: codes, number of signs, currents (A) and delays (s) by design.
            designs: sizes, as in the manifest's condition.
        """
        banks = {
            name: ReplicaBank(
                replica_cells=designs[name]["replica_cells"],
                i_ramp=p,
                i_ramp_n=n,
                t_skew=record["t_skew"][name],
            )
            for name, (p, n) in record["i_ramp"].items()
        }
        codes = {name: record[name] for name in ("bottom", "middle", "top", "measurements")}
        return cls(steps=designs["references"]["steps"], banks=banks, **codes)

    @classmethod
    def combined(cls, trims: Sequence[DieTrim], weights: np.ndarray) -> DieTrim:
        """Weighted mean; between dies, whose codes differ, each code is the nearest one to the mean.

        Args:
            trims: trims with the same steps and banks.
            weights: weight of each, shape (n,); their sum is 1.

        Raises:
            ValueError: the steps or the banks differ.
        """
        first = trims[0]
        if any((one.steps, one.banks.keys()) != (first.steps, first.banks.keys()) for one in trims[1:]):
            raise ValueError("trims with other steps or other banks cannot be combined")

        def mean(values: Sequence[float]) -> float:
            return float(weights @ np.asarray(values, float))

        banks = {
            name: ReplicaBank(
                replica_cells=bank.replica_cells,
                **{field: mean([getattr(t.banks[name], field) for t in trims]) for field in FOLLOWING},
            )
            for name, bank in first.banks.items()
        }
        codes = {name: round(mean([getattr(t, name) for t in trims])) for name in ("bottom", "middle", "top")}
        return cls(steps=first.steps, banks=banks, measurements=max(t.measurements for t in trims), **codes)
