"""Groups of touching particles, held against groups that are drawn, and the fractal law against laws that are known."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from nanogauge.apps.cli.main import main
from nanogauge.arrangement.aggregates import Aggregates, aggregates_of, pooled
from nanogauge.arrangement.aggregates.fractal import fractal_law, overlap_of, primaries_by_area
from nanogauge.core.scale import Scale
from nanogauge.measuring import measure_particles

R = 10.0
SHAPE = (400, 500)
PAIR = [(100.0, 100.0), (100.0, 120.5)]
CHAIN = [(200.0, 100.0 + 20.5 * k) for k in range(5)]
SINGLE = [(300.0, 300.0)]
CUT = [(100.0, 490.0), (120.5, 490.0), (141.0, 490.0)]


def labels_of(*groups: list[tuple[float, float]]) -> NDArray[np.int32]:
    labels = np.zeros(SHAPE, np.int32)
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for i, (y, x) in enumerate((c for g in groups for c in g), start=1):
        labels[(yy - y) ** 2 + (xx - x) ** 2 < R**2] = i
    return labels


def found(*groups: list[tuple[float, float]], scale: Scale | None = None, gap: float = 0.1) -> Aggregates:
    labels = labels_of(*groups)
    table = measure_particles(labels, pixels=labels, scale=scale)
    return aggregates_of(labels, table, (0, 0, *SHAPE), scale, gap_share=gap)


def test_what_touches_is_one_group() -> None:
    a = found(PAIR, CHAIN, SINGLE)
    assert a.table["n_primaries"].tolist() == [2, 5, 1]
    assert a.table["n_contacts"].tolist() == [1, 4, 0]
    assert a.primaries["n_in_group"].tolist() == [2] * 2 + [5] * 5 + [1]


def test_a_gap_parts_them() -> None:
    apart = [(100.0, 100.0), (100.0, 126.0)]
    assert found(apart).table["n_primaries"].tolist() == [1, 1]
    assert found(apart, gap=0.4).table["n_primaries"].tolist() == [2]


def test_figures_of_a_chain_are_those_of_geometry() -> None:
    row = found(CHAIN, scale=Scale((2.0, 2.0), 0.0, "user")).table.iloc[0]
    area = math.pi * R**2
    assert row["area_nm2"] == pytest.approx(5 * area * 4, rel=0.025)
    assert row["feret_max_nm"] == pytest.approx(2 * (4 * 20.5 + 2 * R), rel=0.02)
    centres = 20.5**2 * np.var(np.arange(5))
    assert row["radius_of_gyration_nm"] == pytest.approx(2 * math.sqrt(centres + R**2 / 2), rel=0.01)
    assert row["mean_primary_diameter_nm"] == pytest.approx(4 * R, rel=0.02)
    assert row["n_by_area"] == pytest.approx(1.15 * 5**1.09, rel=0.02)


def test_a_group_that_the_frame_cuts_is_left_out_whole() -> None:
    """The particles of CUT above and below touch the frame; the group counts for nothing, as none of it would."""
    a = found(PAIR, CUT, SINGLE)
    assert a.table["edge_weight"].tolist()[1] == 0
    figures = a.to_dict()
    assert (figures["n_groups"], figures["n_cut_by_frame"]) == (3, 1)
    assert (figures["n_of_several"], figures["n_single"]) == (1, 1)
    assert figures["largest"] == 2


def test_whole_groups_weigh_by_the_box_of_the_group() -> None:
    a = found(CHAIN, SINGLE)
    box = 5 * 20.5
    expected = SHAPE[0] * SHAPE[1] / ((SHAPE[0] - 20) * (SHAPE[1] - box))
    assert a.table["edge_weight"][0] == pytest.approx(expected, rel=0.01)


def test_primaries_partly_hidden_are_not_taken_for_small_ones() -> None:
    labels = labels_of([(100.0, 100.0)])
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels[(yy - 100) ** 2 + (xx - 112) ** 2 < R**2] = 2  # upon the first
    table = measure_particles(labels, pixels=labels, scale=None)
    a = aggregates_of(labels, table, (0, 0, *SHAPE), None)
    sizes = a.to_dict()["primary_diameters"]
    assert sizes["in_groups"]["mean_px"] < 0.92 * 2 * R
    assert sizes["in_groups_in_sight"] == {"n": 1, "mean_px": pytest.approx(2 * R, rel=0.02), "sd_px": 0.0}
    assert a.table["mean_primary_diameter_px"][0] == pytest.approx(2 * R, rel=0.02)


def test_single_particles_have_one_primary() -> None:
    assert primaries_by_area(np.array([1.0, 0.9])).tolist() == [1, 1]


def areas_of(n: NDArray[np.float64], dimension: float) -> NDArray[np.float64]:
    """Projected areas over that of a primary, of aggregates of that dimension."""
    exponent, ln_factor = overlap_of(dimension)
    return np.asarray((n / math.exp(ln_factor)) ** (1 / exponent), np.float64)


@pytest.mark.parametrize(("dimension", "prefactor"), [(1.78, 1.3), (2.3, 1.1)])
def test_the_law_is_found_under_scatter_of_the_radius(dimension: float, prefactor: float) -> None:
    rng = np.random.default_rng(1)
    n = np.exp(rng.normal(np.log(40), 0.8, 400))
    gyration = (n / prefactor) ** (1 / dimension) / math.sqrt(1.5) * np.exp(rng.normal(0, 0.12, 400))
    law = fractal_law(areas_of(n, dimension), gyration)
    assert law.dimension == pytest.approx(dimension, abs=0.15)
    assert law.primaries(areas_of(n, law.dimension)) == pytest.approx(n)
    assert law.dimension_low < dimension < law.dimension_high
    assert law.prefactor_low < prefactor < law.prefactor_high


@pytest.mark.slow
@pytest.mark.parametrize(("dimension", "prefactor"), [(1.78, 1.3), (2.05, 1.15)])
def test_projections_of_drawn_aggregates_give_their_own_law(
    dimension: float, prefactor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spheres in space that hide each other, by an algorithm of the literature; no outlines in between."""
    folder = Path(__file__).parents[2] / "benchmarks"
    if not folder.is_dir():
        pytest.skip("no benchmarks here, as in a source distribution")
    monkeypatch.syspath_prepend(str(folder))
    drawing, fractals = (importlib.import_module(name) for name in ("aggregates", "fractals"))
    rng = np.random.default_rng(7)
    seen = []
    for size in drawing.sizes_of(rng, 60).tolist():
        body = fractals.aggregate(rng, size, dimension=dimension, prefactor=prefactor)
        seen += [drawing.projected(fractals.turned(rng, body)) for _ in range(3)]
    law = fractal_law(*np.array(seen).T)
    assert law.dimension == pytest.approx(dimension, abs=0.1)
    assert law.dimension_low < dimension < law.dimension_high


