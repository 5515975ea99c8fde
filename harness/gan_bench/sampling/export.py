"""Writes the sampler's network of a run into a file: ``gan-bench sample RUN --export``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.sampling.requests import ExportRequest
from gan_bench.sampling.sample import prepare, say_if_changed
from gan_bench.system.child import ChildDied, ChildError, ask
from gan_bench.system.files import check_output, check_replaceable
from gan_bench.system.scratch import scratch_folder

SUFFIXES = (".safetensors", ".onnx")
_MOST_COMPARED = 1_000
"""Images of the file that are compared with the run's own."""


def export(
    results: Path,
    name: str,
    file: Path,
    *,
    device: str | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> str:
    """Write the network that samples, from a run's last checkpoint; return what it is and does.

    The child process reads the file again and compares its images with the trainer's own, for the
    latents of the run's evaluation points. The file is there only if no grey level differs by more
    than one.

    Parameters
    ----------
    results, name, device, say
        As in `gan_bench.sampling.sample.sample`.
    file
        The file, ``.safetensors`` or ``.onnx``; one that exists is replaced.

    Raises
    ------
    UsageError
        As in `sample`; or the file cannot be written, a package is missing, the trainer cannot
        export, or the images differ.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"--export takes a .safetensors or an .onnx file, not {file}.")
    run = prepare(results, name, device, say)
    spec = run.spec
    check_output(file)
    check_replaceable(file)
    with scratch_folder(file.parent) as folder:
        request = ExportRequest(
            **run.request(seed=spec.seed, count=min(spec.samples, _MOST_COMPARED)).model_dump(),
            run_id=run.run_id,
            file=Path(folder, f"generator{suffix}").resolve(),
        )
        try:
            answer: dict[str, Any] = ask(
                "gan_bench.sampling.export_child",
                request,
                # Files have no precision: they are compared in the plain arithmetic.
                environment=worker_environment(
                    spec.implementation.framework,
                    python=spec.python,
                    device=run.device,
                    threads=spec.threads,
                    deterministic=spec.deterministic,
                ),
                python=spec.python,
            )
        except OSError as error:
            raise UsageError(
                f"The run {run.run_id} cannot be exported: its interpreter "
                f"{spec.python or sys.executable} does not start ({error.strerror})."
            ) from error
        except ChildError as error:
            raise UsageError(
                f"The run {run.run_id} cannot be exported: {str(error).rstrip('.')}."
            ) from error
        except ChildDied as death:
            raise UsageError(
                f"The run {run.run_id} could not be exported: its process {death}."
            ) from death
        say_if_changed(answer["source_sha256"], spec, say)
        request.file.replace(file)
    return (
        f"{file} has the {answer['network']} of {run.run_id} at step {run.step}: of "
        f"{request.count:,} images, {answer['equal']:,} are the run's own to the bit, and no grey "
        f"level differs by more than {answer['largest']}."
    )
