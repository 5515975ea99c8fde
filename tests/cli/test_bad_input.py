"""A user's mistake gets one clear sentence and exit code 2, and loses nothing."""

import json
import os
import subprocess
import sys

import pytest

from bench import complaint

SHORT = ("--images", "256", "--evaluations", "2", "--samples", "150")
WAYS_IN = (
    "CONTRIBUTING.md of gan-bench has a template, and examples/ has training scripts that were "
    "turned into such a class. Your script can also stay as it is, if it tracks its loop with "
    "gan_bench.track, and images it has made can be given to `gan-bench score DATA "
    "IMAGES --as NAME`."
)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["torch-dcgam"], "no implementation named 'torch-dcgam'; did you mean torch-dcgan?"),
        (["./nowhere.py"], "There is no file ./nowhere.py"),
        (
            ["--preset", "standard"],
            "No target given: name a recipe such as dcgan, an implementation such as",
        ),
        (["GAN", "--dataset", "mnist5k"], "There is no data set 'mnist5k'"),
        (
            ["GAN", "--dataset", "folder:" + 300 * "x"],
            "x is not a folder; give folder:PATH the path",
        ),
        (["GAN", "--dataset", 300 * "x"], "There is no data set 'xxx"),
        ([300 * "x" + ".py"], "There is no file xxx"),
        (["GAN", "--device", "gpu0"], "There is no device 'gpu0'; use cpu, cuda, cuda:1 or auto"),
        (["GAN", "--device", "cuda:63"], "There is no device cuda:63; nvidia-smi shows"),
        (["GAN", "--images", "0"], "images: input should be greater than or equal to 1 (got 0)"),
        (["GAN", "--images", "9", "--steps", "9"], "Give only one of images, epochs and steps"),
        (["GAN", "--evaluations", "1"], "evaluations: input should be greater than or equal to 2"),
        (["GAN", "--samples", "1"], "samples: input should be greater than or equal to 2"),
        (["GAN", "--preset", "fast"], "There is no preset 'fast'; use one of quick, standard"),
        (["GAN", "--seeds", "-3"], "Seeds are a count such as 3"),
        (["GAN", "--seeds", "0"], "Seeds are a count such as 3"),
        (["GAN", "--seeds", "1,1"], "different numbers"),
        (["GAN", "--seeds", "many"], "not 'many'"),
        (["GAN", "--set", "gan.learning_rate"], "--set takes FIELD=VALUE"),
        (["GAN", "--set", "gan.learning_rat=1"], "'learning_rat'; did you mean learning_rate?"),
        (["GAN", "--set", "gan.depth=1"], "gan has no field 'depth'; its fields are"),
        (["GAN", "--set", "lr=1"], "has the field 'lr'; did you mean learning_rate?"),
        (["GAN", "--images", "6.5"], "'6.5' is not a whole number; write 60000 or 60k."),
        (["GAN", "--images", "k"], "'k' is not a whole number"),
        (["GAN", "--epochs", "-1"], "'--epochs': -1.0 is not in the range x>0"),
        (["GAN", "--metrics", "fdi"], "There is no metric 'fdi'; did you mean fid?"),
        (["GAN", "--set", "gan.learning_rate=-1"], "gan.learning_rate: input should be greater"),
        (["GAN", "--set", "gan.learning_rate=fast"], "gan.learning_rate: input should be a valid"),
        (["GAN", "--set", "gan.batch_size=5000"], "gan.batch_size is 5,000, more than the 4,000"),
        (["GAN", "--set", "other.batch_size=5"], "'other' has values to set, but is not one of"),
        (["GAN", "--seeds", "10000000000"], "at most 10,000"),
        (["GAN", "--steps", "9" * 30], "99999999999... is more than 1,000,000,000,000."),
        (["GAN", "--steps", "1e5000"], "1e5000 is more than 1,000,000,000,000."),
        (["GAN", "--threads", "100000"], "threads: input should be less than or equal to 1024"),
        (["GAN", "--set", "gan.learning_rate=inf"], "gan.learning_rate: input should be a finite"),
        (["GAN", "--plan", "nowhere.toml"], "The plan file nowhere.toml cannot be read"),
        *(
            (
                ["GAN", "--silence", value],
                "--silence must be a finite number of at least 5, because a worker sends a "
                f"heartbeat every 2 seconds; it is {value}.",
            )
            for value in ("4.9", "0", "nan", "inf", "-7")
        ),
        (["GAN", "--timeout", "0"], "'--timeout': 0.0 is not in the range x>0"),
    ],
)
def test_run_refuses(bench, plugin, arguments, said):
    target = plugin("gan")
    done = bench.here("run", *[target if word == "GAN" else word for word in arguments])
    assert said in complaint(done)
    assert not (bench.folder / "results").exists()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("sample = 100", "has the unknown key 'sample'; did you mean samples?"),
        ("samples = 'many'", "samples: input should be a valid integer"),
        ("preset = 'fast'", "There is no preset 'fast'; use one of quick, standard, gpu, paper"),
        ("samples = ", "is not valid TOML"),
        ("[set.gan]\nlearning_rat = 1", "gan has no field 'learning_rat'"),
        ("[python]\nnumpy = '/no/such/python'", "The interpreter /no/such/python"),
        ("[python]\nkears = '/usr/bin/python'", "unknown framework 'kears'; did you mean keras?"),
        ("seeds = [0.5, 1.9]", "Seeds are a count such as 3"),
        ("seeds = true", "Seeds are a count such as 3"),
        ("images = true", "images: input should be a valid integer"),
        ("all = 'yes'", "all: input should be a valid boolean"),
        ("[set.gan]\nlearning_rate = 2026-01-01", "gan.learning_rate: input should be a valid"),
    ],
)
def test_a_plan_file_with_a_mistake_is_refused(bench, plugin, toml, said):
    (bench.folder / "plan.toml").write_text(toml)
    done = bench.here("run", plugin("gan"), "--plan", "plan.toml")
    assert said in complaint(done)
    assert not (bench.folder / "results").exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "class A: pass\nimport no_such_module",
            "./bad.py cannot be imported: ModuleNotFoundError: No module named 'no_such_module', "
            "in bad.py:2.",
        ),
        (
            "x = 1\nthis is no python",
            "./bad.py cannot be imported: SyntaxError: invalid syntax, in bad.py:2.",
        ),
        ("x = 1", f"bad.py defines no trainer class. {WAYS_IN}"),
        ("import sys; sys.exit(2)", f"bad.py defines no trainer class. {WAYS_IN}"),
        (
            "class Network: pass\nimport sys; sys.exit(0)",
            "./bad.py cannot be imported: SystemExit: 0, in bad.py:2. A plugin's file is imported "
            'to find its class: put what it runs as a script below `if __name__ == "__main__":`.',
        ),
        (
            "class Network: pass\nimport sys; print('noise', file=sys.stderr); 1 / 0",
            "./bad.py cannot be imported: ZeroDivisionError: division by zero, in bad.py:2.",
        ),
        (
            "class Network: pass\ndef check(x):\n    assert x, 'wrong'\ncheck(0)",
            "./bad.py cannot be imported: AssertionError: wrong, in check (bad.py:3).",
        ),
        ("class Network:\n    def train(self): pass", f"no trainer class. {WAYS_IN}"),
        (
            "class C:\n    train = sample = weights = set_weights = None",
            f"bad.py defines no trainer class: C has no save and load. {WAYS_IN}",
        ),
        (
            "from gan_bench.testing import FakeTrainer\n"
            "class A(FakeTrainer): pass\nclass B(FakeTrainer): pass",
            "bad.py defines 2 trainer classes, A and B; name one, as in bad.py:A.",
        ),
        (
            "from gan_bench.testing import FakeTrainer\nclass A(FakeTrainer): recipe_class = None",
            "A.recipe_class must be a subclass of gan_bench.recipe.Recipe",
        ),
        (
            "from gan_bench.testing import FakeTrainer\nclass A(FakeTrainer): framework = 3",
            "A.framework must be a string, the framework's name.",
        ),
    ],
)
def test_a_plugin_that_is_none_is_refused(bench, source, said):
    (bench.folder / "bad.py").write_text(source)
    assert said in complaint(bench.here("run", "./bad.py", *SHORT))
    assert said in complaint(bench.here("verify", "./bad.py"))


