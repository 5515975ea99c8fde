"""Training in a worker: the libraries' global generators, and what a trainer may return."""

import builtins
import json
import os

import numpy as np
import pytest

from bench import KILLS_ONCE, same_bits
from gan_bench.results.events import EventWriter, read_events
from gan_bench.results.layout import RunFolder
from gan_bench.worker.failure import failure_kind
from gan_bench.worker.training import divergence_by

SHORT = ("--steps", "12", "--samples", "64", "--metrics", "fid", "--keep-samples")

DRAWS = """
SALT = np.random.rand()

def __init__(self, *args, **kwargs):
    import random
    super().__init__(*args, **kwargs)
    self.offset = random.random() + self.SALT
    EXTRA

def _step(self, batches, latents):
    import random
    bias = self._tensors["generator.2.bias"]
    noise = np.random.standard_normal(bias.shape) + random.gauss(self.offset, 1)
    self._tensors["generator.2.bias"] = (bias + 0.01 * noise).astype(bias.dtype)
    return super()._step(batches, latents)

def sample(self, latents, labels=None):
    import random
    np.random.seed(); random.seed()
    return super().sample(latents)

def weights(self):
    np.random.rand()
    return super().weights()

def save(self, path):
    np.random.shuffle(np.arange(9))
    super().save(path)
"""
"""Draws from Python's and NumPy's global generators, everywhere."""


def drawing(extra="pass"):
    return DRAWS.replace("EXTRA", extra)


def killed_once(bench):
    """Return the method that ends the worker after the third of four chunks, in its first run."""
    act = "os.kill(os.getpid(), signal.SIGKILL)"
    return KILLS_ONCE.format(chunk=3, marker=str(bench.folder / "marker"), act=act)


def weights_sha256(bench, results):
    (record,) = bench.records(results).values()
    assert record["status"] == "ok", record["reason"]
    return record["weights_sha256"]


@pytest.mark.long
def test_a_run_that_draws_from_global_generators_repeats_and_differs_by_seed(bench, plugin):
    target = plugin("draws", drawing())
    for results in ("one", "other"):
        options = ("--seeds", "2", "--results", results, "--evaluations", "3")
        assert bench("run", target, *SHORT, *options).code == 0
    folders = bench.run_folders("one")
    for one, other in zip(folders, bench.run_folders("other"), strict=True):
        same_bits(one, other)
    records = [json.loads((folder / "record.json").read_text()) for folder in folders]
    assert len({record["weights_sha256"] for record in records}) == 2


@pytest.mark.long
def test_sampling_at_other_points_changes_no_weights(bench, plugin):
    target = plugin("draws", drawing())
    for evaluations in ("2", "4"):
        options = ("--evaluations", evaluations, "--results", evaluations)
        assert bench("run", target, *SHORT, *options).code == 0
    assert weights_sha256(bench, "2") == weights_sha256(bench, "4")


def test_a_resumed_run_goes_on_with_the_global_generators_of_its_checkpoint(bench, plugin):
    target = plugin("draws", drawing() + killed_once(bench))
    options = (*SHORT, "--evaluations", "3")
    assert bench("run", target, *options, "--results", "disturbed").code == 1
    assert bench("run", target, *options, "--results", "disturbed").code == 0
    assert bench.records("disturbed")["draws"]["attempts"] == 2
    assert bench("run", target, *options, "--results", "calm").code == 0
    same_bits(*bench.run_folders("disturbed"), *bench.run_folders("calm"))


@pytest.mark.long
def test_a_changed_state_of_the_generators_is_a_damaged_checkpoint(bench, plugin):
    target = plugin("draws", drawing())
    assert bench("run", target, *SHORT).code == 0
    (folder,) = bench.run_folders()
    (path,) = (folder / "checkpoints").glob("*/random.json")
    values = json.loads(path.read_text())
    values["python"][1][0] ^= 1
    path.write_text(json.dumps(values))
    (folder / "record.json").unlink()
    assert bench("run", target, *SHORT).code == 1
    assert "its checksums do not match" in bench.records()["draws"]["reason"]


