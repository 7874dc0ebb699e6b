"""Checks of a fit: design limits, corners, agreement with arrays, numerical error, wires."""
