"""The benchmarks run, agree in their values (or they would fail), and say what they measured."""

import json


def test_attention_benchmark_runs(run_script, tmp_path):
    path = tmp_path / "attention.json"
    words = [word for name in ("dense", "sdpa", "torch") for word in ("--only", name)]
    printed = run_script("attention.py", "--quick", *words, "--json", str(path))
    report = json.loads(path.read_text())
    assert list(report["cases"]) == ["256/256", "decode/1024"]
    for case in report["cases"].values():
        assert list(case["contenders"]) == ["dense", "sdpa", "torch"]
        ours = case["contenders"]["torch"]
        assert ("not available: torch" in printed) == ("unavailable" in ours)
        if "unavailable" not in ours:
            assert "bins_apart" in ours
            assert {ratio["baseline"] for ratio in case["ratios"]} == {"dense", "sdpa"}
    assert report["cases"]["256/256"]["contenders"]["dense"]["training"]["best_s"] > 0


def test_training_benchmark_runs(run_script, tmp_path):
    path = tmp_path / "training.json"
    words = ["--model", "demo", "--hardware", "leroux2025", "--threads", "1", "--rounds", "1"]
    run_script("training.py", *words, "--seconds", "0", "--json", str(path))
    rows = json.loads(path.read_text())["models"]["demo"]
    assert rows["softmax"]["ratio"] == 1.0
    assert rows["leroux2025"]["best_s"] > 0


def test_generation_benchmark_runs(run_script, tmp_path):
    path = tmp_path / "generation.json"
    words = ["--hardware", "leroux2025", "--length", "40", "--layers", "2", "--rounds", "2"]
    words += ["--seconds", "0"]
    run_script("generation.py", *words, "--json", str(path))
    times = json.loads(path.read_text())["attention"]
    assert list(times) == ["softmax", "leroux2025", "leroux2025 on levels"]
    assert times["leroux2025 on levels"]["best_s"] > 0