TORCH = """
import torch
SALT = 0.0

def __init__(self, *args, **kwargs):
    import torch
    super().__init__(*args, **kwargs)
    self.layer = torch.nn.Linear(196, 196)

def _step(self, batches, latents):
    import torch
    bias = self._tensors["generator.2.bias"]
    noise = self.layer(torch.rand(196)).detach().numpy()
    self._tensors["generator.2.bias"] = (bias + 0.01 * noise).astype(bias.dtype)
    return super()._step(batches, latents)

def sample(self, latents, labels=None):
    import torch
    torch.rand(3)
    return super().sample(latents)

def save(self, path):
    import torch
    torch.save(self.layer.state_dict(), path / "layer.pt")
    super().save(path)

def load(self, path):
    import torch
    self.layer.load_state_dict(torch.load(path / "layer.pt"))
    super().load(path)
"""


@pytest.mark.long
@pytest.mark.torch
def test_pytorchs_generator_too(bench, plugin):
    target = plugin("draws", TORCH + killed_once(bench))
    options = (*SHORT, "--evaluations", "3")
    assert bench("run", target, *options, "--results", "disturbed").code == 1
    assert bench("run", target, *options, "--results", "disturbed").code == 0
    assert bench("run", target, *options, "--results", "calm").code == 0
    same_bits(*bench.run_folders("disturbed"), *bench.run_folders("calm"))
    options = (*SHORT, "--evaluations", "4", "--results", "more")
    assert bench("run", target, *options).code == 0
    assert weights_sha256(bench, "more") == weights_sha256(bench, "calm")


def test_verify_passes_a_trainer_that_draws_from_global_generators(bench, plugin):
    body = drawing().replace("np.random.seed(); random.seed()", "np.random.rand(9)")
    done = bench("verify", plugin("draws", body), "--json")
    checks = json.loads(done.out)
    assert [check for check in checks if check["status"] != "passed"] == []


IRREPRODUCIBLE = {
    "entropy": "self.offset = int.from_bytes(os.urandom(4)) / 2**32",
    "clock": "import time; self.offset = time.time_ns() % 1_000_003 / 1e6",
    "unseeded": "self.offset = np.random.default_rng().random()",
    "reseeded": "np.random.seed()",
    "system": "import random; self.offset = random.SystemRandom().random()",
    "shared": "Plugin.count = getattr(Plugin, 'count', 0) + 1; self.offset = Plugin.count",
}


@pytest.mark.long_after(2)
@pytest.mark.parametrize("name", IRREPRODUCIBLE)
def test_verify_says_that_a_trainer_does_not_depend_on_its_seed_alone(bench, plugin, name):
    done = bench("verify", plugin("draws", drawing(IRREPRODUCIBLE[name])), "--json")
    assert done.code == 1
    failed = {c["name"]: c["detail"] for c in json.loads(done.out) if c["status"] == "failed"}
    assert {"same seed", "train in pieces", "save and load"} <= failed.keys()
    for name, detail in failed.items():
        if not name.startswith("field"):
            assert detail.startswith("Two trainers built with the same arguments differ"), name
            assert "os.urandom, the time, numpy.random.default_rng() without a seed" in detail


TENSORS = """
import sys
class Tensor:
    "Like a tensor: NumPy converts it, and it is no array."
    def __init__(self, array): self.array = array
    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    def __len__(self): return len(self.array)
    def __array__(self, dtype=None, copy=None): return self.array

def METHOD(self, *arguments):
    import dataclasses
    found = super().METHOD(*arguments)
    wrap = CONVERT
    if isinstance(found, dict):
        return {name: wrap(value) for name, value in found.items()}
    if not dataclasses.is_dataclass(found):
        return wrap(found)
    return dataclasses.replace(found, generator=wrap(found.generator))
"""
WHAT = {
    "train": "train returned generator as ",
    "sample": "sample returned images as ",
    "weights": "weights returned generator.0.kernel as ",
}


