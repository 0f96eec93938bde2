"""Instrument text: bytes of unknown encoding to text, INI text to a flat mapping."""

from __future__ import annotations

import re
from xml.etree import ElementTree


def decode(data: bytes) -> str:
    """Text of bytes in UTF-16 (with or without byte order mark), UTF-8 or, failing these, Latin-1. NULs are dropped."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif len(data) > 3 and data[1:64:2].count(0) > len(data[1:64:2]) // 2:
        text = data.decode("utf-16-le", "replace")
    elif len(data) > 3 and data[:64:2].count(0) > len(data[:64:2]) // 2:
        text = data.decode("utf-16-be", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\0", "").replace("\ufeff", "")


def ini(text: str) -> dict[str, str]:
    """INI text as {"Section/Key": value}; keys before the first section stand alone; the first of two equal keys holds."""
    values: dict[str, str] = {}
    section = ""
    for raw in re.split(r"[\r\n]+", text):
        line = raw.strip()
        if header := re.fullmatch(r"\[(.+)\]", line):
            section = header[1].strip() + "/"
        elif "=" in line:
            key, value = line.split("=", 1)
            values.setdefault(section + key.strip(), value.strip())
    return values


def xml(text: str) -> ElementTree.Element | None:
    """Root of an XML document, None where it is malformed or declares entities of its own."""
    start, end = text.find("<"), text.rfind(">")
    if start < 0 or "<!ENTITY" in text:
        return None
    body = re.sub(r"^<\?xml[^>]*\?>", "", text[start : end + 1])
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None


def local(element: ElementTree.Element) -> str:
    """Tag without its namespace."""
    return str(element.tag).rsplit("}", 1)[-1]


def first(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    """First element of that local name at any depth."""
    return next((e for e in root.iter() if local(e) == name), None)


def first_text(root: ElementTree.Element, name: str) -> str | None:
    """Stripped text of the first element of that local name; None where absent or empty."""
    element = first(root, name)
    return (element.text or "").strip() or None if element is not None else None
