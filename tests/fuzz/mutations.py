"""Damage done to files: bytes flipped, cut, doubled, swapped; TIFF tags changed; numbers in texts made absurd; parts of JSON
replaced."""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import numpy as np

_INTS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"-inf", b"1e-320", b"99999999999999999999", b"1,5", b"0x10", b"", b"\xff\xfe")
_TAGS = (256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 317, 339, 34118, 34680)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """A damaged copy: one to four changes."""
    for _ in range(int(rng.integers(1, 5))):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        data = change(data, rng) if data else bytes(rng.integers(0, 256, 16, dtype=np.uint8))
    return data


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for at in rng.integers(0, len(out), int(rng.integers(1, 9))):
        out[at] ^= 1 << int(rng.integers(8))
    return bytes(out)


def _head(data: bytes, rng: np.random.Generator) -> bytes:
    """Most of what readers trust stands in the first bytes."""
    out = bytearray(data)
    for at in rng.integers(0, min(len(out), 200), int(rng.integers(1, 5))):
        out[at] = int(rng.integers(256))
    return bytes(out)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def _remove(data: bytes, rng: np.random.Generator) -> bytes:
    a, n = int(rng.integers(0, len(data))), int(rng.integers(1, 64))
    return data[:a] + data[a + n :]


def _double(data: bytes, rng: np.random.Generator) -> bytes:
    a, n = int(rng.integers(0, len(data))), int(rng.integers(1, 256))
    return data[:a] + data[a : a + n] * int(rng.integers(2, 6)) + data[a + n :]


def _swap(data: bytes, rng: np.random.Generator) -> bytes:
    a, b = sorted(int(v) for v in rng.integers(0, len(data), 2))
    n = int(rng.integers(1, 64))
    return data[:a] + data[b : b + n] + data[a + n : b] + data[a : a + n] + data[b + n :]


def _integer(data: bytes, rng: np.random.Generator) -> bytes:
    size = int(rng.choice([1, 2, 4, 8]))
    if len(data) < size:
        return data
    at = int(rng.integers(0, len(data) - size + 1))
    value = int(rng.choice(_INTS)) & ((1 << (8 * size)) - 1)
    return data[:at] + value.to_bytes(size, "little" if rng.integers(2) else "big") + data[at + size :]


def _tag(data: bytes, rng: np.random.Generator) -> bytes:
    """Changes code, type, count or value of an entry of a TIFF's first directory; other files get another integer."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return _integer(data, rng)
    (first,) = struct.unpack_from(order + "I", data, 4)
    if first + 2 > len(data):
        return _integer(data, rng)
    (n,) = struct.unpack_from(order + "H", data, first)
    at = first + 2 + 12 * int(rng.integers(max(n, 1)))
    if at + 12 > len(data):
        return _integer(data, rng)
    out, part = bytearray(data), int(rng.integers(4))
    if part == 0:
        struct.pack_into(order + "H", out, at, int(rng.choice(_TAGS)))
    elif part == 1:
        struct.pack_into(order + "H", out, at + 2, int(rng.integers(0, 20)))
    else:
        where = at + (4 if part == 2 else 8)
        value = int(rng.choice(_INTS)) if rng.integers(2) else int(rng.integers(0, 1 << 16))
        struct.pack_into(order + "I", out, where, value)
    return bytes(out)


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    found = list(_NUMBER.finditer(data[:100_000]))
    if not found:
        return _flip(data, rng)
    m = found[int(rng.integers(len(found)))]
    return data[: m.start()] + _NUMBERS[int(rng.integers(len(_NUMBERS)))] + data[m.end() :]


def _node(data: bytes, rng: np.random.Generator) -> bytes:
    """Puts something absurd in the place of a part of a JSON file, which stays sound JSON; other files get another number."""
    try:
        content = json.loads(data[:100_000])
    except (ValueError, RecursionError):
        return _number(data, rng)
    places: list[tuple[Any, Any]] = []
    todo = [content]
    while todo and len(places) < 5000:
        part = todo.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else []
        places += [(part, k) for k in keys]
        todo += [part[k] for k in keys]
    if not places:
        return _number(data, rng)
    holder, key = places[int(rng.integers(len(places)))]
    holder[key] = _ABSURD[int(rng.integers(len(_ABSURD)))]
    return json.dumps(content).encode()


_ABSURD: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 10**30, 1e308, -1e308, float("nan"), float("inf"), "", "x", "12", "\n", [], [[]], [None], {},
    {"a": 1}, [[1, 2], [3]], [1, 2, 3], ["a", "b", "c"], [[1e300, 1e300], [-1e300, 5], [5, 5]], [-1, 5, 10**12],
    {"size": [48, 60], "counts": "o" * 99},
)  # fmt: skip
_CHANGES = (_flip, _head, _cut, _remove, _double, _swap, _integer, _tag, _tag, _number, _node, _node)
