"""Parity: comparison, certificates and the runs that they cover, with twins in numpy."""

import errno
import io
import json
import os
import re
import sys

import numpy as np
import psutil
import pytest

from bench import ROOT, complaint
from gan_bench.data import Split
from gan_bench.errors import UsageError
from gan_bench.parity.certify import Pair, Setup, certify, choose, observed, observer
from gan_bench.parity.child import Observation, observe
from gan_bench.parity.compare import (
    PairedRunComparison,
    compare_forward,
    compare_held,
    compare_step,
)
from gan_bench.parity.messages import (
    TEN_STEPS,
    Message,
    ObserveRequest,
    measured_steps,
    perturbed,
    receive,
)
from gan_bench.parity.verdict import Comparison
from gan_bench.plan import Budget, RunSpec
from gan_bench.plugins.frameworks import frameworks
from gan_bench.plugins.loader import describe_here
from gan_bench.report import write_report
from gan_bench.results.certificate import (
    Certificate,
    certificate_for,
    certificate_id,
    read_certificates,
)
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from gan_bench.results.record import Record
from gan_bench.testing import FakeRecipe, FakeTrainer
from report_folder import add_run, run_spec

QUICK = ("--paired-steps", "3")
SHORT = ("--images", "256", "--evaluations", "2", "--samples", "150", "--metrics", "fid")
SETUP = Setup(paired_steps=1)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("twins") / "one.py"
    path.write_text("from gan_bench.testing import FakeTrainer\nclass Plugin(FakeTrainer): pass\n")
    return describe_here(str(path), {}, (28, 28, 1))[0]


def renamed(description, name, **changes):
    """Return a description of another implementation with the same recipe and source."""
    implementation = description.implementation.model_copy(update={"name": name} | changes)
    return description.model_copy(update={"implementation": implementation})


@pytest.fixture(scope="module")
def reference(original):
    with observer(original, SETUP) as child:
        return list(observed(child, "one"))


@pytest.fixture
def compare(tmp_path, plugin, original, reference):
    """Return the comparison of a trainer with this body with the sound one."""

    def run(body):
        deviant = renamed(original, "two", path=str(tmp_path / plugin("two", body)))
        comparison = Comparison(("one", "two"))
        with observer(deviant, SETUP) as child:
            comparison.run(reference, observed(child, "two"))
        return comparison

    return run


def observed_here(description):
    """Yield the messages of an implementation that is observed in this process."""
    request = ObserveRequest(
        implementation=description.implementation,
        recipe_values=description.recipe_values,
        device="cpu",
        seed=SETUP.seed,
        batch_size=SETUP.batch_size,
        paired_steps=SETUP.paired_steps,
        dataset=SETUP.dataset,
    )
    answers = io.BytesIO()
    observe(request.model_dump_json().encode(), answers)
    answers.seek(0)
    return receive(answers)


@pytest.fixture
def twins(bench, plugin):
    """Compare a sound trainer with one of this body on the command line."""

    def run(body="pass"):
        done = bench("parity", plugin("one"), plugin("two", body), *QUICK)
        return done, Certificate.read(bench.folder / "results/local/parity/one--two.json")

    return run


def failed(comparison):
    return {figure.level for figure in comparison.figures if not figure.passed}


def test_twins_pass_and_have_a_certificate(twins):
    done, certificate = twins()
    assert done.code == 0
    assert "one--two" in done.out and "passed" in done.out
    assert (certificate.verdict, certificate.passed, certificate.problems) == ("passed", True, ())
    assert (certificate.recipe, certificate.device, certificate.seed) == ("fake", "cpu", 0)
    assert certificate.recipe_values["batch_size"] == certificate.batch_size == 16
    assert certificate.reference.holds_initial_weights is True
    assert {figure.of for figure in certificate.figures} == {
        *("one", "two", "samples", "generator", "discriminator", "d_real", "d_fake"),
        *("G(z) in training", "G(z) in inference", "D(x) in training", "D(x) in inference"),
        *FakeRecipe().shapes(),
    }
    run = certificate.paired_run
    assert (run.steps, run.dropout, run.batch_size) == (3, True, 16)
    assert run.weights_apart == {1: 0.0, 3: 0.0}
    assert run.losses_apart == {"1e-06": None, "1e-03": None, "1e-01": None}


def test_json_is_the_certificates(bench, plugin):
    done = bench("parity", plugin("one"), plugin("two"), *QUICK, "--json", "--results", "there")
    (shown,) = json.loads(done.out)
    assert shown == json.loads((bench.folder / "there/parity/one--two.json").read_text())


