"""Rendered crops: each a rendering of its own, or cut from larger renderings that several crops share.

Rendering takes longer than anything else in a loader, so where the network is faster a rendering serves several crops. Which one
a crop is cut from, and where, depends on the seed and the example's number alone. Whichever process first needs a rendering makes
it and leaves it in a folder, where all others find it: so renderings are made ahead, side by side, and none is made twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from .real import I32, U8

IN_HAND = 64
"""Renderings among which the next crop has the choice: how different the crops of a batch are."""

Render = Callable[[np.random.Generator, tuple[int, int]], tuple[U8, I32]]
"""(generator, (H, W)) -> grey levels and labels."""


@dataclass(frozen=True, kw_only=True)
class SharedRenderings:
    """Renderings of `side_px` squared in a folder, each cut into about `crops_each` crops.

    crops_per_example: the share of all examples that are rendered crops
    """

    folder: Path
    side_px: int
    crops_each: int
    crops_per_example: float
    seed: int
    render: Render

    def crop(self, example: int, crop_px: int, rng: np.random.Generator) -> tuple[U8, I32]:
        """A square of a rendering at a place and in one of eight positions drawn at random: grey levels, labels."""
        pair = self._rendering(self.oldest(example) + int(rng.integers(IN_HAND)))
        y, x = rng.integers(self.side_px - crop_px + 1, size=2)
        window = pair[:, y : y + crop_px, x : x + crop_px]
        window = np.rot90(window, int(rng.integers(4)), (1, 2))
        window = window[:, :, ::-1] if rng.random() < 0.5 else window
        return window[0].astype(np.uint8), window[1].astype(np.int32)

    def oldest(self, example: int) -> int:
        """The number of the first rendering that an example, or any after it, is cut from."""
        return int(example * self.crops_per_example / self.crops_each)

    def forget(self, before_example: int) -> None:
        """Deletes the renderings that no example from this one on is cut from."""
        first = self.oldest(before_example)
        for path in self.folder.glob("*.*"):
            if path.stem.isdigit() and int(path.stem) < first:
                path.unlink(missing_ok=True)

    def _rendering(self, number: int) -> NDArray[np.uint16]:
        """(2, side, side): grey levels and labels, read where it lies and made where it does not."""
        path = self.folder / f"{number}.npy"
        if not path.exists():
            with FileLock(path.with_suffix(".lock")):
                if not path.exists():
                    pair = np.stack(self.render(np.random.default_rng([self.seed, number, 1]), (self.side_px, self.side_px)))
                    aside = path.with_suffix(".tmp.npy")
                    np.save(aside, pair.astype(np.uint16))
                    aside.replace(path)
        return np.asarray(np.load(path, mmap_mode="r"))
