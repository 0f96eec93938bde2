"""What outlines say of learned classes: fitted to particles whose class is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ...measuring.learned_classes import shape_features, softmax
from ...measuring.shape_classes import SHAPES
from .figures import F64, class_weights

_KEPT = 100.0  # particles that the weights to begin with are worth


def fit_outlines(shapes: F64, true: NDArray[np.integer], names: Sequence[str]) -> F64:
    """(S + 1, K) weights for `outline_evidence`. Where all classes are called as shapes are, each is that shape: a few pictures
    teach nothing that many outlines have not. Else multinomial logistic regression, each class as much as the others, held near
    what names say: a class that is called as a shape is that shape, any other is told by no shape.

    shapes: (n, S) probabilities, NaN where a particle has none; true: (n,) classes
    """
    k = len(names)
    prior = np.zeros((len(SHAPES) + 1, k))
    for j, name in enumerate(names):
        if name.lower() in SHAPES:
            prior[SHAPES.index(name.lower()), j] = 1
    there = ~np.isnan(shapes[:, 0]) if len(shapes) else np.zeros(0, bool)
    if not there.any() or all(n.lower() in SHAPES for n in names):
        return prior
    x, t = shape_features(shapes[there]), np.asarray(true)[there]
    weight = class_weights(t, k)
    own = np.arange(len(t))

    def surprise(flat: F64) -> tuple[float, F64]:
        w = flat.reshape(prior.shape)
        p = softmax(x @ w)
        value = -(weight * np.log(np.maximum(p[own, t], 1e-12))).sum() + _KEPT * ((w - prior) ** 2).sum()
        p[own, t] -= 1
        return float(value), np.asarray(x.T @ (weight[:, None] * p) + 2 * _KEPT * (w - prior)).ravel()

    return np.asarray(minimize(surprise, prior.ravel(), jac=True, method="L-BFGS-B").x, np.float64).reshape(prior.shape)
