"""Plans and axes as values."""

import numpy as np
import pytest

from gaincell.characterization.plan import Linear, Plan, Random, Values, grid, plans
from gaincell.characterization.procedure import Context, chunks, procedure_names
from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import PlanError, TechnologyError
from gaincell.circuits.technology import Technology


def test_grid_takes_every_combination_with_the_last_axis_fastest():
    table = grid(Values("kind", ("a", "b")), Linear("v", 0.0, 0.9, 4))
    assert table["kind"].tolist() == ["a"] * 4 + ["b"] * 4
    np.testing.assert_allclose(table["v"][:4], [0, 0.3, 0.6, 0.9])


def test_invalid_axes_are_refused():
    with pytest.raises(PlanError, match="axis 'v': needs n >= 2 and stop > start"):
        Linear("v", 0.9, 0.0, 4)
    with pytest.raises(PlanError, match="axis 'v' has no values"):
        Values("v", [])


def test_random_values_depend_only_on_seed_and_name(tiny_technology):
    ctx = Context(Technology.load(tiny_technology), seed=3)
    again = Random("v", 0.2, 0.4, 50, ctx.rng("a"))
    assert Random("v", 0.2, 0.4, 50, ctx.rng("a")) == again
    assert Random("v", 0.2, 0.4, 50, ctx.rng("b")) != again
    assert 0.2 <= min(again.values) < max(again.values) < 0.4


def test_every_shipped_plan_names_procedures_that_exist():
    for name in plans():
        plan = Plan.load(name)
        assert plan.name == name
        assert set(plan.procedures) <= set(procedure_names())


def test_plan_is_loaded_and_overridden(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('procedures = ["oracle_rc"]\ncorner = "ss"\n[samples]\noracle_rc = 7\n')
    plan = Plan.load(path)
    assert (plan.name, plan.corner, plan.temperature) == ("mine", "ss", 27.0)
    assert plan.sample_count("oracle_rc") == 7
    assert plan.sample_count("other") is None
    hot = plan.override(temperature=85.0, corner=None, samples=3)
    assert (hot.corner, hot.temperature, hot.sample_count("other")) == ("ss", 85.0, 3)


def test_path_of_the_technology_is_relative_to_the_plan(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('procedures = ["oracle_rc"]\ntechnology = "tech/my.toml"\n')
    assert Plan.load(path).technology == str(tmp_path / "tech" / "my.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("procedures = []", "procedures: "),
        ('procedures = ["a"]\ncorners = "tt"', "corners: Extra inputs"),
        ('procedures = ["a"]\nseed = -1', "seed: "),
        ("procedures = [", "not valid TOML"),
    ],
)
def test_error_for_a_malformed_plan_names_file_and_key(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(PlanError, match=message) as error:
        Plan.load(path)
    assert str(path) in str(error.value)


def test_error_for_an_unknown_plan_lists_the_known_ones(tmp_path):
    with pytest.raises(PlanError, match="unknown plan 'nosuch'; use .*path of a .toml file"):
        Plan.load("nosuch")
    with pytest.raises(PlanError, match="cannot read plan"):
        Plan.load(tmp_path / "nosuch.toml")


def test_sizes_of_a_plan_override_those_of_the_technology(tiny_technology):
    technology = Technology.load(tiny_technology).model_copy(
        update={"designs": {"cell": {"c_store": 2e-15, "l_rn": 1e-6}}}
    )
    plan = Plan(name="p", procedures=("oracle_rc",), designs={"cell": {"c_store": 9e-15}})
    sizes = Context.of(plan, "oracle_rc", technology).condition.designs
    assert (sizes.cell.c_store, sizes.cell.l_rn) == (9e-15, 1e-6)
    assert sizes.converter == Designs().converter
    wrong = Context.of(plan.override(designs={"cell": {"c_stor": 1}}), "oracle_rc", technology)
    with pytest.raises(TechnologyError, match=r"designs\.cell\.c_stor: there is no such size"):
        _ = wrong.condition


def test_chunks_keep_shared_values_together_and_bound_the_size():
    table = grid(Linear("v", 0, 1, 5), Values("width", (1e-9, 2e-9)))
    parts = chunks(table, "width", size=3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(10))
    assert all(len(part) <= 3 for part in parts)
    assert all(table["width"].iloc[part].nunique() == 1 for part in parts)
    assert [len(part) for part in chunks(table, size=4)] == [4, 4, 2]


@pytest.mark.parametrize(
    "line",
    [
        *("temperature = inf", "temperature = nan", "temperature = true", "temperature = 1e30"),
        *("vdd = inf", "vdd = true", "vdd = 1e9", "vdd = '0.9'", "seed = true", "seed = 9223372036854775808"),
        *("samples = true", "samples = -3", "samples = 100000000000000000000", "samples = 2.5"),
        *("samples = { noise = true }", "samples = { noise = 0 }"),
    ],
)
def test_numbers_of_a_plan_are_finite_numbers_in_range(tmp_path, line):
    path = tmp_path / "plan.toml"
    path.write_text(f'procedures = ["device"]\n{line}\n')
    with pytest.raises(PlanError, match=line.partition(" ")[0]) as error:
        Plan.load(path)
    assert "\n" not in str(error.value)
