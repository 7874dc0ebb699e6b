"""Language models on gain-cell attention: conversion, checkpoints, evaluation, generation.

transformers learns of gain-cell attention, and of its way of saving, when this package is imported.
"""

from . import conversion, quantizer, registration

registration.register()
quantizer.register(conversion.convert_as_described)
