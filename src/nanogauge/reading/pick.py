"""Which picture of a file with several: its detector, its page, its channel. The only place where that is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NoSuchPart, UnsupportedFormat
from ..core.micrograph import Part
from . import grey
from .contract import Decoded, Facts, Wish, refuse_huge, refuse_reciprocal

RGB, RGBA = ("red", "green", "blue"), ("red", "green", "blue", "alpha")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A picture that a file holds, not unpacked yet.

    load: page from 0 -> samples (H, W) or (H, W, S); shape: (H, W) px
    detector: what took it, "" where the file does not say; facts: of the maker
    has_alpha: the last of the samples is transparency
    """

    shape: tuple[int, int]
    load: Callable[[int], NDArray[Any]]
    facts: Facts | None = None
    detector: str = ""
    n_pages: int = 1
    has_alpha: bool = False


def decoded(path: Path, offers: Sequence[Offer], wish: Wish, *, name: str, word: str = "picture") -> Decoded:
    """The picture wished for, unpacked; by default the first that is no diffraction pattern, its first page, its luminance.

    word: what this kind of file calls a picture, for the notes
    Raises NoSuchPart where there is none as wished; UnsupportedFormat for a diffraction pattern or too large a picture.
    """
    names = unique([o.detector for o in offers])
    usual = next((i for i, o in enumerate(offers) if o.facts is None or not o.facts.reciprocal), 0)
    index = which(path, "detector", names, wish.detector, usual=usual)
    offer = offers[index]
    refuse_reciprocal(path, offer.facts)
    refuse_huge(path, offer.shape[1], offer.shape[0])
    page = which_page(path, offer.n_pages, wish.page)
    samples = np.asarray(offer.load(page))
    channels = channel_names(samples, has_alpha=offer.has_alpha)
    channel = which(path, "channel", channels, wish.channel, usual=-1)
    try:
        pixels, notes = one_channel(samples, channel, has_alpha=offer.has_alpha)
        pixels, more = grey.settled(pixels)
    except ValueError as error:
        raise UnsupportedFormat(f"{path}: {error}; export the picture as TIFF") from error
    part = Part(
        page=page + 1,
        n_pages=offer.n_pages,
        detector=names[index],
        detectors=tuple(n for n in names if n),
        channel=channels[channel] if channel >= 0 else "",
        channels=channels,
    )
    said = part_notes(part, len(offers), index, word=word, chosen=wish)
    return Decoded(pixels=pixels, format=name, facts=offer.facts, notes=(*said, *notes, *more), part=part)


def which(path: Path, what: str, names: Sequence[str], wished: str, *, usual: int) -> int:
    """Index of the name or number (from 1) wished; `usual` where nothing is. NoSuchPart, listing what there is."""
    if not wished:
        return usual
    folded = [n.casefold() for n in names]
    if wished.casefold() in folded:
        return folded.index(wished.casefold())
    if wished.isdigit() and 1 <= int(wished) <= max(len(names), 1):
        return int(wished) - 1 if names else usual
    named = [n for n in names if n]
    if not named and len(names) <= 1:
        there = f"it names no {what}" if what == "detector" else "it is grey"
        raise NoSuchPart(f"{path}: no {what} {wished!r}, {there}; leave --{what} out")
    listed = ", ".join(n or str(i + 1) for i, n in enumerate(names))
    raise NoSuchPart(f"{path}: no {what} {wished!r}; there {'is' if len(names) == 1 else 'are'} {listed}")


def which_page(path: Path, n_pages: int, wished: int, *, usual: int = 0) -> int:
    """Index of the page wished (from 1; 0: the usual one). NoSuchPart where there are not so many."""
    if wished == 0:
        return usual
    if not 1 <= wished <= n_pages:
        there = "only one page" if n_pages == 1 else f"{n_pages} pages, 1 to {n_pages}"
        raise NoSuchPart(f"{path}: no page {wished}; it has {there}")
    return wished - 1


def unique(names: Sequence[str]) -> list[str]:
    """The same names, later ones of equal names numbered: HAADF, HAADF 2."""
    return [f"{n} {names[:i].count(n) + 1}" if n and n in names[:i] else n for i, n in enumerate(names)]


def channel_names(samples: NDArray[Any], *, has_alpha: bool) -> tuple[str, ...]:
    """Of samples (H, W) or (H, W, S): none of a grey picture, red, green, blue ... of a colour picture, else numbers."""
    if samples.ndim < 3 or samples.shape[-1] == 1:
        return ()
    n = samples.shape[-1]
    if has_alpha:
        return RGBA if n == 4 else (*(str(i + 1) for i in range(n - 1)), "alpha") if n > 2 else ()
    return RGB if n == 3 else tuple(str(i + 1) for i in range(n))


def one_channel(samples: NDArray[Any], channel: int, *, has_alpha: bool) -> tuple[NDArray[Any], grey.Notes]:
    """(H, W, S) to (H, W): a channel as it is stored, or, of -1, what `grey.flatten` makes of all."""
    if samples.ndim == 2:
        return samples, ()
    if channel >= 0:
        return np.ascontiguousarray(samples[..., channel]), ()
    return grey.flatten(samples, has_alpha=has_alpha)


def part_notes(part: Part, n_pictures: int, index: int, *, word: str, chosen: Wish) -> tuple[str, ...]:
    """What to say of the part used, where there was a choice."""
    said = []
    if n_pictures > 1:
        name = f" ({part.detector})" if part.detector else ""
        nth = "first" if index == 0 and not chosen.detector else f"no. {index + 1}"
        said.append(f"{nth} of {n_pictures} {word}s used{name}")
    if part.n_pages > 1:
        said.append(f"page {part.page} of {part.n_pages} used" if chosen.page else f"first of {part.n_pages} slices used")
    if part.channel:
        said.append(f"channel {part.channel} of {', '.join(part.channels)} used")
    return tuple(said)


def with_part(found: Decoded, **changes: Any) -> Decoded:
    """The same picture, its part told differently."""
    return replace(found, part=replace(found.part, **changes))
