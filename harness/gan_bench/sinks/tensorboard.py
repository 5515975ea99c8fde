"""Event files for TensorBoard, without TensorFlow."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from PIL import Image

from gan_bench.sinks.measured import Measured
from gan_bench.system.files import make_folder, new_file_mode
from gan_bench.text import markdown_text

_EVENTS: Final = "events.out.tfevents."
"""Beginning of the names of event files, by which TensorBoard finds them."""
_TEXT: Final = "text"
_HPARAMS: Final = "hparams"
_SUCCESS, _FAILURE = 1, 2
"""Values of the plugin's enum of statuses."""


class TensorBoard:
    """A folder with one folder of event files for each run."""

    def __init__(self, out: Path) -> None:
        self._out = out

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._out)

    def check(self) -> None:
        """Check that the folder can be written."""
        make_folder(self._out)
        with tempfile.TemporaryFile(dir=self._out):
            pass

    def write(self, run: Measured) -> None:
        """Write the event file of a run; its earlier ones are removed."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder = self._out / run.run_id
        make_folder(folder)
        earlier = list(folder.glob(f"{_EVENTS}*"))
        target = folder / f"{_EVENTS}{int(run.ended_at)}.gan-bench"
        # TensorBoard must not read it before it is complete.
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                writer = RecordWriter(file)
                for event in _events(run):
                    writer.write(event.SerializeToString())
            temporary.chmod(new_file_mode())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        for path in earlier:
            if path != target:
                path.unlink()


def _events(run: Measured) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    yield Event(wall_time=run.began_at, file_version="brain.Event:2")
    yield Event(wall_time=run.began_at, summary=Summary(value=_hyperparameters(run)))
    yield Event(wall_time=run.ended_at, summary=Summary(value=[_text("run", _table(run))]))
    for value in run.values:
        one = Summary.Value(tag=value.name, simple_value=value.value)
        yield Event(wall_time=value.at, step=value.step, summary=Summary(value=[one]))
    for step, path in run.grids:
        content = path.read_bytes()
        with Image.open(path, formats=("PNG",)) as image:
            picture = Summary.Image(
                width=image.width,
                height=image.height,
                colorspace=len(image.getbands()),
                encoded_image_string=content,
            )
        one = Summary.Value(tag="samples", image=picture)
        at = next((v.at for v in run.values if v.step == step), run.ended_at)
        yield Event(wall_time=at, step=step, summary=Summary(value=[one]))


def _plugin(tag: str, plugin: str, content: bytes, text: str | None = None) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

    data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    tensor = (
        TensorProto(dtype=DT_FLOAT)
        if text is None
        else TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    )
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=data), tensor=tensor)


def _text(tag: str, text: str) -> Any:
    return _plugin(tag, _TEXT, b"", text)


def _table(run: Measured) -> str:
    rows = [f"| {name} | {markdown_text(text)} |" for name, text in run.facts.items()]
    return "\n".join(["| | |", "| :--- | :--- |", *rows])


def _hyperparameters(run: Measured) -> Iterator[Any]:
    """Yield what the page of hyperparameters shows: the run's parameters, and how it ended."""
    from google.protobuf.struct_pb2 import Value
    from tensorboard.plugins.hparams.plugin_data_pb2 import (
        HParamsPluginData,
        SessionEndInfo,
        SessionStartInfo,
    )

    start = SessionStartInfo(start_time_secs=run.began_at)
    for name, value in run.parameters.items():
        if isinstance(value, bool):
            start.hparams[name].CopyFrom(Value(bool_value=value))
        elif isinstance(value, int | float):
            start.hparams[name].CopyFrom(Value(number_value=value))
        else:
            start.hparams[name].CopyFrom(Value(string_value=str(value)))
    status = _SUCCESS if run.record.status == "ok" else _FAILURE
    end = SessionEndInfo(status=status, end_time_secs=run.ended_at)
    for tag, data in (
        ("session_start_info", HParamsPluginData(session_start_info=start)),
        ("session_end_info", HParamsPluginData(session_end_info=end)),
    ):
        yield _plugin(f"_hparams_/{tag}", _HPARAMS, data.SerializeToString())
