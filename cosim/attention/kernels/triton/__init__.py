"""Attention in Triton for GPUs."""
