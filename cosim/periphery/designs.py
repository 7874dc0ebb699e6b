"""Designs of the circuits that a hardware was fitted to, as far as the digital periphery depends on them."""

from __future__ import annotations

from pydantic import ValidationError

from ...circuits.designs import Designs
from ...circuits.errors import HardwareError
from ...models import Hardware


def designs_of(hardware: Hardware, t_pulse_max: float | None = None) -> Designs:
    """Designs with the levels, sizes and durations of a hardware.

    The periphery does not depend on the devices, so a technology may have changed since the fit.

    Args:
        hardware: hardware fitted to simulated circuits.
        t_pulse_max: longest pulse of the digital circuits, s, where they need a slower clock than the
            hardware; None: that of the hardware.

    Raises:
        HardwareError: it was not fitted to simulated circuits, or its levels, sizes or durations are not
            those of the designs that it names; or its keys and values have other numbers of levels, since one
            width of the write level selection serves both; or `t_pulse_max` is not positive.
    """
    try:
        designs = Designs.model_validate(hardware.provenance["condition"]["designs"])
    except (KeyError, TypeError):
        raise HardwareError(
            f"hardware {hardware.name!r} was not fitted to circuits, so it has no periphery; use "
            "generic28, or one that `gaincell fit` made"
        ) from None
    except ValidationError as error:
        raise HardwareError(
            f"hardware {hardware.name!r} names unknown designs ({error.errors()[0]['msg']}); fit it again"
        ) from None
    two_phases = "two-phase" if designs.converter.phases == 2 else None
    wanted = {
        "levels": designs.levels.model_dump(),
        "rows": designs.array.rows,
        "columns": designs.array.columns,
        "t_pulse_max": designs.clocking.t_pulse_max,
        "signed_query": "mirrored" if designs.array.mirrored else two_phases,
    }
    found = {name: getattr(hardware, name) for name in wanted} | {"levels": hardware.levels.model_dump()}
    if different := [name for name in wanted if found[name] != wanted[name]]:
        name = different[0]
        raise HardwareError(
            f"{name} of hardware {hardware.name!r} is {found[name]}, that of its designs {wanted[name]}; "
            "fit it again"
        )
    if (hardware.normaliser is None) != (designs.array.normaliser is None):
        raise HardwareError(
            f"hardware {hardware.name!r} and its designs differ in the normaliser; fit it again"
        )
    if designs.levels.key != designs.levels.value:
        raise HardwareError(
            f"hardware {hardware.name!r} has {designs.levels.key} levels of keys and {designs.levels.value} "
            "of values; the periphery's write level selection needs the same number: set levels.key and "
            "levels.value alike"
        )
    if t_pulse_max is None:
        return designs
    if not t_pulse_max > 0:
        raise HardwareError(f"a T_max of {t_pulse_max:g} s is not positive; give one such as 72n")
    clocking = designs.clocking.model_copy(update={"t_pulse_max": t_pulse_max})
    return designs.model_copy(update={"clocking": clocking})
