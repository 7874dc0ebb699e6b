"""Costs of an accelerator's parts from the component library hwcomponents, as JSON on stdout.

This file is run as a program by an interpreter that has hwcomponents, which needs a newer Python than
gaincell, so it imports nothing of gaincell. Its one argument is a JSON object: `node` (m), `buffer` (bytes),
`line` (bytes of one access of the buffer) and `memory` (name of a class of hwcomponents-cacti). Energies are
in J, powers in W, areas in m^2. A part that fails gives {"error": its name and why}.
"""

import importlib.metadata
import json
import sys

WORD, SUM = 8, 32
"""Bits of weights and inputs, and of sums."""
PACKAGES = ("hwcomponents", "hwcomponents-library", "hwcomponents-cacti")


def costs(node, buffer, line, memory):
    """Costs of the parts.

    Args:
        node: technology node, m.
        buffer: size of the buffer, bytes.
        line: bytes of one access of the buffer.
        memory: class of hwcomponents-cacti.
    """
    import hwcomponents_cacti as cacti
    from hwcomponents_library.library import aladdin

    outside = getattr(cacti, memory)()
    multiplier, adder = aladdin.AladdinMultiplier(node, WORD), aladdin.AladdinAdder(node, SUM)
    # Weight, input and sum of one multiplication.
    register = aladdin.AladdinRegister(node, 2 * WORD + SUM)
    try:
        inside = cacti.SRAM(tech_node=node, width=8 * line, size=8 * buffer)
    except Exception as error:
        return {"error": "CACTI", "detail": str(error)}
    parts = (multiplier, adder, register)
    return {
        "mac_J": multiplier.multiply().energy + adder.add().energy + register.read().energy,
        "mac_W": sum(part.leak_power for part in parts),
        "mac_m2": sum(part.area for part in parts),
        "buffer_read_J": inside.read(bits_per_action=8).energy,
        "buffer_write_J": inside.write(bits_per_action=8).energy,
        "buffer_W": inside.leak_power,
        "buffer_m2": inside.area,
        "memory_J": outside.read(bits_per_action=8).energy,
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


if __name__ == "__main__":
    try:
        answer = costs(**json.loads(sys.argv[1]))
    except ImportError as error:
        answer = {"error": "import", "detail": f"{error.name or error}"}
    except Exception as error:
        answer = {"error": "library", "detail": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))
