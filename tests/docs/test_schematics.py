"""Schematics compared with the SPICE sub-circuits that they draw: instances, pins and nets."""

import re
from pathlib import Path

import pytest

NETLISTS = Path(__file__).parents[2] / "circuits" / "netlists"
PARTS = {
    "inv": ("a", "y"),
    "nand2": ("a", "b", "y"),
    "tgate": ("a", "b", "on", "onb"),
    "comparator": ("int", "y", "on", "rst", "rstb"),
    "ramp_p": ("int", "enb", "vbp", "vbpc"),
    "ramp_n": ("int", "en", "vbn", "vbnc"),
    "amplifier_n": ("up", "down", "out"),
    "amplifier_p": ("up", "down", "out"),
}
"""Pins of the parts that a schematic may draw as one symbol; their rails are not drawn."""
TRANSISTOR = ("d", "g", "s", "b")


def subcircuits():
    """Sub-circuit -> (ports, lines of its instances)."""
    text = "\n".join(path.read_text() for path in sorted(NETLISTS.glob("*.sp")))
    lines = [line for line in text.replace("\n+", " ").splitlines() if line and not line.startswith("*")]
    found = {}
    for line in lines:
        words = [word for word in line.split() if "=" not in word]
        if words[0] == ".subckt":
            name, ports, body = words[1], words[2:], []
            found[name] = (ports, body)
        elif words[0] != ".ends":
            body.append(words)
    return found


def flatten(circuits, name, drawn, prefix="", ports=None):
    """(instance, model, {pin: net}) of a sub-circuit; instances that the sheet does not draw are expanded."""
    own, body = circuits[name]
    nets = dict(zip(own, ports or own, strict=True))

    def net(local):
        return nets.get(local, f"{prefix}{local}")

    for instance, *words in body:
        path = f"{prefix}{instance}"
        if instance[0] == "x":
            *nodes, model = words
            if model.startswith("dev_"):
                yield path, model, dict(zip(TRANSISTOR, map(net, nodes), strict=True))
            elif path in drawn:
                yield path, model, dict(zip(PARTS[model], map(net, nodes), strict=False))
            else:
                yield from flatten(circuits, model, drawn, f"{path}.", list(map(net, nodes)))
        else:
            yield path, instance[0], {"1": net(words[0]), "2": net(words[1])}


def expected_nets(parts, ports):
    """Nets as sets of (instance, pin) and ("", port), without bulks."""
    nets = {}
    for path, model, pins in parts:
        for pin, net in pins.items():
            if not (pin == "b" and model.startswith("dev_")):
                nets.setdefault(net, set()).add((path, pin))
    for port in ports:
        if port in nets:
            nets[port].add(("", port))
    return {frozenset(net) for net in nets.values()}


NAMES = (
    "gain_cell",
    "gain_cell_oxide",
    "charge_to_pulse",
    "signed_charge_to_pulse",
    "query_to_pulse",
    "ramp_bias",
    "row_driver",
)


@pytest.mark.parametrize("name", NAMES)
def test_schematic_has_the_instances_and_nets_of_its_subcircuit(docs, name):
    import schematics

    sheet, circuits = schematics.SCHEMATICS[name](), subcircuits()
    parts = list(flatten(circuits, name, sheet.parts))
    drawn = {path: part.model for path, part in sheet.parts.items()}
    assert drawn == {path: model for path, model, _ in parts}
    ports = set(circuits[name][0])
    # A name that is no port only joins wires within the sheet, so it is not compared.
    nets = {frozenset(pin for pin in net if pin[0] or pin[1] in ports) for net in sheet.nets()}
    assert nets == expected_nets(parts, ports)
    for _, model, pins in parts:
        if model.startswith("dev_") and model != "dev_oxide":
            assert pins["b"] == ("vss" if model.startswith("dev_n") else "vdd")  # not drawn


def test_every_schematic_is_compared_with_a_subcircuit(docs):
    import schematics

    assert set(schematics.SCHEMATICS) == set(NAMES)


def test_an_extra_wire_changes_the_nets(docs):
    import schematics

    sheet = schematics.gain_cell()
    sheet.wire((8, 4), (9, 3))
    circuits = subcircuits()
    parts = list(flatten(circuits, "gain_cell", sheet.parts))
    assert sheet.nets() != expected_nets(parts, circuits["gain_cell"][0])


def test_committed_figures_have_the_texts_of_the_current_drawings(docs, tmp_path):
    import schematics

    for name, draw in (schematics.SCHEMATICS | schematics.DIAGRAMS).items():
        draw().save(tmp_path / f"{name}.svg")
        committed, now = ((folder / f"{name}.svg").read_text() for folder in (docs / "figures", tmp_path))
        assert texts(committed) == texts(now), f"{name}.svg is out of date: run python docs/schematics.py"


def texts(svg):
    return sorted(re.findall(r">([^<>\n]+)<", svg))
