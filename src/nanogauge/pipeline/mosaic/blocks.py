"""A mosaic cut into blocks, each with the network's maps of it and of a margin about it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...core.protocols import Engine, classes_of, n_maps
from ...core.settings import Settings
from ...detection.segment import predict_bands
from .working import WorkingPicture

F32 = NDArray[np.float32]
_BLOCK_PX, _MARGIN_PX, _WIDEST_MARGIN_PX = 1536, 132, 384  # of the working picture; a typical particle has 44 px
_LEAST_BLOCK_PX, _LEAST_MARGIN_PX = 96, 32
_A_LITTLE = 0.1  # of a block's side, that it may be longer
_PANEL_PX = 8192  # columns whose maps are kept at once
_WINDOW_PX, _WIDEST_WINDOW_PX = 2400, 3400  # sides of a window on the mosaic itself: what memory holds


@dataclass(frozen=True)
class Block:
    """Maps (n, h, w) of rows of the working picture, the place there of their first pixel, and the block in them: all in working
    px."""

    maps: F32
    origin: tuple[int, int]
    block: tuple[int, int, int, int]  # y0, y1, x0, x1

    def window(self, margin: int) -> Block:
        """The same with the maps of the block and a margin about it, as far as there are any."""
        (top, left), (_, h, w), (y0, y1, x0, x1) = self.origin, self.maps.shape, self.block
        a, b = max(y0 - margin, top), min(y1 + margin, top + h)
        c, d = max(x0 - margin, left), min(x1 + margin, left + w)
        return Block(self.maps[:, a - top : b - top, c - left : d - left], (a, c), self.block)


def blocks_of(picture: WorkingPicture, engine: Engine, settings: Settings) -> Iterator[Block]:
    """All blocks with the maps of their widest windows, in their order."""
    side, _, widest = sides(picture.shape[0] / picture.mosaic.shape[0])
    h, w = picture.shape
    for x0 in range(0, w, _PANEL_PX):
        x1 = min(x0 + _PANEL_PX, w)
        left, right = max(x0 - widest, 0), min(x1 + widest, w)
        rows = _Rows(picture, engine, settings, (left, right))
        for y0, y1 in _split(0, h, side):
            maps, top = rows.between(max(y0 - widest, 0), min(y1 + widest, h))
            for c0, c1 in _split(x0, x1, side):
                widest_window = Block(maps, (top, left), (y0, y1, c0, c1)).window(widest)
                # a copy, or all maps would be kept for the sake of blocks that are measured while the next rows are made
                yield replace(widest_window, maps=widest_window.maps.copy())
            del maps


def _split(begin: int, end: int, side: int) -> list[tuple[int, int]]:
    """Blocks of about that side, all alike, as few as do: a narrow one at the end costs nearly as much as a whole one."""
    n = max(math.ceil((end - begin) / side - _A_LITTLE), 1)
    corners = [begin + (end - begin) * k // n for k in range(n + 1)]
    return list(pairwise(corners))


def sides(zoom: float) -> tuple[int, int, int]:
    """Side of a block, its margin and the widest margin, in working px, such that windows of the mosaic fit into memory."""
    window, largest = round(_WINDOW_PX * zoom), round(_WIDEST_WINDOW_PX * zoom)
    margin = int(np.clip((window - _LEAST_BLOCK_PX) // 2, min(_LEAST_MARGIN_PX, _MARGIN_PX), _MARGIN_PX))
    side = int(np.clip(window - 2 * margin, _LEAST_BLOCK_PX, _BLOCK_PX))
    return side, margin, int(np.clip((largest - side) // 2, margin, _WIDEST_MARGIN_PX))


class _Rows:
    """The maps of some columns, from top to bottom; rows no longer asked for are dropped."""

    def __init__(self, picture: WorkingPicture, engine: Engine, settings: Settings, columns: tuple[int, int]) -> None:
        reach = engine.tile_px
        picture.columns(max(columns[0] - reach, 0), min(columns[1] + reach, picture.padded[1]))
        s = settings.segment
        self._bands: Iterator[tuple[int, F32]] = predict_bands(
            picture.window, picture.padded, engine, overlap_px=s.overlap_px, flips=s.flips, columns=columns
        )
        self._height = picture.shape[0]
        self._top = 0
        self._kept: F32 = np.zeros((n_maps(engine) + len(classes_of(engine).names), 0, columns[1] - columns[0]), np.float32)

    def between(self, y0: int, y1: int) -> tuple[F32, int]:
        """Maps (n, rows, columns) that hold the rows y0 ... y1, and the first row of them."""
        parts, upto = [self._kept[:, y0 - self._top :]], self._top + self._kept.shape[1]
        while upto < y1:
            _, band = next(self._bands)
            parts.append(band[:, : self._height - upto])
            upto += parts[-1].shape[1]
        self._kept, self._top = np.concatenate(parts, axis=1), y0
        return self._kept, self._top
