"""How many pixels each label has, and which of them lie in pieces: by runs of one label in the flat picture, of which there are far
fewer than pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components


def areas_of(labels: NDArray[np.integer], n: int = 0) -> NDArray[np.int64]:
    """(largest label + 1,) px, or (n,) where that is more: `np.bincount(labels.ravel(), minlength=n)`, six times as fast."""
    flat = labels.ravel()
    begin = _begins(flat)
    return np.bincount(flat[begin], np.diff(begin, append=flat.size), n).astype(np.int64)


def pieces_of(labels: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The 4-connected pieces of the labels (H, W), by horizontal runs: of each run its first pixel in the flat picture, its length
    and its piece; and of each piece its label. The background is left out."""
    width = labels.shape[1]
    begins = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    first = np.flatnonzero(begins)
    length = np.diff(first, append=labels.size)
    of = labels.ravel()[first]
    own = of > 0
    first, length, of = first[own], length[own], of[own]
    # a run touches those of the row below from the first that ends beyond its beginning to the last that begins before its end
    a = np.searchsorted(first + length, first + width, side="right")
    b = np.searchsorted(first, first + length + width, side="left")
    n = np.maximum(b - a, 0)
    above = np.repeat(np.arange(first.size), n)
    below = np.arange(above.size) - np.repeat(np.cumsum(n) - n, n) + np.repeat(a, n)
    same = of[above] == of[below]
    above, below = above[same], below[same]
    joins = sparse.coo_array((np.ones(above.size, bool), (above, below)), shape=(first.size, first.size))
    k, piece = connected_components(joins, directed=False)
    owner = np.zeros(k, np.int64)
    owner[piece] = of
    return first, length, piece.astype(np.int64), owner


def _begins(flat: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where runs of one value begin."""
    return np.concatenate([np.zeros(min(flat.size, 1), np.int64), 1 + np.flatnonzero(flat[1:] != flat[:-1])])
