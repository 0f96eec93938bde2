"""The port a maker's module fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..contract import Facts
from ..tags import Tags


@dataclass(frozen=True, kw_only=True)
class Maker:
    """One maker's metadata.

    name: the part of `Micrograph.format` after the slash
    from_tiff: tags of a page -> facts, None where the tags are not this maker's
    from_sidecar: text of a file beside the picture and the picture's (H, W) -> facts, None where it is not this maker's
    """

    name: str
    from_tiff: Callable[[Tags], Facts | None] | None = None
    from_sidecar: Callable[[str, tuple[int, int]], Facts | None] | None = None
