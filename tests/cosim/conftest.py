"""Small hardware and models for tests."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from gaincell.models import (
    CellReads,
    ColumnModel,
    Constant,
    Conversions,
    ConverterVariation,
    DacConversions,
    EnergyModel,
    Hardware,
    Mismatch,
    Noise,
    Phase,
    Polynomial,
    Pulses,
    RailPattern,
    RandomCurve,
    StageEnergy,
    StandingPower,
    SubTileOperations,
    Timing,
    WriteError,
    Writes,
    fit_converter_curve,
    fit_separable_aging,
    fit_spline,
)


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def leroux() -> Hardware:
    return Hardware.from_pretrained("leroux2025")


@pytest.fixture(scope="session")
def ideal() -> Hardware:
    return Hardware.from_pretrained("ideal")


@pytest.fixture(scope="session")
def full() -> Hardware:
    """Hardware that describes every effect, with sub-tiles of 8 keys, in coulombs."""
    volts = np.linspace(0, 0.9, 31)
    cell = fit_spline(volts, 1e-15 * np.sinh(4 * (volts - 0.45)))
    charge = np.linspace(-20e-15, 20e-15, 201)

    def leak(v, age):
        return 0.3 + (np.asarray(v) - 0.3) * np.exp(-np.asarray(age) / 50e-6)

    column = ColumnModel(
        loading=Polynomial(coefficients=[0.03, 0.01]),
        coefficients=[[0, -0.5], [0.02, 0]],
        q_scale=10e-15,
        box={"a": (-2.0, 2.0), "u": (0.0, 1.0)},
    )
    drop = np.array([1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0])
    return Hardware(
        name="full",
        origin="simulated",
        columns=8,
        rows=16,
        cells={"table": cell},
        cell="table",
        q_sat_1=6e-15,
        q_sat_2=5e-15,
        edge=2e-17,
        column_1=column,
        column_2=column,
        phi=fit_converter_curve(charge, np.clip(charge / 6e-15 + 0.04, 0, 1)),
        readout=fit_converter_curve(charge, np.clip(charge / 5e-15 + 0.02, -1, 1), signed=True),
        aging={"table": fit_separable_aging(cell, leak, np.linspace(0, 100e-6, 21))},
        write=WriteError(curve=Polynomial(coefficients=[0.004, 0.99])),
        mismatch=Mismatch(
            cell=RandomCurve(
                modes=(fit_spline(volts, 5e-17 * np.cosh(3 * volts)), fit_spline(volts, 3e-17 * volts))
            ),
            write=RandomCurve(modes=(fit_spline(volts, 0.002 + 0.001 * volts),)),
            phi=ConverterVariation(
                mean=[0.0, 0.0],
                factor=[[1e-16, 0.0], [0.01, 0.02]],
                rail=RailPattern(values=np.outer(drop, [1e-17, 0.003])),
            ),
            readout=ConverterVariation(
                mean=[1e-17, 0.0, 0.0, 0.01],
                factor=np.diag([1e-16, 0.02] * 2),
                rail=RailPattern(values=np.outer(drop, [1e-17, 0.002, -1e-17, 0.001])),
            ),
        ),
        noise=Noise(charge_1=1e-16, charge_2=1e-16),
        timing=Timing(phases=(Phase(name="all", seconds=1e-6, origin="estimate"),)),
        energy=EnergyModel(
            stages=(
                StageEnergy(
                    name="K array",
                    origin="simulated",
                    law=CellReads(array=1, curve=Polynomial(coefficients=[2e-15, 1e-15])),
                ),
                StageEnergy(
                    name="V array",
                    origin="simulated",
                    law=CellReads(array=2, curve=Polynomial(coefficients=[3e-15])),
                ),
                StageEnergy(name="K lines", origin="estimate", law=Pulses(array=1, joules=1e-15)),
                StageEnergy(name="V lines", origin="estimate", law=Pulses(array=2, joules=1e-15)),
                StageEnergy(
                    name="ReLU converters",
                    origin="simulated",
                    law=Conversions(converter=1, curve=Polynomial(coefficients=[5e-13])),
                ),
                StageEnergy(
                    name="signed converters",
                    origin="simulated",
                    law=Conversions(converter=2, curve=Polynomial(coefficients=[4e-13])),
                ),
                StageEnergy(name="writes", origin="simulated", law=Writes(joules=5e-16)),
                StageEnergy(name="DAC", origin="estimate", law=DacConversions(joules=1e-13)),
                StageEnergy(name="ramp bias", origin="simulated", law=StandingPower(watts=6e-7)),
                StageEnergy(name="replica delay", origin="simulated", law=SubTileOperations(joules=7e-13)),
                StageEnergy(name="control", origin="estimate", law=Constant(joules=1e-12)),
            )
        ),
    )


@pytest.fixture
def tiny_gpt2() -> GPT2LMHeadModel:
    """GPT-2 of two layers with two heads of 16, with weights large enough for attention to matter."""
    config = GPT2Config(
        vocab_size=64,
        n_positions=96,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        initializer_range=0.3,
        loss_type="ForCausalLM",
    )
    return GPT2LMHeadModel(config).eval()
