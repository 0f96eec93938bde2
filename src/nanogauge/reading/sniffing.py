"""What a file's first bytes look like, in words for a message."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InputError, UnreadableFile, UnsupportedFormat

_KNOWN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive or an Office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (4, b"ftypheic", "a HEIC photograph"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (208, b"MAP ", "an MRC volume"),
    (0, b"8BPS", "a Photoshop document"),
)


def unknown(path: Path, head: bytes) -> InputError:
    """The error for a file that no format claims: UnsupportedFormat for a known kind, UnreadableFile for text or noise."""
    for offset, magic, name in _KNOWN:
        if head[offset:].startswith(magic):
            return UnsupportedFormat(f"{path}: this is {name}; save the micrograph as TIFF, PNG, JPEG or BMP")
    if _is_text(head):
        start = " ".join(head[:60].decode("utf-8", "replace").split())[:40]
        return UnreadableFile(f"{path}: looks like text ({start!r}), not a picture; give the file the microscope wrote")
    if not any(head):
        return UnreadableFile(f"{path}: starts with nothing but zero bytes; copy the file again from the microscope")
    return UnsupportedFormat(f"{path}: unknown kind of file (first bytes {head[:8].hex(' ')}); save it as TIFF, PNG, JPEG or BMP")


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    printable = sum(b >= 32 or b in b"\t\r\n\f" for b in head)
    return b"\0" not in head and printable == len(head)
