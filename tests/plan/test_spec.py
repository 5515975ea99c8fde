"""Budgets, chunks and evaluation points; and a specification that is damaged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_bench.errors import GanBenchError, UnreadableFile, UsageError
from gan_bench.launch.rescore import rescore
from gan_bench.launch.run_one import Options
from gan_bench.maintenance.run_check import check_run
from gan_bench.plan import LONGEST_CHUNK_STEPS, Budget, RunSpec, chunk_steps, evaluation_steps
from gan_bench.results.events import EventWriter
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.schedulers.submissions import Submission, SubmissionFolder
from gan_bench.scoring.features import Scoring
from gan_bench.worker.training import Training
from report_folder import run_spec


@given(steps=st.integers(1, 30_000), evaluations=st.integers(2, 40))
def test_every_point_but_the_end_lies_on_a_chunk_boundary(steps, evaluations):
    chunk = chunk_steps(steps, evaluations)
    points = evaluation_steps(steps, evaluations)
    assert 1 <= chunk <= LONGEST_CHUNK_STEPS["cpu"]
    assert chunk <= chunk_steps(steps, evaluations, "cuda:1") <= LONGEST_CHUNK_STEPS["cuda"]
    assert points[0] == 0 and points[-1] == steps
    assert all(point % chunk == 0 for point in points[:-1])
    assert list(points) == sorted(set(points))


@given(evaluations=st.integers(2, 40), more=st.integers(0, 30_000))
def test_there_are_as_many_points_as_asked_for_where_there_are_steps_enough(evaluations, more):
    steps = evaluations - 1 + more
    assert len(evaluation_steps(steps, evaluations)) == evaluations


@given(steps=st.integers(1_000, 30_000), evaluations=st.integers(3, 20))
def test_points_are_spread_evenly_to_within_a_chunk(steps, evaluations):
    points = evaluation_steps(steps, evaluations)
    chunk = chunk_steps(steps, evaluations)
    for i, point in enumerate(points):
        assert abs(point - i * steps / (evaluations - 1)) <= chunk


@given(steps=st.integers(1, 30_000), evaluations=st.integers(2, 200))
def test_the_number_of_points_asks_for_the_same_points_and_chunks(steps, evaluations):
    points = evaluation_steps(steps, evaluations)
    assert evaluation_steps(steps, len(points)) == points
    assert chunk_steps(steps, len(points)) == chunk_steps(steps, evaluations)


@pytest.mark.parametrize(
    ("steps", "evaluations", "expected"),
    [(32, 5, (0, 8, 16, 24, 32)), (1, 5, (0, 1)), (469, 3, (0, 250, 469))],
)
def test_known_schedules(steps, evaluations, expected):
    assert evaluation_steps(steps, evaluations) == expected


UNITS = st.sampled_from(["images", "epochs", "steps", "recipe"])


@given(
    unit=UNITS,
    amount=st.integers(1, 10**6),
    images_per_step=st.integers(1, 512),
    train_images=st.integers(1, 60_000),
    recipe_epochs=st.integers(1, 100),
)
def test_the_steps_of_a_budget_are_the_fewest_that_train_all_of_its_images(
    unit, amount, **of_the_run
):
    budget = Budget(unit=unit, amount=amount)
    images, steps = budget.images(**of_the_run), budget.steps(**of_the_run)
    assert (steps - 1) * of_the_run["images_per_step"] < images
    assert images <= steps * of_the_run["images_per_step"]
    if unit == "steps":
        assert steps == amount


def test_a_budget_without_an_amount_is_the_recipes_or_none():
    assert Budget(unit="recipe").images(images_per_step=1, train_images=10, recipe_epochs=3) == 30
    with pytest.raises(ValueError, match="a budget in epochs needs an amount"):
        Budget(unit="epochs")


@pytest.mark.parametrize(
    ("budget", "images"),
    [
        (Budget(unit="images", amount=59_999), 59_999),
        (Budget(unit="epochs", amount=2), 120_000),
        (Budget(unit="steps", amount=600), 60_000),
        (Budget(unit="recipe"), 1_500_000),
    ],
)
def test_a_specification_knows_the_images_of_its_budget(budget, images):
    assert run_spec(budget=budget).budget_images == images


def test_a_recipe_without_epochs_has_the_images_of_its_steps():
    spec = run_spec(budget=Budget(unit="recipe"), recipe_values={"batch_size": 100})
    assert spec.budget_images == 600 * 100


def by_the_worker(folder):
    Training(folder, EventWriter(folder.events))


def by_the_scorer(folder):
    folder.snapshots.mkdir()
    folder.snapshot(0).touch()
    results = ResultsFolder(folder.path.parents[1])
    (run,) = rescore(results, Scoring(), points="final", threads=1, command="test")
    raise UsageError(run.problem)


def by_itself(folder):
    RunSpec.read(folder.spec)


@pytest.mark.parametrize("read", [by_itself, by_the_worker, by_the_scorer])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[:-50], "invalid JSON: EOF while parsing"),
        (lambda text: text.replace('"dataset"', '"data set"'), "dataset: field required"),
        (lambda text: text.replace('"samples": 1000', '"samples": 1'), "samples: input should be"),
    ],
)
def test_a_damaged_specification_is_one_sentence_wherever_it_is_read(
    tmp_path, read, damage, reason
):
    folder = ResultsFolder(tmp_path).run("damaged")
    run_spec().write(folder.spec)
    folder.spec.write_text(damage(folder.spec.read_text()))
    with pytest.raises(UsageError) as raised:
        read(folder)
    said = str(raised.value)
    assert said.startswith(f"The run specification {folder.spec} is not readable ({reason}")
    assert "`gan-bench doctor --repair`" in said and "\n" not in said


def test_doctor_says_what_is_wrong_with_a_specification(tmp_path):
    folder = RunFolder(tmp_path / "run")
    run_spec().write(folder.spec)
    folder.spec.write_text("{")
    folder.events.touch()
    (problem, *_) = check_run(folder.path)
    assert problem.path == folder.spec
    assert "is not readable (invalid JSON" in problem.what


def test_a_damaged_task_of_a_submission_is_one_sentence(tmp_path):
    folder = SubmissionFolder(tmp_path / "submission")
    submission = Submission(
        id="1", engine="e", created_at="now", plan_id="p", options=Options("c"), retries=2
    )
    (place,) = folder.create(submission, [run_spec()])
    assert folder.spec(place) == run_spec() and folder.read() == submission
    with pytest.raises(GanBenchError, match=r"tasks\.jsonl has no task at byte 7\."):
        folder.spec(place + 7)
    (folder.path / "launch.json").write_text("{")
    with pytest.raises(UnreadableFile, match=r"The submission .*launch\.json is not readable"):
        folder.read()


@pytest.mark.parametrize("losses", [["step"], ["a", "a"], [], ["d_real"], ["a b"], ["a", 1], "ab"])
def test_names_of_losses_that_no_recipe_can_declare_are_damage(tmp_path, losses):
    spec = run_spec()
    assert spec.losses == ("generator", "discriminator", "d_real", "d_fake")
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec.model_dump(mode="json") | {"losses": losses}))
    with pytest.raises(UnreadableFile, match="losses"):
        RunSpec.read(path)


def test_a_specification_of_an_earlier_version_has_the_four_losses_and_its_id(tmp_path):
    stored = run_spec().model_dump(mode="json")
    del stored["losses"]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(stored))
    found = RunSpec.read(path)
    assert found == run_spec() and found.run_id == run_spec().run_id
    other = found.model_copy(update={"losses": ("critic",)})
    assert other.run_id == found.run_id
