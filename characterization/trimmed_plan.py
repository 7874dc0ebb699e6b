"""A plan with the trim of its die: the trimmed sizes, and what the bill of the trim needs."""

from __future__ import annotations

from .execute import FOR_A_FIT
from .plan import Plan
from .trimming import REPLICAS, Trim


def trimmed_plan(plan: Plan, trim: Trim) -> Plan:
    """The plan with the sizes of a trim; a plan for a fit simulates the banks' replicas too.

    Args:
        plan: the plan whose die was trimmed.
        trim: result of `find_trim`.
    """
    sizes = {circuit: dict(fields) for circuit, fields in plan.designs.items()}
    for circuit, fields in trim.designs.items():
        sizes[circuit] = sizes.get(circuit, {}) | fields
    needed = set(plan.procedures) >= FOR_A_FIT and REPLICAS not in plan.procedures
    return plan.override(
        designs=sizes, procedures=(*plan.procedures, REPLICAS) if needed else plan.procedures
    )
