"""Frameworks: their packages, how to install them, their global generators; imports none."""

import contextlib
import importlib
import json
import platform
import random
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from gan_bench.errors import UsageError
from gan_bench.plugins.registry import Implementation
from gan_bench.system.child import ChildDied, ask, reply
from gan_bench.system.packages import entry_points
from gan_bench.system.processes import process_environment
from gan_bench.trainer import Framework, GlobalGenerators, Precision
from gan_bench.version import __version__

_THIS_MODULE = "gan_bench.plugins.frameworks"
_VERSIONS_LIMIT_S = 120.0
_IMPORT_LIMIT_S = 300.0


FRAMEWORKS_GROUP = "gan_bench.frameworks"


_NUMPY = Framework(("numpy",), "pip install numpy", "numpy")
"""The framework of `gan_bench.testing.FakeTrainer`; always there."""


@cache
def frameworks() -> dict[str, Framework]:
    """Return the registered frameworks by name.

    One whose entry point cannot be used has a `problem`: only what needs it must fail.
    """
    found = {"numpy": _NUMPY}
    origins = {"numpy": "gan-bench"}
    for point in sorted(entry_points(FRAMEWORKS_GROUP), key=lambda p: p.name):
        origin = point.dist.name if point.dist else "an unknown distribution"
        if point.name in found:
            both = " and ".join(sorted((origin, origins[point.name])))
            found[point.name] = _unusable(
                f"{both} both register the framework {point.name}; uninstall one of them"
            )
        else:
            found[point.name] = _loaded(point, origin)
            origins[point.name] = origin
    return found


def _loaded(point: metadata.EntryPoint, origin: str) -> Framework:
    remedy = f"update or uninstall {origin}"
    try:
        framework = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _unusable(
            f"the framework {point.name}, registered by {origin}, cannot be loaded ({reason}); "
            f"{remedy}"
        )
    if isinstance(framework, Framework):
        return framework
    return _unusable(
        f"the entry point {point.name!r} of {origin} in {FRAMEWORKS_GROUP} leads to "
        f"{type(framework).__name__}, not to a gan_bench.trainer.Framework; {remedy}"
    )


def _unusable(problem: str) -> Framework:
    return Framework((), "", "", problem=problem)


def worker_environment(
    framework: str,
    *,
    python: str | None = None,
    device: str,
    threads: int,
    deterministic: bool = False,
    precision: Precision = "ieee",
    run: Path | None = None,
    silence_s: float | None = None,
) -> dict[str, str]:
    """Return the environment of a worker that trains an implementation.

    Parameters
    ----------
    framework
        That of the implementation. The worker gets its variables. If it has no entry point, the
        worker gets those of all frameworks that are installed: it may use any of them.
    python
        The worker's interpreter (None: this one).
    device, threads, deterministic, precision, run, silence_s
        See `gan_bench.system.processes.process_environment`.

    Raises
    ------
    UsageError
        Two frameworks whose variables it would get set one to different values, or a framework's
        function of its variables is wrong.
    """
    environment = process_environment(
        device=device,
        threads=threads,
        deterministic=deterministic,
        precision=precision,
        run=run,
        silence_s=silence_s,
    )
    known = frameworks()
    if framework in known:
        names = [framework]
    else:
        versions = versions_of(python)
        names = [name for name in known if missing(name, versions) is None]
    setters: dict[str, str] = {}
    for name in names:
        variables = _variables(name, device=device, threads=threads, deterministic=deterministic)
        for key, value in variables.items():
            first = setters.setdefault(key, name)
            if first != name and environment[key] != value:
                raise UsageError(
                    f"The frameworks {first} and {name} set {key} to different values "
                    f"({environment[key]!r} and {value!r}), and a worker of the framework "
                    f"{framework}, which has no entry point in {FRAMEWORKS_GROUP}, would get both; "
                    f"register {framework}, or uninstall what registers one of them."
                )
            environment[key] = value
    return environment


