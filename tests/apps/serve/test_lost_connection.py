"""The server goes away under the hand: edits are kept in the browser, sent when it is back, and made once."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from nanogauge.editing.journal import read_journal
from page_tools import PORT, READY, free, labels, opened
from serve_tools import Page, running


def send(page: Page, content: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(f"{page.address}/api/micrographs/a/edit", json.dumps(content).encode(), {"x-nanogauge": "1"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


@pytest.mark.slow
def test_an_edit_sent_twice_is_made_once_even_after_a_restart(work: Path, free_port: PORT) -> None:
    with running(work, free_port()) as page:
        with urllib.request.urlopen(f"{page.address}/api/micrographs/a", timeout=60) as answer:
            label = json.load(answer)["particles"]["label"][3]
        grow = {"kind": "grow", "labels": [label], "id": "one"}
        first = send(page, grow)
        again = send(page, grow)
        assert again["state"]["revision"] == first["state"]["revision"]
        assert again["everything"]
        send(page, {"kind": "undo", "id": "two"})
        send(page, {"kind": "undo", "id": "two"})  # else: nothing to undo
        page.kill()
    with running(work, free_port()) as page:
        assert send(page, grow)["state"]["n_edits"] == 0, "it was made, and taken back"
    assert len(read_journal(work / "a" / "edits.jsonl").undone) == 1


@pytest.mark.slow
@pytest.mark.browser
def test_edits_wait_in_the_browser_until_the_server_is_back(tab: Any, work: Path, free_port: PORT) -> None:
    port = free_port()
    with running(work, port) as page:
        opened(tab, page, "a")
        n = len(labels(tab))
        one, other = free(tab)[:2]
        page.kill()
        tab.evaluate("(l) => { nanogauge.select([l]); return nanogaugeView.act('delete'); }", one)
        tab.evaluate("(l) => { nanogauge.select([l]); return nanogaugeView.act('grow'); }", other)
        tab.wait_for_selector(".ng-unsent:has-text('2 edits are kept')")
        assert len(labels(tab)) == n
        tab.wait_for_selector("#popup:has-text('does not answer')")
    with running(work, port):
        sent = "(n) => window.nanogauge?.particles?.size === n && !nanogauge.unsent.items.length"
        tab.wait_for_function(sent, arg=n - 1)
        tab.wait_for_function(READY % "a")
        kinds = [e.kind for e in read_journal(work / "a" / "edits.jsonl").done]
        assert kinds == ["delete", "grow"]
        tab.reload()
        tab.wait_for_function(READY % "a")
        assert len(labels(tab)) == n - 1
        assert tab.evaluate("Object.keys(localStorage).filter((k) => k.startsWith('nanogauge.unsent')).length") == 0
