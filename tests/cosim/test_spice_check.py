"""Operations drawn for SPICE, and the agreement of simulated with predicted widths; without a simulator."""

import numpy as np
import pandas as pd
import pytest
import torch

from gaincell.circuits.errors import GaincellError, HardwareError, SimulationError
from gaincell.circuits.technology import Technology
from gaincell.cosim import trace_attention
from gaincell.cosim.spice_check import condition_of, draw_operations, stage_agreement
from gaincell.models import Hardware
from gaincell.models.chain import product_widths


def with_scheme(hardware, scheme):
    """Hardware with signed queries and a normalising column, without aging and write error."""
    options = {"signed_query": scheme, "normaliser": 0.9, "aging": {}, "write": None}
    options["swap_efficiency"] = 0.93 if scheme == "two-phase" else None
    return type(hardware).model_validate(hardware.model_dump() | options)


def traces(hardware, length=21, depth=5):
    q = 2.4 * torch.rand(1, 1, length, depth) - 1.2
    k, v = torch.rand(2, 1, 1, length, depth)
    return {"layer": [trace_attention(q, k, v, hardware)[1]]}


@pytest.mark.parametrize("scheme", ["mirrored", "two-phase"])
def test_drawn_operations_have_the_rows_and_the_predicted_width_of_the_circuit(full, scheme):
    """The charge of an operation's own rows gives its predicted pulse."""
    hardware = with_scheme(full, scheme)
    operations = draw_operations(traces(hardware), hardware, 6, 0, 0.0)
    first = [operation for operation in operations if operation.stage == 1]
    second = [operation for operation in operations if operation.stage == 2]
    assert {len(operation.v_store) for operation in second} == {hardware.rows}
    for operation in first:
        assert len(operation.v_store) == hardware.rows * (2 if scheme == "mirrored" else 1)
        assert scheme == "two-phase" or operation.width.min() >= 0
        predicted = product_widths(hardware, operation.width, operation.v_store[:, None], 1)[0]
        assert predicted == pytest.approx(operation.predicted, abs=1e-5)
    assert any(0 < operation.predicted < 1 for operation in first)


def test_number_of_drawn_operations_is_as_requested_and_they_follow_the_seed(full):
    recorded = traces(full)
    predicted = [
        [operation.predicted for operation in draw_operations(recorded, full, 5, seed, 1e-6)]
        for seed in (0, 0, 1)
    ]
    assert predicted[0] == predicted[1] != predicted[2]
    assert [len(found) for found in predicted] == [10, 10, 10]


def rows(predicted, simulated, status="ok", stage=1):
    columns = {"stage": stage, "predicted": predicted, "simulated": simulated, "status": status}
    return pd.DataFrame(columns)


def test_stage_agreement_fits_a_line_to_unclipped_widths_and_counts_all_errors():
    predicted = np.array([0.0, 0.1, 0.4, 0.9, 1.0])
    simulated = 0.98 * predicted + 0.01
    simulated[-1] = 1.0
    found = stage_agreement(pd.concat([rows(predicted, simulated), rows([0.5], [0.0], stage=2)]), 1)
    assert (found.operations, found.unclipped) == (5, 3)
    assert (found.slope, found.offset) == (pytest.approx(0.98), pytest.approx(0.01))
    errors = simulated - predicted
    assert found.worst == pytest.approx(np.abs(errors).max())
    assert found.rms == pytest.approx(np.sqrt((errors**2).mean()))


def test_stage_agreement_ignores_failed_simulations_and_raises_if_all_failed():
    failed = rows([0.5], [np.nan], status="timestep")
    assert stage_agreement(pd.concat([rows([0.3], [0.3]), failed]), 1).operations == 1
    with pytest.raises(SimulationError, match="no operation of stage 1"):
        stage_agreement(failed, 1)


def test_condition_of_hardware_without_simulations_raises_hardware_error(full):
    with pytest.raises(HardwareError, match="not fitted to circuits at one condition"):
        condition_of(full)


def fitted_to(technology, **changed):
    """Hardware that remembers having been fitted to a technology."""
    known = {"corner": "tt", "temperature": 27.0, "vdd": 0.9, "designs": {}} | changed
    source = {"name": "any", "source": str(technology), "digest": Technology.load(technology).digest}
    shipped = Hardware.from_pretrained("leroux2025")
    return shipped.model_copy(update={"provenance": {"condition": known, "technology": source}})


def test_only_shipped_technologies_are_simulated_because_hardware_names_them(tiny_technology):
    """A library is code: hardware of unknown origin may name any file of this machine."""
    hardware = fitted_to(tiny_technology)
    with pytest.raises(HardwareError, match="no shipped technology.*--technology"):
        condition_of(hardware)
    assert condition_of(hardware, tiny_technology).technology.name == "tiny"
    with pytest.raises(HardwareError, match="is not, or no longer"):
        condition_of(hardware, "generic28")
    assert condition_of(fitted_to("generic28")).technology.name == "generic28"


@pytest.mark.parametrize(
    "changed",
    [
        {"corner": "tt\n.control\nshell touch ran"},
        {"temperature": "27\n.control"},
        {"vdd": "0.9\n.control"},
        {"vdd": float("1e300")},
        {"designs": {"cell": {"c_store": "1f\n.control"}}},
        {"designs": {"cell": {"nosuch": 1.0}}},
    ],
    ids=str,
)
def test_conditions_that_hardware_cannot_have_been_fitted_at_are_refused(changed):
    with pytest.raises(GaincellError):
        condition_of(fitted_to("generic28", **changed))


@pytest.mark.parametrize("gone", ["condition", "technology"])
def test_hardware_that_does_not_say_what_it_was_fitted_to_is_refused(gone):
    hardware = fitted_to("generic28")
    for damaged in ({}, None, [], "text"):
        known = hardware.provenance | {gone: damaged}
        with pytest.raises(HardwareError, match="does not say what it was fitted to"):
            condition_of(hardware.model_copy(update={"provenance": known}))