KINDS = {"self.Tensor": ".Tensor", "lambda array: array.tolist()": "list", "tuple": "tuple"}


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("method", "convert", "kind"),
    [
        pytest.param(
            *(method, convert, kind),
            marks=[] if method == "train" or kind == ".Tensor" else pytest.mark.long,
        )
        for method in WHAT
        for convert, kind in KINDS.items()
    ],
)
def test_what_is_no_array_is_one_sentence_that_says_numpy(bench, plugin, method, convert, kind):
    body = TENSORS.replace("METHOD", method).replace("CONVERT", convert)
    assert bench("run", plugin("wraps", body), *SHORT).code == 1
    reason = bench.records()["wraps"]["reason"]
    assert reason.startswith(WHAT[method]), reason
    assert f"{kind}, the contract says a NumPy array; convert it with numpy.asarray; " in reason
    assert reason.count("\n") == 0


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("OutOfMemoryError", "Tried to allocate 20.00 GiB"),
        ("ResourceExhaustedError", "{{function_node}} tensor with shape[8]"),
        ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."),
        ("RuntimeError", "CUDA out of memory. Tried to allocate 20.00 GiB"),
        ("RuntimeError", "CUDA error: out of memory"),
        ("InternalError", "failed call to cuInit: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        ("RuntimeError", "MPS backend out of memory (MPS allocated: 1.00 GB)"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to"),
        ("RuntimeError", "std::bad_alloc"),
        ("Error", "HIP out of memory. Tried to allocate"),
        ("MemoryError", ""),
        ("OSError", "[Errno 12] Cannot allocate memory"),
    ],
)
def test_a_lack_of_memory_is_known_in_any_framework(kind, text):
    known = vars(builtins).get(kind) or type(kind, (Exception,), {})
    assert failure_kind(known(text)) == "oom"


def test_other_errors_are_no_lack_of_memory():
    for text in ("in memory of", "the resource is used", "allocated twice", "memory format", ""):
        assert failure_kind(RuntimeError(text)) == "error"
    assert failure_kind(FileNotFoundError(2, "No such file", "out_of_memory.png")) == "error"


@pytest.mark.long
def test_a_trainer_may_report_two_losses(bench, plugin):
    body = """
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return {name: losses[name] for name in ("generator", "discriminator")}
    """
    target = plugin("critic", body)
    assert bench("run", target, *SHORT, "--evaluations", "3").code == 0
    (folder,) = bench.run_folders()
    losses = np.load(RunFolder(folder).losses)
    assert np.isfinite(losses[:, :2]).all() and np.isnan(losses[:, 2:]).all()
    assert bench("report").code == 0
    page = (bench.folder / "reports/local/report.html").read_text(encoding="utf-8")
    assert "critic" in page
    assert bench("show", "critic").code == 0
    assert bench("export").code == 0
    done = bench("verify", target, "--json")
    assert json.loads(done.out)
    assert [c for c in json.loads(done.out) if c["status"] != "passed"] == []
    assert done.code == 0


BY_NAME = 'return the losses by name, such as {"generator": ..., "discriminator": ...}'
NO_LOSSES = {
    "None": f"train returned NoneType; {BY_NAME}",
    "(1, 2)": f"train returned tuple; {BY_NAME}",
    "{'generator': 1}": "train did not return the loss discriminator, which the recipe declares in "
    "its losses",
    "dict.fromkeys(('generator', 'discriminator', 'critic'), 1)": "train returned the loss critic, "
    "which the recipe does not declare: its losses are generator, discriminator, d_real and d_fake",
}


@pytest.mark.long_after(2)
@pytest.mark.parametrize("returned", NO_LOSSES)
def test_what_is_no_losses_is_one_sentence(bench, plugin, returned):
    assert bench("run", plugin("none", f"def train(self, *_): return {returned}"), *SHORT).code == 1
    reason = bench.records()["none"]["reason"]
    assert reason == NO_LOSSES[returned]


