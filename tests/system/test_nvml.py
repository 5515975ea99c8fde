"""What NVML says of a GPU: which there are, what a card did during a run, who else used it."""

import json
import os

import pytest

import gan_bench.system.nvml as nvml
from gan_bench.errors import UsageError
from gan_bench.maintenance import machine_check
from gan_bench.maintenance.machine_check import check_machine
from gan_bench.system import devices
from gan_bench.system.devices import (
    check_device,
    device_parts,
    fallback,
    gpu_problem,
    gpus,
    machine,
)
from gan_bench.system.nvml import Gpu, GpuWatch

H100 = {
    "name": "NVIDIA H100 80GB HBM3",
    "uuid": "GPU-aaa1",
    "memory": [80, 4],
    "power limit": 700_000,
    "processes": [],
    "clock": 1980,
    "temperature": 41,
    "throttle": 0,
    "energy": 5_000_000,
    "power": 120_000,
}
H200 = H100 | {"name": "NVIDIA H200", "uuid": "GPU-bbb2", "memory": [140, 4]}
SLICE = {"uuid": "MIG-c1", "name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "memory": [10, 1]}
OTHER_SLICE = {
    "uuid": "MIG-c2",
    "memory": [20, 1],
    "attributes": {
        "computeInstanceSliceCount": 1,
        "gpuInstanceSliceCount": 2,
        "memorySizeMB": 19_968,
    },
}
SPLIT = H100 | {"mig mode": 1, "instances": [SLICE, None, OTHER_SLICE]}
TWO = {"driver": "580.65.06", "cuda": 13_000, "gpus": [H100, H200]}


@pytest.fixture
def nvidia(no_nvml, tmp_path, monkeypatch):
    """Return a function that makes NVML, and if a script is given nvidia-smi, say something."""
    path = tmp_path / "nvml.json"
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("NVML_STAND_IN", str(path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "none")

    def say(state, smi=None):
        path.write_text(json.dumps(state))
        if smi is not None:
            script = tmp_path / "bin" / "nvidia-smi"
            script.write_text(f"#!/bin/sh\n{smi}\n")
            script.chmod(0o755)
        devices._gpus.cache_clear()

    yield say
    devices._gpus.cache_clear()


def test_what_nvml_says_of_each_gpu_is_kept(nvidia):
    nvidia(TWO, "exit 9")
    first, second = gpus()
    assert first == Gpu(
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-aaa1",
        memory_gb=80.0,
        driver="580.65.06",
        driver_cuda="13.0",
        power_limit_w=700.0,
        found_by="NVML",
    )
    assert [first.card, second.card] == ["NVIDIA H100 80GB HBM3, 80 GiB", "NVIDIA H200, 140 GiB"]
    assert (gpu_problem(), fallback("auto")) == (None, None)
    assert check_device("auto") == "cuda:0"
    with pytest.raises(UsageError, match=r"no device cuda:2; NVML shows cuda:0 \(NVIDIA H100"):
        check_device("cuda:2")


def test_what_a_card_refuses_to_say_is_unknown(nvidia):
    bare = {"name": "GRID A100X", "uuid": "GPU-1", "memory": "refused"}
    nvidia({"gpus": [bare]})
    assert gpus() == (Gpu(name="GRID A100X", uuid="GPU-1", found_by="NVML"),)
    assert gpus()[0].card == "GRID A100X"


def test_each_mig_instance_is_a_device(nvidia):
    nvidia({"gpus": [SPLIT, H200]})
    assert [(gpu.name, gpu.uuid, gpu.mig, gpu.card_uuid) for gpu in gpus()] == [
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "MIG-c1", "1g.10gb", "GPU-aaa1"),
        ("NVIDIA H100 80GB HBM3 MIG 1c.2g.20gb", "MIG-c2", "1c.2g.20gb", "GPU-aaa1"),
        ("NVIDIA H200", "GPU-bbb2", None, None),
    ]
    assert device_parts("cuda:1") == ["MIG-c2"]
    assert machine().gpus[0] == "NVIDIA H100 80GB HBM3 MIG 1g.10gb"


def test_a_gpu_that_mig_splits_into_nothing_is_no_device(nvidia):
    nvidia({"gpus": [H100 | {"mig mode": 1, "instances": [None, None]}]}, "echo GPU-aaa1, H100")
    assert check_device("auto") == "cpu"
    assert "NVML shows no MIG instance of GPU 0 (NVIDIA H100 80GB HBM3)" in fallback("auto")


@pytest.mark.parametrize(
    ("visible", "uuids", "problem"),
    [
        ("1", ["GPU-bbb2"], None),
        (" 1 , 0 ", ["GPU-bbb2", "MIG-c1"], None),  # as CUDA counts: one instance of a card
        ("MIG-c2", ["MIG-c2"], None),
        ("MIG-c", [], "names 'MIG-c', which is the beginning of 2 uuids"),
        ("GPU-bbb", ["GPU-bbb2"], None),
        ("MIG-c9", [], "names 'MIG-c9', which NVML does not list"),
        ("GPU-bbb2,MIG-c9", ["GPU-bbb2"], "names 'MIG-c9', which NVML does not list"),
        ("MIG-c1,2", ["MIG-c1"], "names '2', which NVML does not list"),
        ("1,1", [], "names NVIDIA H200 twice, and CUDA then shows none"),
        ("1,GPU-bbb2", [], "names NVIDIA H200 twice, and CUDA then shows none"),
        ("0,-1,1", ["MIG-c1"], "names '-1', which NVML does not list"),
        ("00,1", ["MIG-c1", "GPU-bbb2"], None),
        ("9" * 5000, [], f"names '{'9' * 200} ...', which NVML does not list"),
        ("-1", [], None),
        ("", [], None),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(nvidia, monkeypatch, visible, uuids, problem):
    nvidia({"gpus": [SPLIT, H200]})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.uuid for gpu in gpus()] == uuids
    assert gpu_problem() == (problem and f"CUDA_VISIBLE_DEVICES {problem}")


SMI = "echo GPU-aaa1, H100, 81559, 580.65.06, 700.00"
MISMATCH = {"init": "error 18", "gpus": []}
NVML_MISMATCH = "NVML RM has detected an NVML/RM version mismatch"


@pytest.mark.process
def test_nvidia_smi_is_asked_where_nvml_fails(nvidia):
    nvidia(MISMATCH, SMI)
    (gpu,) = gpus()
    assert (gpu.card, gpu.driver, gpu.power_limit_w) == ("H100, 80 GiB", "580.65.06", 700.0)
    assert gpu.found_by == f"nvidia-smi, as {NVML_MISMATCH}"
    assert fallback("auto") is None


@pytest.mark.process
def test_nvidia_smi_lists_mig_instances_too(nvidia):
    listing = """
GPU 0: H100 (UUID: GPU-aaa1)
  MIG 1g.10gb     Device  0: (UUID: MIG-c1)
  MIG 2g.20gb     Device  1: (UUID: MIG-c2)
GPU 1: H200 (UUID: GPU-bbb2)"""
    both = "echo 'GPU-aaa1, H100, 81559, 5, [N/A]'; echo 'GPU-bbb2, H200, 143771, 5, 700'"
    nvidia(MISMATCH, f"if [ $1 = -L ]; then echo '{listing}'; else {both}; fi")
    assert [(gpu.uuid, gpu.mig, gpu.card) for gpu in gpus()] == [
        ("MIG-c1", "1g.10gb", "H100 MIG 1g.10gb"),
        ("MIG-c2", "2g.20gb", "H100 MIG 2g.20gb"),
        ("GPU-bbb2", None, "H200, 140 GiB"),
    ]


@pytest.mark.process
@pytest.mark.parametrize(
    ("smi", "said"),
    [
        ("exit 9", "nvidia-smi ended with exit code 9 (it says nothing); NVML RM has detected an"),
        (None, NVML_MISMATCH),
    ],
)
def test_where_both_fail_both_are_named_in_one_line(nvidia, smi, said):
    nvidia(MISMATCH, smi)
    assert check_device("auto") == "cpu"
    assert said in fallback("auto") and "\n" not in fallback("auto")
    assert said in next(f for f in check_machine() if f.what == "device cuda").detail
    with pytest.raises(UsageError, match=r"The device cuda:0 cannot be used: .*NVML RM has"):
        check_device("cuda")


@pytest.mark.process
def test_an_nvml_that_hangs_is_given_up(nvidia, monkeypatch):
    monkeypatch.setattr(nvml, "_LIMIT_S", 0.2)
    nvidia({"init": "hangs", "gpus": []}, SMI)
    assert gpus()[0].found_by == "nvidia-smi, as NVML did not answer within 0.2 s"
    nvidia({"init": "hangs", "gpus": []}, "exit 9")
    assert "NVML did not answer within 0.2 s" in fallback("auto")


def test_one_lost_gpu_costs_no_other(nvidia):
    nvidia({"gpus": [H100 | {"open": "error 15"}, H200]})
    assert [gpu.uuid for gpu in gpus()] == ["GPU-bbb2"]
    assert "Not every GPU may be usable: NVML cannot open GPU 0 (GPU is lost)" in fallback("auto")


def test_doctor_says_what_a_gpu_is_and_how_it_was_found(nvidia, monkeypatch):
    nvidia({"driver": "580.65.06", "cuda": 13_000, "gpus": [SPLIT]})
    monkeypatch.setattr(machine_check, "frameworks", dict)  # it would import each of them
    found = {f.what: f.detail for f in check_machine()}
    card = "NVIDIA H100 80GB HBM3 MIG 1g.10gb, 10 GiB"
    assert found["device cuda:0"] == f"{card}, driver 580.65.06, CUDA up to 13.0, found by NVML"


def events(*chunks, attempt=1, start=0.0):
    """Return a journal's events of chunks (start, end, steps)."""
    found = [{"event": "ready", "attempt": attempt, "time": start}]
    step = 0
    for number, (began, ended, steps) in enumerate(chunks):
        found.append(
            {
                "event": "chunk",
                "attempt": attempt,
                "time": ended,
                "seconds": ended - began,
                "first_step": step,
                "step": step + steps,
                "warmup": number == 0,
            }
        )
        step += steps
    return found


@pytest.fixture
def watched(nvidia, monkeypatch):
    """Return a function that looks at a card at some times, before the run and during it.

    Each time has the card's state. The last sample is that of the run's end.
    """

    def look(states, gpus_of=lambda card: [card], uuid="GPU-aaa1"):
        at = {}
        monkeypatch.setattr(nvml, "time", lambda: at["now"])
        watch = None
        for at["now"], card in states:
            nvidia({"gpus": gpus_of(card)})
            watch = watch or GpuWatch(next(gpu for gpu in gpus() if gpu.uuid == uuid))
            watch.look()
        return watch

    return look


IDLE = H100 | {"clock": 345, "temperature": 33, "throttle": 1}


def test_what_a_card_did_is_that_of_the_training(watched):
    """The clocks of an idle card, while the framework is imported, say nothing."""
    watch = watched(
        [
            (0.0, IDLE | {"energy": 1_000_000, "memory": [80, 5]}),
            (10.0, H100 | {"energy": 2_000_000, "clock": 1980, "memory": [80, 900]}),
            (11.0, H100 | {"energy": 2_600_000, "clock": 1410, "throttle": 4, "temperature": 83}),
            (12.0, H100 | {"energy": 3_200_000, "clock": 1830, "throttle": 64 | 8}),
            (14.0, IDLE | {"energy": 3_400_000, "memory": [80, 700]}),
        ]
    )
    # 400 steps of 50 images: 20,000 images after the first chunk, from 11 to 12 s.
    use = watch.use(events((9.5, 11.0, 10), (11.0, 12.0, 400)), 50)
    assert use.samples == 3
    assert (use.sm_clock_mhz, use.sm_clock_least_mhz, use.temperature_c) == (1830, 1410, 83)
    assert use.throttle_reasons == ("HwSlowdown", "HwThermalSlowdown", "SwPowerCap")
    assert (use.energy_j, use.j_per_1000_images) == (2_400.0, 600.0 / 20)
    assert use.memory_mb == 900
    assert use.other_processes is None  # the card shows no process, not even the worker's


def test_energy_is_that_of_the_power_where_the_card_does_not_count_it(watched):
    powers = [(0.0, 100_000), (1.0, 300_000), (2.0, 300_000), (3.0, 100_000)]
    card = H100 | {"energy": "refused"}
    watch = watched([(at, card | {"power": power}) for at, power in powers])
    use = watch.use(events((0.5, 1.0, 1), (1.0, 1.5, 10), (1.5, 2.0, 10)), 100)
    assert use.energy_j == pytest.approx(200 + 300 + 200)
    assert use.j_per_1000_images == pytest.approx(300 / 2)


def test_an_earlier_attempt_is_not_in_the_figures(watched):
    watch = watched([(0.0, IDLE), (11.0, H100 | {"energy": 6_000_000})])
    earlier = events((-5.0, -4.0, 10), (-4.0, -3.0, 10))
    later = events((10.0, 10.5, 10), (10.5, 12.0, 10), attempt=2)
    use = watch.use([*earlier, *later], 100)
    assert (use.samples, use.sm_clock_mhz) == (1, 1980)
    assert use.j_per_1000_images == pytest.approx(1_000 * 0.5 / 11)


@pytest.mark.parametrize(
    "refused", ["clock", "temperature", "throttle", "energy", "power", "memory", "processes"]
)
def test_each_question_may_be_refused(watched, refused):
    card = H100 | {refused: "refused", **({"energy": "refused"} if refused == "power" else {})}
    watch = watched([(0.0, card), (1.0, card), (2.0, card)])
    use = watch.use(events((0.0, 1.0, 1), (1.0, 2.0, 1)), 10)
    unknown = {
        "clock": [use.sm_clock_mhz, use.sm_clock_least_mhz],
        "temperature": [use.temperature_c],
        "throttle": [use.throttle_reasons],
        "energy": [],
        "power": [use.energy_j, use.j_per_1000_images],
        "memory": [use.memory_mb],
        "processes": [use.other_processes, watch.exclusive],
    }[refused]
    assert unknown == [None] * len(unknown)
    assert use.samples == 3


def test_a_mig_instance_has_no_energy_of_its_own(watched):
    def split(instance):
        return [H100 | {"mig mode": 1, "instances": [SLICE | instance]}]

    watch = watched([(0.0, {}), (1.0, {"memory": [10, 77]})], split, "MIG-c1")
    use = watch.use(events((0.0, 0.5, 1), (0.5, 1.0, 1)), 10)
    assert (use.energy_j, use.j_per_1000_images) == (None, None)
    assert (use.sm_clock_mhz, use.temperature_c, use.memory_mb) == (1980, 41, 77)


def test_a_training_between_two_samples_has_no_clock(watched):
    watch = watched([(0.0, H100), (1.0, H100)])
    use = watch.use(events((0.2, 0.3, 1), (0.3, 0.4, 1)), 10)
    assert (use.samples, use.sm_clock_mhz, use.throttle_reasons) == (0, None, None)


def test_what_a_worker_reports_is_kept_and_nonsense_is_not(watched):
    watch = watched([(0.0, H100), (1.0, H100)])
    ready = {"event": "ready", "attempt": 1, "time": 0.0, "libraries": {"cuda": "13.0"}}
    done = {"event": "done", "attempt": 1, "time": 1.0}
    memory = {"allocated": 5_000_000, "reserved": "much"}
    use = watch.use([ready, done | {"device_memory": memory}], 10)
    assert (use.allocated_mb, use.reserved_mb, use.libraries) == (5.0, None, {"cuda": "13.0"})
    use = watch.use([ready | {"libraries": [1]}, done | {"device_memory": 3}], 10)
    assert (use.allocated_mb, use.libraries) == (None, None)


def test_what_the_card_does_while_its_rates_are_measured_is_no_part_of_the_run(watched):
    def counted(joules):
        return H100 | {"energy": 1_000 * joules}

    busy = counted(1_120) | {"memory": [80, 60], "temperature": 88}
    watch = watched(
        [(0.0, counted(1_000)), (1.0, counted(1_020)), (3.0, counted(1_060)), (4.0, busy)]
    )
    run = events((0.0, 1.0, 1), (1.0, 2.0, 1))
    rates = {"event": "rates", "attempt": 1, "time": 4.0, "seconds": 1.5}  # since 2.5
    apart, whole = watch.use([*run, rates], 10), watch.use(run, 10)
    assert (apart.energy_j, whole.energy_j) == (50, 120)
    assert apart.j_per_1000_images == whole.j_per_1000_images == 20 / 10 * 1_000
    assert apart.memory_mb < whole.memory_mb == 60


ME, STRANGER, ELSEWHERE = os.getpid(), 1, 4_000_000
"""This process, one that is not its descendant, and a PID of another namespace."""


@pytest.mark.parametrize(
    ("before", "during", "exclusive", "others"),
    [
        ([], [[ME]], True, 0),
        ([], [[ME], [ME, STRANGER], [ME]], False, 1),
        ([STRANGER], [[STRANGER, ME]], False, 1),
        ([STRANGER], [[ME]], False, 1),  # it left
        ([], [[], []], None, None),  # the card shows nothing
        ([], [[ELSEWHERE]], True, 0),  # one context is the worker's, by another PID
        ([], [list(range(ELSEWHERE, ELSEWHERE + 100))], False, 99),  # more than it has children
        ([ELSEWHERE], [[ELSEWHERE, ELSEWHERE + 1]], False, 1),
        ([], [[ME, ELSEWHERE], [ME]], True, 0),  # a child that ended while it was asked for
        ([], [[ME, ELSEWHERE], [ME, ELSEWHERE]], False, 1),
    ],
)
def test_who_else_used_a_card(watched, before, during, exclusive, others):
    states = [(float(i), H100 | {"processes": pids}) for i, pids in enumerate([before, *during])]
    watch = watched(states)
    assert watch.exclusive is exclusive
    assert watch.use([], 10).other_processes == others


def test_another_process_takes_the_card_only_while_it_is_there(watched):
    """One that came in the first minute of a study does not disturb its later turns."""
    pids = [[], [ME], [ME, STRANGER], [ME], [ME]]
    watch = watched([(10.0 * i, H100 | {"processes": of}) for i, of in enumerate(pids)])
    assert watch.exclusive is False
    during = [watch.exclusive_during(10.0 * i - 1, 10.0 * i + 1) for i in range(1, 5)]
    assert during == [True, False, True, True]
    assert watch.exclusive_during(33.0, 34.0) is False  # nobody looked


def test_an_exclusive_card_is_exclusive_at_any_time(watched):
    watch = watched([(float(i), H100 | {"processes": [ME][:i]}) for i in range(3)])
    assert watch.exclusive_during(50.0, 51.0) is True


def test_a_driver_that_answers_during_the_run_only_shows_no_exclusive_card(nvidia, monkeypatch):
    monkeypatch.setattr(nvml, "_WAIT_S", 0.1)
    nvidia({"gpus": [H100]})
    watch = GpuWatch(gpus()[0])
    nvidia({"init": "hangs", "gpus": [H100]})
    watch.start()  # it goes on without an answer
    watch.stop()
    assert (watch.exclusive, watch.use([], 10)) == (None, None)
    nvidia({"gpus": [H100 | {"processes": [ELSEWHERE]}]})
    watch.look()
    assert (watch.exclusive, watch.use([], 10).other_processes) == (None, None)


def test_memory_that_nobody_seems_to_use_makes_exclusive_unknown(watched):
    busy = H100 | {"memory": [80, 20_000]}
    watch = watched([(0.0, busy), (1.0, busy | {"processes": [ME]})])
    assert watch.exclusive is None
