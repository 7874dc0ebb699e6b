"""Checks of fitted circuits: design limits, corners, agreement with arrays, numerical error."""
