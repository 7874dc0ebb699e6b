"""Export of a ledger as a component of hwcomponents."""

import json
import runpy
import subprocess
import sys
import types

import pytest
from hwcomponents_python import library_python

from gaincell.circuits.errors import HostError
from gaincell.cosim import account
from gaincell.cosim.ledger.export import export_component, figures_of
from gaincell.models import Hardware
from gaincell.models.cost import Area, AreaPart

ASKED = """
import json, sys
from hwcomponents import get_action_cost, get_area, get_leak_power, get_models
found = get_models(sys.argv[1], include_installed=False, _return_wrappers=True)
answers = []
for keys in (37, 1024):
    for estimates in ("low", "nominal", "high"):
        sizes = {"keys": keys, "head_dim": 6, "estimates": estimates}
        cost = get_action_cost("GainCellAttention", sizes, "attend", {}, models=found)
        answers.append({
            "keys": keys, "estimates": estimates, "joules": cost.energy, "seconds": cost.latency,
            "watts": get_leak_power("GainCellAttention", sizes, models=found),
            "area": get_area("GainCellAttention", sizes, models=found),
        })
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def generic28():
    return Hardware.from_pretrained("generic28")


@pytest.fixture
def ledger(generic28, traces_of):
    return account(traces_of(generic28, length=256, depth=6, window=200), generic28)


def energy_of(figures, keys):
    """Energy of a token by the exported figures, with powers for a token period of two layers."""
    numbers = {"token": 1, "key": keys, "sub-tile": -(-keys // figures["columns"])}
    period = 2 * figures["latency_s"]
    return sum((line["joules"] + line["watts"] * period) * numbers[line["per"]] for line in figures["lines"])


def sum_of(stage, unit, figures):
    """Sum over the lines of a stage, one for each quantity that it grows with."""
    return sum(line[unit] for line in figures["lines"] if line["stage"] == stage)


def test_exported_figures_add_up_to_the_ledger(ledger, generic28):
    figures = figures_of(ledger, generic28)
    for keys in (37, 1024, 32768):
        expected = ledger.at_window(keys).energy_per_token_head_J
        assert energy_of(figures, keys) == pytest.approx(expected, rel=1e-9)
    # Leakage and the regulator's own power are powers and no energies; the pass device is both.
    assert (
        sum_of("leakage of drivers", "joules", figures) == 0 < sum_of("leakage of drivers", "watts", figures)
    )
    assert min(sum_of("regulator, pass device", unit, figures) for unit in ("joules", "watts")) > 0
    (routing, *_) = (line for line in figures["lines"] if line["stage"] == "routing")
    assert routing["origin"] == "estimate" and routing["band"] == [0.5, 2.0]


def test_library_loads_the_export_and_gives_the_ledgers_numbers(ledger, generic28, tmp_path):
    python, path = library_python(), tmp_path / "attention.py"
    export_component(ledger, generic28, path)
    done = subprocess.run([python, "-c", ASKED, str(path)], capture_output=True, text=True, check=True)
    for found in json.loads(done.stdout):
        own = ledger.at_window(found["keys"])
        ends = own.bands().values()
        expected = {
            "low": sum(low for low, _ in ends),
            "nominal": own.energy_per_token_head_J,
            "high": sum(high for _, high in ends),
        }[found["estimates"]]
        period = 2 * ledger.latency_s
        assert found["joules"] + found["watts"] * period == pytest.approx(expected, rel=1e-9)
        assert found["seconds"] == ledger.latency_s
        assert found["area"] == pytest.approx(ledger.area.of(own.sub_tiles))


def test_component_computes_with_the_ledgers_numbers(ledger, generic28, tmp_path, monkeypatch):
    # What the component uses of hwcomponents, which needs a newer Python than these tests.
    library = types.ModuleType("hwcomponents")
    library.ComponentModel = type(
        "ComponentModel", (), {"__init__": lambda self, **parts: vars(self).update(parts)}
    )
    library.ActionCost, library.action = types.SimpleNamespace, lambda method: method
    monkeypatch.setitem(sys.modules, "hwcomponents", library)
    path = tmp_path / "attention.py"
    export_component(ledger, generic28, path)
    component = runpy.run_path(str(path))["GainCellAttention"]
    period, own = 2 * ledger.latency_s, ledger.at_window(1000)
    one = component(keys=1000, head_dim=6)
    energy = one.attend().energy + one.leak_power * period
    assert energy == pytest.approx(own.energy_per_token_head_J, rel=1e-9)
    assert one.compute().latency == one.attend().latency == ledger.latency_s
    assert one.area == pytest.approx(ledger.area.of(16))
    wide = component(keys=1000, head_dim=12)
    assert wide.attend().energy == pytest.approx(2 * one.attend().energy)
    high = component(keys=1000, head_dim=6, estimates="high")
    bands = own.bands().values()
    assert high.attend().energy + high.leak_power * period == pytest.approx(sum(band[1] for band in bands))
    for wrong in ({"keys": 0}, {"head_dim": 1.5}, {"estimates": "worst"}):
        with pytest.raises(ValueError, match="must be"):
            component(**wrong)


def test_area_without_parts_is_that_of_a_head(ledger, generic28):
    whole = ledger.__class__(**{**vars(ledger), "area": Area(square_metres=5e-7, origin="published")})
    assert figures_of(whole, generic28)["area"] == {"head": 5e-7, "sub-tile": 0}
    part = AreaPart(name="cells", square_metres=1e-8, per="sub-tile")
    parts = Area(square_metres=1.6e-7, origin="estimate", parts=(part,))
    whole = ledger.__class__(**{**vars(ledger), "area": parts})
    assert figures_of(whole, generic28)["area"] == {"head": 0, "sub-tile": 1e-8}


def test_what_makes_no_component_is_refused(ledger, generic28, tmp_path):
    with pytest.raises(HostError, match=r"must end with \.py"):
        export_component(ledger, generic28, tmp_path / "attention.json")
    with pytest.raises(HostError, match="no latency of a head"):
        figures_of(ledger.__class__(**{**vars(ledger), "latency_s": None}), generic28)
    assert not list(tmp_path.iterdir())
