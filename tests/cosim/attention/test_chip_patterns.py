"""Fixed-pattern deviations of one chip: their moments, their circuits, and the layer on that chip."""

import numpy as np
import pytest
import torch

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, convert, gain_cell_attention, gain_cell_layers, trace_attention
from gaincell.cosim.attention import chip_patterns
from gaincell.cosim.network.layer import put_on_chip
from gaincell.models import Hardware, Mismatch

ONLY = Effects(**{**vars(Effects.none()), "mismatch": True})


def signals(batch=1, heads=2, kv_heads=None, length=30, depth=6):
    q = torch.rand(batch, heads, length, depth, dtype=torch.float64)
    k, v = 0.9 * torch.rand(2, batch, kv_heads or heads, length, depth, dtype=torch.float64)
    return q, k, v


def test_same_seed_gives_the_same_chip_and_other_seeds_and_layers_differ(full):
    q, k, v = signals()

    def run(seed, layer=0):
        return gain_cell_attention(q, k, v, full, chip=full.chip(seed), layer=layer)

    torch.testing.assert_close(run(1), run(1), rtol=0, atol=0)
    outs = [run(1), run(2), run(1, layer=3), gain_cell_attention(q, k, v, full)]
    assert all(not torch.allclose(a, b, atol=1e-4) for i, a in enumerate(outs) for b in outs[:i])


def test_chip_of_hardware_without_mismatch_raises_hardware_error(leroux):
    with pytest.raises(HardwareError, match="describes no mismatch"):
        leroux.chip(0)


def test_deviations_do_not_depend_on_the_number_of_heads_columns_or_rows_in_use(full):
    chip, ring = full.chip(5), np.arange(30)
    scores = chip.reads(1, 2, 3, ring, 16)
    assert scores.shape == (2, 3, 30, 16)
    assert np.array_equal(chip.reads(1, 2, 2, ring[::-1][:7], 4), scores[:, :2, ::-1, :4][:, :, :7])
    assert np.array_equal(chip.reads(1, 2, 3, ring, 130)[..., :16], scores)
    relus = chip.relus(1, 3, ring)
    assert np.array_equal(chip.relus(1, 2, ring[[20, 3]]), relus[:2][:, [20, 3]])
    assert np.array_equal(chip.readouts(0, 1, 4, 3), chip.readouts(0, 2, 4, 130)[:1, :3])
    others = [
        chip.reads(0, 2, 3, ring, 16),
        chip.reads(1, 1, 3, ring, 16),
        full.chip(6).reads(1, 2, 3, ring, 16),
    ]
    others += [chip.writes(1, 2, 3, ring, 16)[:1], scores[:, [1, 2, 0]], scores[:, :, np.roll(ring, 8)]]
    assert all(abs(np.corrcoef(scores[0].ravel(), other[0].ravel())[0, 1]) < 0.12 for other in others)


def test_deviations_do_not_depend_on_batch_size_or_sequence_length(full):
    q, k, v = signals(2, length=24)
    chip = full.chip(0)
    both = gain_cell_attention(q, k, v, full, chip=chip)
    for i in range(2):
        alone = gain_cell_attention(q[i : i + 1], k[i : i + 1], v[i : i + 1], full, chip=chip)
        torch.testing.assert_close(alone[0], both[i])
    short = gain_cell_attention(q[:, :, :5], k[:, :, :5], v[:, :, :5], full, chip=chip)
    torch.testing.assert_close(short, both[:, :, :5])


REQUESTS = [
    ("reads", {"array": 1, "depth": 5}),
    ("writes", {"array": 2, "depth": 5}),
    ("relus", {}),
    ("readouts", {"tile": 1, "depth": 5}),
]


def request_of(kind, where):
    """Circuits of layer 0 with two heads, at the ring columns of keys 3 to 9 in a window of 5."""
    return chip_patterns.PatternRequest(kind, (3, 7, 5), (("layer", 0), ("heads", 2), *where.items()))


@pytest.mark.parametrize(("kind", "where"), REQUESTS)
def test_operator_for_compiled_graphs_passes_opcheck_and_draws_the_chips_numbers(full, kind, where):
    request, chip = request_of(kind, where), full.chip(0)
    text = chip_patterns.to_text(chip, request)
    torch.library.opcheck(torch.ops.gaincell.chip_pattern.default, (text,))
    expected = torch.as_tensor(request.draw(chip))
    torch.testing.assert_close(torch.ops.gaincell.chip_pattern(text), expected, rtol=0, atol=0)