DEVIATIONS = {
    "weights that are not held": (
        """
        def set_weights(self, weights):
            kernel = weights["generator.0.kernel"]
            super().set_weights({**weights, "generator.0.kernel": kernel * np.float32(2)})
        """,
        {"held weights", "forward", "losses", "updates"},
        "held weights, two: ",
    ),
    "a beta left out": (
        """
        def _generate(self, latents, training):
            whole, name = self._tensors, "generator.1.beta"
            self._tensors = {**whole, name: 0 * whole[name]}
            try:
                return super()._generate(latents, training)
            finally:
                self._tensors = whole
        """,
        {"forward", "losses", "updates"},
        "forward, ",
    ),
    "samples rounded down": (
        """
        def sample(self, latents, labels=None):
            return np.maximum(super().sample(latents), 2) - 2
        """,
        {"forward"},
        "forward, samples: 2 > 1",
    ),
    "statistics that move too fast": (
        """
        def _pass(self, latents):
            way = super()._pass(latents)
            self._tensors["generator.1.moving_mean"] = way.mean
            return way
        """,
        {"updates"},
        "updates, generator.1.moving_mean: ",
    ),
    "another schedule": (
        """
        def _learning_rate(self):
            return super()._learning_rate() * (1 + 1e-7)
        """,
        {"losses", "updates"},
        "updates, ",
    ),
    "losses in other places": (
        """
        def train(self, batches, draws):
            losses = super().train(batches, draws)
            return losses | {"d_real": losses["d_fake"]}
        """,
        {"losses"},
        "losses, d_real: ",
    ),
    "not a number": (
        """
        def train(self, batches, draws):
            losses = super().train(batches, draws)
            return losses | {"generator": losses["generator"] * np.nan}
        """,
        {"losses"},
        "losses, generator: not a finite number at step 1",
    ),
    "logits of another shape": (
        """
        def forward(self, latents, images, training):
            made, logits = super().forward(latents, images, training)
            return made, logits[:, None]
        """,
        {"forward"},
        "forward, D(x) in training: shapes (16,) and (16, 1)",
    ),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_fails_at_the_levels_that_see_it(original, plugin, tmp_path, name):
    body, levels, said = DEVIATIONS[name]
    deviant = renamed(original, "two", path=str(tmp_path / plugin("two", body)))
    comparison = Comparison(("one", "two"))
    comparison.run(observed_here(original), observed_here(deviant))
    assert failed(comparison) == levels
    assert comparison.verdict == "failed"
    assert any(problem.startswith(said) for problem in comparison.problems)


def test_a_failure_has_a_certificate_too_and_names_what_failed(twins):
    done, certificate = twins(DEVIATIONS["statistics that move too fast"][0])
    assert (certificate.verdict, certificate.passed, done.code) == ("failed", False, 1)
    (problem,) = certificate.problems
    assert f"one and two: {problem}" in done.out
    assert "updates, generator.1.moving_mean: " in problem and " > 1e-09 at step " in problem


@pytest.mark.parametrize(
    ("body", "verdict", "said"),
    [
        (
            "def train(self, batches, draws): raise RuntimeError('out of luck')",
            "failed",
            "two ended with exit code 1: RuntimeError: out of luck",
        ),
        ("def train(self, batches, draws): sys.exit(3)", "failed", "two ended with exit code"),
        (
            "def weights(self): os.kill(os.getpid(), signal.SIGKILL)",
            "failed",
            "two ended with exit code -9: no output",
        ),
        (
            "def train(self, batches, draws): os._exit(0)",
            "failed",
            "two ended before the comparison was done.",
        ),
        (
            "def train(self, batches, draws): return super().train(batches, draws)['generator']",
            "failed",
            "train returned numpy.ndarray; return the losses by name, such as",
        ),
        (
            """
            def __init__(self, recipe, *arguments, **options):
                from gan_bench.trainer import Unsupported
                if recipe.dtype == "float64":
                    raise Unsupported("float32 only.")
                super().__init__(recipe, *arguments, **options)
            """,
            "not checked",
            "two cannot be checked: float32 only.",
        ),
    ],
)
def test_what_cannot_be_observed_is_said_in_one_sentence(compare, body, verdict, said):
    comparison = compare(body)
    assert comparison.verdict == verdict
    (problem,) = comparison.problems
    assert said in problem


@pytest.mark.long
def test_a_twin_that_never_ends_is_stopped_with_what_it_started(bench, plugin, tmp_path):
    body = f"""
    def train(self, batches, draws):
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        with open({str(tmp_path / "pid")!r}, "w") as file:
            file.write(str(child.pid))
        child.wait()
    """
    limit = ("--timeout", "10")
    assert bench("parity", plugin("one"), plugin("two", body), *QUICK, *limit).code == 1
    certificate = Certificate.read(bench.folder / "results/local/parity/one--two.json")
    assert certificate.verdict == "failed"
    assert certificate.problems == ("two was stopped, as it had not ended after 10 s",)
    left = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_a_recipe_without_initial_weights_is_not_checked(bench, plugin):
    source = (
        "from gan_bench.testing import FakeRecipe, FakeTrainer\n"
        "class Free(FakeRecipe):\n"
        "    def initial_weights(self, seed): return None\n"
        "class Trainer(FakeTrainer):\n"
        "    recipe_class = Free\n"
        "    def set_weights(self, weights):\n"
        "        super().set_weights(weights or FakeRecipe.initial_weights(self.recipe, 0))\n"
    )
    (bench.folder / "free.py").write_text(source)
    done = bench("parity", plugin("one"), "./free.py", *QUICK)
    assert "free cannot be checked: its recipe gives no initial weights." in done.out
    assert "not checked" in done.out
    assert done.code == 1


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["baselin"], "There is no recipe named 'baselin'; did you mean baseline?"),
        (["nonsense"], "There is no recipe named 'nonsense'; there are augment, baseline, "),
        (["torch-dcgan"], "To compare torch-dcgan, name a second implementation too."),
        (["./one.py"], "To compare ./one.py, name a second implementation too."),
        (["./one.py", "./one.py"], "./one.py was named twice; name two different implementations."),
        (["./one.py", "./nowhere.py"], "There is no file ./nowhere.py"),
        (["./one.py", "torch-dcgam"], "no implementation named 'torch-dcgam'; did you mean"),
        (
            ["./one.py", "torch-dcgan"],
            "one implements the recipe fake, and torch-dcgan implements dcgan; only "
            "implementations of the same recipe can be compared.",
        ),
        (["./one.py", "./there/one.py"], "Both implementations are called one; rename one file."),
        (["./one.py", "./slow.py"], "different recipe values (learning_rate: 0.02 and 0.01)"),
        (["a", "b", "c"], "Name one recipe, or two implementations to compare"),
    ],
)
def test_parity_refuses(tmp_path, plugin, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    plugin("one")
    (tmp_path / "there").mkdir()
    (tmp_path / "there/one.py").write_text((tmp_path / "one.py").read_text())
    (tmp_path / "slow.py").write_text(
        "from gan_bench.testing import FakeRecipe, FakeTrainer\n"
        "class Slow(FakeRecipe):\n    learning_rate: float = 0.01\n"
        "class Trainer(FakeTrainer):\n    recipe_class = Slow\n"
    )
    with pytest.raises(UsageError) as refusal:
        choose(arguments)
    assert said in str(refusal.value)


def test_bad_input_has_exit_code_2_and_changes_nothing(bench, plugin):
    done = bench("parity", "baselin")
    assert (done.code, "did you mean baseline?" in done.err) == (2, True)
    one, two = plugin("one"), plugin("two")
    done = bench("parity", one, two, "--device", "cuda:77")
    assert (done.code, "There is no device cuda:77" in done.err) == (2, True)
    assert not (bench.folder / "results").exists()


@pytest.fixture
def register(bench, monkeypatch):
    """Install a distribution that registers FakeTrainer under names."""

    def install(*names):
        package = bench.folder / "site"
        (package / "twins-1.0.dist-info").mkdir(parents=True)
        (package / "twins-1.0.dist-info/METADATA").write_text("Name: twins\nVersion: 1.0\n")
        points = "\n".join(f"{name}-fake = twins:{name.title()}" for name in names)
        (package / "twins-1.0.dist-info/entry_points.txt").write_text(
            f"[gan_bench.implementations]\n{points}\n"
        )
        classes = "\n".join(
            f"class {name.title()}(FakeTrainer):\n    framework = {name!r}" for name in names
        )
        (package / "twins.py").write_text(f"from gan_bench.testing import FakeTrainer\n{classes}\n")
        monkeypatch.syspath_prepend(str(package))
        monkeypatch.setenv("PYTHONPATH", str(package), prepend=os.pathsep)

    frameworks.cache_clear()
    yield install
    frameworks.cache_clear()
    sys.modules.pop("absent_framework", None)


BARE = """
from gan_bench.recipe import Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer
class Unpaired(FakeRecipe):
    initial_weights = Recipe.initial_weights
class Bare:
    framework = "numpy"
    recipe_class = {recipe}
    def __init__(self, recipe, images, labels, **options):
        fake = FakeRecipe(**recipe.model_dump())
        self.fake = FakeTrainer(fake, images, labels, **options)
"""
DELEGATED = "\n".join(
    f"    def {name}(self, *given): return self.fake.{name}(*given)"
    for name in ("set_weights", "weights", "train", "sample", "save", "load")
)


def test_a_bare_class_without_forward_is_found_and_parity_says_what_it_lacks(bench, plugin):
    (bench.folder / "own.py").write_text(BARE.format(recipe="Unpaired") + DELEGATED)
    assert bench("run", "./own.py", *SHORT).code == 0
    done = bench("verify", "./own.py", "--json")
    checks = {check["name"]: check for check in json.loads(done.out)}
    assert checks["contract"]["status"] == "passed"
    assert checks["forward modes"]["status"] == "skipped"
    paired = BARE.format(recipe="FakeRecipe")
    (bench.folder / "paired.py").write_text(paired + DELEGATED)
    (bench.folder / "whole.py").write_text(
        paired + DELEGATED + "\n    def forward(self, *given): return self.fake.forward(*given)\n"
    )
    done = bench("parity", "./whole.py", "./paired.py", *QUICK)
    assert done.code == 1
    certificate = Certificate.read(bench.folder / "results/local/parity/whole--paired.json")
    assert certificate.verdict == "not checked"
    assert certificate.problems == ("paired cannot be checked: it has no method forward.",)


def test_a_registered_recipe_has_its_original_as_reference(bench, register):
    register("jax", "numpy")
    done = bench("parity", "fake", *QUICK)
    assert done.code == 0
    path = bench.folder / "results/local/parity/fake.json"
    certificate = Certificate.read(path)
    assert (certificate.reference.name, certificate.other.name) == ("numpy-fake", "jax-fake")


OBSERVED = """
import os
from pathlib import Path
class Numpy(Numpy):
    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        Path(f"observed-{os.getpid()}").touch()
"""


def test_each_twin_of_a_recipe_has_a_certificate_and_the_original_is_observed_once(bench, register):
    register("jax", "mlx", "numpy")
    module = bench.folder / "site/twins.py"
    module.write_text(module.read_text() + OBSERVED)
    changed = ("--set", "latent_size=9")
    done = bench("parity", "fake", *QUICK, *changed, "--json")
    assert done.code == 0
    assert [one["recipe_values"]["latent_size"] for one in json.loads(done.out)] == [9, 9]
    names = {path.name for path in (bench.folder / "results/local/parity").iterdir()}
    assert names == {f"numpy-fake--{twin}-fake.latent_size=9.json" for twin in ("jax", "mlx")}
    assert len([*bench.folder.glob("observed-*")]) == 1


class Full(io.BytesIO):
    """A file on a disk that has little room."""

    def write(self, data):
        if self.tell() > 10_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_without_room_for_what_it_computes_the_original_is_observed_again(
    bench, register, monkeypatch
):
    register("jax", "mlx", "numpy")
    module = bench.folder / "site/twins.py"
    module.write_text(module.read_text() + OBSERVED)
    monkeypatch.setattr("gan_bench.parity.certify.TemporaryFile", Full)
    done = bench("parity", "fake", *QUICK, "--json")
    assert [one["verdict"] for one in json.loads(done.out)] == ["passed", "passed"]
    assert len([*bench.folder.glob("observed-*")]) == 2


def test_a_twin_that_fails_leaves_the_next_the_whole_observation(bench, register):
    register("jax", "mlx", "numpy")
    module = bench.folder / "site/twins.py"
    module.write_text(module.read_text().replace("'jax'", "'jax'\n    train = None"))
    done = bench("parity", "fake", *QUICK, "--json")
    assert done.code == 1
    assert [one["verdict"] for one in json.loads(done.out)] == ["failed", "passed"]


@pytest.mark.parametrize("changed", [(), ("--set", "latent_size=9")])
def test_a_twin_that_cannot_be_imported_is_named_and_stops_no_other_pair(bench, register, changed):
    register("jax", "mlx", "numpy")
    package = bench.folder / "site/twins-1.0.dist-info/entry_points.txt"
    package.write_text(package.read_text().replace("twins:Mlx", "absent:Mlx"))
    done = bench("parity", "fake", *QUICK, *changed)
    assert done.code == 1
    assert "mlx-fake cannot be imported" in done.err
    (path,) = (bench.folder / "results/local/parity").iterdir()
    assert path.name.startswith("numpy-fake--jax-fake.")


def register_frameworks(folder, code, *names):
    """Register frameworks of which no package is installed, or that this code breaks."""
    points = folder / "site/twins-1.0.dist-info/entry_points.txt"
    entries = "\n".join(f"{name} = absent_framework:FRAMEWORK" for name in names)
    points.write_text(f"{points.read_text()}[gan_bench.frameworks]\n{entries}\n")
    (folder / "site/absent_framework.py").write_text(
        "from gan_bench.trainer import Framework\n"
        f"FRAMEWORK = Framework(('no-such',), 'pip install no-such', 'absent_framework')\n{code}\n"
    )


ABSENT = "no-such not installed; get it with pip install no-such"


@pytest.mark.long
def test_a_twin_whose_framework_is_not_installed_is_named_and_is_no_failure(bench, register):
    register("jax", "mlx", "numpy", "odd")
    register_frameworks(bench.folder, "", "mlx", "odd")
    for arguments in (("fake",), ("fake", "--json")):
        done = bench("parity", *arguments, *QUICK)
        assert done.code == 0
        assert f"Not compared: mlx-fake and odd-fake ({ABSENT}).\n" in done.err
        names = {path.name for path in (bench.folder / "results/local/parity").iterdir()}
        assert names == {"numpy-fake--jax-fake.json"}
    assert [row["pair"] for row in json.loads(done.out)] == ["numpy-fake--jax-fake"]


def test_a_failure_beside_a_framework_that_is_not_installed_is_a_failure(bench, register):
    register("jax", "mlx", "numpy")
    register_frameworks(bench.folder, "", "mlx")
    twins = bench.folder / "site/twins.py"
    code = twins.read_text().replace(
        "'jax'", "'jax'\n    def save(self, path): pass\n    train = None"
    )
    twins.write_text(code)
    done = bench("parity", "fake", *QUICK)
    assert done.code == 1
    assert f"Not compared: mlx-fake ({ABSENT})." in done.err


def test_nothing_is_compared_where_one_framework_is_installed(bench, register):
    register("mlx", "numpy", "odd")
    register_frameworks(bench.folder, "", "mlx", "odd")
    said = complaint(bench("parity", "fake", *QUICK))
    assert said == f"Nothing can be compared: mlx-fake and odd-fake ({ABSENT})."
    assert not (bench.folder / "results").exists()
    said = complaint(bench("parity", "numpy-fake", "mlx-fake", *QUICK))
    assert said == f"mlx-fake cannot be compared: {ABSENT}."


def test_a_twin_whose_frameworks_entry_point_is_broken_is_a_failure(bench, register):
    register("jax", "mlx", "numpy")
    register_frameworks(bench.folder, "raise OSError('no libmlx')", "mlx")
    done = bench("parity", "fake", *QUICK)
    assert done.code == 1
    assert "mlx-fake cannot be compared: the framework mlx, registered by twins, cannot" in done.err
    assert "Not compared" not in done.err


def test_a_recipe_with_one_implementation_cannot_be_compared(bench, register):
    register("numpy")
    done = bench("parity", "fake")
    assert done.code == 2
    assert "The recipe fake has one implementation, numpy-fake; compare yours" in done.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("learning_rat=1", "No implementation to compare has the field 'learning_rat'; did you "),
        ("learning_rate=high", "one.learning_rate: input should be a valid number"),
        ("learning_rate=0.1,0.2", "one.py takes one value of each field here."),
        ("one.learning_rate=1", "write --set FIELD=VALUE, without 'one'."),
        ("learning_rate", "--set takes FIELD=VALUE, such as learning_rate=1e-3"),
    ],
)
def test_values_that_a_pair_cannot_have_are_refused(bench, plugin, given, said):
    assert said in complaint(bench("parity", plugin("one"), plugin("two"), "--set", given))
    assert not (bench.folder / "results").exists()


