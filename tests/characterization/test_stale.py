"""Contents of the cache, reasons for missing batches, and stale entries."""

import os
import time
from dataclasses import replace

import oracles
import pytest

from gaincell.characterization import stale
from gaincell.characterization.cache import Cache
from gaincell.characterization.cache_key import CACHE_FORMAT, CacheKey
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.circuits.runner import ngspice_version


@pytest.fixture
def plan(tiny_technology):
    return Plan(name="oracles", technology=str(tiny_technology), procedures=("oracle_rc", "oracle_ramp"))


@pytest.fixture
def cache(plan, tmp_path):
    """A cache that one run of the plan has filled."""
    filled = Cache(tmp_path / "cache")
    characterize(plan, tmp_path / "out", jobs=1, cache=filled)
    return filled


def reasons(plan, cache, procedure="oracle_rc"):
    return next(e.reasons for e in stale.explain(plan, cache) if e.procedure == procedure)


def test_holdings_count_entries_rows_and_sizes(cache):
    ramp, rc = stale.holdings(cache)  # in alphabetical order
    assert (rc.procedure, rc.entries, rc.rows) == ("oracle_rc", 4, 12)
    assert (ramp.procedure, ramp.entries, ramp.rows) == ("oracle_ramp", 3, 15)
    assert rc.size == sum(entry.size for entry in cache.entries() if entry.key.procedure == "oracle_rc")
    assert 0 <= rc.newest <= rc.oldest < 600


def test_unchanged_plan_is_fully_cached(plan, cache):
    assert [(e.batches, e.fresh, e.reasons) for e in stale.explain(plan, cache)] == [(4, 4, {}), (3, 3, {})]
    assert reasons(plan, Cache(cache.folder / "empty")) == {"never simulated": 4}


def test_changed_setting_is_named(plan, cache):
    assert reasons(plan.override(temperature=85.0), cache) == {
        "settings: .temp 27.0 became .temp 85.0": 4,
    }
    (reason,) = reasons(plan.override(corner="ss"), cache)
    assert reason == 'settings: .lib "../library/tiny.lib" tt became .lib "../library/tiny.lib" ss'


def test_new_points_are_named(plan, cache):
    grown = plan.override(samples={"oracle_ramp": 5})
    (ramp,) = [e for e in stale.explain(grown, cache) if e.procedure == "oracle_ramp"]
    assert (ramp.batches, ramp.fresh, ramp.reasons) == (5, 3, {"the swept points": 2})


def test_changed_library_circuit_simulator_or_code_is_named(
    plan, cache, tmp_path, tiny_technology, monkeypatch
):
    library = tiny_technology.with_name("tiny.lib")
    text = library.read_text()
    library.write_text(text + "* edited\n")
    assert reasons(plan, cache) == {"the library: content of the technology's SPICE files": 4}
    library.write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(stale, "simulator_version", lambda name: "99")
        (reason,) = reasons(plan, cache)
        assert reason == f"the simulator: ngspice {ngspice_version()} became ngspice 99"
    with monkeypatch.context() as patch:
        patch.setattr("gaincell.characterization.execute.modules", lambda p: {"oracles": "edited"})
        (reason,) = reasons(plan, cache)
        assert reason.startswith("the measuring code: ")
        assert "oracles" in reason
    batch = oracles.OracleRc._batch

    def other_circuit(self, *args):
        made = batch(self, *args)
        deck = made.simulation.netlist.replace(" 1p ic=0", " 2p ic=0")
        return replace(made, simulation=replace(made.simulation, netlist=deck))

    monkeypatch.setattr(oracles.OracleRc, "_batch", other_circuit)
    assert reasons(plan, cache) == {"the circuit: sizes, stimuli or netlist text": 4}


def test_every_part_of_a_key_is_in_its_digest_and_its_changes(cache):
    key = next(cache.entries()).key
    assert key.changes(key) == ()
    others = {
        "procedure": "x",
        "points": "x",
        "netlist": "x",
        "circuit": "x",
        "settings": (".temp 1",),
        "library": "x",
        "simulator": "x",
        "source": {"module": "x"},
    }
    for name, value in others.items():
        changed = replace(key, **{name: value})
        assert changed.digest != key.digest
        if name != "procedure":  # compared only within one procedure
            assert changed.changes(replace(key)), name
    assert set(others) == set(key.to_dict()) - {"format"}
    assert CacheKey.from_dict(key.to_dict()) == key
    assert CacheKey.from_dict(key.to_dict() | {"format": CACHE_FORMAT - 1}) is None


def test_stale_entries_are_those_that_no_plan_can_use(plan, cache, monkeypatch):
    is_stale = stale.stale(ngspice_version())
    assert not any(is_stale(entry) for entry in cache.entries())
    assert all(stale.stale("99")(entry) for entry in cache.entries())
    assert is_stale(replace(next(cache.entries()), key=None))
    monkeypatch.setattr(stale, "modules", lambda procedure: {"edited": "x"})
    assert stale.prune(cache, stale.stale(ngspice_version()), dry_run=True)[0] == 7
    assert len(list(cache.entries())) == 7


def test_pruning_by_age_uses_the_last_use(plan, cache, tmp_path):
    first, *others = list(cache.entries())
    for entry in (first, *others):
        os.utime(entry.path, (0, 0))
    cache.get(first.key.digest)
    limit = time.time() - 3600
    count, size = stale.prune(cache, lambda entry: entry.used < limit)
    assert (count, size) == (6, sum(entry.size for entry in others))
    assert [entry.path for entry in cache.entries()] == [first.path]
