"""What a mosaic's measurement keeps on disk until it is saved: labels and outlines."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.scale import Scale
from ...measuring.contours import Polygon
from ...results.interchange.write import roi_bytes
from ...results.pictures import label_tags

_TILE_PX = 512


class MosaicFiles:
    """Labels (H, W) int32 as plain rows in a temporary file, and ImageJ ROIs; `save` writes labels.tif and rois.zip.

    overlay: (h, w, 3) RGB, edge_offset_px: what was drawn and measured block by block; whoever fills the files sets them
    The files vanish with the object. Room for 4 bytes a pixel is needed in the folder for temporary files.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.overlay = np.zeros((1, 1, 3), np.uint8)
        self.edge_offset_px = math.nan
        folder = Path(tempfile.mkdtemp(prefix="nanogauge-"))
        self._gone = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._raw, self._rois = folder / "labels.raw", folder / "rois.zip"
        with self._raw.open("wb") as file:
            file.truncate(shape[0] * shape[1] * 4)
        self._archive = zipfile.ZipFile(self._rois, "w", zipfile.ZIP_DEFLATED)  # open until saved: to open it again reads all names

    def read(self, y0: int, y1: int, x0: int, x1: int) -> NDArray[np.int32]:
        """A window of the labels."""
        out = np.empty((y1 - y0, x1 - x0), np.int32)
        with self._raw.open("rb") as file:
            for y in range(y0, y1):
                file.seek((y * self.shape[1] + x0) * 4)
                out[y - y0] = np.frombuffer(file.read((x1 - x0) * 4), np.int32)
        return out

    def write(self, y0: int, x0: int, labels: NDArray[np.int32]) -> None:
        """Puts a window of labels in its place."""
        with self._raw.open("r+b") as file:
            for k, row in enumerate(np.ascontiguousarray(labels, np.int32)):
                file.seek(((y0 + k) * self.shape[1] + x0) * 4)
                file.write(row.tobytes())

    def add_rois(self, outlines: dict[int, list[Polygon]]) -> None:
        """Adds ROIs: label -> its closed outlines in corner coordinates of the whole picture."""
        for label, rings in outlines.items():
            self._archive.writestr(f"{label:07d}.roi", roi_bytes(rings, f"{label:07d}"))

    def save(self, folder: Path, scale: Scale | None, *, n_labels: int) -> None:
        """Writes FOLDER/labels.tif (tiled BigTIFF, compressed) and FOLDER/rois.zip."""
        import tifffile

        about: dict[str, Any] = label_tags(scale, highest=n_labels)
        tifffile.imwrite(
            folder / "labels.tif",
            self._tiles(),
            shape=self.shape,
            dtype=np.int32,
            tile=(_TILE_PX, _TILE_PX),
            bigtiff=True,
            compression="zlib",
            photometric="minisblack",
            metadata=None,
            **about,
        )
        self._archive.close()
        shutil.copyfile(self._rois, folder / "rois.zip")

    def preview(self, shape: tuple[int, int]) -> NDArray[np.int32]:
        """The labels shrunk to (h, w), of each pixel the nearest."""
        (height, width), (h, w) = self.shape, shape
        x = ((np.arange(w) + 0.5) * width / w).astype(np.int64)
        rows = [self.read(y, y + 1, 0, width)[0, x] for y in ((np.arange(h) + 0.5) * height / h).astype(int)]
        return np.stack(rows)

    def _tiles(self) -> Iterator[NDArray[np.int32]]:
        height, width = self.shape
        for y in range(0, height, _TILE_PX):
            band = self.read(y, min(y + _TILE_PX, height), 0, width)
            for x in range(0, width, _TILE_PX):
                yield np.ascontiguousarray(band[:, x : x + _TILE_PX])
