"""Block-wise attention in plain PyTorch: every device, no compiler needed."""
