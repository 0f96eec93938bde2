"""Which particles touch, and what hangs together through such contacts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contacts:
    """Pairs of labels that touch. one, other: (m,), one < other; gap_px: (m,) least distance between them, edge to edge;
    width_px: (m,) length over which the gap is no wider than allowed."""

    one: Ints
    other: Ints
    gap_px: Floats
    width_px: Floats


def find_contacts(labels: NDArray[np.int32], diameters_px: Floats, *, gap_share: float, gap_px: float = 2.0) -> Contacts:
    """Which labels (H, W) touch each other.

    diameters_px: (largest label + 1,) of each; gap_share: two touch where less than this share of the smaller one's diameter lies
    between them, or less than `gap_px`, as outlines are no surer than that

    The plane is divided among the particles, each pixel to the nearest; where two of these parts meet, the distances of either
    side to its particle add up to the gap.
    """
    empty = np.zeros(0, np.int64)
    if not labels.any():
        return Contacts(empty, empty, np.zeros(0), np.zeros(0))
    background = (labels == 0).astype(np.uint8)
    away, nearest = cv2.distanceTransformWithLabels(background, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    of = np.zeros(int(nearest.max()) + 1, np.int64)
    inside = background == 0
    of[nearest[inside]] = labels[inside]
    owner = of[nearest]
    pairs, gaps = [], []
    size = int(labels.max()) + 1
    for first, second in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        a, b = owner[first], owner[second]
        meet = a != b
        a, b = a[meet], b[meet]
        pairs.append(np.minimum(a, b) * size + np.maximum(a, b))
        gaps.append((away[first] + away[second])[meet].astype(np.float64))
    pair, gap = np.concatenate(pairs), np.concatenate(gaps)
    one, other = np.divmod(pair, size)
    most = np.maximum(gap_share * np.minimum(diameters_px[one], diameters_px[other]), gap_px)
    close = gap <= most
    key, which = np.unique(pair[close], return_inverse=True)
    least = np.full(len(key), np.inf)
    np.minimum.at(least, which.ravel(), gap[close])
    # a line crosses rows and columns 4/π times its length, on average over directions
    width = np.bincount(which.ravel(), minlength=len(key)) * np.pi / 4
    one, other = np.divmod(key, size)
    return Contacts(one, other, least, width.astype(np.float64))


def connected(values: Ints, contacts: Contacts) -> Ints:
    """(n,) number of the group, from 1, that each of n labels is in, by the contacts; a label without any is a group of its own."""
    n = len(values)
    at = np.zeros(int(values.max(initial=0)) + 1, np.int64)
    at[values] = np.arange(n)
    graph = coo_matrix((np.ones(len(contacts.one), np.int8), (at[contacts.one], at[contacts.other])), shape=(n, n))
    _, group = connected_components(graph, directed=False)
    return np.asarray(group, np.int64) + 1
