"""What a file's first bytes look like, in words for a message."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InputError, UnreadableFile, UnsupportedFormat

_EXPORT = "export the micrograph as TIFF from the program that wrote it"
_SAVE = "save the micrograph as TIFF or PNG"
_KNOWN: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"%PDF", "a PDF", "save its picture as TIFF or PNG, at full resolution"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (0, b"Rar!", "a RAR archive", "unpack it first"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive", "unpack it first"),
    (0, b"\xd0\xcf\x11\xe0", "an Office document or a microscope's project file (OLE)", _EXPORT),
    (4, b"ftyphei", "a HEIC photograph", _SAVE),
    (4, b"ftypmif1", "a HEIC photograph", _SAVE),
    (4, b"ftypavif", "an AVIF picture", _SAVE),
    (0, b"\xff\x0a", "a JPEG XL picture", _SAVE),
    (4, b"JXL \r\n", "a JPEG XL picture", _SAVE),
    (4, b"ftyp", "a film (MP4)", "save one picture of it as TIFF or PNG"),
    (8, b"AVI ", "a film (AVI)", "save one picture of it as TIFF or PNG"),
    (0, b"8BPS", "a Photoshop document", _SAVE),
    (0, b"ZISRAWFILE", "a Zeiss CZI file", _EXPORT),
    (0, b"\xda\xce\xbe\x0a", "a Nikon ND2 file", _EXPORT),
    (0, b"p\0\0\0", "a Leica LIF file", _EXPORT),
    (0, b"SIMPLE  =", "a FITS file", _EXPORT),
    (0, b"CDF\x01", "a NetCDF file", _EXPORT),
    (0, b"CDF\x02", "a NetCDF file", _EXPORT),
    (0, b"MATLAB 5.0", "a MATLAB file", "write the picture with imwrite as TIFF"),
    (128, b"DICM", "a DICOM file", _EXPORT),
    (0, b"HDR,", "a Merlin (Medipix) file of diffraction patterns (mib)", "give a micrograph"),
    (0, b"\\*File list", "an atomic force micrograph (Nanoscope)", "give an electron micrograph"),
    (0, b"P5", "a PGM picture", _SAVE),
    (0, b"P6", "a PPM picture", _SAVE),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture", _SAVE),
)


def unknown(path: Path, head: bytes) -> InputError:
    """The error for a file that no format claims: UnsupportedFormat for a known kind, UnreadableFile for text or noise."""
    for offset, magic, name, remedy in _KNOWN:
        if head[offset:].startswith(magic):
            return UnsupportedFormat(f"{path}: this is {name}, which is not read here; {remedy}")
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