@pytest.mark.long
def test_a_plugin_that_never_ends_is_stopped(bench):
    (bench.folder / "hung.py").write_text(
        "import time\nfrom gan_bench.testing import FakeTrainer\n"
        "class A(FakeTrainer):\n    def train(self, *_): time.sleep(600)\n"
    )
    said = complaint(bench("verify", "./hung.py", "--timeout", "5"))
    assert "hung.py could not be verified: its process was stopped, as it had not ended" in said


def test_a_class_can_be_named_where_a_file_has_several(bench):
    (bench.folder / "two.py").write_text(
        "from gan_bench.testing import FakeTrainer\n"
        "class A(FakeTrainer): pass\nclass B(FakeTrainer): pass"
    )
    assert bench("run", "./two.py:B", *SHORT).code == 0
    assert bench.records()["two:B"]["spec"]["implementation"]["attribute"] == "B"


def test_options_replace_the_budget_of_a_plan_file(bench, plugin):
    target = plugin("gan")
    (bench.folder / "plan.toml").write_text(f'targets = ["{target}"]\nimages = 512\n')
    done = bench("run", "--plan", "plan.toml", "--steps", "5", "--dry-run")
    assert done.code == 0 and " 5 " in done.out


def test_paths_may_hold_spaces_colons_and_other_letters(bench):
    folder = bench.folder / "a: ß 図"
    folder.mkdir()
    (folder / "gan.py").write_text(
        "from gan_bench.testing import FakeTrainer\nclass A(FakeTrainer): pass\nB = 1\n"
    )
    results = ("--results", "a: ß 図/results")
    assert bench("run", "./a: ß 図/gan.py:A", *SHORT, *results).code == 0
    assert bench("report", *results, "--out", "a: ß 図/report").code == 0