def test_operator_argument_follows_from_the_content_of_the_chip(full):
    """Equal for a copy of the hardware; different for another seed and for another distribution."""
    request = request_of("relus", {})
    text = chip_patterns.to_text(full.chip(0), request)
    copy = type(full).model_validate(full.model_dump())
    assert chip_patterns.to_text(copy.chip(0), request) == text
    wider = full.mismatch.phi.model_copy(update={"factor": 2 * full.mismatch.phi.factor})
    other = full.model_copy(update={"mismatch": full.mismatch.model_copy(update={"phi": wider})})
    assert len({text, *(chip_patterns.to_text(chip, request) for chip in (full.chip(1), other.chip(0)))}) == 3


def test_caches_of_the_operator_are_bounded_and_eviction_changes_no_number(full):
    request = request_of("relus", {})
    texts = [chip_patterns.to_text(full.chip(seed), request) for seed in range(100)]
    first = torch.ops.gaincell.chip_pattern(texts[0])
    for text in texts:
        torch.ops.gaincell.chip_pattern(text)
    info = chip_patterns.from_text.cache_info()
    assert info.currsize <= info.maxsize < len(texts)
    assert torch.equal(torch.ops.gaincell.chip_pattern(texts[0]), first)


def test_overwritten_column_keeps_its_deviation(full):
    q, _, _ = signals(length=48)
    k = torch.full((1, 2, 48, 6), 0.8, dtype=torch.float64)
    charge = trace_attention(q, k, k, full, window=24, effects=ONLY, chip=full.chip(0))[1].charge_1
    torch.testing.assert_close(charge[..., :24], charge[..., 24:])
    assert charge[0, 0, 0, :24].unique().numel() == 24


def test_query_heads_of_a_group_share_cells_and_converters(full):
    q, k, v = signals(1, 4, 2)
    q[:, 1] = q[:, 0]
    out = gain_cell_attention(q, k, v, full, chip=full.chip(0))
    torch.testing.assert_close(out[:, 0], out[:, 1])


def test_cell_deviations_have_the_stated_covariance_and_zero_mean(full):
    """One-hot queries read 16 x 512 single cells, at two stored voltages."""
    hardware = full.model_copy(update={"columns": 64})
    q = torch.eye(16, dtype=torch.float64).reshape(1, 1, 16, 16)
    chip, charges = hardware.chip(4), []
    for volts in (0.2, 0.9):
        k = torch.full((1, 1, 512, 16), volts, dtype=torch.float64)
        varied = trace_attention(q, k, k, hardware, effects=ONLY, chip=chip)[1].charge_1
        clean = trace_attention(q, k, k, hardware, effects=ONLY)[1].charge_1
        charges.append((varied - clean).flatten().numpy())
    measured, stated = np.cov(charges), hardware.mismatch.cell.covariance(np.array([0.2, 0.9]))
    # The sampling error of a variance of 8192 normal numbers is 1.6 %.
    assert measured == pytest.approx(stated, rel=5 * 0.016)
    assert np.mean(charges, axis=1) == pytest.approx([0, 0], abs=4 * stated.max() ** 0.5 / 8192**0.5)


def without_rails(hardware):
    parts = {
        name: getattr(hardware.mismatch, name).model_copy(update={"rail": None})
        for name in ("phi", "readout")
    }
    return hardware.model_copy(update={"mismatch": hardware.mismatch.model_copy(update=parts)})


def test_converter_deviations_have_the_stated_mean_and_covariance(full):
    chip = without_rails(full).chip(0)
    for variation, numbers in (
        (full.mismatch.phi, chip.relus(0, 20, np.arange(400)).reshape(-1, 2)),
        (
            full.mismatch.readout,
            np.concatenate([chip.readouts(0, 20, t, 16) for t in range(25)]).reshape(-1, 4),
        ),
    ):
        assert len(numbers) == 8000
        slack = 4 * variation.std / 8000**0.5
        assert (np.abs(numbers.mean(0) - variation.mean) < slack).all()
        deviation = np.cov(numbers.T) / np.outer(variation.std, variation.std)
        stated = variation.covariance / np.outer(variation.std, variation.std)
        assert deviation == pytest.approx(stated, abs=4 * 2**0.5 / 8000**0.5)


