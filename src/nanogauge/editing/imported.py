"""Labels that were made elsewhere, taken into the ones that are there."""

from __future__ import annotations

import numpy as np

from ..core.errors import EditError
from .patches import Labels, Patch, patch_between

_COVERED = 0.5  # of a particle added, by others, from which on it is one that is there already


def take_labels(labels: Labels, marks: Labels, *, next_label: int, replace: bool) -> tuple[Patch, int]:
    """The patch that takes `marks` (H, W) into `labels` (H, W), and how many particles it brings.

    replace: they take the place of all; a particle of exactly the same pixels stays the one it is. Else those are added that lie,
    by more than half, where no particle is, and take no pixel from another. Raises EditError where nothing changes.
    """
    if marks.shape != labels.shape:
        raise EditError(
            f"drawn on a picture of {marks.shape[1]} x {marks.shape[0]} px, this one has {labels.shape[1]} x {labels.shape[0]}"
        )
    numbers, flat = np.unique(marks, return_inverse=True)
    flat = flat.reshape(marks.shape)
    area = np.bincount(flat.ravel())
    covered = np.bincount(flat.ravel(), (labels > 0).ravel())
    wanted = numbers > 0
    new = np.zeros(numbers.size, np.int64)
    if replace:
        present, where = np.unique(labels, return_inverse=True)
        size = np.bincount(where.ravel())
        pairs, often = np.unique(flat.ravel().astype(np.int64) * present.size + where.ravel(), return_counts=True)
        ours, theirs = pairs // present.size, pairs % present.size
        same = (often == area[ours]) & (often == size[theirs]) & (present[theirs] > 0) & wanted[ours]
        new[ours[same]] = present[theirs[same]]
    else:
        wanted &= covered <= _COVERED * area
    fresh = wanted & (new == 0)
    new[fresh] = next_label + np.arange(int(fresh.sum()))
    after = new[flat].astype(np.int32)
    if not replace:
        after = np.where((labels > 0) | (after == 0), labels, after)
    patch = patch_between(labels, after)
    if patch is None:
        raise EditError("these particles are all there already")
    return patch, int(fresh.sum())