def test_a_plan_with_nothing_in_it_is_shown_as_such(bench, plugin):
    bench("run", plugin("gan"), *SHORT)
    for folder in ("plans", "runs"):
        subprocess.run(["rm", "-r", str(bench.folder / "results/local" / folder)], check=True)
    assert bench("status").code == 0
    assert "run" in complaint(bench("report"))


def test_a_results_folder_that_is_a_file(bench, plugin):
    (bench.folder / "taken").write_text("mine")
    said = complaint(bench("run", plugin("gan"), *SHORT, "--results", "taken"))
    assert "taken is a file" in said
    assert "taken is a file" in complaint(bench("report", "--results", "taken"))
    assert (bench.folder / "taken").read_text() == "mine"


def test_a_results_folder_of_another_schema_version(bench, plugin):
    target = plugin("gan")
    assert bench("run", target, *SHORT).code == 0
    marker = bench.folder / "results/local/gan-bench.json"
    marker.write_text(json.dumps({"schema_version": 99}))
    for command in (["run", target, *SHORT], ["report"], ["status"]):
        assert "has schema version 99" in complaint(bench(*command))
    assert len(bench.run_folders()) == 1


@pytest.fixture
def read_only(bench):
    """Mount a read-only folder, since a mode does not stop root."""
    folder = bench.folder / "sealed"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("root may write anywhere, and mounting a read-only folder is not allowed")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_results_folder_that_is_read_only(bench, plugin, read_only):
    said = complaint(bench("run", plugin("gan"), *SHORT, "--results", "sealed"))
    assert "sealed cannot be written" in said


def test_reading_a_results_folder_that_is_not_there(bench):
    for command in ("report", "status"):
        assert "There is no results folder" in complaint(bench(command, "--results", "nowhere"))


def test_two_runs_at_once_on_one_device(bench, plugin):
    body = """
    def train(self, batches, draws):
        import subprocess
        again = [sys.executable, "-P", "-m", "gan_bench", "run", OTHER, "--images", "256",
                 "--results", "second"]
        done = subprocess.run(again, capture_output=True, text=True)
        Path("second.json").write_text(__import__("json").dumps([done.returncode, done.stderr]))
        return super().train(batches, draws)
    """
    other = plugin("other")
    target = plugin("gan", body.replace("OTHER", repr(other)))
    assert bench("run", target, *SHORT).code == 0
    code, said = json.loads((bench.folder / "second.json").read_text())
    assert code == 2
    assert "The device cpu is in use by process" in said and "--wait" in said
    assert not (bench.folder / "second/runs").exists() or not any(
        (bench.folder / "second/runs").iterdir()
    )
    # The lock went with its holder.
    assert bench("run", other, *SHORT).code == 0


def test_an_unknown_run_or_name_to_show(bench, plugin):
    assert "did you mean torch-dcgan?" in complaint(bench("show", "torch-dcga"))
    bench("run", plugin("gan"), *SHORT)
    assert "there is no implementation or run" in complaint(bench("show", "nothing"))
    (folder,) = bench.run_folders()
    near = complaint(bench("show", folder.name.replace("5k", "6k")))
    assert near.endswith(f"did you mean {folder.name}?")
    assert "choose one of jax-dcgan, keras-dcgan, torch-dcgan." in complaint(bench("show", "dcgan"))


def test_help_loads_neither_frames_nor_figures_nor_frameworks(bench):
    code = (
        "import sys; from gan_bench.cli.main import main; main(['--help'], standalone_mode=False);"
        "heavy = {'numpy', 'pandas', 'matplotlib', 'pydantic', 'rich', 'torch', 'tensorflow'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["maintenance.machine_check", "launch.local"])
@pytest.mark.process
def test_doctor_and_run_do_not_load_onnx_runtime(module):
    code = f"import sys, gan_bench.{module}; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == 0
