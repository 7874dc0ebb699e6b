"""The model of one device role and its mismatch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from .settings import Settings

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.$-]*$")]
"""Name of a model card or sub-circuit. The pattern keeps a name from becoming a second line of the deck."""
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of a parameter or role."""


class PelgromMismatch(Settings):
    """Coefficients a of Pelgrom's law: neighbouring transistors differ by a standard deviation a / sqrt(W L).

    Source: Pelgrom, Duinmaijer and Welbers, IEEE Journal of Solid-State Circuits 24 (1989), 1433.
    """

    a_vt: float = Field(ge=0, le=1)
    """Coefficient of the threshold voltage, V m."""
    a_beta: float = Field(ge=0, le=1)
    """Coefficient of the relative current factor, m."""


class Device(Settings):
    """The model of one device role."""

    model: ModelName
    """Name of the model card or of the foundry's sub-circuit."""
    kind: Literal["mos", "subckt"]
    """Kind of `model`: a card for an M line, or a sub-circuit for an X line."""
    polarity: Literal["n", "p"]
    """Channel type."""
    l_min: float = Field(gt=0, le=1)
    """Shortest channel length, m."""
    w_min: float = Field(gt=0, le=1)
    """Narrowest channel width, m."""
    l_max: float | None = Field(default=None, gt=0, le=1)
    """Longest channel length, m; None if the model has no limit."""
    w_max: float | None = Field(default=None, gt=0, le=1)
    """Widest channel width, m; None if the model has no limit."""
    ports: tuple[Literal["d", "g", "s", "b"], ...] = ("d", "g", "s", "b")
    """Terminals in the order of the model, without the bulk for a device that has none."""
    threshold_shift: ParameterName | None = None
    """Instance parameter that adds to the threshold voltage (`delvto`, V), for Monte Carlo; None if there is
    none."""
    mobility_scale: ParameterName | None = None
    """Instance parameter that multiplies the mobility (`mulu0`); None if there is none."""
    mismatch: PelgromMismatch | None = None
    """Coefficients of the mismatch of this device; None for those of the technology."""
    parameters: dict[ParameterName, float | int] = {}
    """Further instance parameters by name, such as rbodymod = 0; within 1e30 of zero."""

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Device:
        for name in ("l", "w"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if high is not None and high < low:
                raise ValueError(f"{name}_max={high} is less than {name}_min={low}")
        return self

    @field_validator("parameters", mode="before")
    @classmethod
    def _parameters_are_numbers(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name, value in values.items():
                if type(value) not in (int, float) or not abs(value) <= 1e30:
                    raise ValueError(f"{name}={value!r} is not a number within 1e30 of zero")
        return values

    def wrapper(self, role: str, mismatch: PelgromMismatch, l_diffusion: float | None = None) -> str:
        """SPICE text of the sub-circuit `dev_<role>` with the ports d g s b.

        Its parameters are the width w and length l (m), the multiplier m, and zvt and zmu: the deviations of
        the threshold and of the mobility in standard deviations. They have no effect where the model has no
        parameter for them.

        Args:
            role: role of the device, such as `nmos`.
            mismatch: coefficients that scale zvt and zmu, unless the device has its own.
            l_diffusion: length of the source and drain regions, m (see `Technology.l_diffusion`). Only a
                model card uses it: a foundry's sub-circuit knows its own areas.

        Returns:
            The lines from .subckt to .ends.
        """
        mismatch = self.mismatch or mismatch
        parameters = f"w={self.w_min!r} l={self.l_min!r} m=1 zvt=0 zmu=0"
        fixed = [f"{name}={value!r}" for name, value in self.parameters.items()]
        arguments = " ".join(["w={w} l={l} m={m}", *fixed])
        if self.threshold_shift:
            arguments += f" {self.threshold_shift}={{zvt*{mismatch.a_vt!r}/sqrt(w*l*m)}}"
        if self.mobility_scale:
            arguments += f" {self.mobility_scale}={{1+zmu*{mismatch.a_beta!r}/sqrt(w*l*m)}}"
        if self.kind == "mos" and l_diffusion:
            area, perimeter = f"{{w*{l_diffusion!r}}}", f"{{2*(w+{l_diffusion!r})}}"
            arguments += f" ad={area} as={area} pd={perimeter} ps={perimeter}"
        letter = "m" if self.kind == "mos" else "x"
        return (
            f".subckt dev_{role} d g s b {parameters}\n"
            f"{letter}0 {' '.join(self.ports)} {self.model} {arguments}\n"
            f".ends dev_{role}"
        )
