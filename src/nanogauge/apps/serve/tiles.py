"""The micrograph as tiles of several resolutions, so that any size pans and zooms alike."""

from __future__ import annotations

import threading
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

TILE_PX = 1024
_LEAST_PX = 512


class Pyramid:
    """grey: (H, W) uint8. Level k is shrunk by 2**k."""

    def __init__(self, grey: NDArray[np.uint8]) -> None:
        self.grey = grey
        self._lock = threading.Lock()
        self._levels: dict[int, NDArray[np.uint8]] = {0: grey}

    @cached_property
    def n_levels(self) -> int:
        n, side = 1, max(self.grey.shape)
        while side > _LEAST_PX:
            n, side = n + 1, side // 2
        return n

    def level(self, k: int) -> NDArray[np.uint8]:
        """The picture shrunk by 2**k, areas averaged."""
        with self._lock:
            for j in range(1, k + 1):
                if j not in self._levels:
                    above = self._levels[j - 1]
                    shape = (max(above.shape[1] // 2, 1), max(above.shape[0] // 2, 1))
                    self._levels[j] = np.asarray(cv2.resize(above, shape, interpolation=cv2.INTER_AREA), np.uint8)
            return self._levels[k]

    def tile(self, k: int, row: int, column: int) -> bytes | None:
        """PNG of a tile; None where there is none."""
        if not 0 <= k < self.n_levels or row < 0 or column < 0:
            return None
        part = self.level(k)[row * TILE_PX : (row + 1) * TILE_PX, column * TILE_PX : (column + 1) * TILE_PX]
        if not part.size:
            return None
        done, data = cv2.imencode(".png", np.ascontiguousarray(part), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        return data.tobytes() if done else None