# Which runs a certificate covers.


@pytest.fixture(scope="module")
def certificates(original):
    return [certify(Pair("one--two", original, renamed(original, "two")), SETUP)]


@pytest.fixture
def spec(original, certificates):
    """Return the specification of a run of one of the two, with recipe values of its own."""

    def make(budget=4_000, **values):
        (certificate,) = certificates
        return run_spec(
            implementation=renamed(original, "two").implementation,
            source_sha256=original.source_sha256,
            recipe_values=FakeRecipe(**values).model_dump(mode="json"),
            versions=certificate.other.versions,
            budget=Budget(unit="images", amount=budget),
            seed=budget,
        )

    return make


def test_a_certificate_covers_runs_with_the_same_values_and_any_budget(certificates, spec):
    assert certificate_for(spec(), certificates) == certificates[0]
    assert certificate_for(spec(budget=5), certificates) == certificates[0]
    assert certificate_for(spec(epochs=9), certificates) == certificates[0]
    assert certificate_for(spec(batch_size=8), certificates) == certificates[0]
    assert certificate_for(spec(latent_size=9), certificates) is None
    assert certificate_for(spec(dropout=0.5), certificates) is None
    assert certificate_for(spec(dtype="float64"), certificates) is None


@pytest.mark.parametrize(
    "change",
    [
        {"source_sha256": "1" * 64},
        {"versions": {"python": "3.10.0"}},
        {"device": "cuda:0"},
        {"recipe_values": {}},
        {"image_shape": (29, 29, 1)},
    ],
)
def test_anything_else_voids_it(certificates, spec, change):
    assert certificate_for(spec().model_copy(update=change), certificates) is None


