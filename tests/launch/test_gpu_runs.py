"""A run on a GPU from its command to its record, with stand-ins for the card and for CUDA."""

import json
import os

import pytest

from gan_bench.results.layout import RunFolder
from gan_bench.results.record import Record
from gan_bench.results.speed import SpeedStudy
from gan_bench.text import figure

pytestmark = pytest.mark.usefixtures("no_nvml")  # before bench, which copies the environment
CARD = {
    "name": "NVIDIA H200",
    "uuid": "GPU-bbb2",
    "memory": [140, 4],
    "power limit": 700_000,
    "processes": ["worker"],
    "clock": 1785,
    "temperature": 66,
    "throttle": 4,
    "energy": 5_000_000,
    "energy each": 30_000,
}
ON_A_GPU = """
def __init__(self, recipe, images, labels, *, device, planned_steps, seed):
    assert device == "cuda:0" and os.environ["CUDA_VISIBLE_DEVICES"][:4] in ("GPU-", "MIG-")
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    super().__init__(
        recipe, images, labels, device="cpu", planned_steps=planned_steps, seed=seed
    )

def train(self, batches, draws):
    import time
    asked = Path(os.environ["NVML_STAND_IN"]).with_suffix(".asked")
    now = len(asked.read_text())
    while len(asked.read_text()) == now:
        time.sleep(0.01)
    return super().train(batches, draws)

def device_memory(self):
    return {"allocated": 123_000_000, "reserved": 456_000_000}
"""
"""The body of a plugin for a GPU; each of its chunks lasts until the card is looked at."""
RUN = (
    *("--dataset", "mnist-5k", "--seeds", "1", "--device", "cuda"),
    *("--steps", "12", "--evaluations", "2", "--samples", "64"),
)


@pytest.fixture
def run(bench, plugin):
    """Return a function that runs a plugin on a card, and returns its record."""
    path = bench.folder / "nvml.json"
    bench.environment["NVML_STAND_IN"] = str(path)
    bench.environment.pop("CUDA_VISIBLE_DEVICES", None)

    def on(*cards, body=ON_A_GPU):
        target = plugin("gan", body)
        state = {"driver": "580.65.06", "cuda": 13_000, "gpus": cards}
        path.write_text(json.dumps(state))
        done = bench("run", target, *RUN)
        assert done.code == 0, done.err
        newest = max(bench.run_folders(), key=lambda folder: folder.stat().st_mtime_ns)
        return Record.read(RunFolder(newest).record)

    return on


def test_the_record_says_what_the_card_is_and_what_it_did(bench, run):
    record = run(CARD)
    around = record.circumstances
    assert record.spec.gpu == around.gpu.card == "NVIDIA H200, 140 GiB"
    assert (around.gpu.uuid, around.gpu.driver) == ("GPU-bbb2", "580.65.06")
    assert (around.gpu.driver_cuda, around.gpu.power_limit_w) == ("13.0", 700.0)
    assert around.machine.gpus == ("NVIDIA H200",)
    assert around.device_exclusive is True
    use = around.gpu_use
    assert use.samples >= 2
    assert (use.sm_clock_mhz, use.sm_clock_least_mhz, use.temperature_c) == (1785, 1785, 66)
    assert use.throttle_reasons == ("SwPowerCap",)
    assert use.energy_j % 30 == pytest.approx(0) and use.energy_j >= 60
    assert 0 < use.j_per_1000_images < use.energy_j / (record.steps_done * 32) * 1000
    assert (use.memory_mb, use.allocated_mb, use.reserved_mb) == (4.0, 123.0, 456.0)
    assert use.other_processes == 0
    shown = bench("show", record.run_id)
    assert shown.code == 0
    for text in (
        "NVIDIA H200, 140 GiB",
        "driver 580.65.06, CUDA up to 13.0, found by NVML",
        "1,785 MHz, lowest 1,785 MHz",
        "SwPowerCap",
        "66.0 °C",
        "123 MB allocated, 456 MB reserved, 4.00 MB in use on the card",
    ):
        assert text in shown.out, shown.out
    assert bench("report").code == 0
    report = (bench.folder / "reports" / "local" / "report-full.md").read_text()
    for text in (
        "NVIDIA H200, 140 GiB, driver 580.65.06, power limit 700 W",
        "SM clock, lowest: 1,785 MHz",
        "the clock was lowered for SwPowerCap",
        "memory allocated by the framework: 123 MB",
    ):
        assert text in report


