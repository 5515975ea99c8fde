"""What TensorBoard's own reader finds in the files of a sink is what was measured."""

import importlib.util
import io
import sys
import types

import numpy as np
import pytest
from PIL import Image

from bench import complaint
from gan_bench import load_results
from gan_bench.results.events import EventWriter
from report_folder import (
    add_run,
    add_trained,
    empty_results,
    protocol,
    run_spec,
    scores_of,
    some_losses,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed"
)


@pytest.fixture
def results(cli):
    return empty_results(cli.folder / "results/local")


def read(folder):
    """Return what the reader finds; its default keeps a sample of the images."""
    # Else it imports TensorFlow.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    found.Reload()
    return found


def scalars(found, tag):
    return {event.step: event.value for event in found.Scalars(tag)}


def export(cli, *arguments):
    done = cli("export", "--format", "tensorboard", *arguments)
    assert done.code == 0, done.err
    return done


def test_the_reader_finds_losses_scores_and_grids(cli, results):
    folder = add_trained(results, "torch-dcgan", [4.0])
    inception = scores_of({600: 70.0}, under=protocol(features="inception"))
    inception.write_in(folder.scores)
    done = export(cli)
    assert done.out == "1 run written to reports/local/tensorboard\n" and done.err == ""
    frames = load_results(results)
    (path,) = (cli.folder / "reports/local/tensorboard").iterdir()
    found = read(path)
    assert path.name == folder.path.name
    losses = frames.losses.set_index("step")
    for name in ("generator", "discriminator", "d_real", "d_fake"):
        means = scalars(found, f"loss/{name}")
        assert list(means) == list(range(50, 601, 50))
        for step, mean in means.items():
            assert mean == pytest.approx(losses.loc[step - 49 : step, name].mean(), rel=1e-6)
    for metric, rows in frames.scores.groupby("metric"):
        expected = dict(zip(rows["step"], rows["value"], strict=True))
        assert scalars(found, f"score/{metric}") == expected
    row = frames.runs.iloc[0]
    for name in ("images_per_s", "train_s", "warmup_s", "peak_rss_mb"):
        assert scalars(found, f"run/{name}") == {600: pytest.approx(row[name], rel=1e-6)}
    pictures = {image.step: image.encoded_image_string for image in found.Images("samples")}
    assert list(pictures) == [0, 300, 600]
    for step, content in pictures.items():
        shown, kept = (
            np.asarray(Image.open(source)) for source in (io.BytesIO(content), folder.grid(step))
        )
        np.testing.assert_array_equal(shown, kept)


def test_the_reader_finds_parameters_and_status(cli, results):
    values = {"batch_size": 100, "learning_rate": 0.5, "seed": 9, "fast": True, "betas": [0.5, 1]}
    add_run(results, run_spec(recipe_values=values), status="diverged", reason="a|b <c> diverged")
    export(cli)
    (path,) = (cli.folder / "reports/local/tensorboard").iterdir()
    found = read(path)
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    data = {}
    for tag in ("session_start_info", "session_end_info"):
        content = found.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content
        data[tag] = HParamsPluginData.FromString(content)
    given = data["session_start_info"].session_start_info.hparams
    assert given["learning_rate"].number_value == 0.5 and given["fast"].bool_value is True
    assert given["seed"].number_value == 0 and given["recipe_seed"].number_value == 9
    assert given["betas"].string_value == "[0.5, 1]" and given["dataset"].string_value == "mnist"
    assert data["session_end_info"].session_end_info.status == 2
    (text,) = found.Tensors("run")
    (table,) = text.tensor_proto.string_val
    assert b"| status | diverged |" in table and b"a\\|b &lt;c&gt; diverged" in table


