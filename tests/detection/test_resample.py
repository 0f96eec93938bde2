import cv2
import numpy as np
import pytest

from nanogauge.detection.resample import resample, weights

CV2 = {"area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR}


@pytest.mark.parametrize(
    ("method", "to"),
    [("area", (31, 47)), ("area", (50, 60)), ("cubic", (137, 205)), ("linear", (150, 180)), ("linear", (101, 333))],
)
def test_windows_are_those_of_cv2_resize(method, to):
    picture = np.random.default_rng(0).normal(size=(100, 120)).astype(np.float32)
    whole = cv2.resize(picture, to[::-1], interpolation=CV2[method])
    y0, y1, x0, x1 = to[0] // 3, to[0] // 3 + 11, to[1] // 2, to[1]
    rows, columns = weights(100, to[0], y0, y1, method=method), weights(120, to[1], x0, x1, method=method)
    window = resample(picture[rows.first : rows.last, columns.first : columns.last], rows, columns)
    assert window.shape == (11, x1 - x0)
    np.testing.assert_allclose(window, whole[y0:y1, x0:x1], atol=2e-3 if method == "cubic" else 2e-5)


def test_weights_sum_to_one_and_reach_only_what_they_need():
    w = weights(1000, 300, 100, 110, method="area")
    np.testing.assert_allclose(w.matrix.sum(axis=1), 1, atol=1e-3)
    assert (w.first, w.last) == (333, 367)


def test_a_window_of_another_shape_is_refused():
    w = weights(10, 20, 0, 20, method="linear")
    with pytest.raises(ValueError, match="window must be"):
        resample(np.zeros((3, 3), np.float32), w, w)
