"""Misbehaving plugins get true statuses and do not affect the rest of the plan."""

import json
import signal

import pytest

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150", "--metrics", "fid")

STILL_OK = {
    "closes": """
        def train(self, batches, draws):
            if not sys.stdout.closed:
                sys.stdout.close(); sys.stderr.close()
                os.close(1); os.close(2)
            return super().train(batches, draws)
        """,
    "handles": """
        def train(self, batches, draws):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)
            signal.alarm(1)
            return super().train(batches, draws)
        """,
    "moves": """
        def __init__(self, *a, **k):
            super().__init__(*a, **k)
            os.chdir("/"); os.umask(0o777)
        """,
    "forks": """
        def train(self, batches, draws):
            os.fork()
            return super().train(batches, draws)
        """,
    "views": """
        def train(self, batches, draws):
            losses = super().train(batches, draws)
            if not hasattr(self, "memory"): self.memory = np.empty((4, 100), np.float32)
            views = {}
            for row, name in enumerate(("generator", "discriminator", "d_real", "d_fake")):
                view = self.memory[row, : len(batches)]
                view[:] = losses[name]
                views[name] = view
            return views
        def sample(self, latents, labels=None):
            images = super().sample(latents)
            if not hasattr(self, "pictures"): self.pictures = np.empty_like(images)
            self.pictures[:] = images
            return self.pictures[:]
        """,
    "spoils": """
        def train(self, batches, draws):
            losses = super().train(batches, draws)
            batches[:] = 0; draws["latents"][:] = 0
            return losses
        def sample(self, latents, labels=None):
            images = super().sample(latents)
            latents[:] = 0
            return images
        """,
    "patches": """
        def train(self, batches, draws):
            import time, json
            time.time = lambda: -1e9
            json.dumps_of_old = json.dumps
            return super().train(batches, draws)
        """,
}

FAILS = {
    "exits": ("def train(self, *a): os._exit(0)", "error", "exit code 0 without giving a reason"),
    "raises": (
        """
        def train(self, *a):
            class Mine(BaseException): pass
            raise Mine("mine")
        """,
        *("error", "Mine: mine"),
    ),
    "keyboard": ("def train(self, *a): raise KeyboardInterrupt", "error", "KeyboardInterrupt"),
    "shouts": (
        "def train(self, *a): raise ValueError('x' * 10_000_000)",
        *("error", "ValueError: xxx"),
    ),
    "mumbles": (
        r"def train(self, *a): raise ValueError('\udcff\x00\x1b[31m')",
        *("error", "ValueError: "),
    ),
    "infinite": (
        """
        def weights(self):
            return {name: tensor * np.nan for name, tensor in super().weights().items()}
        """,
        *("diverged", "the weights discriminator"),
    ),
    "removes": (
        """
        def train(self, *a):
            import shutil
            shutil.rmtree(os.environ["GAN_BENCH_RUN"])
            raise ValueError("gone")
        """,
        *("error", ""),
    ),
    "blocks": (
        """
        def train(self, *a):
            (Path(os.environ["GAN_BENCH_RUN"]) / "record.json" / "x").mkdir(parents=True)
            raise ValueError("in the way")
        """,
        *("error", None),
    ),
}


@pytest.mark.long
def test_a_misbehaving_trainer_gives_the_bits_of_a_well_behaved_one(bench, plugin):
    targets = [plugin(name, body) for name, body in STILL_OK.items()]
    done = bench("run", plugin("polite"), *targets, *SHORT, "--keep-samples")
    records = bench.records()
    assert done.code == 0, {name: record["reason"] for name, record in records.items()}
    polite = records["polite"]["weights_sha256"]
    snapshots = {f.name.split("-")[0]: f / "snapshots" for f in bench.run_folders()}
    last = f"{records['polite']['spec']['steps']:08d}.npz"
    for name in STILL_OK:
        assert records[name]["weights_sha256"] == polite, name
        expected = (snapshots["polite"] / last).read_bytes()
        assert (snapshots[name] / last).read_bytes() == expected, name


@pytest.mark.long
def test_each_failure_has_its_record_and_the_next_run_is_unaffected(bench, plugin):
    targets = [plugin(name, body) for name, (body, _, _) in FAILS.items()]
    done = bench("run", *targets, plugin("polite"), *SHORT)
    assert done.code == 1
    assert f"1 of {len(FAILS) + 1} runs succeeded" in done.out
    paths = (bench.folder / "results/local/runs").glob("*/record.json")
    records = [json.loads(path.read_text()) for path in paths if path.is_file()]
    by_name = {record["spec"]["implementation"]["name"]: record for record in records}
    assert by_name["polite"]["status"] == "ok"
    for name, (_, status, reason) in FAILS.items():
        if reason is None:
            assert name not in by_name and "its record cannot be written" in done.out
            continue
        assert by_name[name]["status"] == status, name
        assert reason in by_name[name]["reason"], name
        assert len(by_name[name]["reason"]) < 2_100
    assert bench("report").code == 0 and bench("status").code == 0


def test_a_trainer_may_truncate_its_journal(bench, plugin):
    body = """
    def train(self, batches, draws):
        if not hasattr(self, "cut"):
            self.cut = True
            os.truncate(Path(os.environ["GAN_BENCH_RUN"]) / "events.jsonl", 0)
        return super().train(batches, draws)
    """
    assert bench("run", plugin("cuts", body), *SHORT).code == 0
    assert bench.records()["cuts"]["status"] == "ok"


@pytest.mark.long
@pytest.mark.parametrize(
    ("signum", "times"),
    [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1), (signal.SIGTERM, 2)],
)
def test_an_interrupt_ends_a_trainer_that_ignores_it(bench, plugin, signum, times):
    """The first signal gives it ten seconds; a second one ends it at once."""
    body = """
    def train(self, batches, draws):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for _ in range(TIMES): os.kill(os.getppid(), SIGNUM)
        while True: signal.pause()
    """
    body = body.replace("SIGNUM", str(int(signum))).replace("TIMES", str(times))
    assert bench("run", plugin("ignores", body), *SHORT).code == 128 + signum
    assert bench.records()["ignores"]["status"] == "killed"
