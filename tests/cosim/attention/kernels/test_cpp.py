"""The C++ operators: registration, both engines, decoding, and what happens without a compiler."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from gaincell.cosim import Effects, gain_cell_attention, levels_of
from gaincell.cosim.attention.kernels import dispatch as choice
from gaincell.cosim.attention.kernels.cpp import attention as native
from gaincell.cosim.attention.kernels.cpp import build as building
from gaincell.cosim.attention.kernels.cpp import description as numbers
from gaincell.cosim.attention.levels import volts_of
from gaincell.cosim.attention.ring import positions_of
from gaincell.cosim.attention.stages import OperationContext
from gaincell.models import Hardware

from .cases import PLAIN

pytestmark = pytest.mark.skipif(building.missing_compiler() is not None, reason="no C++ compiler")


@pytest.fixture(scope="module", autouse=True)
def operators():
    """Loads the operators, so that a test alone finds them."""
    native.failure()


def test_it_compiles_where_there_is_a_compiler():
    assert native.failure() is None


def conditions(hardware, queries, keys, **options) -> OperationContext:
    positions = positions_of(
        queries,
        keys,
        window=options.pop("window", None),
        columns=hardware.columns,
        key_start=options.pop("key_start", 0),
        stored=None,
        device=torch.device("cpu"),
    )
    return OperationContext(hardware, options.pop("effects", Effects()), positions, None, None, **options)


def inputs(queries, keys, heads=(4, 2), depth=32, low=0.0, **options):
    torch.manual_seed(5)
    q = low + (1.1 - low) * torch.rand(1, heads[0], queries, depth, **options)
    return q, *(torch.rand(1, heads[1], keys, depth, **options) for _ in range(2))


@pytest.mark.parametrize("name", ["leroux2025", "generic28-sc"])
@pytest.mark.parametrize("quantised", [True, False])
@pytest.mark.parametrize("gradient", ["exact", "fixed-slope"])
def test_operators_are_registered_as_they_should(name, quantised, gradient):
    hardware = Hardware.from_pretrained(name)
    op = conditions(hardware, 20, 30, effects=Effects(quantise=quantised), window=25, gradient=gradient)
    circuit = numbers.description_of(op, quantised).number
    q, k, v = inputs(20, 30, depth=8)
    lines = None, None
    if not quantised:
        keys, values = native.cells_of(k, 1, op), native.cells_of(v, 2, op)
        q, k, v = native.query_widths(q, op), numbers.stacked(keys), numbers.stacked(values)
        lines = numbers.surrogate_of(keys, k), numbers.surrogate_of(values, v)
    q, k, v = (x.detach() for x in (q, k, v))
    arguments = (q, k, v, op.positions.query_position, None, None, *lines, circuit, 25, 0, False)
    torch.library.opcheck(torch.ops.gaincell.attention.default, arguments)
    out, flags = torch.ops.gaincell.attention(*arguments[:-1], True)
    assert (flags.numel() > 0) == (name == "leroux2025")
    torch.library.opcheck(
        torch.ops.gaincell.attention_backward.default, (torch.randn_like(out), flags, *arguments[:-1])
    )


@pytest.mark.parametrize("name", ["leroux2025", "generic28-sc"])
def test_decoding_levels_is_registered_as_it_should(name):
    hardware = Hardware.from_pretrained(name)
    op = conditions(hardware, 1, 30, window=25)
    circuit = numbers.description_of(op, True).number
    q, k, v = inputs(1, 30, depth=8)
    stored = levels_of(k, 1, hardware), levels_of(v, 2, hardware)
    arguments = (q, *stored, op.positions.query_position, *4 * [None], circuit, 25, 0, False)
    torch.library.opcheck(torch.ops.gaincell.attention.default, arguments)
    two = q.expand(-1, -1, 2, -1), *stored, torch.tensor([[28, 29]])
    with pytest.raises(RuntimeError, match="stored levels are for decoding"):
        torch.ops.gaincell.attention(*two, *arguments[4:])


@pytest.mark.parametrize("name", ["leroux2025", "generic28", "generic28-sc"])
@pytest.mark.parametrize("depth", [33, 64])
def test_decoding_gives_the_last_row_of_prefill(name, depth):
    hardware = Hardware.from_pretrained(name).model_copy(update={"rows": 128})
    q, k, v = inputs(140, 140, depth=depth, low=-1.0 if hardware.signed_query else 0.0)
    options = {"implementation": "native", "window": 100, "key_start": 7}
    whole = gain_cell_attention(q, k, v, hardware, **options)
    last = gain_cell_attention(q[:, :, -1:], k, v, hardware, **options)
    # A sum in another order may fall on the other side of a count.
    assert (whole[:, :, -1:] - last).abs().gt(1e-4).float().mean() <= 0.01


@pytest.mark.parametrize("low, high, count", [(0.0, 0.9, 8), (0.0, 0.9, 15), (0.1, 0.73, 8), (0.2, 0.65, 5)])
def test_decoding_finds_the_level_of_volts_midway_between_two(low, high, count):
    hardware = Hardware.from_pretrained("leroux2025")
    levels = hardware.levels.model_copy(update={"value": count, "output": 1024})
    changes = {"v_min": low, "v_max": high, "rows": 128, "levels": levels, "q_sat_2": 12.0}
    hardware = hardware.model_copy(update=changes)
    midway = low + (high - low) / (count - 1) * (torch.arange(count - 1, dtype=torch.float64) + 0.5)
    around = midway.float().view(torch.int32)[:, None] + torch.arange(-4, 5, dtype=torch.int32)
    volts = around.view(torch.float32).reshape(1, 1, 1, -1)
    q, k = torch.ones_like(volts), torch.full_like(volts, high)
    attention = partial(gain_cell_attention, hardware=hardware, implementation="native")
    written = volts_of(levels_of(volts, 2, hardware), 2, hardware)
    found, expected = attention(q, k, volts), attention(q, k, written)
    assert expected.unique().numel() == count
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_flags_change_no_gradient(monkeypatch):
    """Read-outs that are noted as clipped, or computed again."""
    gradients = []
    for most in (32, 0):
        update = {"q_sat_2": 8.0, "name": f"flags of {most} sub-tiles"}
        hardware = Hardware.from_pretrained("leroux2025").model_copy(update=update)
        plain = numbers.described
        flags = {"flags": float(most > 0)}
        monkeypatch.setattr(
            numbers,
            "described",
            lambda *a, plain=plain, flags=flags: replace(f := plain(*a), numbers=f.numbers | flags),
        )
        x = [t.requires_grad_() for t in inputs(150, 150)]
        gain_cell_attention(*x, hardware, implementation="native", window=70).square().sum().backward()
        gradients.append([t.grad for t in x])
        monkeypatch.undo()
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_without_a_compiler_it_says_so_once_and_goes_on(monkeypatch, leroux):
    monkeypatch.setattr(native, "failure", lambda: "there is no C++ compiler (`apt-get install g++`)")
    monkeypatch.setattr(choice, "_warned", set())
    q, k, v = inputs(5, 5)
    with pytest.warns(RuntimeWarning, match="no C\\+\\+ compiler"):
        out = gain_cell_attention(q, k, v, leroux)
    torch.testing.assert_close(out, gain_cell_attention(q, k, v, leroux, implementation="torch"))
    with pytest.raises(Exception, match="apt-get install g"):
        gain_cell_attention(q, k, v, leroux, implementation="native")


def test_a_forgotten_circuit_is_an_error_not_a_crash(leroux):
    found = numbers.description_of(conditions(leroux, 3, 3), True)
    circuit = torch.ops.gaincell.describe(found.tables, found.numbers)
    torch.ops.gaincell.forget(circuit)
    q, k, v = inputs(3, 3, depth=8)
    with pytest.raises(RuntimeError, match="forgotten"):
        torch.ops.gaincell.attention(q, k, v, torch.arange(3)[None], *4 * [None], circuit, 0, 0, False)


def test_circuits_are_known_by_content_and_their_number_is_bounded(leroux):
    op = conditions(leroux, 3, 3)
    found = numbers.description_of(op, True)
    copy = type(leroux).model_validate(leroux.model_dump())
    assert numbers.description_of(replace(op, hardware=copy), True) is found
    first = numbers.description_of(replace(op, token_period=1.0), True).number
    for period in range(2, 70):
        last = numbers.description_of(replace(op, token_period=float(period)), True)
    assert first not in numbers.KNOWN and last.number in numbers.KNOWN


def test_gradients_may_outlive_their_hardware():
    x = [t.requires_grad_() for t in inputs(20, 20)]
    copy = Hardware.from_pretrained("leroux2025").model_copy(update={"q_sat_1": 5.0})
    out = gain_cell_attention(*x, copy, implementation="native")
    del copy
    out.sum().backward()
    assert all(t.grad.abs().sum() > 0 for t in x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_read_and_written(dtype, leroux):
    q, k, v = inputs(70, 70, dtype=dtype)
    out = gain_cell_attention(q, k, v, leroux, implementation="native")
    assert out.dtype == dtype
    expected = gain_cell_attention(q.float(), k.float(), v.float(), leroux, implementation="native")
    torch.testing.assert_close(out, expected.to(dtype))


@pytest.mark.parametrize("name", ["leroux2025", "generic28", "generic28-sc"])
@pytest.mark.parametrize("gradient", ["exact", "fixed-slope"])
def test_quantised_gradients_are_those_of_the_reference(name, gradient):
    hardware = Hardware.from_pretrained(name)
    gradients = []
    for implementation in ("reference", "native"):
        x = [t.requires_grad_() for t in inputs(90, 90, low=-1.0 if hardware.signed_query else 0.0)]
        options = {"implementation": implementation, "gradient": gradient, "window": 70}
        out = gain_cell_attention(*x, hardware, **options)
        torch.manual_seed(6)
        gradients.append(torch.autograd.grad((out * torch.randn_like(out)).sum(), x))
    for theirs, ours in zip(*gradients, strict=True):
        assert (ours - theirs).abs().max() < 1e-4 * theirs.abs().max()


def test_what_the_gradient_takes_for_the_terms_lies_as_they_do(leroux):
    op = conditions(leroux, 3, 3, effects=PLAIN, gradient="fixed-slope")
    q, k, v = inputs(3, 3, heads=(2, 2), depth=8)
    terms = [numbers.stacked(native.cells_of(x, i, op)) for i, x in ((1, k), (2, v))]
    rest = torch.arange(3)[None], None, None, k, v[..., :4], numbers.description_of(op, False).number, 0, 0
    _, flags = torch.ops.gaincell.attention(q, *terms, *rest, True)
    with pytest.raises(RuntimeError, match="beside terms"):
        torch.ops.gaincell.attention_backward(torch.ones_like(q), flags, q, *terms, *rest)


@pytest.mark.parametrize("depth", [257, 300])
@pytest.mark.parametrize("queries", [1, 65])
def test_wide_heads_fit(depth, queries):
    """Wider than what lies on the stack at once."""
    hardware = Hardware.from_pretrained("generic28-sc").model_copy(update={"rows": depth})
    results = []
    for implementation in ("torch", "native"):
        torch.manual_seed(3)
        x = [t.requires_grad_() for t in inputs(queries, 65, depth=depth, low=-1.0)]
        out = gain_cell_attention(*x, hardware, implementation=implementation)
        results.append((out.detach(), *torch.autograd.grad(out.sum(), x)))
    for found, expected in zip(*reversed(results), strict=True):
        assert ((found - expected).abs() > 1e-3 * expected.abs().max()).float().mean() < 1e-2


def test_a_circuit_first_used_without_gradients_has_them_later():
    hardware = Hardware.from_pretrained("leroux2025").model_copy(update={"name": "seen in inference"})
    x = inputs(20, 20)
    with torch.inference_mode():
        gain_cell_attention(*x, hardware, implementation="native")
    x = [t.requires_grad_() for t in x]
    for slopes in torch.autograd.grad(gain_cell_attention(*x, hardware, implementation="native").sum(), x):
        assert slopes.abs().max() > 0


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("implementation", ["native", "torch", "reference", "exact softmax"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("key_start", start) for start in (-3, -64, 10**18, 2**63)),
        *(("window", window) for window in (2**31, 2**40, 10**30)),
    ],
)
def test_integers_out_of_range_are_refused(leroux, ideal, name, value, compiled, implementation):
    q, k, v = inputs(3, 3)
    attend = gain_cell_attention
    if compiled:
        torch.compiler.reset()
        attend = torch.compile(gain_cell_attention, backend="eager")
    exact = implementation == "exact softmax"
    hardware, options = (ideal, {}) if exact else (leroux, {"implementation": implementation})
    with pytest.raises(ValueError, match=f"{name}={value} must be between"):
        attend(q, k, v, hardware, **options, **{name: value})


@pytest.mark.parametrize("name", ["window", "key_start"])
@pytest.mark.parametrize("value", [1.5, float("inf"), float("nan"), "4", torch.tensor(4)])
def test_positions_that_are_no_whole_numbers_are_refused(leroux, ideal, name, value):
    for hardware in (leroux, ideal):
        with pytest.raises(ValueError, match=f"{name}=.* must be a whole number"):
            gain_cell_attention(*inputs(3, 3), hardware, **{name: value})


@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("window", [None, 50, 2**31 - 1])
def test_the_last_position_is_as_good_as_the_first(leroux, queries, window):
    q, k, v = inputs(queries, 100)
    start = 2**31 - 1 - 100
    options = {"implementation": "native", "window": window}
    out = gain_cell_attention(q, k, v, leroux, key_start=start, **options)
    expected = gain_cell_attention(q, k, v, leroux, key_start=start % (50 * 64), **options)
    assert (out - expected).abs().gt(1e-4).float().mean() < 0.02


def test_operators_refuse_what_does_not_fit(leroux):
    op = conditions(leroux, 3, 3)
    circuit = numbers.description_of(op, True).number
    q, k, v = inputs(3, 3, depth=8)
    rest = torch.arange(3)[None], *4 * [None], circuit
    operator = torch.ops.gaincell.attention
    for start in (-1, 2**31):
        with pytest.raises(ValueError, match=f"key_start={start}"):
            operator(q, k, v, *rest, 0, start, False)
    with pytest.raises(ValueError, match="window=-1"):
        operator(q, k, v, *rest, -1, 0, False)
    for wrong in ((q, k[:, :, :2], v), (q, k[:, :1], v), (q[:, :3], k, v), (q[0], k, v)):
        with pytest.raises(ValueError, match="do not fit|need q"):
            operator(*wrong, *rest, 0, 0, False)


def test_a_description_is_read_by_name_and_as_a_whole(leroux):
    op = conditions(leroux, 3, 3)
    found = numbers.description_of(op, True)
    describe = torch.ops.gaincell.describe
    for values in (found.tables, found.numbers):
        for name in values:
            changed = {key: value for key, value in values.items() if key != name}
            pair = (changed, found.numbers) if values is found.tables else (found.tables, changed)
            with pytest.raises(RuntimeError, match=f"lacks {name}"):
                describe(*pair)
    with pytest.raises(RuntimeError, match="nothing reads the number colums"):
        describe(found.tables, found.numbers | {"colums": 64.0})
    with pytest.raises(RuntimeError, match="nothing reads the table curve"):
        describe(found.tables | {"curve": torch.empty(0)}, found.numbers)
    with pytest.raises(ValueError, match="columns=-1 must be between"):
        describe(found.tables, found.numbers | {"columns": -1.0})
    torch.ops.gaincell.forget(describe(found.tables, found.numbers))


def test_positions_that_leap_are_refused(leroux):
    circuit = numbers.description_of(conditions(leroux, 3, 3), True).number
    q, k, v = inputs(3, 3, depth=8)
    for position in ([0, 2, 3], [2, 1, 0]):
        with pytest.raises(ValueError, match="must go on by 0 or 1"):
            torch.ops.gaincell.attention(q, k, v, torch.tensor([position]), *4 * [None], circuit, 0, 0, False)
