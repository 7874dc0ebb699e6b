"""What is measured: sweep plans, run in parallel and cached, into tidy tables with their provenance."""
