"""Profile of a trainer's step on the CPU: its operations, as shares of the step.

``python benchmarks/profile_step.py NAME [--steps 3] [--top 15] [--apart | --kinds]``

The framework's own profiler records some steps after the warm-up, in a process with a run's
environment. An operation's time is its own, without those that it calls; its work on several
threads counts once. ``--apart`` lists operations of one kind separately, by the shapes of their
inputs (PyTorch) or by their names in the graph (TensorFlow, XLA); ``--kinds`` sums over what they
are for, the row of docs/benchmarks.md. Recording takes time too: take shares from here, and seconds
from throughput.py.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bare import build, feed
from gan_bench import data
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.plugins.registry import registered
from gan_bench.system.devices import default_threads

KINDS = (
    ("convolutions", re.compile(r"conv", re.I)),
    ("matrix products", re.compile(r"matmul|addmm|::mm$|dot_general", re.I)),
    ("random numbers", re.compile(r"random|rng", re.I)),
    ("optimisers", re.compile(r"adam|sgd|momentum", re.I)),
)
"""Everything else is elementwise or a reduction: batch normalisation, activations, losses."""
Times = dict[str, tuple[float, int]]
"""Of each operation: seconds, calls."""


def torch_operations(work: Callable[[], object], apart: bool) -> Times:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], record_shapes=apart) as recorded:
        work()
    return {
        f"{event.key} {event.input_shapes}" if apart else event.key: (
            event.self_cpu_time_total / 1e6,
            event.count,
        )
        for event in recorded.key_averages(group_by_input_shape=apart)
    }


def keras_operations(work: Callable[[], object], apart: bool) -> Times:
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            work()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(trace.read_bytes())
    picoseconds, calls = Counter(), Counter()
    for plane in space.planes:
        for thread in plane.lines:
            for event in thread.events:
                # Kernels are called <name in the graph>:<operation>, and shown as <operation>.
                metadata = plane.event_metadata[event.metadata_id]
                if metadata.display_name:
                    operation = metadata.name if apart else metadata.display_name
                    picoseconds[operation] += event.duration_ps
                    calls[operation] += 1
    return {name: (duration / 1e12, calls[name]) for name, duration in picoseconds.items()}


def jax_operations(work: Callable[[], object], apart: bool) -> Times:
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            work()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        recorded = jax.profiler.ProfileData.from_file(str(trace))
    # What XLA made of an operation is called by what it is, such as ynn_fusion.8.
    purposes = dict(PURPOSE.findall(compiled_text()))
    seconds, calls = Counter(), Counter()
    for plane in recorded.planes:
        for thread in plane.lines:
            for event in thread.events:
                name = dict(event.stats).get("hlo_op", "while")
                if not name.startswith(("while", "call")):  # these call operations
                    purpose = purposes.get(name, "").rpartition("/")[2]
                    key = f"{name} {purpose}" if apart else purpose or re.sub(r"[.\d]+$", "", name)
                    seconds[key] += event.duration_ns / 1e9
                    calls[key] += 1
    return {name: (taken, calls[name]) for name, taken in seconds.items()}


def compiled_text() -> str:
    """Return what XLA compiled; `main` makes it write that."""
    folder = Path(os.environ["XLA_FLAGS"].rpartition("=")[2])
    texts = folder.glob("*jit__steps*cpu_after_optimizations.txt")
    return "\n".join(path.read_text(encoding="utf-8") for path in texts)


PURPOSE = re.compile(r'%([\w.-]+) = .*op_name="([^"]*)"')
PROFILERS = {"torch": torch_operations, "keras": keras_operations, "jax": jax_operations}


def measure(name: str, steps: int, top: int, apart: bool, kinds: bool) -> None:
    train = data.load("mnist-5k").train
    recipe, trainer = build(name, train.images, train.labels, "cpu")
    trainer.train(*feed(recipe, len(train.images), 2))
    inputs = feed(recipe, len(train.images), steps)
    taken: list[float] = []

    def work() -> None:
        started = time.perf_counter()
        trainer.train(*inputs)
        taken.append(time.perf_counter() - started)

    times = PROFILERS[registered()[name].framework](work, apart)
    (whole_s,) = taken
    if kinds:
        print(by_kind(name, times, whole_s))
        return
    ranked = sorted(times.items(), key=lambda item: -item[1][0])
    print(f"{name}: a step takes {whole_s / steps:.3f} s while it is recorded")
    print(f"{'share':>8}{'ms':>10}{'calls':>8}  operation")
    for operation, (own_s, calls) in ranked[:top]:
        print(show(own_s, whole_s, steps) + f"{calls / steps:8.0f}  {operation}")
    rest_s = sum(own_s for _, (own_s, _) in ranked[top:])
    outside_s = whole_s - sum(own_s for own_s, _ in times.values())
    print(show(rest_s, whole_s, steps) + f"{'':8}  {len(ranked[top:])} others")
    print(show(outside_s, whole_s, steps) + f"{'':8}  outside of operations")


def by_kind(name: str, times: Times, whole_s: float) -> str:
    """Return the shares of the kinds, of all else and of what is no operation, as Markdown."""
    shares = dict.fromkeys([kind for kind, _ in KINDS], 0.0) | {"other": 0.0}
    for operation, (own_s, _) in times.items():
        kind = next((kind for kind, pattern in KINDS if pattern.search(operation)), "other")
        shares[kind] += own_s / whole_s
    shares["outside of operations"] = 1 - sum(shares.values())
    header = f"| implementation | {' | '.join(shares)} |\n| --- |{' ---: |' * len(shares)}"
    cells = [f"{100 * share:.0f} %" for share in shares.values()]
    return f"{header}\n| {name} | {' | '.join(cells)} |"


def show(part_s: float, whole_s: float, steps: int) -> str:
    return f"{100 * part_s / whole_s:6.1f} %{1000 * part_s / steps:10.1f}"


def main() -> None:
    known = [name for name, it in registered().items() if it.framework in PROFILERS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", metavar="NAME", choices=known, help=", ".join(known))
    parser.add_argument("--steps", type=int, default=3, help="to record")
    parser.add_argument("--top", type=int, default=15, help="operations to list")
    parser.add_argument("--apart", action="store_true", help="do not sum over one kind")
    parser.add_argument("--kinds", action="store_true", help="sum over what operations are for")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.name, options.steps, options.top, options.apart, options.kinds)
        return
    with tempfile.TemporaryDirectory() as folder:
        flags = f"--xla_dump_hlo_as_text --xla_dump_to={folder}"
        framework = registered()[options.name].framework
        dump = {"XLA_FLAGS": flags} if framework == "jax" else {}
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--child"],
            env=worker_environment(framework, device="cpu", threads=default_threads()) | dump,
            stderr=subprocess.PIPE,  # the frameworks' remarks
            text=True,
            check=False,
        )
    if done.returncode != 0:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
