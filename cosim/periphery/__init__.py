"""The digital periphery driven by a model's own activations."""
