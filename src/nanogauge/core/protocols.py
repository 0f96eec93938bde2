"""What is foreign and replaceable, as protocols: the network and the text reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .scale import Scale


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text found in a picture. `box` is (y0, x0, y1, x1) in px, half-open; confidence in [0, 1]."""

    text: str
    confidence: float
    box: tuple[float, float, float, float]


class TextReader(Protocol):
    """Reads text in pictures (OCR)."""

    name: str

    def read(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        """All lines of text in an (H, W) uint8 picture."""
        ...

    def read_line(self, pixels: NDArray[np.uint8]) -> tuple[str, float]:
        """Text and confidence of an (H, W) uint8 crop that holds one line."""
        ...


class BarLocator(Protocol):
    """Sees where scale bars and text are in a picture."""

    def maps(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Of an (H, W) uint8 picture: five maps (5, h, w) in [0, 1], bar, its label, other text, left and right ends of bars; and
        how many px a cell of them spans."""
        ...


class LetterReader(Protocol):
    """Reads a line of text letter by letter, whatever they spell: a second witness beside a `TextReader`."""

    alphabet: str

    def columns(self, line: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Of a line of text (32, W) uint8: in each of its columns of two px the probabilities of no letter, of each letter of the
        alphabet, and of any other, (W/2, 2 + len(alphabet))."""
        ...


N_MAPS = 3
"""Foreground, boundary, distance."""


@dataclass(frozen=True, slots=True)
class SizesInView:
    """What a view of a micrograph says of the sizes of its particles, lengths in the view's px.

    d50_px: number median of the equivalent diameter; scale: of the error of its logarithm (Laplace's law); gsd: geometric standard
    deviation; n: particles, a cut one by its share; shares: (1 + sizes, h, w) in [0, 1], of each cell's area, ground first;
    by_area_px: geometric mean of the diameter by the area that each size covers, None where the estimator does not say
    """

    d50_px: float
    scale: float
    gsd: float
    n: float
    shares: NDArray[np.float32]
    by_area_px: float | None = None


class SizeEstimator(Protocol):
    """Tells sizes from a picture alone, without outlines."""

    stride: int  # heights and widths must be multiples of this
    rule: Mapping[str, float]  # "gain", "floor", "mixture", "surprise", see `size_estimate`; empty: never held against truth

    def look(self, view: NDArray[np.float32]) -> SizesInView:
        """Of standardised grey levels (H, W)."""
        ...


@dataclass(frozen=True, slots=True)
class Maps:
    """Probability maps of a picture, each (H, W) float32 in [0, 1]: foreground; boundary between and round particles;
    normalised distance to the particle's own outline (1 at its middle).

    classes: (K, H, W), how likely a pixel is of each class, None where the engine tells none apart
    pointers: (2, H, W), where the middle of a pixel's particle lies, down and to the right of it: 1/2 + a quarter of the way, in
        radii of the particle; None where the engine does not say
    """

    foreground: NDArray[np.float32]
    boundary: NDArray[np.float32]
    distance: NDArray[np.float32]
    classes: NDArray[np.float32] | None = None
    pointers: NDArray[np.float32] | None = None

    @classmethod
    def stacked(cls, maps: NDArray[np.float32], engine: Engine) -> Maps:
        """From what an engine predicts (n, H, W), in its order."""
        own = n_maps(engine)
        f, b, d = (np.ascontiguousarray(m) for m in maps[:N_MAPS])
        return cls(f, b, d, maps[own:] if len(maps) > own else None, maps[N_MAPS:own] if own > N_MAPS else None)


@dataclass(frozen=True, slots=True)
class TaughtOutlines:
    """What the outlines look like that a network was taught, so that others are told from them.

    centres: (K, F) mean features of each class, as in `measuring.learned_classes.shape_features`; whitening: (F, F), by which what
        lies between an outline and a centre is multiplied; farthest: all but a twentieth of the taught particles held out lie
        nearer to a centre
    """

    centres: tuple[tuple[float, ...], ...]
    whitening: tuple[tuple[float, ...], ...]
    farthest: float


COUNTS = (1.0, 2.0)
"""How much maps and outlines count where that was never weighed."""


@dataclass(frozen=True, slots=True)
class EngineClasses:
    """The classes that a network tells apart.

    names: in the order of its maps; of: "particles", whose class is that of their pixels, or "phases", of every pixel
    temperature: by which logarithms of probabilities are divided so that they hold true of what the network has not learned from
    nm_per_px: smallest and largest pixel it has learned from; None where that is not known
    outlines: (S + 1, K) weights of what outlines say of the classes, as in `measuring.learned_classes.outline_evidence`; () where
        they are not asked
    counts: how much the logarithms of what the maps and of what outlines say count, where outlines are asked
    taught: to tell outlines that are like none it was taught; None: by the names of the classes, where all are shapes
    """

    names: tuple[str, ...]
    of: str = "particles"
    temperature: float = 1.0
    nm_per_px: tuple[float, float] | None = None
    outlines: tuple[tuple[float, ...], ...] = ()
    counts: tuple[float, float] = COUNTS
    taught: TaughtOutlines | None = None


NO_CLASSES = EngineClasses(())


class Engine(Protocol):
    """Turns grey levels into probability maps."""

    name: str
    stride: int  # heights and widths must be multiples of this
    tile_px: int  # largest side it takes at once
    working_diameter_px: float | None  # particle diameter it sees best; None: it takes pictures as they are
    sees_px: tuple[float, float]  # the smallest and the largest particle diameter it sees
    detection: Mapping[str, float]  # see `readings.relative_uncertainty` and `confidence.expected_found`; empty: not known
    calibration: Mapping[str, float] | None  # of what its maps say of a particle, see `detection.confidence`; None: not calibrated

    @property
    def sha256(self) -> str:
        """Of the weights; "" where there are none."""
        ...

    def predict(self, tile: NDArray[np.float32]) -> NDArray[Any]:
        """Standardised grey levels (H, W) -> (n, H, W) float32: foreground, boundary, distance; then two pointers and K classes,
        of an engine that has them."""
        ...


@runtime_checkable
class Pointing(Protocol):
    """An engine that may point to the particles' middles: with pointers it has two maps more."""

    n_maps: int


def n_maps(engine: Engine) -> int:
    """How many maps an engine has apart from its classes': 3, or 5 with pointers."""
    return engine.n_maps if isinstance(engine, Pointing) else N_MAPS


@runtime_checkable
class Classing(Protocol):
    """An engine that may tell classes apart."""

    classes: EngineClasses


def classes_of(engine: Engine) -> EngineClasses:
    """What an engine tells apart; no names where it tells nothing apart."""
    return engine.classes if isinstance(engine, Classing) else NO_CLASSES


@runtime_checkable
class SideBySide(Protocol):
    """An engine that takes several tiles at a time."""

    def predict_all(self, tiles: Iterator[NDArray[np.float32]], n: int) -> Iterator[NDArray[Any]]:
        """The maps of `n` tiles, in their order, each as `Engine.predict` gives them."""
        ...


def predict_each(engine: Engine, tiles: Iterator[NDArray[np.float32]], n: int) -> Iterator[NDArray[Any]]:
    """The maps of n tiles, in their order: side by side where the engine can."""
    return engine.predict_all(tiles, n) if isinstance(engine, SideBySide) else map(engine.predict, tiles)


class LabelStore(Protocol):
    """Labels of a picture too large for memory, kept elsewhere, with what had to be made of them where they were at hand.

    overlay: (h, w, 3) RGB, the outlines over a preview; edge_offset_px: from the outlines to the edges in the grey levels
    """

    shape: tuple[int, int]
    overlay: NDArray[np.uint8]
    edge_offset_px: float

    def save(self, folder: Path, scale: Scale | None, *, n_labels: int) -> None:
        """Writes FOLDER/labels.tif and FOLDER/rois.zip."""
        ...


Progress = Callable[[float, str], None]
"""Is told the share that is done and, in words, what is going on."""
