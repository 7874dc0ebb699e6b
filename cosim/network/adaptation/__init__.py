"""Adaptation of a pre-trained network to a hardware: calibration, then fine-tuning."""