def test_it_covers_no_third_implementation(original, certificates, spec):
    third = {"implementation": renamed(original, "three").implementation}
    assert certificate_for(spec().model_copy(update=third), certificates) is None


def test_it_covers_no_other_class_in_the_file(certificates, spec):
    run = spec()
    other = run.implementation.model_copy(update={"attribute": "Other"})
    assert certificate_for(run.model_copy(update={"implementation": other}), certificates) is None


def test_a_certificate_that_did_not_pass_covers_no_run(certificates, spec):
    failed = [one.model_copy(update={"passed": False}) for one in certificates]
    assert certificate_for(spec(), failed) is None


def test_the_id_depends_on_the_conditions_that_the_certificate_covers(certificates):
    (one,) = certificates

    def key(**changes):
        reference = one.reference.model_copy(update=changes)
        return certificate_id(reference, one.other, one.device, one.image_shape, one.recipe_values)

    assert key() == one.id == key(holds_initial_weights=None)
    assert key(source_sha256="1" * 64) != one.id != key(versions={})
    assert key(attribute="Other") != one.id
    values = one.recipe_values
    parties = one.reference, one.other
    assert certificate_id(*parties, "cuda:1", one.image_shape, values) != one.id
    assert certificate_id(*parties, "cpu", (29, 29, 1), values) != one.id
    for field, same in (("dropout", False), ("epochs", True)):
        changed = values | {field: values[field] / 2}
        assert (certificate_id(*parties, "cpu", one.image_shape, changed) == one.id) is same


