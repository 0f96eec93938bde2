"""No serious fault of accessibility on any page, in light and dark, by axe-core."""

from __future__ import annotations

from typing import Any

import pytest

from page_tools import PORT, WAIT_MS, after_edit, free, on_screen, opened, window, with_doubts
from serve_tools import running

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def faults(tab: Any) -> list[str]:
    """What axe-core calls serious or critical, each with the elements it means."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core is not installed: pip install 'nanogauge[test]'"
    )
    found = axe.Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{v['id']}: {v['help']}: " + "; ".join(n["html"][:110] for n in v["nodes"][:4])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, several: Any, free_port: PORT, scheme: str) -> None:
    with_doubts(several / "a")
    with running(several, free_port()) as page, window(browser, color_scheme=scheme) as tab:
        said = []
        tab.goto(page.address)
        tab.wait_for_selector(".ng-item.openable", timeout=WAIT_MS)
        said += [f"gallery: {f}" for f in faults(tab)]
        tab.click('[data-name="b"] .q-checkbox')
        tab.wait_for_selector(".ng-selected", timeout=WAIT_MS)
        said += [f"selection: {f}" for f in faults(tab)]
        opened(tab, page, "a")
        tab.mouse.click(*on_screen(tab, free(tab)[0])[:2])
        after_edit(tab, lambda: tab.keyboard.press("Delete"))
        for name in ("Sizes", "Particles", "Scale", "Filters", "Files"):
            tab.click(f".q-tab:has-text('{name}')")
            tab.wait_for_timeout(700)
            said += [f"{name}: {f}" for f in faults(tab)]
        tab.keyboard.press("u")
        tab.wait_for_selector(".ng-review", timeout=WAIT_MS)
        said += [f"review: {f}" for f in faults(tab)]
        for path in ("/samples", "/report", "/m/nowhere", "/nothing"):
            tab.goto(page.address + path)
            tab.wait_for_selector(".ng-header", timeout=WAIT_MS)
            tab.wait_for_timeout(400)
            said += [f"{path}: {f}" for f in faults(tab)]
        assert not said, "\n".join(said)
