"""Energy and latency of a run, by stage, head and token."""