def _variables(name: str, **options: Any) -> dict[str, str]:
    try:
        variables: Any = frameworks()[name].environment(**options)
    except Exception as error:  # noqa: BLE001 - it is another distribution's
        problem = " ".join(f"raised {type(error).__name__}: {error}".split())
    else:
        if isinstance(variables, dict) and all(
            isinstance(text, str) for item in variables.items() for text in item
        ):
            return variables
        problem = f"returned {variables!r}, not texts by name"
    raise UsageError(
        f"The environment of the framework {name} {problem}; update what registers it."
    )


PRECISIONS: Final[Mapping[Precision, str]] = {
    "ieee": "the dtype's own: TF32 is off in every framework",
    "tf32": "TF32 in products and convolutions of float32",
    "bf16": "bfloat16 in products, convolutions and the maps between layers, weights in float32",
}
"""What the convention "matmul precision" says of each."""
PINNED = {
    "matmul precision": PRECISIONS["ieee"],
    "GPU memory": "grows on demand",
    "threads": "as many for every framework",
}
"""Settings that are equal in all frameworks' workers; see `worker_environment`.

`gan-bench gate` compares these texts with those of stored baselines, so a new wording would count
as a difference."""


def installed_versions() -> dict[str, str]:
    """Return the versions in this interpreter of all packages that can identify a run."""
    versions = {"python": platform.python_version(), "gan-bench": __version__}
    names = {"numpy"} | {p for framework in frameworks().values() for p in framework.packages}
    for name in sorted(names):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def versions_of(python: str | None) -> dict[str, str]:
    """Return `installed_versions` of an interpreter (None: this one).

    Raises
    ------
    UsageError
        The interpreter cannot be run, or has no gan-bench or another version.
    """
    if python is None or python == sys.executable:
        return installed_versions()
    try:
        versions: dict[str, str] = ask(_THIS_MODULE, {}, python=python, limit_s=_VERSIONS_LIMIT_S)
    except OSError as error:
        raise UsageError(
            f"The interpreter {python} in the plan's [python] table cannot be run ({error}); "
            "name the python of an environment with gan-bench."
        ) from error
    except ChildDied as error:
        raise UsageError(
            f"The interpreter {python} in the plan's [python] table cannot import gan_bench; "
            f"install gan-bench {__version__} in its environment."
        ) from error
    if versions["gan-bench"] != __version__:
        raise UsageError(
            f"The interpreter {python} has gan-bench {versions['gan-bench']}, this one "
            f"{__version__}; install the same version in both."
        )
    return versions


def missing(framework: str, versions: Mapping[str, str]) -> str | None:
    """Return why ``framework`` cannot be used, with the remedy, or None.

    Packages are not installed, or its entry point is wrong.
    """
    needed = frameworks().get(framework)
    if needed is None:
        return None
    absent = [name for name in needed.packages if name not in versions]
    if needed.problem or not absent:
        return needed.problem or None
    return f"{' and '.join(absent)} not installed; get it with {needed.install}"


def framework_problem(implementation: Implementation, python: str | None = None) -> str | None:
    """Return why the framework of an implementation cannot be used by an interpreter, or None."""
    return missing(implementation.framework, versions_of(python))


