"""Circuits: technologies, designs, SPICE netlists, testbenches and the ngspice runner."""
