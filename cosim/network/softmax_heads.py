"""Heads of a converted layer that the digital network computes by exact attention."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from torch import Tensor

from ...models import Hardware
from ..attention.api import gain_cell_attention


def chosen_heads(asked: Iterable[int], heads: int) -> tuple[int, ...]:
    """Numbers of heads, each once and in order.

    Args:
        asked: numbers of query heads.
        heads: query heads H of the layer.

    Raises:
        ValueError: a head that the layer does not have.
    """
    found = tuple(sorted(set(asked)))
    if wrong := [head for head in found if type(head) is not int or not 0 <= head < heads]:
        raise ValueError(f"there is no head {wrong[0]!r}; the layer has heads 0 to {heads - 1}")
    return found


def of_heads(q: Tensor, k: Tensor, v: Tensor, heads: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of some query heads, each with keys and values of its own.

    Args:
        q: queries, shape (B, H, T, D).
        k: keys, shape (B, Hkv, S, D), H a multiple of Hkv.
        v: values, shape (B, Hkv, S, D).
        heads: numbers of n query heads.

    Returns:
        Shapes (B, n, T, D), (B, n, S, D) and (B, n, S, D).
    """
    group = q.shape[1] // k.shape[1]
    groups = [head // group for head in heads]
    return q[:, list(heads)], k[:, groups], v[:, groups]


def exact_attention(
    q: Tensor, k: Tensor, v: Tensor, scaling: float | None, hardware: Hardware | None = None, **where: Any
) -> Tensor:
    """Softmax attention (B, H, T, D).

    Args:
        q: queries, shape (B, H, T, D).
        k: keys, shape (B, Hkv, S, D).
        v: values, shape (B, Hkv, S, D).
        scaling: factor of q k^T; None: 1 / sqrt(D).
        hardware: hardware of kind "softmax"; None: the shipped one.
        where: `window`, `key_start` and `attention_mask` of `gain_cell_attention`.
    """
    temperature = 1.0 if scaling is None else scaling * q.shape[-1] ** 0.5
    return gain_cell_attention(q * temperature, k, v, hardware or _ideal(), **where)


@cache
def _ideal() -> Hardware:
    return Hardware.from_pretrained("ideal")