def broken(error: BaseException) -> str | None:
    """Return which framework is installed but could not be imported, if that is the cause."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [str(frame.f_globals.get("__name__")) for frame in frames]
    modules += [error.name or ""] if isinstance(error, ImportError) else []
    seen = {module.partition(".")[0] for module in modules}
    versions = installed_versions()
    for name, framework in frameworks().items():
        failed = sorted({framework.module, *framework.packages} & seen - sys.modules.keys())
        if failed and not missing(name, versions):
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return (
                f"the framework {name} is installed, but {failed[0]} cannot be imported ({reason})"
                f"; reinstall it with {framework.install}"
            )
    return None


@dataclass(frozen=True)
class ImportedFramework:
    """Facts about a framework that only an import shows."""

    module: str
    version: str
    gpus: int | None
    """Number of GPUs that it can use; None if it uses none."""


def import_framework(name: str, python: str) -> ImportedFramework:
    """Import a framework in a child process.

    Raises
    ------
    OSError
        The interpreter cannot be started.
    ChildDied
        The import failed, or took longer than five minutes.
    ChildError
        Its entry point is wrong.
    """
    answer = ask(_THIS_MODULE, {"import": name}, python=python, limit_s=_IMPORT_LIMIT_S)
    return ImportedFramework(**answer)


def _answer(request: bytes) -> dict[str, Any]:
    name = json.loads(request).get("import")
    if name is None:
        return installed_versions()
    known = frameworks().get(name)
    if known and known.problem:
        raise UsageError(known.problem)
    module = known.module if known else name
    imported = importlib.import_module(module)
    gpus = known.gpus() if known and known.gpus else None
    return {"module": module, "version": imported.__version__, "gpus": gpus}


def identifying_versions(framework: str, versions: dict[str, str]) -> dict[str, str]:
    """Return the part of ``versions`` on which a run of ``framework`` depends."""
    known = frameworks().get(framework)
    names = ("python", "gan-bench", "numpy", *(known.packages if known else ()))
    identifying = {name: versions[name] for name in names if name in versions}
    if known is None:
        with contextlib.suppress(metadata.PackageNotFoundError):
            identifying[framework] = metadata.version(framework)
    return identifying


@dataclass(frozen=True)
class GlobalState:
    """The state of the global generators of Python, NumPy and the frameworks.

    Of the frameworks that this process has imported.
    """

    values: dict[str, Any]
    """Values that JSON can write."""
    _kept: dict[str, Any] = field(default_factory=dict)
    """Generators that traced functions refer to, so that they cannot be replaced."""

    @classmethod
    def now(cls) -> "GlobalState":
        """Return the current state."""
        values: dict[str, Any] = {
            "python": random.getstate(),
            "numpy": _plain(np.random.get_state(legacy=False)),
        }
        kept = {}
        for library in _imported():
            values[library.module], kept[library.module] = library.state()
        return cls(values, kept)

    def restore(self) -> None:
        """Restore this state; frameworks that it has, and this process not yet, are imported."""
        version, numbers, gauss = self.values["python"]
        random.setstate((version, tuple(numbers), gauss))
        np.random.set_state(self.values["numpy"])
        for library in _libraries():
            if library.module in self.values:
                importlib.import_module(library.module)
                library.restore(self.values[library.module], self._kept.get(library.module))
            elif _seeds and _is_imported(library):  # since
                library.seed(_seeds[-1])


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of all libraries, for what is built in this context.

    Frameworks are seeded when they are imported if they are not yet, also later.
    """
    libraries = {library.module: library for library in _libraries()}
    _seeds[:] = [seed]
    others = [finder for finder in sys.meta_path if not isinstance(finder, _SeedsImports)]
    sys.meta_path[:] = [_SeedsImports(libraries), *others]
    random.seed(seed)
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))
    for library in _imported():
        library.seed(seed)
    yield
    for library in _imported():
        library.seed_late(seed)


_seeds: list[int] = []
"""The last seed of `seeded`."""


def _libraries() -> list[GlobalGenerators]:
    return [library for framework in frameworks().values() for library in framework.generators]


def _imported() -> list[GlobalGenerators]:
    return [library for library in _libraries() if _is_imported(library)]


def _is_imported(library: GlobalGenerators) -> bool:
    """Ask a library only if its module was imported: a mistake in it concerns no other process."""
    if library.module not in sys.modules:
        return False
    try:
        return library.imported()
    except Exception as error:
        raise UsageError(
            f"The global generators of {library.module} cannot be used: "
            f"{type(library).__name__}.imported raised {type(error).__name__} ("
            f"{' '.join(str(error).split())}); update what registers this framework."
        ) from error


class _SeedsImports(MetaPathFinder):
    """Seeds a library right after its import."""

    def __init__(self, libraries: Mapping[str, GlobalGenerators]) -> None:
        self.libraries = libraries

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.libraries:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute, library = spec.loader.exec_module, self.libraries[name]

        def execute_and_seed(module: ModuleType) -> None:
            execute(module)
            if _is_imported(library):
                library.seed(_seeds[-1])

        spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


if __name__ == "__main__":
    reply(lambda request, say: _answer(request))
