"""Plans of trimmed dies: sizes, and the procedures that a bill needs."""

import pytest

from gaincell.characterization.plan import Plan, plans
from gaincell.characterization.trimmed_plan import trimmed_plan
from gaincell.characterization.trimming import Trim

TRIM = Trim(
    bottom=0,
    middle=-9,
    top=21,
    measurements=17,
    i_ramp={"converter": (2.5e-5, 2.4e-5), "readout": (1.3e-5, 1.2e-5)},
    t_skew={"converter": 7e-10, "readout": 8e-10},
)


def test_sizes_of_the_trim_join_those_of_the_plan():
    plan = Plan.load("quick").override(designs={"references": {"steps": 512}, "cell": {"c_store": 4e-15}})
    assert trimmed_plan(plan, TRIM).designs == {
        "references": {"steps": 512, "bottom": 0, "middle": -9, "top": 21},
        "cell": {"c_store": 4e-15},
        "converter": {"i_ramp": 2.5e-5, "i_ramp_n": 2.4e-5, "t_skew": 7e-10},
        "readout": {"i_ramp": 1.3e-5, "i_ramp_n": 1.2e-5, "t_skew": 8e-10},
    }


@pytest.mark.parametrize("name", plans())
def test_every_plan_for_a_fit_simulates_the_replicas_once(name):
    plan = Plan.load(name)
    found = trimmed_plan(trimmed_plan(plan, TRIM), TRIM).procedures
    assert found.count("bank_reference") == (name in ("full", "nominal", "quick", "signed", "bill"))
    assert [one for one in found if one != "bank_reference"] == list(plan.procedures)
