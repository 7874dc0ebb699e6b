"""Fits of surrogates to characterization tables."""

from .arrays import fit_column_model, fit_retention, fit_separable_aging
from .converters import fit_converter_variation
from .curves import fit_converter_curve, fit_polynomial, fit_spline
from .variation import fit_mismatch, fit_random_curve

__all__ = [
    "fit_column_model",
    "fit_converter_curve",
    "fit_converter_variation",
    "fit_mismatch",
    "fit_polynomial",
    "fit_random_curve",
    "fit_retention",
    "fit_separable_aging",
    "fit_spline",
]
