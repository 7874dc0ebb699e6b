"""Networks that bring code of their own (`auto_map` in a JSON file beside the weights): it is never run."""

from __future__ import annotations


def reason_of(error: Exception) -> str:
    """Why transformers could not load something, in one line.

    Args:
        error: what transformers raised, called with `trust_remote_code=False`.

    Returns:
        First line of the message; of a refusal to run code, a sentence that does not offer to run it.
    """
    if "trust_remote_code" in str(error):
        return "it has code of its own (`auto_map`), which gaincell does not run"
    return str(error).strip().partition("\n")[0]
