"""Characterization: sweep plans that run in parallel and cached, and their tables with provenance."""
