"""Attention of two gain-cell arrays as a torch function; depends on `models` and `circuits.errors` alone."""
