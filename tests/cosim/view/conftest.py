"""Results of the commands for the tests of the report."""

import math
from pathlib import Path

import pytest

from gaincell.circuits.files import sealed, write_json


@pytest.fixture
def results(tmp_path) -> Path:
    """A folder with the JSON of evaluate, account, cosim and adapt, and nothing else."""
    perplexity = {"softmax": 3.5, "mapped": 120.0, "calibrated": 9.0, "adapted": 3.75, "control": None}
    evaluation = {
        "model": "demo",
        "hardware": {"name": "generic28", "cell": "table", "digest": "0"},
        "token": "byte",
        "tokens": 10240,
        "context": 256,
        "perplexity": perplexity,
        "nats_per_byte": {k: v and math.log(v) for k, v in perplexity.items()},
        "outside_box": {"mapped": {"phi": 0, "column_1": 1234}, "adapted": {"phi": 0, "column_1": 5}},
        "outside_box_of": {"mapped": {"phi": 9, "column_1": 2468}, "adapted": {"phi": 9, "column_1": 500}},
        "outside_box_tokens": 256,
        "notes": ["control: no weights beside the adapted ones"],
    }
    stages = [
        {"name": "K array cells", "energy_J": 20e-12, "origin": "simulated"},
        {"name": "digital control", "energy_J": 4e-9, "origin": "published"},
    ]
    account = {
        "hardware": "generic28",
        "energy_per_token_head_J": 4.02e-9,
        "latency_s": 61.9e-9,
        "stages": stages,
        "ratios": {"RTX 4090": {"energy": 140000.0, "latency": 361.0}},
        "baseline_window": {"keys": 1024, "energy_per_token_head_J": 4.3e-9},
        "keys": 256.0,
        "head_dim": 64,
        "tokens": 16,
        "retention": {"retention_s": None, "needed_s": 63e-6, "simulated_s": 0.1},
    }
    columns = [
        {"stage": s, "predicted": x, "simulated": x + 1e-3, "status": "ok"}
        for s in (1, 2)
        for x in (0.2, 0.7)
    ]
    stage = {"operations": 2, "slope": None, "offset": None, "rms": 1e-3, "worst": 1e-3}
    agreement = {"columns": columns, "stages": [stage | {"stage": 1}, stage | {"stage": 2}]}
    curve = [{"step": 20, "train": 1.9, "held_out": 2.0}, {"step": 40, "train": 1.5, "held_out": 1.6}]
    adaptation = {"model": "demo", "steps": 40, "curves": {"adapted": curve, "control": []}}
    for name, value in {"evaluate": evaluation, "account": account, "cosim": agreement}.items():
        write_json(tmp_path / f"{name}.json", sealed(value))
    (tmp_path / "adapted").mkdir()
    write_json(tmp_path / "adapted" / "adaptation.json", sealed(adaptation))
    return tmp_path
