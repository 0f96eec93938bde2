"""A second person who has the token: both work in one folder, and neither breaks what the other did."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nanogauge.apps.serve.project import Project
from nanogauge.core.errors import InputError, NotYours
from nanogauge.editing.journal import read_journal
from nanogauge.editing.session import Session, open_session
from nanogauge.results.folder import EDITS
from page_tools import PORT, after_edit, free, on_screen, window
from serve_tools import Page


@contextmanager
def shared(root: Path, port: int) -> Iterator[tuple[Page, str]]:
    """The page where others reach it, and the address with the token that it prints."""
    command = [sys.executable, "-m", "nanogauge", "serve", str(root), "--host", "0.0.0.0", "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        printed = process.stdout.readline().decode()
        found = re.search(r"\?token=(\S+)", printed)
        assert found, printed
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):  # it is printed a moment before it answers
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/?token={found[1]}", timeout=5):
                break
            time.sleep(0.1)
        yield Page(address, root, process), f"{address}/?token={found[1]}"
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_an_undo_of_what_another_did_is_asked_for_twice(session: Session) -> None:
    a, b = (int(v) for v in session.table["label"].iloc[2:4])
    with session.made_by("anna"):
        session.edit("delete", {"labels": [a]})
    with session.made_by("ben"), pytest.raises(NotYours, match=r"another person's \(deleted"):
        session.undo(of="ben")
    assert a not in session.table["label"].tolist()
    with session.made_by("ben"):
        session.edit("delete", {"labels": [b]})
    assert [e.hand for e in open_session(session.folder, session.found.micrograph.path or Path()).journal.done] == ["anna", "ben"]
    assert session.undo(of="ben") is not None
    with pytest.raises(NotYours):
        session.undo(of="ben")
    assert session.undo(of="anna") is not None
    session.edit("delete", {"labels": [a]})  # by a panel or a script that does not say whose it is
    assert session.undo(of="ben") is not None


def test_two_windows_that_name_classes_keep_each_others(work: Path) -> None:
    project = Project(work)
    project.set_class(0, "rod", "#112233")
    project.set_class(2, "cube", "#445566")  # from a window that has not heard of the first
    assert [c["name"] for c in project.classes] == ["rod", "", "cube"]
    with pytest.raises(InputError, match="same name"):
        project.set_class(1, "rod", "#445566")
    assert [c["name"] for c in Project(work).classes] == ["rod", "", "cube"]


@pytest.mark.slow
@pytest.mark.browser
def test_two_persons_work_in_one_folder(browser: Any, several: Path, free_port: PORT) -> None:
    with shared(several, free_port()) as (page, address), window(browser) as anna, window(browser) as ben:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{page.address}/api/micrographs/a", timeout=60)
        for tab in (anna, ben):
            tab.goto(address)
            tab.goto(f"{page.address}/m/a")
            tab.wait_for_function("window.nanogauge?.state && window.nanogaugeView?.loaded")
        first, second, third = free(anna)[:3]

        def delete(tab: Any, label: int) -> None:
            x, y, _ = on_screen(tab, label)
            tab.mouse.click(x, y)
            after_edit(tab, lambda: tab.keyboard.press("Delete"))

        delete(anna, first)
        ben.wait_for_function("(l) => !nanogauge.particles.has(l)", arg=first)
        ben.evaluate("(l) => { nanogauge.edit('grow', { labels: [l] }); }", first)  # which is gone
        ben.wait_for_selector(".q-notification:has-text('no longer there')")
        ben.keyboard.press("Control+z")
        ben.wait_for_selector(".q-notification:has-text('another person')")
        delete(ben, second)  # is an edit of his own
        anna.wait_for_function("(l) => !nanogauge.particles.has(l)", arg=second)
        anna.keyboard.press("Control+z")
        anna.wait_for_selector(".q-notification:has-text('another person')")
        assert first not in [int(v) for v in ben.evaluate("[...nanogauge.particles.keys()]")]

        for tab in (anna, ben):  # both have the classes open
            tab.click(".q-tab:has-text('Particles')")
            tab.click(".ng-classes .q-item")
        anna.fill("[aria-label='Name of class 1']", "rod")
        ben.fill("[aria-label='Name of class 2']", "cube")
        for tab in (anna, ben):
            tab.wait_for_function("nanogauge.classes[0]?.name === 'rod' && nanogauge.classes[1]?.name === 'cube'")
        assert ben.input_value("[aria-label='Name of class 1']") == "rod"

        ben.goto(f"{page.address}/")  # and takes the micrograph out of the gallery while she is at it
        ben.click("article[data-name=a] .ng-item-tick")
        ben.click("button:has-text('More')")
        ben.click(".q-menu :text('Remove from the gallery')")
        ben.click(".q-dialog button:has-text('Remove')")
        anna.wait_for_selector("text=This result has been replaced")
        anna.evaluate("(l) => { nanogauge.edit('delete', { labels: [l] }); }", third)
        anna.wait_for_selector(".q-notification:has-text('no such micrograph')")
    project = Project(several)
    (version,) = project.earlier("a")
    assert [(e.kind, bool(e.hand)) for e in read_journal(version.folder / EDITS).done] == [("delete", True), ("delete", True)]
    project.bring_back(version)
    table = open_session(several / "a", several / "uploads" / "a.png").table
    assert not {first, second} & set(table["label"].tolist())
    assert third in table["label"].tolist()
    assert [c["name"] for c in json.loads((several / "serve.json").read_text())["classes"]] == ["rod", "cube"]
