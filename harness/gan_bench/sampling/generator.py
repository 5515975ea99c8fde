"""Images of any generator, made in a child process for `gan-bench score --generator`."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import cast

from gan_bench.errors import UnreadableFile, UsageError
from gan_bench.plan import RunSpec
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.plugins.registry import is_path
from gan_bench.recipe import LatentDistribution
from gan_bench.results.layout import open_results
from gan_bench.sampling import LARGEST_LATENT
from gan_bench.sampling.requests import GeneratorRequest
from gan_bench.scoring.features import Progress
from gan_bench.scoring.images import AS_THEY_ARE, ImageSet, of_file
from gan_bench.system.child import ChildDied, ChildError, ask
from gan_bench.system.devices import device_in_child
from gan_bench.system.files import is_file
from gan_bench.system.scratch import scratch_folder
from gan_bench.text import many

FILES = (".onnx", ".pt2")
_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".h5", ".keras", ".pkl", ".npz")


def parse_latent(text: str) -> tuple[int, ...]:
    """Return the shape of a latent, such as (128,) for ``128`` and (128, 1, 1) for ``128x1x1``.

    Raises
    ------
    UsageError
        It is no shape.
    """
    parts = text.lower().split("x")
    if all(part.isdecimal() and part.isascii() and len(part) < 9 for part in parts):
        shape = tuple(int(part) for part in parts)
        if 1 <= prod(shape) <= LARGEST_LATENT:
            return shape
    raise UsageError(f"--latent takes the shape of one latent, such as 128 or 128x1x1, not {text}.")


@dataclass(frozen=True)
class GeneratorImages:
    """The images of a generator, made once everything else is checked."""

    name: str
    """The generator as the user names it."""
    latent: tuple[int, ...] | None
    """The shape of one latent; None: the file says it."""
    number: int | None = None
    """How many images; None: as many as the runs of the results have, or the real images."""
    batch: int = 500
    distribution: LatentDistribution | None = None
    """Distribution of the latents; None: as the file says, else normal."""
    classes: int | None = None
    """Number of classes of a conditional generator, which gets them in turn; None: as the file
    says."""
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    results: Path | None = None
    say: Callable[[str], None] = lambda sentence: None
    progress: Progress = lambda line: None

    def __post_init__(self) -> None:
        """Raise `UsageError` if the name cannot be a generator, or a latent's shape is missing."""
        where, _, attribute = self.name.rpartition(":")
        suffix = Path(self.name).suffix.lower()
        if suffix in _WEIGHTS:
            raise UsageError(
                f"{self.name} has weights without a network: write a function that builds the "
                "generator and loads them, and name it, as in --generator ./file.py:function."
            )
        file = Path(self.name) if suffix in FILES else Path(where) if is_path(where) else None
        modules = where.split(".") if file is None else ["file"]
        if suffix not in FILES and not all(part.isidentifier() for part in [*modules, attribute]):
            raise UsageError(
                "--generator takes an .onnx or .pt2 file, module:function, or file.py:function "
                f"such as ./my_gan.py:make, not {self.name!r}."
            )
        if file is not None and not is_file(file):
            raise UsageError(f"There is no file {file}: correct --generator.")
        if suffix not in FILES and self.latent is None:
            raise UsageError(
                f"--latent is missing: give the shape of one latent of {self.name}, such as "
                "--latent 128."
            )

    def count(self, real: ImageSet) -> int:
        """Return how many images it makes, and say so if that is not asked for."""
        if self.number is not None:
            return self.number
        of_runs = self._samples_of_runs(real)
        count = of_runs or real.count
        like = f"the runs of {self.results} have" if of_runs else "there are real ones"
        self.say(f"{self.name} generates {many(count, 'image')}, as many as {like}.")
        return count

    def _samples_of_runs(self, real: ImageSet) -> int | None:
        """Return the number of samples that most runs of these images have."""
        if self.results is None or not self.results.exists():
            return None
        found: Counter[int] = Counter()
        for folder in open_results(self.results, create=False).run_folders():
            try:
                spec = RunSpec.read(folder.spec)
            except UnreadableFile:
                continue
            found[spec.samples] += spec.dataset_label == real.name
        best = max(found, key=lambda samples: (found[samples], samples), default=None)
        return best if best is not None and found[best] else None

    @contextmanager
    def images(self, real: ImageSet, count: int) -> Iterator[ImageSet]:
        """Let a child process generate the images into a temporary file, and open it.

        They have the size of the real images, or any if these are converted.

        Raises
        ------
        UsageError
            The generator cannot be loaded, or what it makes are no such images.
        """
        with scratch_folder() as folder:
            request = GeneratorRequest(
                generator=self.name,
                latent=self.latent,
                distribution=self.distribution,
                seed=self.seed,
                count=count,
                batch=min(self.batch, count),
                classes=self.classes,
                shape=real.shape if real.conversion == AS_THEY_ARE else None,
                device=device_in_child(self.device),
                threads=self.threads,
                images=Path(folder, "images.npy"),
            )
            for sentence in self._make(request):
                self.say(sentence)
            made = of_file(request.images, real.conversion)
            yield replace(made, name=self.name, independent=True)

    def _make(self, request: GeneratorRequest) -> list[str]:
        # The variables of all frameworks: nobody knows what a factory uses.
        framework = "torch" if self.name.lower().endswith(".pt2") else "any"
        environment = worker_environment(framework, device=self.device, threads=self.threads)
        try:
            return cast(
                "list[str]",
                ask(
                    "gan_bench.sampling.generator_child",
                    request,
                    environment=environment,
                    say=self.progress,
                ),
            )
        except ChildError as error:
            raise UsageError(str(error)) from error
        except ChildDied as death:
            memory = "; a smaller --batch needs less memory" if "code -9" in str(death) else ""
            raise UsageError(
                f"{self.name} cannot generate images: its process {death}{memory}."
            ) from death