MEASURED = """
import time
from gan_bench.trainer import Framework, GpuWork

def gpu_work(*, size, device):
    assert size == 8192 and device == "cuda:0"
    return GpuWork(lambda times: time.sleep(0.1), lambda times: time.sleep(0.1))

FRAMEWORK = Framework(("numpy",), "pip install numpy", "numpy", gpu_work=gpu_work)
"""


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("others", "known"), [([], True), ([1], False)])
def test_the_share_of_the_rate_is_of_what_the_worker_measured(bench, run, others, known):
    site = bench.folder / "site"
    metadata = site / "measured-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "measured.py").write_text(MEASURED)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: measured\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[gan_bench.frameworks]\nmeasured = measured:FRAMEWORK\n"
    )
    bench.environment["PYTHONPATH"] += f"{os.pathsep}{site}"
    record = run(
        CARD | {"processes": [*others, "worker"]}, body=f"framework = 'measured'\n{ON_A_GPU}"
    )
    around = record.circumstances
    assert around.probe_gflops_before is None
    # Sleeping may take longer than it should, by any time.
    assert 1_000 < around.probe_gflops_after <= 2 * 8192**3 / 0.1 / 1e9
    assert 0.5 < around.gpu_gb_per_s <= 8 * 8192**2 / 0.1 / 1e9
    share = record.images_per_s * record.spec.multiply_adds_per_step / record.spec.images_per_step
    share *= 2 / (around.probe_gflops_after * 1e9)
    assert record.multiply_adds_fraction == (pytest.approx(share) if known else None)
    shown = f"{figure(around.probe_gflops_after)} GFLOP/s in products"
    assert shown in bench("show", record.run_id).out
    assert bench("report").code == 0
    report = (bench.folder / "reports" / "local" / "report-full.md").read_text()
    assert "after training on a GPU, a matrix product in the precision and framework" in report
    assert ("other processes used the GPU" in report) != known


def test_a_busy_card_is_told(bench, run):
    record = run(CARD | {"processes": [1, "worker"]})
    assert record.circumstances.device_exclusive is False
    assert record.circumstances.gpu_use.other_processes == 1


@pytest.mark.long
def test_another_card_is_another_run(bench, run):
    first = run(CARD)
    other = run(CARD | {"name": "NVIDIA H100", "memory": [80, 4]})
    assert first.run_id != other.run_id and len(bench.run_folders()) == 2
    part = {"uuid": "MIG-1", "name": "NVIDIA H200 MIG 1g.18gb", "memory": [18, 1]}
    part["processes"] = ["worker"]
    assert run(CARD | {"mig mode": 1, "instances": [part]}).spec.gpu == (
        "NVIDIA H200 MIG 1g.18gb, 18 GiB"
    )
    run(CARD)
    assert len(bench.run_folders()) == 3  # the first run is reused on the first card


@pytest.mark.slow
@pytest.mark.parametrize(
    ("throttle", "reason"),
    [(4, None), (0x40, "the GPU was throttled (HwThermalSlowdown)")],
)
def test_a_speed_study_says_what_the_card_did_in_each_turn(bench, plugin, throttle, reason):
    path = bench.folder / "nvml.json"
    bench.environment["NVML_STAND_IN"] = str(path)
    bench.environment.pop("CUDA_VISIBLE_DEVICES", None)
    path.write_text(json.dumps({"driver": "580.65.06", "gpus": [CARD | {"throttle": throttle}]}))
    targets = [plugin(name, ON_A_GPU) for name in ("a", "b")]
    options = ("--dataset", "mnist-5k", "--device", "cuda", "--minutes", "0.001")
    done = bench("speed", *targets, *options, "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert shown["gpu"] == "NVIDIA H200, 140 GiB" and shown["disturbed"] is (reason is not None)
    assert {row["device_memory_mb"] for row in shown["implementations"]} == {123.0}
    (file,) = (bench.folder / "results/local/speed").iterdir()
    study = SpeedStudy.read(file)
    assert study.gpu.uuid == "GPU-bbb2" and study.targets[0].spec.gpu == "NVIDIA H200, 140 GiB"
    turns = [turn for _, turn in study.turns]
    assert len(turns) >= 6 and {turn.discarded for turn in turns} == {reason}
    for turn in turns:
        assert (turn.gpu_exclusive, turn.sm_clock_mhz, turn.machine_gflops) == (True, 1785, None)
