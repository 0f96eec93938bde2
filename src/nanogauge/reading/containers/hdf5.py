"""HDF5 files: Velox and Berkeley (NCEM) emd, and HyperSpy's hspy, each known by its groups. Others are named for what they are."""

from __future__ import annotations

from typing import Any

from ...core.errors import InputError, UnreadableFile, UnsupportedFormat
from ..contract import Container, Decoded, Wish
from ..file import File
from . import berkeley, hyperspy, velox

_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError)


def read(source: File, wish: Wish) -> Decoded:
    """A picture of an HDF5 file of a kind that is known."""
    import h5py

    path = source.path
    try:
        with h5py.File(source.stream, "r") as file:
            if "Data/Image" in file:
                return velox.read(path, file["Data/Image"], wish)
            if hyperspy.is_hyperspy(file):
                return hyperspy.read(path, file, wish, name="hspy")
            if groups := berkeley.groups(file):
                return berkeley.read(path, groups, wish)
            raise UnsupportedFormat(f"{path}: {_named(file)}; save the micrograph as TIFF")
    except InputError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UnreadableFile(f"{path}: damaged or cut-off HDF5 file ({reason}); copy it again from the microscope") from error


def _named(file: Any) -> str:
    """What an HDF5 file of no known kind is, in words."""
    names = list(file)
    if "Data" in file or "Presentation" in file:
        return "a Velox file without a picture (spectra only?)"
    if any("EDS" in n or "EBSD" in n for inner in map(file.get, names) if hasattr(inner, "keys") for n in inner):
        return "an HDF5 file of EDS or EBSD maps (h5oina)"
    if any(getattr(file[n], "attrs", {}).get("NX_class") is not None for n in names):
        return "a NeXus file, whose pictures are not read here"
    return f"an HDF5 file of no kind that is read here (it holds {', '.join(names[:5]) or 'nothing'})"


HDF5 = Container(lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"), read, (".emd", ".hspy"))
