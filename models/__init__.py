"""Surrogates fitted to simulated tables, bundled into one `Hardware` value.

The modules here hold the values that users import. `models.fitting` makes them from characterization tables,
`models.checks` judges a fit.
"""

from .aging import AgingTerm, Retention, SeparableAging, exponential_aging
from .array import ColumnModel, ConverterCurve, Noise, WriteError
from .chip import Chip
from .cost import (
    Area,
    CellReads,
    Constant,
    Conversions,
    DacConversions,
    EnergyModel,
    Events,
    Leakage,
    Phase,
    Pulses,
    StageEnergy,
    StandingPower,
    SubTileOperations,
    SupplyLoss,
    Timing,
    Writes,
)
from .curves import Exponential, Polynomial, Spline
from .fitting.arrays import fit_column_model, fit_retention, fit_separable_aging
from .fitting.converters import fit_converter_variation
from .fitting.curves import fit_converter_curve, fit_polynomial, fit_spline
from .fitting.variation import fit_mismatch, fit_random_curve
from .hardware import Hardware, Levels, shipped_hardware
from .processor import apply_instruction_limit
from .surrogate import Surrogate
from .trim import DieTrim, ReplicaBank
from .values import FitError
from .variation import CellStatistics, ConverterVariation, Mismatch, RailPattern, RandomCurve

__all__ = [
    "AgingTerm",
    "Area",
    "CellReads",
    "CellStatistics",
    "Chip",
    "ColumnModel",
    "Constant",
    "Conversions",
    "ConverterCurve",
    "ConverterVariation",
    "DacConversions",
    "DieTrim",
    "EnergyModel",
    "Events",
    "Exponential",
    "FitError",
    "Hardware",
    "Leakage",
    "Levels",
    "Mismatch",
    "Noise",
    "Phase",
    "Polynomial",
    "Pulses",
    "RailPattern",
    "RandomCurve",
    "ReplicaBank",
    "Retention",
    "SeparableAging",
    "Spline",
    "StageEnergy",
    "StandingPower",
    "SubTileOperations",
    "SupplyLoss",
    "Surrogate",
    "Timing",
    "WriteError",
    "Writes",
    "exponential_aging",
    "fit_column_model",
    "fit_converter_curve",
    "fit_converter_variation",
    "fit_mismatch",
    "fit_polynomial",
    "fit_random_curve",
    "fit_retention",
    "fit_separable_aging",
    "fit_spline",
    "shipped_hardware",
]

# Importing computes nothing, so torch has not chosen its instructions yet.
apply_instruction_limit()
