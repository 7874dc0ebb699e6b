"""Identities of the ledger for any hardware, window, padding and order of layers."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaincell.circuits.errors import HardwareError, ModelError
from gaincell.cosim import account, trace_attention
from gaincell.cosim.ledger.ledger import Ledger
from gaincell.models import EnergyModel, Hardware

cases = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
columns = st.integers(1, 40)
windows = st.none() | st.integers(1, 30)
SHIPPED = ("generic28", "generic28-sc", "leroux2025")


def signals(length, batch=1, heads=2, depth=6, seed=0):
    """Random queries, keys and values."""
    made = torch.Generator().manual_seed(seed)
    q, k, v = torch.rand(3, batch, heads, length, depth, dtype=torch.float64, generator=made)
    return q, 0.9 * k, 0.9 * v


def traced(hardware, length, window=None, **options):
    shape = {name: options.pop(name) for name in ("batch", "heads", "depth", "seed") if name in options}
    return trace_attention(*signals(length, **shape), hardware, window=window, **options)[1]


def energies(ledger):
    return {entry.key: entry.energy_J for entry in ledger.entries}


@cases
@given(columns, windows, st.integers(1, 40))
def test_present_window_is_a_fixed_point_of_at_window(full, columns, window, length):
    """The list's case: 32 columns at the present window gave 5.12e-9 J in place of 5.33e-9 J."""
    hardware = full.model_copy(update={"columns": columns})
    ledger = account({"a": [traced(hardware, length, window)]}, hardware)
    assert ledger.keys == min(window or length, length)
    assert ledger.at_window(int(ledger.keys)) == ledger


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("columns", [16, 32, 48, 64])
def test_present_window_is_a_fixed_point_on_shipped_hardware(name, columns):
    hardware = Hardware.from_pretrained(name).model_copy(update={"columns": columns})
    ledger = account({"a": [traced(hardware, 130, 100, depth=16)]}, hardware)
    assert ledger.at_window(100) == ledger
    baseline = ledger.to_dict()["baseline_window"]["energy_per_token_head_J"]
    assert baseline == ledger.at_window(1024).energy_per_token_head_J
    assert ledger.at_window(1024).sub_tiles == -(-1024 // columns)


@cases
@given(columns, windows, st.integers(1, 60), st.integers(1, 60))
def test_extrapolations_compose(full, columns, window, first, second):
    hardware = full.model_copy(update={"columns": columns})
    ledger = account({"a": [traced(hardware, 30, window)]}, hardware)
    twice, once = ledger.at_window(first).at_window(second), ledger.at_window(second)
    assert energies(twice) == pytest.approx(energies(once), rel=1e-12)
    assert (twice.keys, twice.sub_tiles) == (once.keys, once.sub_tiles)


@cases
@given(columns, windows, st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_padding_is_not_accounted_on_either_side(full, columns, window, left, right, full_ring):
    """The list's case: 100 tokens padded on the right to 200 were accounted as 137 tokens in place of 37."""
    hardware = full.model_copy(update={"columns": columns})
    tensors = signals(25)
    alone = trace_attention(*tensors, hardware, window=window)[1]
    padded = [torch.nn.functional.pad(x, (0, 0, left, right), value=0.7) for x in tensors]
    mask = torch.nn.functional.pad(torch.ones(1, 25, dtype=torch.bool), (left, right))
    beside = trace_attention(*padded, hardware, window=window, attention_mask=mask)[1]
    ledgers = [account({"a": [trace]}, hardware, full_ring=full_ring) for trace in (alone, beside)]
    assert ledgers[0].layers == ledgers[1].layers
    assert energies(ledgers[1]) == pytest.approx(energies(ledgers[0]), rel=1e-12)


@cases
@given(st.lists(st.integers(1, 18), min_size=2, max_size=4), windows, st.integers(0, 2**20), st.booleans())
def test_padded_batch_is_the_sum_of_its_sequences(full, lengths, window, holes, full_ring):
    """Masks of any shape, holes included: each row counts as its stored tokens alone."""
    longest = max(lengths)
    q, k, v = signals(longest, batch=len(lengths))
    made = torch.Generator().manual_seed(holes)
    mask = torch.zeros(len(lengths), longest, dtype=torch.bool)
    for row, length in enumerate(lengths):
        mask[row, torch.randperm(longest, generator=made)[:length]] = True
    together = [trace_attention(q, k, v, full, window=window, attention_mask=mask)[1]]
    alone = [
        trace_attention(*(x[row : row + 1, :, mask[row]] for x in (q, k, v)), full, window=window)[1]
        for row in range(len(lengths))
    ]
    one, other = (account({"a": found}, full, full_ring=full_ring) for found in (together, alone))
    assert one.layers[0].tokens == other.layers[0].tokens
    assert (one.keys, one.sub_tiles) == pytest.approx((other.keys, other.sub_tiles))
    assert energies(one) == pytest.approx(energies(other), rel=1e-9)


@cases
@given(st.permutations(range(3)), st.lists(windows, min_size=3, max_size=3), st.integers(1, 50))
def test_order_of_layers_changes_nothing(full, order, windows, keys):
    """Layers of different windows: keys, tokens and the retention margin were those of the last layer."""
    found = {f"layer {n}": [traced(full, 20, window, seed=n)] for n, window in enumerate(windows)}
    names = list(found)
    one = account(found, full, token_period=1e-6)
    other = account({names[n]: found[names[n]] for n in order}, full, token_period=1e-6)
    for first, second in ((one, other), (one.at_window(keys), other.at_window(keys))):
        assert energies(first) == energies(second)
        assert set(first.layers) == set(second.layers)
        assert first.retention == second.retention
        assert (first.keys, first.tokens) == pytest.approx((second.keys, second.tokens))
        assert first.energy_per_token_head_J == pytest.approx(second.energy_per_token_head_J, rel=1e-12)
        assert first.total() == pytest.approx(second.total(), rel=1e-12)
    assert one.keys == pytest.approx(sum(min(window or 20, 20) for window in windows) / 3)
    assert energies(Ledger.mean([one, other])) == pytest.approx(energies(one), rel=1e-12)


@cases
@given(windows, st.integers(1, 6), st.booleans())
def test_decode_steps_cost_what_the_whole_text_costs(full, window, prefill, full_ring):
    """One trace per token, as generation records them, against one trace of the text."""
    q, k, v = signals(12)
    whole = [trace_attention(q, k, v, full, window=window)[1]]
    steps = [trace_attention(q[:, :, :prefill], k[:, :, :prefill], v[:, :, :prefill], full, window=window)[1]]
    for end in range(prefill + 1, 13):
        one = (q[:, :, end - 1 : end], k[:, :, :end], v[:, :, :end])
        steps.append(trace_attention(*one, full, window=window)[1])
    one, other = (account({"a": found}, full, full_ring=full_ring) for found in (whole, steps))
    assert one.layers == other.layers
    assert energies(one) == pytest.approx(energies(other), rel=1e-9)


def test_mean_matches_layers_by_name_and_refuses_other_models(full):
    found = {name: [traced(full, 20, window, seed=3)] for name, window in (("a", 5), ("b", None))}
    one = account(found, full)
    turned = account(dict(reversed(found.items())), full)
    assert energies(Ledger.mean([one, turned])) == pytest.approx(energies(one))
    assert Ledger.mean([one, turned]).keys == one.keys
    with pytest.raises(ValueError, match="same hardware, layers"):
        Ledger.mean([one, account({"a": found["a"]}, full)])


def test_head_dimensions_that_differ_give_no_single_one(full):
    mixed = account({"a": [traced(full, 20)], "b": [traced(full, 20, depth=4)]}, full)
    assert mixed.head_dim is None
    assert mixed.ratios() == {}
    assert account({"a": [traced(full, 20)]}, full).head_dim == 6


def test_traces_of_padding_and_of_other_sub_tiles_are_refused(full):
    nothing = traced(full, 5, attention_mask=torch.zeros(1, 5, dtype=torch.bool))
    with pytest.raises(ModelError, match="all padding"):
        account({"a": [nothing]}, full)
    for empty in (traced(full, 5, batch=0), traced(full, 0)):
        with pytest.raises(ModelError, match="all padding"):
            account({"a": [empty]}, full)
        some = traced(full, 5)
        assert account({"a": [empty, some]}, full) == account({"a": [some]}, full)
    other = full.model_copy(update={"columns": 16})
    with pytest.raises(HardwareError, match="sub-tiles of 8 columns"):
        account({"a": [traced(full, 20)]}, other)
    with pytest.raises(ValueError, match="at least one column"):
        account({"a": [traced(full, 20)]}, full).at_window(0)


def test_stages_of_one_name_are_refused(full):
    """Stages are reported by name, so the energies of two of one name would be averaged."""
    stage = full.energy.stages[0]
    with pytest.raises(ValueError, match="two stages"):
        EnergyModel(stages=(stage, replace_name(stage, stage.name)))
    EnergyModel(stages=(stage, replace_name(stage, "another")))


def replace_name(stage, name):
    return stage.model_copy(update={"name": name})