def test_the_journal_gives_chunks_their_times_and_what_was_trained_twice_once(cli, results):
    folder = add_run(results, run_spec(), losses=some_losses(600), scores=[scores_of({300: 9.0})])

    def attempt(chunks):
        writer = EventWriter(folder.events)
        writer.write("ready", step=chunks[0][0], import_s=1, data_s=1, setup_s=1, paired=True)
        for number, (first, last, mean) in enumerate(chunks):
            writer.write(
                "chunk",
                first_step=first,
                step=last,
                seconds=2.0,
                warmup=number == 0,
                means={"generator": mean, "discriminator": None},
            )
            if last == 300:
                writer.write("snapshot", step=300, seconds=1.0)

    attempt([(0, 100, 1.0), (100, 200, 2.0), (200, 300, 3.0)])
    attempt([(100, 250, 4.0), (250, 300, 5.0), (300, 600, 6.0)])
    export(cli)
    (path,) = (cli.folder / "reports/local/tensorboard").iterdir()
    found = read(path)
    assert scalars(found, "loss/generator") == {100: 1.0, 250: 4.0, 300: 5.0, 600: 6.0}
    assert "loss/discriminator" not in found.Tags()["scalars"]
    assert scalars(found, "speed/images_per_s") == {300: 2500.0, 600: 15_000.0}
    times = [event.wall_time for event in found.Scalars("loss/generator")]
    assert times == sorted(times) and times[0] > 1.78e9
    (score,) = found.Scalars("score/fid_lenet")
    assert times[2] <= score.wall_time <= times[3]


def test_writing_again_replaces_and_other_files_stay(cli, results):
    add_trained(results, "torch-dcgan", [4.0, 5.0])
    export(cli, "--out", "board")
    for path in (cli.folder / "board").iterdir():
        (path / "notes.txt").write_text("mine")
        (path / "events.out.tfevents.1.other").write_bytes(b"")
    export(cli, "--out", "board")
    for path in (cli.folder / "board").iterdir():
        names = sorted(file.name for file in path.iterdir())
        assert len(names) == 2 and names[0].endswith(".gan-bench") and names[1] == "notes.txt"
        assert len(read(path).Scalars("score/fid_lenet")) == 3


@pytest.mark.parametrize(
    ("damaged", "problem"),
    [
        (b"", "it is no PNG file."),
        (b"no PNG", "it is no PNG file."),
        (None, "the PNG file is damaged ("),
    ],
)
def test_a_damaged_grid_is_left_out_and_told(cli, results, damaged, problem):
    add_trained(results, "torch-dcgan", [4.0])
    folder = add_trained(results, "torch-dcgan", [5.0], seed=1)
    path = folder.grid(300)
    path.write_bytes(path.read_bytes()[:-40] if damaged is None else damaged)
    done = export(cli, "--out", "board")
    assert done.out.startswith("2 runs written")
    assert f"{path.relative_to(cli.folder)} is left out: {problem}" in done.err
    assert done.err.count("\n") == 1
    found = read(cli.folder / "board" / folder.path.name)
    assert [event.step for event in found.Images("samples")] == [0, 600]


def test_of_an_archive_the_losses_take_the_place_of_the_journal(cli, results):
    add_trained(results, "torch-dcgan", [4.0])
    assert cli("pack", "--out", "mine.zip").code == 0
    for source in ("results/local", "mine.zip"):
        export(cli, "--results", source, "--out", f"of-{source[:4]}")
    one, other = (read(next((cli.folder / name).iterdir())) for name in ("of-resu", "of-mine"))
    assert one.Tags() == other.Tags()
    for tag in one.Tags()["scalars"]:
        assert scalars(one, tag) == scalars(other, tag)


def test_no_framework_is_imported(cli, results):
    add_trained(results, "torch-dcgan", [4.0])
    before = set(sys.modules)
    export(cli)
    assert not {"torch", "tensorflow", "jax"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "taken"), "TensorBoard cannot write to taken (taken is not a folder)"),
        (("--mlflow-uri", "http://x"), "--mlflow-uri is the address of MLflow's store"),
        (("--results", "nowhere"), "There is no results folder nowhere"),
        (("--results", "empty"), "The results folder empty has no run to export"),
    ],
)
def test_bad_input_is_refused(cli, results, arguments, said):
    (cli.folder / "taken").write_text("")
    empty_results(cli.folder / "empty")
    add_trained(results, "torch-dcgan", [4.0])
    assert said in complaint(cli("export", "--format", "tensorboard", *arguments))


def test_a_package_that_is_missing_is_named(cli, results, monkeypatch):
    from gan_bench import sinks

    monkeypatch.setattr(sinks, "_PACKAGES", {"tensorboard": ("no_such_package",)})
    assert complaint(cli("export", "--format", "tensorboard")) == (
        "TensorBoard needs no_such_package, which is not installed: "
        '`pip install "gan-bench[tensorboard]"`.'
    )
    refused = complaint(cli("run", "torch-dcgan", "--log", "tensorboard", "--results", "new"))
    assert "no_such_package" in refused and not (cli.folder / "new").exists()
