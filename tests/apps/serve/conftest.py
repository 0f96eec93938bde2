"""Measured micrographs in a work folder, made once; a browser where there is one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("nicegui", reason="the page's packages are not installed: pip install 'nanogauge[serve]'")
sys.path.insert(0, str(Path(__file__).parent))

from nanogauge.apps.serve.thumbnails import write_thumbnail
from nanogauge.editing.session import Session, open_session
from nanogauge.results.folder import PROBABILITY
from nanogauge.results.pictures import write_probability
from page_tools import window
from scenes import blind, spheres
from serve_tools import chromium, firefox


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with one measured micrograph, as the page leaves it: uploads/a.png, a/..."""
    root = tmp_path_factory.mktemp("measured")
    (root / "uploads").mkdir()
    picture = root / "uploads" / "a.png"
    Image.fromarray(spheres().pixels).save(picture)
    m = blind().measure(picture)
    m.save(root / "a")
    assert m.foreground is not None
    write_probability(root / "a" / PROBABILITY, m.foreground)
    write_thumbnail(m, root / "a")
    return root


@pytest.fixture
def work(measured: Path, tmp_path: Path) -> Path:
    """A copy of the measured work folder to change."""
    return Path(shutil.copytree(measured, tmp_path / "work"))


@pytest.fixture
def session(work: Path) -> Session:
    """The micrograph, open."""
    return open_session(work / "a", work / "uploads" / "a.png")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless browser: Chromium, or Firefox where NANOGAUGE_TEST_BROWSER=firefox."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install 'nanogauge[test]'")
    if os.environ.get("NANOGAUGE_TEST_BROWSER") == "firefox":
        with api.sync_playwright() as p:
            own, system = Path(p.firefox.executable_path).is_file(), firefox()
            if not own and system is None:
                pytest.skip("no Firefox on this computer: playwright install firefox, or apt-get install firefox-esr")
            b = p.firefox.launch() if own else p.firefox.launch(channel="moz-firefox", executable_path=system)
            yield b
            b.close()
        return
    path = chromium()
    if path is None:
        pytest.skip("no Chromium on this computer: apt-get install chromium")
    with api.sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield b
        b.close()


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A port nobody listens on."""
    import socket

    def find() -> int:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return int(s.getsockname()[1])

    return find


@pytest.fixture
def several(work: Path) -> Path:
    """The work folder with four measured micrographs: a, b, c, d, the same picture each."""
    for name in "bcd":
        shutil.copytree(work / "a", work / name)
        shutil.copyfile(work / "uploads" / "a.png", work / "uploads" / f"{name}.png")
        about = json.loads((work / name / "measurement.json").read_text())
        (work / name / "measurement.json").write_text(json.dumps(about | {"file": f"{name}.png"}))
    return work


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A window; an error in its JavaScript fails the test."""
    with window(browser) as w:
        yield w
