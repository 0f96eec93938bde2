"""What the page of a micrograph is to the panels on it."""

from __future__ import annotations

from typing import Any, Protocol

from ....editing.delta import Delta
from ....editing.session import Session
from ..entry import Entry
from ..studio import Studio
from .elements import MicrographView
from .sizes_panel import SizesPanel


class Shown(Protocol):
    """The page's part that its panels call."""

    name: str
    studio: Studio
    entry: Entry
    session: Session
    view: MicrographView
    sizes: SizesPanel
    hand: str

    def set_tool(self, tool: str) -> None:
        """Puts a tool into the hand."""
        ...

    async def edit(self, kind: str, **gesture: Any) -> Delta | None:
        """Makes an edit; None where it was refused, which the page has then said."""
        ...
