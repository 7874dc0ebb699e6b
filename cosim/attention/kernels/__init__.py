"""Attention at speed: implementations that give the reference's numbers without (T, S) tensors."""