def test_the_stored_certificates_cover_the_reference_runs():
    folder = open_results(ROOT / "results" / "reference", create=False)
    stored, problems = read_certificates(folder)
    assert problems == []
    specs = [RunSpec.read(run.spec) for run in folder.run_folders()]
    assert len(specs) > 20
    covering = [certificate_for(spec, stored) for spec in specs]
    recipes = [spec.implementation.recipe for spec in specs]
    assert [certificate and certificate.recipe for certificate in covering] == recipes


def test_gpu_certificates_are_stored_beside_those_of_the_cpu(tmp_path, certificates):
    folder = open_results(tmp_path, create=True)
    (one,) = certificates
    both = one, one.model_copy(update={"device": "cuda"})
    paths = [certificate.write_in(folder, one.image_shape) for certificate in both]
    assert [path.name for path in paths] == ["one--two.json", "one--two.cuda.json"]
    assert len(read_certificates(folder)[0]) == 2


def test_certificates_of_other_images_than_the_examples_have_their_shape_in_the_name(
    tmp_path, certificates
):
    folder = open_results(tmp_path, create=True)
    (one,) = certificates
    larger = one.model_copy(update={"image_shape": (32, 32, 3)})
    paths = [certificate.write_in(folder, one.image_shape) for certificate in (one, larger)]
    assert [path.name for path in paths] == ["one--two.json", "one--two.32x32x3.json"]
    assert larger.write_in(folder, larger.image_shape).name == "one--two.json"


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"epochs": 9}, "one--two[.]json"),
        (
            {"lr": 1e-05, "epochs": 9, "dtype": "float64"},
            "one--two[.]dtype=float64,lr=1e-05[.]json",
        ),
        ({"betas": [0.5, 0.9]}, "one--two[.][0-9a-f]{12}[.]json"),
        ({"path": "../a"}, "one--two[.][0-9a-f]{12}[.]json"),
    ],
)
def test_certificates_of_changed_values_have_them_in_the_name(
    tmp_path, certificates, changed, name
):
    folder = open_results(tmp_path, create=True)
    assert re.fullmatch(name, certificates[0].write_in(folder, (28, 28, 1), changed).name)


