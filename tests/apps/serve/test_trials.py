"""Other settings tried on one micrograph: both seen, one taken, the other kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanogauge.apps.serve.project import Project
from nanogauge.apps.serve.studio import Studio
from nanogauge.core.errors import EditError, InputError
from nanogauge.core.settings import Settings
from page_tools import PORT, labels, opened, until
from serve_tools import running

THRESHOLD = Settings().replace("segment", engine="threshold")


@pytest.fixture
def studio(work: Path) -> Iterator[Studio]:
    made = Studio(Project(work), settings=THRESHOLD)
    yield made
    made.close()


def test_what_is_tried_is_seen_beside_the_result_and_taken_whole(studio: Studio, work: Path) -> None:
    trials = studio.trials
    with pytest.raises(InputError, match="nothing was tried"):
        trials.outlines("a")
    session = studio.session("a")
    session.edit("delete", {"labels": session.table["label"].tolist()[:3]})
    before = len(session.table)
    trial = trials.start("a", THRESHOLD.replace("measure", least_diameter_px=1000.0), "from 1000 px")
    with pytest.raises(EditError, match="already"):
        trials.start("a", THRESHOLD, "")
    until(lambda: trial.state != "measuring")
    assert trial.state == "done", trial.message
    assert trial.summary is not None
    assert trial.summary["n_counted"] == 0
    drawn = trials.outlines("a")
    assert len(drawn["outline"]) == len(drawn["label"]) == trial.summary["n_found"]
    assert set(drawn["kind"]) == {"left_out"}
    assert len(studio.session("a").table) == before, "nothing has changed yet"

    entry = trials.take("a")
    assert entry.summary["n_counted"] == 0
    assert session.ended
    assert len(studio.session("a").journal.done) == 0
    (earlier,) = studio.project.earlier("a")
    assert earlier.n_edits == 1
    studio.bring_back(earlier.folder.name)
    assert len(studio.session("a").table) == before
    with pytest.raises(InputError):
        trials.take("a")


@pytest.mark.slow
@pytest.mark.browser
def test_a_and_b_are_seen_in_turn(tab: Any, work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        opened(tab, page, "a")
        n = len(labels(tab))
        tab.click(".q-tab:has-text('Filters')")
        tab.fill("[aria-label='Smallest diameter / px']", "1000")
        tab.click("button:has-text('Try')")
        tab.wait_for_selector(".ng-trying")
        assert tab.evaluate("[...nanogaugeView.trial.particles.values()].every((p) => p.kind === 'left_out')")
        assert "0 of" in tab.inner_text(".ng-trial")
        tab.keyboard.press("j")
        tab.wait_for_selector(".ng-trying", state="detached")
        assert len(labels(tab)) == n
        tab.click("button:has-text('Take B')")
        tab.click(".q-dialog button:has-text('Take B')")
        taken = "[...nanogauge.particles.values()].every((p) => p.kind === 'left_out')"
        tab.wait_for_function(f"window.nanogauge?.state && {taken}")
