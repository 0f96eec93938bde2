"""How particles lie, on the page: maps and figures of order and groups, colours of the particles, all after an edit too."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nanogauge.apps.serve.arrangements import PICTURES, Arrangements
from nanogauge.apps.serve.thumbnails import write_thumbnail
from nanogauge.core.errors import InputError
from nanogauge.core.scale import Scale
from nanogauge.editing.session import Session, open_session
from nanogauge.results.pictures import write_labels
from page_tools import PORT, after_edit, on_screen, opened
from scenes import blind
from serve_tools import discs, running

SPACING, RADIUS, SHAPE = 22, 8, (360, 480)
TURNS = (0.0, 18.0)  # degrees of the left and the right grain


def crystal() -> np.ndarray[Any, np.dtype[np.int32]]:
    """Labels of two grains of a hexagonal lattice, and of two discs that touch beyond a gap on the right."""
    i, j = np.mgrid[-60:60, -60:60]
    places: list[tuple[int, int, int]] = []
    for turn, (low, high) in zip(TURNS, ((8, 205), (208, 405)), strict=True):
        a, b = math.radians(turn), math.radians(turn + 60)
        x = 240 + SPACING * (i * math.cos(a) + j * math.cos(b))
        y = 180 - SPACING * (i * math.sin(a) + j * math.sin(b))
        inside = (x > low + 2) & (x < high - 2) & (y > 10) & (y < SHAPE[0] - 10)
        places += [
            (round(v), round(u), RADIUS)
            for v, u in zip(y[inside], x[inside], strict=True)
            if all(math.hypot(v - p[0], u - p[1]) > 2 * RADIUS + 3 for p in places)
        ]
    return discs(SHAPE, [*places, (60, 450, RADIUS), (60, 450 + 2 * RADIUS + 1, RADIUS)])


@pytest.fixture
def ordered(tmp_path: Path) -> Path:
    """A work folder with the crystal measured: uploads/a.png, a/..."""
    root, labels = tmp_path / "work", crystal()
    (root / "uploads").mkdir(parents=True)
    picture = root / "uploads" / "a.png"
    Image.fromarray(np.where(labels > 0, 190, 40).astype(np.uint8)).save(picture)
    write_labels(tmp_path / "drawn.tif", labels, None)
    m = blind().measure_labels(picture, tmp_path / "drawn.tif", scale=Scale((2.0, 2.0), 0.01, "user"))
    m.save(root / "a")
    write_thumbnail(m, root / "a")
    return root


@pytest.fixture
def session(ordered: Path) -> Session:
    """The crystal, open."""
    return open_session(ordered / "a", ordered / "uploads" / "a.png")


def test_columns_of_all_particles(session: Session) -> None:
    found = Arrangements().particles(session)
    assert found["fold"] == 6
    assert found["label"] == session.table["label"].tolist()
    x = session.table["x"].to_numpy()
    direction, grain = np.array(found["direction"], float), np.array(found["grain"])
    for turn, side in zip(TURNS, (x < 180, (x > 235) & (x < 400)), strict=True):
        among = side & (grain > 0)
        assert among.sum() > 30
        assert len(set(grain[among])) == 1
        off = (direction[among] - turn + 30) % 60 - 30
        assert np.abs(off).max() < 3.5  # places are whole px
    group = np.array(found["group"])
    assert (group[x > 430] > 0).all()
    assert len(set(group[x > 430])) == 1
    assert (group[x < 400] == 0).all()


def test_one_working_out_for_each_revision(session: Session) -> None:
    known = Arrangements()
    before = known.of(session)
    assert known.of(session) is before
    session.edit("delete", {"labels": [int(session.table["label"].iloc[-1])]})
    revision, m = known.of(session)
    assert revision == session.revision > before[0]
    assert len(m.particles) == len(before[1].particles) - 1
    assert not any(known.particles(session)["group"])  # its partner is alone now


def test_pictures_are_drawn_and_others_refused(session: Session) -> None:
    known = Arrangements()
    for name in PICTURES:
        with Image.open(io.BytesIO(known.picture(session, name))) as picture:
            assert min(picture.size) > 500
    with pytest.raises(InputError, match="no such picture"):
        known.picture(session, "../secret")
    session.edit("delete", {"labels": session.table["label"].tolist()[8:]})  # too few for an order
    assert known.particles(session)["psi"] is None
    with pytest.raises(InputError):
        known.picture(session, "psi")


@pytest.mark.slow
@pytest.mark.browser
def test_maps_and_colours_on_the_page(tab: Any, ordered: Path, free_port: PORT) -> None:
    drawn = "[...document.querySelectorAll('.ng-map img')].filter(i => i.complete && i.naturalWidth > 500).length"
    with running(ordered, free_port()) as page:
        opened(tab, page, "a")
        tab.click(".q-tab:has-text('Order')")
        tab.wait_for_function(f"() => {drawn} === {len(PICTURES)}")
        panel = tab.inner_text(".ng-part-order")
        constant = re.search(r"Lattice constant\s+([\d.]+) ± [\d.]+ nm", panel)
        assert constant is not None
        assert float(constant[1]) == pytest.approx(2 * SPACING, rel=0.01)
        assert "Fractal law" in panel
        tab.click("[aria-label^='Colour the particles by it: Direction']")
        tab.wait_for_function("() => nanogauge.arranged?.fold === 6")
        tab.wait_for_selector(".ng-legend:has-text('30° from the x axis')")
        colour = "(l) => nanogauge.colour(nanogauge.particles.get(l), nanogaugeView.by)"
        x = {int(p[0]): p[1] for p in tab.evaluate("[...nanogauge.particles.values()].map(p => [p.label, p.x])")}
        left, right = (min(x, key=lambda k: abs(x[k] - at)) for at in (110, 320))
        assert tab.evaluate(colour, left) != tab.evaluate(colour, right)
        at_x, at_y, _ = on_screen(tab, left)
        tab.mouse.move(at_x, at_y)
        tab.wait_for_selector(".ng-card:has-text('grain')")
        tab.select_option("[aria-label='Colour outlines by']", "group")
        tab.wait_for_selector(".ng-legend:has-text('1 group; grey: alone')")
        pair = max(x, key=lambda k: x[k])
        assert tab.evaluate(colour, pair) != tab.evaluate(colour, left)
        at_x, at_y, _ = on_screen(tab, pair)
        tab.mouse.click(at_x, at_y)
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        tab.wait_for_selector(".ng-legend:has-text('0 groups')")
        new = "i.src.endsWith('revision=' + nanogauge.state.revision)"
        tab.wait_for_function(f"() => [...document.querySelectorAll('.ng-map img')].every(i => {new})")
