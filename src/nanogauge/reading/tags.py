"""The tags of one TIFF page as the makers' modules see them: raw bytes, text, tifffile's parsed value."""

from __future__ import annotations

from typing import Any

from .text import decode

_BYTES_PER_ITEM = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LONGEST_TEXT = 16_000_000


class Tags:
    """Tags of one tifffile page. Nothing here raises for a tag that is absent or malformed."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.shape: tuple[int, int] = (int(page.imagelength), int(page.imagewidth))

    def __contains__(self, code: int) -> bool:
        return code in self._page.tags

    def raw(self, code: int) -> bytes:
        """Bytes of the tag as they lie in the file; empty where absent."""
        tag = self._page.tags.get(code)
        if tag is None:
            return b""
        n_bytes = min(int(tag.count) * _BYTES_PER_ITEM.get(int(tag.dtype), 1), _LONGEST_TEXT)
        file = tag.parent.filehandle
        file.seek(int(tag.valueoffset))
        return bytes(file.read(n_bytes))

    def text(self, code: int) -> str:
        """Text of the tag (UTF-16, UTF-8 or Latin-1); empty where absent."""
        return decode(self.raw(code)).strip()

    def value(self, code: int) -> Any:
        """Value as tifffile parses it; None where absent."""
        tag = self._page.tags.get(code)
        return None if tag is None else tag.value

    def mapping(self, code: int) -> dict[str, Any]:
        """Value where tifffile parses it into a dictionary; empty otherwise."""
        value = self.value(code)
        return value if isinstance(value, dict) else {}

    def number(self, code: int) -> float | None:
        """Value as one number (a rational as its quotient); None where it is none."""
        value = self.value(code)
        if isinstance(value, tuple) and len(value) == 2:
            return float(value[0]) / float(value[1]) if value[1] else None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
