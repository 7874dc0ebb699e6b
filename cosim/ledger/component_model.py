"""Gain-cell attention as a component of hwcomponents: one head of one layer, one action for each token.

A copy of this file with the figures of a ledger is what `gaincell account --export` writes. It needs
hwcomponents and nothing else. Energies are in J, powers in W, areas in m^2, times in s.
"""

from hwcomponents import ActionCost, ComponentModel, action

LEDGER: dict = {}
"""Figures of a ledger, see `export.figures_of`."""


class GainCellAttention(ComponentModel):
    """One query head that stores keys and values in gain cells and attends to them.

    Heads and layers are instances. Energies are for the activity of the network that the ledger is of.

    Args:
        keys: number of stored keys; beyond those of the ledger, activity per key and per sub-tile is kept.
        head_dim: head dimension; energy, leakage and area are proportional to it.
        estimates: "low", "nominal" or "high" end of the band of the lines that are estimates.
    """

    component_name = ["GainCellAttention", "gain_cell_attention"]
    priority = 0.8

    def __init__(self, keys: int = 1024, head_dim: int = 64, estimates: str = "nominal"):
        if int(keys) != keys or keys < 1 or int(head_dim) != head_dim or head_dim < 1:
            raise ValueError(f"keys={keys} and head_dim={head_dim} must be whole numbers above 0")
        if estimates not in ("low", "nominal", "high"):
            raise ValueError(f"estimates={estimates!r} must be low, nominal or high")
        self.keys, self.head_dim, self.estimates = int(keys), int(head_dim), estimates
        self.sub_tiles = -(-self.keys // LEDGER["columns"])
        self.wide = self.head_dim / LEDGER["head_dim"]
        area = LEDGER["area"]["head"] + self.sub_tiles * LEDGER["area"]["sub-tile"]
        super().__init__(leak_power=self._sum("watts"), area=area * self.wide)

    def _sum(self, unit: str) -> float:
        """Sum of all lines of one unit at this number of keys."""
        numbers = {"token": 1, "key": self.keys, "sub-tile": self.sub_tiles}
        low, high = {"low": (1, 0), "nominal": (0, 0), "high": (0, 1)}[self.estimates]
        return self.wide * sum(
            line[unit] * numbers[line["per"]] * (line["band"][0] if low else line["band"][1] if high else 1)
            for line in LEDGER["lines"]
        )

    @action
    def attend(self) -> ActionCost:
        """One token: its key and value are written, and its query attends to all keys."""
        seconds = LEDGER["latency_s"]
        return ActionCost(energy=self._sum("joules"), throughput=1 / seconds, latency=seconds)

    @action
    def compute(self) -> ActionCost:
        """The same as `attend`, by the name that modellers give to a compute unit's action."""
        return self.attend()