def test_converters_of_a_sub_tile_share_the_gain_error_of_their_bank(full):
    """The gain error of a bank is common to the converters of one sub-tile, and independent between banks."""
    banks = {
        "phi": full.mismatch.phi.model_copy(update={"bank": np.array([[0.05]])}),
        "readout": full.mismatch.readout.model_copy(update={"bank": np.array([[0.04, 0.0], [0.03, 0.05]])}),
    }
    sharing = full.model_copy(update={"mismatch": full.mismatch.model_copy(update=banks)}).chip(2)
    alone, ring = full.chip(2), np.arange(8 * 500)
    common = sharing.relus(0, 4, ring) - alone.relus(0, 4, ring)
    assert (common[..., 0] == 0).all()
    by_bank = common[..., 1].reshape(4, 500, 8)
    assert by_bank == pytest.approx(by_bank[..., :1] * np.ones(8), abs=1e-12)
    # 2000 banks: a standard deviation is off by 1.6 %, one standard error.
    assert by_bank[..., 0].std() == pytest.approx(0.05, rel=4 * 0.016)
    tiles = [sharing.readouts(0, 4, t, 5) - alone.readouts(0, 4, t, 5) for t in range(500)]
    gains = np.stack(tiles)[..., 1::2]
    assert gains == pytest.approx(gains[:, :, :1] * np.ones((5, 1)), abs=1e-12)
    exact = banks["readout"].bank @ banks["readout"].bank.T
    assert np.cov(gains[:, :, 0].reshape(-1, 2).T) == pytest.approx(exact, abs=4 * 0.03 * 0.0034)


def test_writes_and_converters_follow_their_mismatch_formulas(full):
    """Each step against its formula, for one query and one key."""
    chip = full.chip(3)
    effects = Effects.none()
    effects = Effects(**{**vars(effects), "mismatch": True, "converter": True, "write": True})
    q, k, v = signals(1, 1, 1, 1, 6)
    trace = trace_attention(q, k, v, full, effects=effects, chip=chip, layer=2)[1]
    scores = chip.writes(2, 1, 1, np.array([0]), 6)
    volts = full.write(k) + full.mismatch.write(k, torch.as_tensor(scores[:, None]).double())
    torch.testing.assert_close(trace.key_volts, volts)
    offset, gain = chip.relus(2, 1, np.array([0]))[0, 0]
    expected = full.phi((trace.charge_1 - offset) * (1 + gain))
    torch.testing.assert_close(trace.phi, expected)
    tile = trace.sub_tiles[0]
    own = torch.as_tensor(chip.readouts(2, 1, 0, 6)[0])
    positive, negative = ((tile.charge[0, 0, 0] - own[:, 2 * i]) * (1 + own[:, 2 * i + 1]) for i in (0, 1))
    charge = torch.where(tile.charge[0, 0, 0] > 0, positive, negative)
    torch.testing.assert_close(tile.output[0, 0, 0], full.readout(charge))


def test_mismatch_switched_off_or_empty_equals_nominal_circuits(full):
    q, k, v = signals()
    nominal = gain_cell_attention(q, k, v, full)
    off = gain_cell_attention(q, k, v, full, chip=full.chip(0), effects=Effects(mismatch=False))
    torch.testing.assert_close(off, nominal)
    empty = full.model_copy(update={"mismatch": Mismatch()}).chip(0)
    torch.testing.assert_close(gain_cell_attention(q, k, v, full, chip=empty), nominal)


def test_put_on_chip_changes_the_logits_of_a_converted_model_reversibly(full, tiny_gpt2):
    tokens = torch.arange(20)[None]
    model = convert(tiny_gpt2, full, chip=full.chip(1))
    assert {layer.chip.seed for layer in gain_cell_layers(model).values()} == {1}
    first = model(tokens).logits
    put_on_chip(model, full.chip(2))
    assert not torch.allclose(model(tokens).logits, first)
    put_on_chip(model, full.chip(1))
    torch.testing.assert_close(model(tokens).logits, first)


def test_chip_of_saved_hardware_gives_the_same_output(full, tmp_path):
    full.save_pretrained(tmp_path)
    again = Hardware.from_pretrained(tmp_path)
    q, k, v = signals()
    outs = [gain_cell_attention(q, k, v, h, chip=h.chip(9)) for h in (full, again)]
    torch.testing.assert_close(*outs, rtol=0, atol=0)
