"""Attention kernels in Triton for CUDA GPUs."""