def test_a_dense_law_is_said_to_be_a_lower_bound() -> None:
    """As many groups as a law needs, made up in the table: only the law is looked at."""
    a = found(PAIR, CHAIN, SINGLE)
    for dimension, bound in ((1.7, False), (2.1, False), (2.5, True)):
        n = np.exp(np.linspace(2, 5, 30))
        table = pd.DataFrame({"edge_weight": 1.0, "n_primaries": n.round(), "mean_primary_diameter_px": 2.0}, index=range(30))
        table["area_px2"] = math.pi * areas_of(n, dimension)
        table["radius_of_gyration_px"] = np.sqrt((n / 1.3) ** (2 / dimension) / 1.5 + 0.5)
        law = Aggregates(table, a.primaries, "px").to_dict()["fractal_law"]
        assert law["dimension"] == pytest.approx(dimension, rel=1e-6)
        assert law["is_lower_bound"] is bound


def test_few_groups_or_groups_of_one_size_have_no_law() -> None:
    assert math.isnan(fractal_law(np.full(5, 15.0), np.full(5, 4.0)).dimension)
    assert math.isnan(fractal_law(np.full(50, 15.0), np.full(50, 4.0)).dimension)


def test_micrographs_with_and_without_a_scale_are_not_pooled() -> None:
    with pytest.raises(ValueError, match="scale"):
        pooled([found(PAIR), found(PAIR, scale=Scale((1.0, 1.0), 0.0, "user"))], ["a", "b"])


def ended(argv: list[str], code: int = 0) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == code


def test_the_command_pools_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name, groups in (("a", (PAIR, CHAIN)), ("b", (CHAIN, SINGLE))):
        grey = 60 + 120 * (labels_of(*groups) > 0) + rng.normal(0, 3, SHAPE)
        Image.fromarray(np.uint8(np.clip(grey, 0, 255))).save(tmp_path / f"{name}.png")
    (tmp_path / "my.toml").write_text("[arrangement]\naggregates = true\n", encoding="utf-8")
    out = tmp_path / "results"
    files = [str(tmp_path / f"{n}.png") for n in "ab"]
    ended(
        ["measure", *files, "-o", str(out), "--engine", "threshold", "--scale", "2 nm/px", "--settings", str(tmp_path / "my.toml")]
    )
    about = json.loads((out / "a" / "measurement.json").read_text(encoding="utf-8"))
    assert about["aggregates"]["n_of_several"] == 2
    assert (out / "a" / "aggregates.csv").is_file()
    assert "what hangs together" in (out / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    ended(["aggregates", str(out)])
    assert "3 of several particles and 1 single" in capsys.readouterr().out
    table = pd.read_csv(out / "aggregates.csv")
    assert sorted(table["n_primaries"]) == [1, 2, 5, 5]
    assert set(table["micrograph"]) == {"a", "b"}


def test_a_folder_without_results_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended(["aggregates", str(tmp_path)], code=2)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
