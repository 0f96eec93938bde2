"""napari's reader: the micrograph formats that nanogauge reads, with their scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...reading import SUFFIXES, read_micrograph
from .layers import LayerData, image_layer


def get_reader(path: Any) -> Callable[[Any], list[LayerData]] | None:
    """`read_layers` for one file whose suffix is among those worth trying; None for others, folders and lists to be stacked."""
    if isinstance(path, list | tuple) or Path(path).suffix.lower() not in SUFFIXES or Path(path).is_dir():
        return None
    return read_layers


def read_layers(path: Any) -> list[LayerData]:
    """One image layer. Raises InputError, in one line that napari shows, where the file cannot be used."""
    return [image_layer(read_micrograph(path))]