def test_a_recipe_knows_the_images_in_every_part_of_a_comparison(original):
    class Bound(FakeRecipe):
        def initial_weights(self, seed):
            assert self.image_shape == (9, 8, 2)
            return super().initial_weights(seed)

        def without_dropout(self):
            return type(self)(**self.model_dump() | {"dropout": 0.0})

    images = np.random.default_rng(0).integers(0, 256, (40, 9, 8, 2), dtype=np.uint8)
    split = Split.from_arrays(images, np.arange(40, dtype=np.int64) % 10)
    request = ObserveRequest(
        implementation=original.implementation,
        recipe_values={},
        device="cpu",
        seed=0,
        batch_size=8,
        paired_steps=1,
        dataset="none",
    )
    for dropout in (0.0, 0.25):
        recipe = Bound(dropout=dropout).for_images((9, 8, 2))
        messages = list(Observation(FakeTrainer, recipe, split, request).messages())
        assert [message.stage for message in messages] == [*("held", "forward", "paired")] + [
            "step"
        ] * TEN_STEPS
        assert messages[0].group("facts")["dropout"] == (dropout > 0)


@pytest.mark.long
def test_runs_name_their_certificate_whichever_came_first(bench, plugin):
    one, two = plugin("one"), plugin("two")
    assert bench("run", one, *SHORT).code == 0
    assert bench("parity", one, two, *QUICK).code == 0
    path = bench.folder / "results/local/parity/one--two.json"
    certificate = Certificate.read(path)
    path.with_name("damaged.json").write_text(path.read_text()[:-100])
    assert bench("run", two, *SHORT).code == 0
    records = bench.records()
    assert (records["one"]["parity"], records["two"]["parity"]) == (None, certificate.id)
    runs = load_results(bench.folder / "results/local").runs.set_index("implementation")
    assert runs["parity"].to_dict() == {"one": certificate.id, "two": certificate.id}


@pytest.fixture
def results(tmp_path):
    return open_results(tmp_path / "results", create=True)


@pytest.fixture
def report(results, tmp_path):
    """Return the text of the report of the results."""
    return lambda: write_report(results.path, tmp_path).full.read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff", b'{"schema_version": 2}'])
def test_a_damaged_certificate_is_named_and_stops_nothing(results, report, spec, damage):
    add_run(results.path, spec())
    results.parity.mkdir()
    (results.parity / "fake.json").write_bytes(damage)
    loaded = load_results(results.path)
    (sentence,) = loaded.left_out
    assert "fake.json is not readable" in sentence
    assert "write a new one with `gan-bench parity`" in sentence
    assert loaded.runs["parity"].tolist() == [None]
    if damage == b"{}":
        assert "parity/fake.json is not readable" in " ".join(report().split())


def test_records_of_before_there_were_certificates_are_read(results, spec):
    folder = add_run(results.path, spec())
    old = json.loads(folder.record.read_text())
    del old["parity"]
    folder.record.write_text(json.dumps(old))
    assert Record.read(folder.record).parity is None


@pytest.fixture
def twin_runs(results, original, certificates, spec):
    """Add a run of each of two twins in different frameworks, and their certificate if asked."""

    def add(certified, *, latent_size=8, **changes):
        names = (("one", "numpy"), ("two", "jax"))
        for name, framework in names:
            implementation = renamed(original, name, framework=framework).implementation
            run = spec(latent_size=latent_size).model_copy(
                update={"implementation": implementation}
            )
            add_run(results.path, run)
        if certified:
            certificates[0].model_copy(update=changes).write_in(results, (28, 28, 1))

    return add


