"""The report and the pictures in it: nothing from elsewhere, nothing unescaped, the right colours and figures."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nanogauge import Measurement, Micrograph
from nanogauge.core.errors import SettingsError, UnreadableFile
from nanogauge.core.particles import KINDS, kinds_of
from nanogauge.core.scale import Scale
from nanogauge.pipeline.measure import Measurer
from nanogauge.reporting import (
    MOST_CARDS,
    Collected,
    ReportInfo,
    build,
    card_of,
    micrograph_page,
    read_info,
    report_page,
    report_pdf,
)
from nanogauge.reporting.formatting import breakable, lengths, number, percent
from nanogauge.results.figures import jpeg_data_uri, overlay, scale_bar_crop
from nanogauge.results.folder import save_measurement
from nanogauge.results.run_json import result_folders
from nanogauge.results.saved import read_saved, saved_of
from nanogauge.statistics.drawing import draw_distribution

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


def measure(measurer: Measurer, pixels: np.ndarray, name: str = "a.tif", scale: Scale | None = None) -> Measurement:
    return measurer.measure(Micrograph(pixels=pixels, name=name), scale=scale)


@pytest.fixture
def in_nm(blind_measurer: Measurer, bare_scene) -> Measurement:
    return measure(blind_measurer, bare_scene.pixels, "spheres.tif", Scale((2.0, 2.0), 0.01, "user"))


@pytest.fixture
def in_px(blind_measurer: Measurer, bare_scene) -> Measurement:
    return measure(blind_measurer, bare_scene.pixels[:150], "<b>&'half'.tif")


@pytest.fixture
def nothing(blind_measurer: Measurer) -> Measurement:
    return measure(blind_measurer, np.zeros((24, 40), np.uint8), "black.tif")


def collected(*measurements: Measurement, n: int | None = None, sample: str = "s") -> Collected:
    out = Collected(n_expected=len(measurements) if n is None else n)
    for k, m in enumerate(measurements):
        out.add(saved_of(m, name=f"{k}"), sample=sample, link=f"{k}/report.html")
    return out


def page_of(*measurements: Measurement, failures: tuple[dict[str, str], ...] = (), **kwargs: Any) -> str:
    run = collected(*measurements)
    run.failures += failures
    return report_page(build(run, **kwargs)[0])


def test_page_shows_every_micrograph_and_failure(in_nm: Measurement, in_px: Measurement, nothing: Measurement) -> None:
    failures = ({"file": "in/<cut>.tif", "message": "in/<cut>.tif: cut off & gone"},)
    page = Page(page_of(in_nm, in_px, nothing, failures=failures))
    assert page.open == []
    words = " ".join(page.words)
    for wanted in ("spheres.tif", "<b>&'half'.tif", "black.tif", "in/<cut>.tif: cut off & gone", "no particles", "no scale"):
        assert wanted in words
    assert "No particles found." in words
    assert f"{in_nm.n_particles} particles, {in_nm.distribution.n} counted" in words


def test_a_figure_printed_twice_has_one_interval_everywhere(in_nm: Measurement) -> None:
    document, (sample,) = build(collected(in_nm))
    assert sample.budget is not None
    (shown,) = document["samples"]
    of_sample = {r[0]: r[2] for r in shown["statistics"]}
    of_budget = {b["summary"][0]: b["summary"][-1] for b in shown["budget"]["statistics"]}
    assert set(of_budget) == {"mean", "d10", "d50 (median)", "d90"}
    for card in (of_sample, {r[0]: r[2] for r in card_of(saved_of(in_nm, name="a")).statistics}):
        assert {name: card[name] for name in of_budget} == of_budget
        assert card["D[1,0] (number mean)"] == card["mean"] != card["D[4,3] (De Brouckere)"]
    assert sample.quotable["number_mean"] == sample.quotable["mean"] == (sample.budget["mean"].low, sample.budget["mean"].high)
    assert sample.quotable["median"] == sample.quotable["d50"]


def test_page_holds_the_sample_s_figures_with_their_uncertainty(in_nm: Measurement) -> None:
    run = collected(in_nm, in_nm)
    document, (sample,) = build(run)
    words = " ".join(Page(report_page(document)).words)
    assert sample.budget is not None
    mean = sample.budget["mean"]
    assert f"{lengths('nm', 50).with_uncertainty(mean.value, mean.expanded)} nm" in words
    for v in sample.verdicts:
        assert v.question in words
    for r in sample.required_n:
        assert f"{r.n_needed:,}".replace(",", "\u202f") in words
    for wanted in ("ISO 19749", "cut by the frame", "Uncertainty budget", "segmentation", in_nm.micrograph.sha256, "threshold"):
        assert wanted in words
    assert {p.name for p in document["samples"][0]["plots"]} == {"distribution", "cumulative", "qq", "budget", "micrographs"}


def test_the_coefficient_of_variation_is_written_one_way(in_nm: Measurement) -> None:
    """In percent to three figures: on the tiles, in every table, and where samples are compared."""
    run = collected(in_nm, sample="one")
    run.add(saved_of(in_nm.with_scale(Scale((3.0, 3.0), 0.01, "user")), name="l"), sample="two", link="")
    document, (sample, _) = build(run)
    said = percent(sample.distribution.cv.value)
    words = Page(report_page(document)).words
    named = [k for k, word in enumerate(words) if word.strip().casefold() == "coefficient of variation"]
    assert len(named) >= 2
    assert all(words[k + 1].strip() == said for k in named)
    heads, rows = document["comparison"]["columns"], document["comparison"]["rows"]
    assert rows[0][heads.index("CV")] == said


def test_page_fetches_nothing(in_nm: Measurement, nothing: Measurement) -> None:
    text = page_of(in_nm, nothing)
    page = Page(text)
    assert page.addresses
    assert [a for a in page.addresses if not a.startswith(("data:", "#"))] == []
    for word in ("<script", "@import", "url(http"):
        assert word not in text


def test_links_lead_to_the_cards(in_nm: Measurement, in_px: Measurement) -> None:
    text = page_of(in_nm, in_px)
    for link in [a for a in Page(text).addresses if a.startswith("#m")]:
        assert f'id="{link[1:]}"' in text


def test_page_of_a_run_in_which_everything_failed() -> None:
    text = page_of(failures=({"file": "a.tif", "message": "a.tif: empty"},))
    assert "a.tif: empty" in Page(text).words


def test_a_large_run_keeps_no_pictures(in_nm: Measurement) -> None:
    run = Collected(n_expected=MOST_CARDS + 1)
    card = run.add(saved_of(in_nm, name="x"), sample="s", link="x/report.html")
    assert run.cards == []
    assert card.overlay  # for its own page
    page = Page(micrograph_page(card))
    assert page.open == []
    assert "../report.html" in page.addresses
    text = report_page(build(run)[0])
    assert "x/report.html" in Page(text).addresses
    assert "data:image" not in text


def test_separate_files_are_not_pooled(in_nm: Measurement) -> None:
    document, samples = build(collected(in_nm, in_nm), single_population=False)
    assert samples == []
    assert document["samples"] == []
    found, counted = 2 * in_nm.n_particles, 2 * in_nm.distribution.n
    assert f"2 micrographs, {found} particles found, {counted} counted" in dict(document["iso"]).values()
    assert "Uncertainty budget" not in report_page(document)
    assert report_pdf(document).startswith(b"%PDF")


def test_several_samples_are_compared(in_nm: Measurement) -> None:
    larger = in_nm.with_scale(Scale((3.0, 3.0), 0.01, "user"))
    run = collected(in_nm, sample="small")
    run.add(saved_of(larger, name="l"), sample="la<rge", link="")
    document, samples = build(run)
    words = " ".join(Page(report_page(document)).words)
    assert [s.name for s in samples] == ["small", "la<rge"]
    for wanted in ("Samples compared", "Kruskal–Wallis", "la<rge", "Cliff's delta"):
        assert wanted in words
    difference = samples[1].distribution.d50.value - samples[0].distribution.d50.value
    assert float(document["comparison"]["pairs"][0][2]) == pytest.approx(difference, rel=5e-3)


def test_report_from_saved_folders_says_the_same(tmp_path: Path, in_nm: Measurement) -> None:
    for unit_row in (False, True):
        folder = in_nm.save(tmp_path / "plain") if not unit_row else save_measurement(in_nm, tmp_path / "units", unit_row=True)
        saved = read_saved(folder)
        fresh = saved_of(in_nm)
        assert saved.about == json.loads(json.dumps(fresh.about))
        pd.testing.assert_frame_equal(saved.particles, fresh.particles, check_exact=True)
        assert saved.scale == in_nm.scale
        assert saved.settings == in_nm.settings
        assert saved.overlay_jpeg == fresh.overlay_jpeg
    assert [p.name for p in result_folders(tmp_path)] == ["plain", "units"]
    assert list(result_folders(tmp_path / "plain")) == [tmp_path / "plain"]


def test_folders_without_results_say_so(tmp_path: Path, in_nm: Measurement) -> None:
    with pytest.raises(UnreadableFile, match="no results"):
        list(result_folders(tmp_path))
    folder = in_nm.save(tmp_path / "a")
    (folder / "particles.csv").write_text("label,y\n1,2\n")
    with pytest.raises(UnreadableFile, match=r"damaged results.*measure again"):
        read_saved(folder)
    (folder / "measurement.json").write_text("{")
    with pytest.raises(UnreadableFile, match="damaged JSON"):
        read_saved(folder)


def test_pdf_is_archival_with_fonts_and_the_page_s_content(tmp_path: Path, in_nm: Measurement, in_px: Measurement) -> None:
    long = replace(in_nm, micrograph=replace(in_nm.micrograph, name="x" * 120 + "_" + "y" * 90 + ".tif"))
    document, _ = build(collected(in_nm, in_px, long), info=ReportInfo(title="Gold \\ #1 [*_`$] <b>", operator="A. Weber"))
    data = report_pdf(document, timestamp=0)
    assert data.startswith(b"%PDF")
    assert b"pdfaid" in data
    assert report_pdf(document, timestamp=0) == data
    if shutil.which("pdftotext") is None:
        pytest.skip("reading the text back needs pdftotext (poppler)")
    (tmp_path / "a.pdf").write_bytes(data)
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, encoding="utf-8", check=True
    ).stdout
    for wanted in (
        "Gold \\ #1 [*_`$] <b>",
        "A. Weber",
        "spheres.tif",
        "Uncertainty budget",
        "ISO 19749",
        "Page 1 of",
        "cut by the frame",
    ):
        assert wanted in text
    joined = "".join(text.replace("\u200b", "").split())
    assert "x" * 60 in joined


def test_pdf_of_nothing_and_of_names_no_font_has(nothing: Measurement, in_nm: Measurement) -> None:
    assert report_pdf(build(collected(nothing))[0]).startswith(b"%PDF")
    assert report_pdf(build(Collected(n_expected=0))[0]).startswith(b"%PDF")
    odd = replace(in_nm, micrograph=replace(in_nm.micrograph, name="日本\U0010ffff.tif"))
    assert report_pdf(build(collected(odd))[0]).startswith(b"%PDF")


def test_plots_are_files_with_their_data(tmp_path: Path, in_nm: Measurement) -> None:
    document, (sample,) = build(collected(in_nm), plots_folder=tmp_path)
    for plot in document["samples"][0]["plots"]:
        assert {p.suffix for p in tmp_path.glob(f"{plot.name}.*")} == {".svg", ".pdf", ".png", ".csv"}
        data = pd.read_csv(tmp_path / f"{plot.name}.csv")
        assert list(data.columns) == ["series", "x", "y", "low", "high"]
    bars = pd.read_csv(tmp_path / "distribution.csv").query("series == 'histogram'")
    assert (bars["y"] * (bars["high"] - bars["low"])).sum() == pytest.approx(1)
    steps = pd.read_csv(tmp_path / "cumulative.csv")
    d50 = steps.query("series == 'd50'").iloc[0]
    assert sample.budget is not None
    assert d50["high"] - d50["x"] == pytest.approx(sample.budget["d50"].expanded)
    with Image.open(tmp_path / "distribution.png") as picture:
        assert picture.width > 900


def test_facts_of_a_toml_file(tmp_path: Path) -> None:
    (tmp_path / "i.toml").write_text('sample = "S 7"\ndate_of_measurement = 2026-05-02\nbatch = 12\n', encoding="utf-8")
    info = read_info(tmp_path / "i.toml")
    assert (info.sample, info.date_of_measurement, info.batch) == ("S 7", "2026-05-02", "12")
    for text, words in (('smaple = "x"', "unknown key 'smaple'"), ("sample = [1]", "must be text"), ("sample =", "not valid TOML")):
        (tmp_path / "i.toml").write_text(text)
        with pytest.raises(SettingsError, match=words):
            read_info(tmp_path / "i.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_info(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("value", "expanded", "text"),
    [
        (51.234, 1.26, "51.2 ± 1.3"),
        (51.234, 0.0126, "51.234 ± 0.013"),
        (1234.5, 123.4, "1230 ± 120"),
        (0.5, float("nan"), "0.5000"),
    ],
)
def test_uncertainty_has_two_figures(value: float, expanded: float, text: str) -> None:
    assert lengths("nm", 50).with_uncertainty(value, expanded) == text


def test_a_difference_is_shown_to_the_place_that_its_interval_knows() -> None:
    unit = lengths("nm", 50)
    assert unit.within(0.000128, -1.3, 1.3) == "0.0"
    assert unit.within(-2.4567, -3.61, -1.2) == "−2.5"
    assert unit.within(-2.4567, float("nan"), float("nan")) == "−2.46"


def test_words() -> None:
    assert lengths("nm", 2500).with_unit(2500) == "2.500 µm"
    assert number(0) == "0"
    assert number(-0.012345) == "−0.01235"
    assert number(123456) == "123456"
    assert number(float("nan")) == "–"
    assert percent(0.00001) == "< 0.01 %"
    assert breakable("short.tif is short") == "short.tif is short"
    assert breakable("a_very_long_name_of_a_file.tif").replace("\u200b", "") == "a_very_long_name_of_a_file.tif"
    assert max(map(len, breakable("x" * 100).split("\u200b"))) <= 24


def test_scale_bar_crop_holds_bar_and_label(scene_with_bar, blind_measurer: Measurer, in_nm: Measurement) -> None:
    from nanogauge.scale.bar import ScaleBarReading

    assert scale_bar_crop(in_nm) is None
    m = measure(blind_measurer, scene_with_bar.pixels)
    h, _ = m.micrograph.shape
    bar = ScaleBarReading(100.0, 60.0, (h - 20, 40, h - 15, 100), "100 nm", 0.9, 1.7, 0.01, text_boxes=((h - 22, 130, h - 8, 180),))
    crop = scale_bar_crop(replace(m, scale_bar=bar))
    assert crop is not None
    k = max(1, min(4, 400 // 158))
    assert crop.shape[1] >= 140 * k
    assert crop.shape[0] < h * k


def test_overlay_draws_outlines_in_the_colour_of_their_kind(in_nm: Measurement) -> None:
    k = overlay(in_nm).shape[1] // in_nm.micrograph.shape[1]
    picture = overlay(in_nm, numbers=False, legend=False)
    assert picture.shape == (in_nm.micrograph.shape[0] * k, in_nm.micrograph.shape[1] * k, 3)
    for row, kind in zip(in_nm.particles.itertuples(), kinds_of(in_nm.particles), strict=True):
        mask = np.kron(in_nm.labels == row.label, np.ones((k, k), bool))
        colour = np.array(KINDS[kind].colour)
        other = np.array(KINDS["counted" if row.edge_weight == 0 else "left_out"].colour)
        drawn = picture[mask].astype(int)
        assert (np.abs(drawn - colour).max(axis=1) < 12).any()
        assert not (np.abs(drawn - other).max(axis=1) < 12).any()


@pytest.mark.parametrize("shape", [(1, 1), (90, 20), (20, 300), (1500, 2100)])
def test_caption_fits_pictures_of_any_shape(blind_measurer: Measurer, shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 40, np.uint8)
    m = measure(blind_measurer, pixels)
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

    for m, unit in ((in_nm, "nm"), (in_nm.with_scale(Scale((200.0, 200.0), 0.0, "user")), "µm")):
        axes = Figure().add_subplot()
        draw_distribution(axes, m)
        assert axes.get_xlabel() == f"equivalent diameter / {unit}"
        assert sum(bar.get_height() for bar in axes.patches if bar.get_height() > 1) == pytest.approx(100, abs=1)
        middle = m.distribution.median.value * (1e-3 if unit == "µm" else 1)
        assert axes.get_xlim()[0] < middle < axes.get_xlim()[1]


def test_unlike_ways_of_measuring_are_said_beside_the_figures(in_nm: Measurement) -> None:
    """A sample by number and one by volume were compared by number, against the second's own table, and nothing was said."""
    by_volume = replace(in_nm, settings=in_nm.settings.replace("measure", weighting="volume", edge="outline"))
    run = Collected(n_expected=2)
    for name, m in (("a", in_nm), ("b", by_volume)):
        run.add(saved_of(m, name=name), sample=name, link="")
    _, samples = build(run)
    for sample in samples:
        assert any("edge steepest, outline" in w for w in sample.warnings)
        assert any("weighting number, volume" in w for w in sample.warnings)
    _, alike = build(collected(in_nm, in_nm))
    assert not any("unlike" in w for w in alike[0].warnings)
