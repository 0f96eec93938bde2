"""The page and the pictures on it: nothing from elsewhere, nothing unescaped, the right colours and figures."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from nanogauge import Measurement, Micrograph
from nanogauge.figures import COLOURS, draw_distribution, jpeg_data_uri, kind_of, overlay
from nanogauge.pipeline import Tools, measure_micrograph, with_scale
from nanogauge.report import card, render
from nanogauge.scale import Scale

VOID = {"meta", "img", "br", "link", "path", "use", "rect"}


class Page(HTMLParser):
    """Addresses, text and the depth of tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))


def measure(tools: Tools, pixels: np.ndarray, name: str = "a.tif", scale: Scale | None = None) -> Measurement:
    return measure_micrograph(Micrograph(pixels=pixels, name=name), tools=tools, scale=scale)


@pytest.fixture
def in_nm(blind_tools: Tools, bare_scene) -> Measurement:
    return measure(blind_tools, bare_scene.pixels, "spheres.tif", Scale((2.0, 2.0), 0.01, "user"))


@pytest.fixture
def in_px(blind_tools: Tools, bare_scene) -> Measurement:
    return measure(blind_tools, bare_scene.pixels[:150], "<b>&'half'.tif")


@pytest.fixture
def nothing(blind_tools: Tools) -> Measurement:
    return measure(blind_tools, np.zeros((24, 40), np.uint8), "black.tif")


def test_page_shows_every_micrograph_and_failure(in_nm: Measurement, in_px: Measurement, nothing: Measurement) -> None:
    failures = [{"file": "in/<cut>.tif", "message": "in/<cut>.tif: cut off & gone"}]
    text = render([card(m) for m in (in_nm, in_px, nothing)], failures, about={"engine": "threshold"})
    page = Page(text)
    assert page.open == []
    for wanted in ("spheres.tif", "<b>&'half'.tif", "black.tif", "in/<cut>.tif: cut off & gone", "no particles", "no_particles"):
        assert wanted in page.words
    assert f"{in_nm.distribution.mean.value:.4g} nm" in page.words
    assert f"{in_px.distribution.mean.value:.4g} px" in page.words
    assert in_nm.headline() in page.words
    assert any("no scale" in w for w in page.words)


def test_page_fetches_nothing(in_nm: Measurement, nothing: Measurement) -> None:
    page = Page(render([card(in_nm), card(nothing)], []))
    assert page.addresses
    assert [a for a in page.addresses if not a.startswith(("data:", "#"))] == []
    for word in ("<script", "@import", "url(http"):
        assert word not in render([card(in_nm)], [])


def test_links_lead_to_the_cards(in_nm: Measurement, in_px: Measurement) -> None:
    text = render([card(in_nm), card(in_px)], [])
    for link in [a for a in Page(text).addresses if a.startswith("#m")]:
        assert f'id="{link[1:]}"' in text


def test_page_of_a_run_in_which_everything_failed() -> None:
    page = Page(render([], [{"file": "a.tif", "message": "a.tif: empty"}]))
    assert "a.tif: empty" in page.words


def test_interval_is_given_for_many_particles_only(in_nm: Measurement, blind_tools: Tools, bare_scene) -> None:
    assert all("…" in interval for name, _, interval in card(in_nm).statistics if name in ("mean", "median"))
    few = measure(blind_tools, bare_scene.pixels[:90, :160])
    assert 0 < few.distribution.n < 10
    assert {interval for _, _, interval in card(few).statistics} == {"too few particles"}


def test_overlay_draws_outlines_in_the_colour_of_their_kind(in_nm: Measurement) -> None:
    k = overlay(in_nm).shape[1] // in_nm.micrograph.shape[1]
    picture = overlay(in_nm, numbers=False, legend=False)
    assert picture.shape == (in_nm.micrograph.shape[0] * k, in_nm.micrograph.shape[1] * k, 3)
    for row in in_nm.particles.itertuples():
        mask = np.kron(in_nm.labels == row.label, np.ones((k, k), bool))
        colour = np.array(COLOURS[kind_of(row.flags, row.edge_weight)])
        other = np.array(COLOURS["counted" if row.edge_weight == 0 else "left_out"])
        drawn = picture[mask].astype(int)
        assert (np.abs(drawn - colour).max(axis=1) < 12).any()
        assert not (np.abs(drawn - other).max(axis=1) < 12).any()


def test_kind_of_a_particle() -> None:
    assert kind_of("", 1.2) == "counted"
    assert kind_of("low_confidence|separated", 1.2) == "low_confidence"
    assert kind_of("touches_border|low_confidence", 0.0) == "left_out"


@pytest.mark.parametrize("shape", [(1, 1), (90, 20), (20, 300), (1500, 2100)])
def test_caption_fits_pictures_of_any_shape(blind_tools: Tools, shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 40, np.uint8)
    m = measure(blind_tools, pixels)
    with_caption, bare = overlay(m), overlay(m, legend=False)
    assert with_caption.shape[1] == bare.shape[1]
    assert with_caption.shape[0] - bare.shape[0] >= 30
    strip = with_caption[bare.shape[0] :]
    if bare.shape[1] >= 160:  # no text runs out of the picture
        assert not strip[:, -3:].any()
        assert strip.any()


def test_picture_for_the_page_is_shrunk() -> None:
    large = np.zeros((1000, 3000, 3), np.uint8)
    assert len(jpeg_data_uri(large)) < len(jpeg_data_uri(large, longest=3000))


def test_histogram_is_in_micrometres_where_particles_are_large(in_nm: Measurement) -> None:
    from matplotlib.figure import Figure

    for m, unit in ((in_nm, "nm"), (with_scale(in_nm, Scale((200.0, 200.0), 0.0, "user")), "µm")):
        axes = Figure().add_subplot()
        draw_distribution(axes, m)
        assert axes.get_xlabel() == f"equivalent diameter / {unit}"
        assert sum(bar.get_height() for bar in axes.patches if bar.get_height() > 1) == pytest.approx(100, abs=1)
        middle = m.distribution.median.value * (1e-3 if unit == "µm" else 1)
        assert axes.get_xlim()[0] < middle < axes.get_xlim()[1]
