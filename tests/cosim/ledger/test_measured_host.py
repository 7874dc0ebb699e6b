"""A machine measured as a host: shares of the meter, counters, and refusals."""

import pytest
import torch

from gaincell.circuits.errors import HostError
from gaincell.cosim.ledger.host import Work
from gaincell.cosim.ledger.measured_host import MeasuredHost, this_gpu
from gaincell.cosim.ledger.meters import Nvml, Rapl, StatedPower

WORK = Work(
    *("w",), layers=3, heads=4, kv_heads=2, head_dim=16, matrices={(64, 32): 6}, embedded=8, vocabulary=50
)


def counters(folder, **values):
    """Energy counters as Linux shows them: zone -> (name, uJ, range)."""
    for zone, (name, energy, wrap) in values.items():
        path = folder / zone.replace("_", ":").replace("intel:rapl", "intel-rapl")
        path.mkdir()
        for file, value in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", wrap)):
            (path / file).write_text(f"{value}\n")
        yield path


def test_energy_is_power_times_time_and_grows_with_depth():
    host = MeasuredHost(torch.device("cpu"), StatedPower(20.0), "test", least=0.02)
    rest, attention = host.rest(WORK), host.attention(WORK, 128)
    for cost in (rest, attention):
        assert 0 < cost.seconds < 1
        assert cost.joules == pytest.approx(20.0 * cost.seconds, rel=0.05)
    assert "20 W stated" in host.description and "float32" in host.description
    # 300 layers of a vector that hits 1 MB each: no clock's noise makes that as fast as six small ones.
    larger = Work("l", 3, 4, 2, 16, matrices={(512, 512): 300})
    assert host.rest(larger).seconds > 5 * rest.seconds


def test_every_matrix_counts():
    class Counter:
        description, passes = "passes", 0

        def joules(self):
            return 0.0

    host = MeasuredHost(torch.device("cpu"), Counter(), "test", least=0.0)
    host._measured = lambda one_pass, parts: type("C", (), {"joules": 2.0, "seconds": 3.0})()
    cost = host.rest(WORK)
    assert (cost.joules, cost.seconds) == (2.0 * 6 + 2.0, 3.0 * 6 + 3.0)
    assert host.attention(WORK, 64).joules == 2.0 * 3


def test_rapl_sums_packages_and_memory_and_continues_a_counter_that_starts_again(tmp_path):
    package, memory, core = counters(
        tmp_path,
        intel_rapl_0=("package-0", 900, 1000),
        intel_rapl_0_0=("dram", 10, 1000),
        intel_rapl_0_1=("core", 5, 1000),
    )
    meter = Rapl(tmp_path)
    for path, value in ((package, 100), (memory, 40), (core, 500)):
        (path / "energy_uj").write_text(str(value))
    assert meter.joules() == pytest.approx((200 + 30) * 1e-6)
    (package / "energy_uj").write_text("150")
    assert meter.joules() == pytest.approx((250 + 30) * 1e-6)


def test_counters_that_are_missing_or_unreadable_are_refused(tmp_path):
    with pytest.raises(HostError, match="no energy counter .* --watts"):
        Rapl(tmp_path)
    (path,) = counters(tmp_path, intel_rapl_0=("package-0", 900, 1000))
    (path / "energy_uj").unlink()
    with pytest.raises(HostError, match="not readable .* --watts"):
        Rapl(tmp_path)


def test_nvml_counts_millijoules(monkeypatch):
    class Module:
        class NVMLError(Exception):
            pass

        energy = 5000

        def nvmlInit(self):
            pass

        def nvmlDeviceGetHandleByIndex(self, index):
            return index

        def nvmlDeviceGetTotalEnergyConsumption(self, handle):
            if handle:
                raise self.NVMLError("Not Supported")
            return self.energy

    module = Module()
    monkeypatch.setitem(__import__("sys").modules, "pynvml", module)
    meter = Nvml()
    before = meter.joules()
    module.energy = 7500
    assert meter.joules() - before == pytest.approx(2.5)
    with pytest.raises(HostError, match="Not Supported.*--watts"):
        Nvml(1)
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    with pytest.raises(HostError, match="nvidia-ml-py"):
        Nvml()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_machine_without_a_gpu_is_refused():
    with pytest.raises(HostError, match="no NVIDIA GPU .* --host cpu"):
        this_gpu()
