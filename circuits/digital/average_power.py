"""Second opinion on power: from mean rates of toggles and probabilities of levels, as OpenSTA computes it.

`activity.energy` takes each edge in the state in which it happens. A timing tool knows two numbers of each
net, its toggles per second and the share of time at which it is high, and takes the levels of different nets
as independent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from .activity import Activity
from .gates import balanced, loads_of, slews_of
from .liberty import Arc, Pin
from .logic import Tree, parsed
from .synthesis import Instance, Netlist


@dataclass(frozen=True)
class AveragePower:
    """Power of a netlist without leakage."""

    internal: Mapping[str, float]
    """Internal power of each instance, W."""
    nets: float
    """Power that charges all nets, W."""

    @property
    def watts(self) -> float:
        """Power of cells and nets, W."""
        return sum(self.internal.values()) + self.nets


def average_power(
    netlist: Netlist, rates: Mapping[str, float], high: Mapping[str, float], *, summed: bool = False
) -> AveragePower:
    """Power from rates and probabilities of the nets.

    A net takes C V^2 / 2 per toggle. An edge of an output takes the mean of a rise and a fall, over the
    inputs that may have caused it: each weighs by its rate and by the probability of the group's `when`
    (OpenSTA since May 2020). An edge of an input takes its own energy, by the probability of `when`.

    Args:
        netlist: cells of a library.
        rates: toggles of each net, 1/s.
        high: share of time at which each net is high.
        summed: the rule of OpenSTA 2.0.17 (2019) for combinational cells instead: the energies of both edges
            are added, and those of all inputs of an output are added with the probability of `when` alone, so
            that one edge may count several times.

    Raises:
        ToolError: the netlist has generic gates.
    """
    loads = loads_of(netlist)
    assert netlist.library is not None
    slews = defaultdict(lambda: netlist.library.slew, slews_of(netlist, balanced(netlist, loads)))
    internal = {}
    for instance in netlist.instances:
        pins = netlist.library.kind(instance.kind).pins
        internal[instance.name] = sum(
            rates.get(instance.nets[name], 0.0)
            * _edge(instance, pin, rates, high, slews, loads.get(instance.nets[name], 0.0), summed)
            for name, pin in pins.items()
            if name in instance.nets
        )
    charged = sum(load * rates.get(net, 0.0) for net, load in loads.items())
    return AveragePower(internal, 0.5 * charged * netlist.library.vdd**2)


def second_opinion(netlist: Netlist, activity: Activity) -> float:
    """Power by `average_power` at the rates of a simulation, over that of the simulation's single edges.

    Args:
        netlist: cells of a library.
        activity: its simulated activity.
    """
    rates = {net: count / activity.seconds for net, count in activity.net_toggles.items()}
    return average_power(netlist, rates, activity.net_high).watts / (activity.dynamic / activity.seconds)


def _edge(
    instance: Instance,
    pin: Pin,
    rates: Mapping[str, float],
    high: Mapping[str, float],
    slews: Mapping[str, float],
    load: float,
    summed: bool,
) -> float:
    """Internal energy of an edge of a pin, J."""
    levels = {name: _share(net, high) for name, net in instance.nets.items()}
    weights, energies = [], []
    for arc in pin.power:
        net = instance.nets[arc.related or pin.name]
        weight = probability(parsed(arc.when), levels) if arc.when else 1.0
        if arc.related and not summed:
            weight *= rates.get(net, 0.0)
        weights.append(weight)
        energies.append(_both_edges(arc, slews[net], load if pin.output else 0.0))
    total = sum(weight * energy for weight, energy in zip(weights, energies, strict=True))
    if summed:
        return total
    if pin.output and weights:
        return total / sum(weights) / 2 if sum(weights) else sum(energies) / len(energies) / 2
    return total / 2


def _both_edges(arc: Arc, slew: float, load: float) -> float:
    return sum(table(slew, load) for table in arc.tables.values())


def _share(net: str, high: Mapping[str, float]) -> float:
    return {"1'b0": 0.0, "1'b1": 1.0}.get(net, high.get(net, 0.0))


def probability(tree: Tree, high: Mapping[str, float]) -> float:
    """Probability that a function is true, for independent pins.

    Args:
        tree: the function.
        high: probability that each pin is high.
    """
    kind, *parts = tree
    if kind == "pin":
        return high.get(parts[0], 0.0)
    if kind in "01":
        return float(kind)
    first, *rest = (probability(part, high) for part in parts)
    if kind == "not":
        return 1 - first
    (second,) = rest
    return {
        "and": first * second,
        "or": first + second - first * second,
        "xor": first * (1 - second) + second * (1 - first),
    }[kind]
