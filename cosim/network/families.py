"""What a model's attention modules ask of their attention function, read before anything is converted."""

from __future__ import annotations

import ast
import operator
import sys
from dataclasses import dataclass
from typing import Any

from torch import nn

from ...circuits.errors import ModelError
from .interface_source import chain_of, has_own_keys, interface_arguments, source_of
from .layer_config import LayerConfig

HARMLESS = frozenset(
    {
        "attention_mask",
        "cache",
        "cache_position",
        "dropout",
        "key",
        "layer_idx",
        "max_length_k",
        "max_length_q",
        "num_items_in_batch",
        "output_attentions",
        "output_hidden_states",
        "output_router_logits",
        "past_key_values",
        "position_embeddings",
        "position_ids",
        "query",
        "return_dict",
        "scaling",
        "target_dtype",
        "use_cache",
        "value",
    }
)
"""Keyword arguments of an attention function that do not change what is computed here, or are read anyway.
Attention dropout is not applied, and the mask states what `position_ids` say about packed documents."""

KNOWN = HARMLESS | {"is_causal", "sliding_window"}
"""All keyword arguments that are understood."""

AT_CALL = object()
"""Value of an expression that is known at the call only."""

BASES = ("sdpa", "eager")
"""Implementations whose masks are understood; layers left out keep theirs."""


@dataclass(frozen=True)
class Shape:
    """Shape of one attention module's signals."""

    heads: int
    kv_heads: int
    depth: int
    """Head dimension."""
    window: int | None
    """Sliding window of the network's own, tokens; None: full attention."""


def unwrap(model: nn.Module) -> nn.Module:
    """The network inside `torch.compile`, PEFT or data-parallel wrappers, or the model itself.

    Args:
        model: model, wrapped or not.
    """
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif callable(getattr(model, "get_base_model", None)):
            model = model.get_base_model()
        elif isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        else:
            return model


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Causal self-attention modules that call transformers' attention interface, by name."""
    if not getattr(type(model), "_can_set_attn_implementation", lambda: False)():
        return {}
    return {
        name.replace("_orig_mod.", ""): module
        for name, module in model.named_modules()
        if getattr(module, "is_causal", False)
        and not getattr(module, "is_cross_attention", False)
        and hasattr(module, "config")
        and hasattr(module, "layer_idx")
        and _depth(module) is not None
        and interface_arguments(type(module)) is not None
    }


def require_understood(module: nn.Module, name: str) -> None:
    """Check that gain-cell attention can compute what an attention module asks for.

    Args:
        module: attention module.
        name: its name, for the message.

    Raises:
        ModelError: bidirectional attention, a base implementation whose masks are not understood, chunks,
            values of another size than keys, keys shared by several layers or passes, or an argument that
            changes the attention function.
    """
    config = module.config
    if getattr(config, "is_causal", True) is False:
        raise ModelError(f"{name} is bidirectional (config.is_causal=False); gain-cell attention is causal")
    require_base(config)
    types = getattr(config, "layer_types", None) or ()
    if module.layer_idx < len(types) and "chunk" in types[module.layer_idx]:
        raise ModelError(f"{name} attends inside chunks of the text, which a ring of columns cannot follow")
    values = getattr(module, "v_head_dim", None)
    if values is not None and values != _depth(module):
        raise ModelError(
            f"{name} has keys of {_depth(module)} and values of {values} elements a head; "
            "the two arrays need equal ones"
        )
    if getattr(module, "is_kv_shared_layer", False) or not has_own_keys(type(module)):
        raise ModelError(
            f"{name} reads or writes the keys of several layers or passes; each array holds those of one"
        )
    for keyword, expression in (interface_arguments(type(module)) or {}).items():
        value = _evaluate(expression, module)
        if keyword == "is_causal" and value is False:
            raise ModelError(f"{name} is bidirectional (is_causal=False); gain-cell attention is causal")
        if keyword not in KNOWN and value is not None:
            raise ModelError(
                f"{name} asks its attention for {keyword}, which gain cells do not compute; leave the layer "
                "out, or take a network without it"
            )


def require_base(config: Any) -> None:
    """Check that the model's own attention implementation makes masks that are understood.

    Args:
        config: configuration of the model.

    Raises:
        ModelError: another implementation than "sdpa" and "eager".
    """
    base = config.base if isinstance(config, LayerConfig) else config._attn_implementation
    if base not in (*BASES, None):
        raise ModelError(
            f"the model's attention implementation is {base!r}, whose masks gain cells cannot follow; call "
            "model.set_attn_implementation('sdpa') or ('eager') first"
        )


def shape_of(module: nn.Module) -> Shape:
    """Shape of an attention module's signals.

    Args:
        module: attention module from `attention_modules`.
    """
    config = module.config
    heads = _first(module, "num_heads", "num_attention_heads") or config.num_attention_heads
    groups = getattr(module, "num_key_value_groups", None)
    if groups:
        kv_heads = heads // groups
    else:
        kv_heads = _first(module, "num_key_value_heads", "num_kv_heads", "kv_heads")
        kv_heads = kv_heads or getattr(config, "num_key_value_heads", None) or heads
    return Shape(heads, kv_heads, _depth(module), _own_window(module))


def _depth(module: nn.Module) -> int | None:
    # Of latent attention, `head_dim` is sometimes that of a part.
    return _first(module, "qk_head_dim", "head_dim", "head_size")


def _own_window(module: nn.Module) -> int | None:
    """The window for which the model makes this module's masks."""
    config = module.config
    source = source_of(sys.modules.get(type(module).__module__))
    if "create_sliding_window_causal_mask" not in source and "create_masks_for_generate" not in source:
        return None
    types = getattr(config, "layer_types", None)
    # Some networks have one mask for all of their layers, whatever their type.
    if types is not None and module.layer_idx < len(types) and "sliding_attention" in source:
        local = "sliding" in types[module.layer_idx]
    else:
        local = getattr(module, "is_sliding", getattr(module, "is_local_attention", True))
    if not local:
        return None
    asked = (interface_arguments(type(module)) or {}).get("sliding_window")
    own = _evaluate(asked, module) if asked is not None else getattr(module, "sliding_window", None)
    window = own if isinstance(own, int) else getattr(config, "sliding_window", None)
    return window if isinstance(window, int) and window > 0 else None


def _first(module: nn.Module, *names: str) -> int | None:
    for name in names:
        found = getattr(module, name, None)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _evaluate(node: ast.expr, module: nn.Module) -> Any:
    """Value of an expression that follows from the module alone, or `AT_CALL`."""
    if isinstance(node, ast.Constant):
        return node.value
    chain = chain_of(node)
    if chain is not None and chain.startswith("self."):
        try:
            return operator.attrgetter(chain.removeprefix("self."))(module)
        except AttributeError:
            return AT_CALL
    is_getattr = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
    if is_getattr and len(node.args) >= 2 and isinstance(node.args[1], ast.Constant):
        owner = module if chain_of(node.args[0]) == "self" else _evaluate(node.args[0], module)
        return AT_CALL if owner is AT_CALL else getattr(owner, node.args[1].value, None)
    return AT_CALL
