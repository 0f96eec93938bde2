"""What a Measurement is to those who draw and save it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.micrograph import Micrograph
from ..core.protocols import LabelStore
from ..core.scale import Scale
from ..core.settings import Settings
from ..measuring.contours import Polygon
from ..scale.bar import ScaleBarReading
from ..scale.resolve import ScaleDecision
from ..statistics.distribution import Distribution

if TYPE_CHECKING:
    import pandas as pd


class Measured(Protocol):
    """The part of `Measurement` that figures and files are made of; there it is said what each is."""

    @property
    def micrograph(self) -> Micrograph: ...
    @property
    def decision(self) -> ScaleDecision: ...
    @property
    def scale(self) -> Scale | None: ...
    @property
    def scale_bar(self) -> ScaleBarReading | None: ...
    @property
    def labels(self) -> NDArray[np.int32]: ...
    @property
    def contours(self) -> dict[int, list[Polygon]]: ...
    @property
    def particles(self) -> pd.DataFrame: ...
    @property
    def n_particles(self) -> int: ...
    @property
    def distribution(self) -> Distribution: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def overlay(self) -> NDArray[np.uint8]: ...
    @property
    def mosaic(self) -> LabelStore | None: ...
    def headline(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