def test_a_mistake_is_said_with_the_authors_line_and_where_the_traceback_is(bench, plugin):
    (bench.folder / "layers.py").write_text("def make(size):\n    return 1 / size\n")
    body = "def train(self, *_):\n    from layers import make\n    return make(0)"
    done = bench("run", plugin("gan", body), *SHORT)
    (folder,) = bench.run_folders()
    assert done.code == 1
    reason = "ZeroDivisionError: division by zero, in make (layers.py:2)"
    assert bench.records()["gan"]["reason"] == reason
    log = folder.relative_to(bench.folder) / "worker.log"
    assert f": error, {reason}; its log is {log}\n" in done.out
    assert "Traceback" in (bench.folder / log).read_text()


ON_A_GPU = """
def __init__(self, recipe, images, labels, **options):
    assert options.pop("device") == "cuda:0"
    super().__init__(recipe, images, labels, device="cpu", **options)

def train(self, batches, draws):
    # All chunks but the last are trained while the batches of the next are drawn.
    self.steps = getattr(self, "steps", 0) + len(batches)
    if self.steps < 300:
        assert Plugin.drawn.wait(30), "nothing was drawn during training"
        Plugin.drawn.clear()
    return super().train(batches, draws)
"""
COUNTING = """
import threading
from gan_bench.data.draws import Inputs
Plugin.drawn, batches = threading.Event(), Inputs.batches

def counted(self, first_step, steps):
    if threading.current_thread() is not threading.main_thread():
        Plugin.drawn.set()
    return batches(self, first_step, steps)

Inputs.batches = counted
"""


@pytest.mark.usefixtures("no_nvml")
@pytest.mark.long
def test_on_a_gpu_the_next_chunk_is_drawn_during_training_and_nothing_else_changes(bench, plugin):
    smi = bench.folder / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 'GPU-aaa1, Fast'\n")
    smi.chmod(0o755)
    target = plugin("gan", ON_A_GPU)
    with (bench.folder / target).open("a") as file:
        file.write(COUNTING)
    budget = ("--steps", "300", "--evaluations", "3", "--seeds", "1")
    options = (*SHORT, *budget, "--preset", "standard", "--dataset", "mnist-5k")
    where = {"PATH": f"{smi.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0"}
    done = bench("run", target, *options, "--device", "cuda", "--results", "there", **where)
    assert done.code == 0, done.err
    assert bench("run", plugin("sound"), *options, "--results", "here").code == 0
    assert weights_sha256(bench, "there") == weights_sha256(bench, "here")
    (there,), (here,) = bench.run_folders("there"), bench.run_folders("here")
    assert (there / "losses.npy").read_bytes() == (here / "losses.npy").read_bytes()
    # The speed is unknown until the first chunk ends, while the second one has been drawn; the
    # third ends at an evaluation point.
    assert chunks(there) == [50, 50, 50, 75, 75]
    assert chunks(here) == [50] * 6


def chunks(folder):
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [e["step"] - e["first_step"] for e in events if e["event"] == "chunk"]


@pytest.mark.parametrize(
    ("attempts", "step", "found"),
    [
        ([(0, [6])], 8, 6),
        ([(0, [6])], 4, None),  # after the checkpoint
        ([(0, [6]), (4, [])], 8, None),  # repeated without it
        ([(0, [6]), (4, [7])], 8, 7),
        ([(0, [6]), (6, [6]), (8, [])], 10, 6),
        ([(0, [6]), (0, [])], 8, None),
    ],
)
def test_a_divergence_counts_if_its_step_led_to_the_checkpoint(tmp_path, attempts, step, found):
    for start, diverged in attempts:
        events = EventWriter(tmp_path / "events.jsonl")
        events.write("ready", step=start, import_s=1, data_s=1, setup_s=1, paired=True)
        for at in diverged:
            events.write("diverged", step=at, reason="not finite")
        events.close()
    event = divergence_by(step, read_events(tmp_path / "events.jsonl"))
    assert (event and event["step"]) == found