def test_a_report_says_that_twins_are_not_checked(twin_runs, report):
    twin_runs(certified=False)
    text = report()
    assert text.count("| not parity-checked |") == 2
    assert "- Parity: one and two: not parity-checked; gan-bench parity compares" in text


def test_a_report_says_that_twins_are_checked_and_by_which_certificate(
    results, twin_runs, report, original, certificates, spec
):
    twin_runs(certified=True)
    other = renamed(original, "two", framework="jax").implementation
    add_run(results.path, spec(latent_size=9).model_copy(update={"implementation": other}))
    text = report()
    assert text.count("| parity-checked |") == 2
    assert text.count("| not parity-checked |") == 1
    (certificate,) = certificates
    assert f"parity-checked, certificate {certificate.id}; after a paired run of 1 step" in text
    assert "two (latent\\_size=9): not parity-checked" in text


@pytest.mark.parametrize(
    ("verdict", "label"), [("failed", "parity failed"), ("not checked", "not parity-checked")]
)
def test_a_pair_that_did_not_pass_since_is_not_called_checked(
    results, twin_runs, certificates, report, verdict, label
):
    problem = "two computes something else"
    twin_runs(certified=True, passed=False, verdict=verdict, problems=(problem,))
    for folder in results.run_folders():
        record = json.loads(folder.record.read_text()) | {"parity": certificates[0].id}
        folder.record.write_text(json.dumps(record))
    text = report()
    assert text.count(f"| {label} |") == 2
    assert (problem in text) is (verdict == "failed")
    assert load_results(results.path).runs["parity"].tolist() == [None, None]


def test_a_certificate_of_changed_values_is_of_the_runs_with_exactly_these(
    results, twin_runs, report, original, spec
):
    twin_runs(certified=False)
    twin_runs(certified=False, latent_size=9)
    (changed,) = describe_here(original.implementation.path, {"latent_size": 9}, (28, 28, 1))
    pair = Pair("one--two", changed, renamed(changed, "two"))
    certificate = certify(pair, SETUP)
    certificate.write_in(results, (28, 28, 1), changed.changed_values)
    loaded = load_results(results.path)
    sizes = [loaded.specs[run].recipe_values["latent_size"] for run in loaded.runs["run_id"]]
    found = zip(sizes, loaded.runs["parity"].fillna("none"), strict=True)
    assert sorted(found) == [*[(8, "none")] * 2, *[(9, certificate.id)] * 2]
    text = report()
    assert text.count("| parity-checked |") == text.count("| not parity-checked |") == 2


def test_two_implementations_of_one_framework_are_twins_too(
    results, report, original, certificates, spec
):
    for name in ("one", "two"):
        implementation = renamed(original, name).implementation
        add_run(results.path, spec().model_copy(update={"implementation": implementation}))
    certificates[0].write_in(results, (28, 28, 1))
    assert report().count("| parity-checked |") == 2


def test_a_report_without_twins_has_no_word_of_parity(results, report, spec):
    add_run(results.path, spec())
    text = report()
    assert "| Parity |" not in text and "parity-checked" not in text


# The figures.

NAMES = ("generator.0.kernel", "generator.0.bias", "generator.1.moving_mean")


def weights(kernel, bias, mean):
    values = (kernel, bias, mean)
    return {name: np.asarray(v, dtype=np.float64) for name, v in zip(NAMES, values, strict=True)}


def step(tensors, **losses):
    arrays = {f"weights.{name}": tensor for name, tensor in tensors.items()}
    return Message(
        "step", arrays | {f"losses.{k}": np.array([v]) for k, v in losses.items()}, step=1
    )


START = weights([1.0, 2.0], [0.0, 0.0], [0.0, 0.0])


def updates(ours, theirs):
    found = compare_step(START, step(ours), step(theirs))
    return {figure.of: figure for figure in found}


def test_an_update_is_compared_in_relative_norm():
    ours = weights([1.0, 2.0 + 1e-3], [1e-3, 0.0], [0.5, 0.5])
    theirs = weights([1.0, 2.0 + 1e-3 * (1 + 1e-6)], [1e-3, 0.0], [0.5, 0.5 + 1e-9])
    found = updates(ours, theirs)
    assert found["generator.0.kernel"].value == pytest.approx(1e-6, rel=1e-6)
    assert not found["generator.0.kernel"].passed
    assert found["generator.0.bias"].passed and found["generator.0.bias"].value == 0
    assert found["generator.1.moving_mean"].value == pytest.approx(1e-9 / np.sqrt(0.5), rel=1e-6)


def test_rounding_noise_in_place_of_a_zero_gradient_counts_as_zero():
    kernel, mean = [1.1, 2.0], [0.5, 0.5]
    found = updates(weights(kernel, [3e-15, 0], mean), weights(kernel, [0, -2e-15], mean))
    assert found["generator.0.bias"].passed
    assert "zero in both: the exact gradient is zero" in found["generator.0.bias"].note


