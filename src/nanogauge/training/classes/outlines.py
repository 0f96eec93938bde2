"""What outlines say of learned classes: fitted to particles whose class is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ...measuring.learned_classes import shape_features, softmax
from ...measuring.shape_classes import SHAPES
from .figures import F64, class_weights, is_less, loss_by_picture, picture_weights

_KEPT = 100.0  # particles that the weights to begin with are worth


def fit_outlines(shapes: F64, true: NDArray[np.integer], names: Sequence[str], picture: NDArray[np.integer] | None = None) -> F64:
    """(S + 1, K) weights for `outline_evidence`. Where all classes are called as shapes are, each is that shape: a few pictures
    teach nothing that many outlines have not, unless outlines fitted to some micrographs do better on the others than the names,
    beyond chance. Else multinomial logistic regression, each class as much as the others, held near what names say: a class that
    is called as a shape is that shape, any other is told by no shape.

    shapes: (n, S) probabilities, NaN where a particle has none; true: (n,) classes; picture: (n,) index of the micrograph, None:
    names are believed
    """
    prior = np.zeros((len(SHAPES) + 1, len(names)))
    for j, name in enumerate(names):
        if name.lower() in SHAPES:
            prior[SHAPES.index(name.lower()), j] = 1
    there = ~np.isnan(shapes[:, 0]) if len(shapes) else np.zeros(0, bool)
    if not there.any():
        return prior
    x, t = shape_features(shapes[there]), np.asarray(true)[there]
    if not all(n.lower() in SHAPES for n in names):
        return _fitted(x, t, prior)
    if picture is None or not _are_misnamed(x, t, prior, np.unique(np.asarray(picture)[there], return_inverse=True)[1]):
        return prior
    return _fitted(x, t, np.zeros_like(prior))


def _are_misnamed(x: F64, t: NDArray[np.integer], named: F64, picture: NDArray[np.integer]) -> bool:
    """Whether outlines do not look as their classes are called, by what others than a micrograph's own teach of them."""
    k, n = named.shape[1], int(picture.max()) + 1
    if n < 2:
        return False
    p = np.zeros((len(t), k))
    for m in range(n):
        own = picture == m
        p[own] = softmax(x[own] @ _fitted(x[~own], t[~own], np.zeros_like(named)))
    weight = picture_weights(t, picture, k)
    return is_less(loss_by_picture(p, t, weight, picture), loss_by_picture(softmax(x @ named), t, weight, picture))


def _fitted(x: F64, t: NDArray[np.integer], prior: F64) -> F64:
    """Weights of features (n, S + 1) that tell classes (n,), held near others."""
    weight = class_weights(t, prior.shape[1])
    own = np.arange(len(t))

    def surprise(flat: F64) -> tuple[float, F64]:
        w = flat.reshape(prior.shape)
        p = softmax(x @ w)
        value = -(weight * np.log(np.maximum(p[own, t], 1e-12))).sum() + _KEPT * ((w - prior) ** 2).sum()
        p[own, t] -= 1
        return float(value), np.asarray(x.T @ (weight[:, None] * p) + 2 * _KEPT * (w - prior)).ravel()

    return np.asarray(minimize(surprise, prior.ravel(), jac=True, method="L-BFGS-B").x, np.float64).reshape(prior.shape)
