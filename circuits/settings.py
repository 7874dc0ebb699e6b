"""Base class of what users write in TOML files and on the command line."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class Settings(BaseModel):
    """Frozen settings. Unknown fields are refused; numbers are finite, and neither truth values nor texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, settings: Any) -> Any:
        # Without this, true would be 1 F and the text "inf" a number.
        if isinstance(settings, dict):
            for name, value in settings.items():
                if isinstance(value, bool | str) and name in cls.model_fields:
                    kinds = _kinds(cls.model_fields[name].annotation)
                    if kinds & {int, float} and type(value) not in kinds:
                        word = str(value).lower() if isinstance(value, bool) else repr(value)
                        raise ValueError(f"{name}={word} is not a number")
        return settings


def _kinds(annotation: Any) -> set[Any]:
    """Types that an annotation accepts: those of a union, or of a literal's values."""
    parts = get_args(annotation) or (annotation,)
    return {part if isinstance(part, type) else type(part) for part in parts}