@pytest.mark.parametrize(
    ("ours", "theirs"), [([1e-6, 0], [0, 0]), ([0, 0], [1e-6, 0]), ([3e-15, 0], [1e-12, 0])]
)
def test_an_update_in_one_of_the_two_is_no_zero(ours, theirs):
    kernel, mean = [1.1, 2.0], [0.5, 0.5]
    found = updates(weights(kernel, ours, mean), weights(kernel, theirs, mean))
    assert not found["generator.0.bias"].passed


def test_the_floor_of_a_networks_updates_is_not_that_of_its_statistics():
    kernel, bias = [1e9, 2.0], [0.1, 0.1]
    found = updates(weights(kernel, bias, [1e-9, 0]), weights(kernel, bias, [2e-9, 0]))
    assert not found["generator.1.moving_mean"].passed


@pytest.mark.parametrize(("change", "passed"), [(2e-16, True), (2e-12, False)])
def test_rounding_noise_in_a_statistic_that_stays_counts_as_zero(change, passed):
    start = weights([1.0, 2.0], [0.0, 0.0], [1.0, 0.0])
    noisy = weights([1.0, 2.0], [0.0, 0.0], [1.0 - change, 0.0])
    found = {figure.of: figure for figure in compare_step(start, step(start), step(noisy))}
    assert found["generator.1.moving_mean"].passed is passed


def test_a_tensor_that_only_one_has_fails():
    theirs = weights([1, 2], [0, 0], [0, 0])
    del theirs["generator.0.bias"]
    (figure,) = compare_step(START, step(START), step(theirs))
    assert (figure.of, figure.passed, figure.value) == ("generator.0.bias", False, None)


def test_losses_are_compared_relatively_where_they_are_large():
    ours, theirs = step(START, generator=100.0), step(START, generator=100.0 + 5e-9, d_real=0.5)
    found = [figure for figure in compare_step(START, ours, theirs) if figure.level == "losses"]
    (figure,) = found
    assert figure.value == pytest.approx(5e-11, rel=1e-3) and figure.passed


def test_held_weights_are_compared_with_the_recipes_own_to_the_bit():
    recipe = {"recipe.generator.0.kernel": np.array([0.1, 0.2], np.float32)}
    exact = Message("held", recipe | {"held.generator.0.kernel": np.array([0.1, 0.2], np.float32)})
    near = {"held.generator.0.kernel": np.array([0.1, np.nextafter(np.float32(0.2), 1)])}
    # Both hold the same wrong weights: compared with each other they would pass.
    for part in (
        Message("held", recipe | {k: v.astype(np.float32) for k, v in near.items()}),
        Message("held", recipe | {"held.generator.0.kernel": np.array([0.1, 0.2])}),
        Message("held", recipe | {"held.generator.0.bias": np.array([0.1, 0.2], np.float32)}),
    ):
        assert [figure.passed for figure in compare_held(("a", "b"), part, part)] == [False] * 2
    assert [figure.passed for figure in compare_held(("a", "b"), exact, exact)] == [True] * 2


def test_samples_may_differ_by_one_grey_level():
    def outputs(grey):
        return Message("forward", {"samples": np.full((2, 4, 4, 1), grey, np.uint8)})

    assert next(compare_forward(outputs(0), outputs(1))).passed
    assert next(compare_forward(outputs(255), outputs(254))).passed
    assert not next(compare_forward(outputs(0), outputs(255))).passed


def test_a_paired_run_records_when_losses_differ_and_how_far_weights_are_apart():
    def part(last, generator, kernel):
        losses = {"losses.generator": generator, "losses.discriminator": np.ones(len(generator))}
        tensors = {"weights.generator.0.kernel": kernel, "weights.generator.1.moving_mean": kernel}
        return Message("paired", losses | tensors, step=last)

    comparison = PairedRunComparison(batch_size=4, dropout=False)
    assert comparison.result() is None
    one, apart = np.ones(2), np.array([3.0, 4.0])
    comparison.add(part(1, np.ones(1), apart), part(1, np.ones(1), apart))
    theirs = np.array([1.0, 1 + 1e-5, np.nan])
    comparison.add(part(4, np.ones(3), apart), part(4, theirs, apart + one / np.sqrt(2)))
    run = comparison.result()
    assert run.steps == 4
    assert run.losses_apart == {"1e-06": 3, "1e-03": 4, "1e-01": 4}
    assert run.weights_apart == {1: 0.0, 4: pytest.approx(0.2)}


def test_weights_of_a_paired_run_are_compared_at_a_handful_of_steps():
    assert list(measured_steps(1)) == [1]
    assert list(measured_steps(20)) == [1, 10, 20]
    assert list(measured_steps(400)) == [1, 10, 20, 50, 100, 200, 300, 400]


def test_perturbed_weights_are_a_pure_function_and_leave_nothing_trivial():
    initial = FakeRecipe().initial_weights(0)
    moved = perturbed(initial, 5)
    again = perturbed(dict(reversed(initial.items())), 5)
    assert all(np.array_equal(moved[name], again[name]) for name in initial)
    for name, tensor in moved.items():
        assert tensor.dtype == np.float32
        if name.endswith("kernel"):
            assert np.array_equal(tensor, initial[name])
        else:
            assert np.unique(tensor).size == tensor.size
    assert (moved["generator.1.moving_variance"] > 0).all()
