"""How results show themselves: short words, pictures, frames with units, an xarray data set."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.figure import Figure

import nanogauge
from nanogauge import Distribution, Estimate, Instrument, Measurement, Scale, Settings
from nanogauge.statistics.distribution import STATISTICS
from nanogauge.training.synthetic import Rendering

FAST = Settings().replace("segment", engine="threshold").replace("measure", n_bootstrap=50)


@pytest.fixture(scope="module")
def m(bare_scene: Rendering) -> Measurement:
    return nanogauge.measure(bare_scene.pixels, scale=2.0, settings=FAST, name="spheres")


def test_everything_says_what_it_is_in_one_short_line(m: Measurement) -> None:
    sample = nanogauge.pool([m, m], name="a <b>")
    comparison = nanogauge.compare([sample, sample])
    shown = [
        m,
        m.micrograph,
        m.micrograph.instrument,
        m.scale,
        m.settings,
        m.distribution,
        m.distribution["d50"],
        sample,
        comparison,
    ]
    for thing in shown:
        assert 0 < len(repr(thing)) < 160, repr(thing)
        assert "\n" not in repr(thing)
        assert "array(" not in repr(thing)
    assert "&lt;b&gt;" in sample._repr_html_()
    assert "&lt;b&gt;" in comparison._repr_html_()
    assert repr(Settings()) == "Settings()"
    assert repr(Instrument(maker="Zeiss")) == "Instrument(maker='Zeiss')"
    assert repr(Scale((2.0, 2.6), 0.01, "scale_bar")) == "<Scale 2 x 2.6 nm/px ± 1 %, scale bar>"


def test_a_statistic_by_its_name(m: Measurement) -> None:
    for name in STATISTICS:
        assert m.distribution[name] is getattr(m.distribution, name)
    with pytest.raises(KeyError, match="no statistic 'd99'; there are mean"):
        m.distribution["d99"]


def test_an_estimate_counts_as_its_value() -> None:
    e = Estimate(51.234, 49.9, 52.6, 0.7)
    assert float(e) == 51.234
    assert f"{e:.1f}" == "51.2"
    assert str(e) == f"{e}" == "51.23 (49.9 to 52.6)"
    assert repr(Estimate(3.0, math.nan, math.nan)) == "3"


def test_the_distribution_as_a_frame(m: Measurement) -> None:
    frame = m.distribution.to_frame()
    assert tuple(frame.index) == STATISTICS
    assert frame.loc["d50", "value"] == m.distribution.d50.value
    assert frame.loc["d50", "unit"] == "nm"
    assert frame.loc["cv", "unit"] == ""


def test_frames_know_their_units(m: Measurement) -> None:
    for table in (m.particles, m.counted, m.to_frame(), nanogauge.pool([m], name="s").particles):
        units = table.attrs["units"]
        assert units["equivalent_diameter_nm"] == "nm"
        assert units["area_px2"] == "px²"
        assert units["orientation_deg"] == "°"
        assert units["circularity"] == ""
    assert m.to_frame()["micrograph"].eq("spheres").all()
    assert "micrograph" not in m.particles


def test_plots_go_where_they_are_told_or_show_themselves(m: Measurement) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert m.plot(ax=left) is left
    assert len(left.images) == 1
    assert m.plot_distribution(ax=right) is right
    assert right.get_xlabel() == "equivalent diameter / nm"
    for own in (m.plot(), m.plot_distribution(), nanogauge.pool([m], name="s").plot_distribution()):
        assert isinstance(own, Figure)
        assert own._repr_png_().startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()  # pyplot, which would show them a second time, knows of none
    assert (
        nanogauge.measure([m.micrograph], settings=FAST).plot_distribution(ax=figure.add_subplot()).get_title().startswith("n = ")
    )


def test_an_empty_distribution_has_no_figures() -> None:
    m = nanogauge.measure(np.full((40, 40), 90, np.uint8), settings=FAST)
    assert isinstance(m.distribution, Distribution)
    assert repr(m.distribution) == "<Distribution n = 0>"
    assert "<tr>" not in m.distribution._repr_html_()
    assert m.plot_distribution().axes[0].texts[0].get_text() == "no particle to count"


def test_an_xarray_data_set_has_axes_in_nm(m: Measurement) -> None:
    pytest.importorskip("xarray")
    data = m.to_xarray()
    assert set(data) == {"pixels", "labels", "foreground"}
    assert data["x"].attrs["units"] == "nm"
    assert float(data["x"][-1]) == 2.0 * (m.labels.shape[1] - 1)
    assert np.array_equal(data["labels"], m.labels)
    in_px = nanogauge.measure(m.micrograph, settings=FAST).to_xarray()
    assert in_px["y"].attrs["units"] == "px"
