#!/usr/bin/env python3
"""What a job on the page costs a hand: clicks, keys and seconds, by a script in Chromium that waits for the page but never thinks.

    python benchmarks/page_hand.py                 # review 15 micrographs, give 150 a scale, leave with all files
    python benchmarks/page_hand.py review          # one of: review, scale, files

Micrographs are rendered, their labels the true ones, four particles of each unsure. Needs what benchmarks/page.py needs.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from page import NAME, make, multiply

UNSURE = 4
PATIENCE_MS = 300_000


class Hand:
    """Points and types, and counts it."""

    def __init__(self, tab: Any) -> None:
        self.tab, self.clicks, self.keys = tab, 0, 0

    def click(self, selector: str) -> None:
        self.tab.click(selector, timeout=PATIENCE_MS)
        self.clicks += 1

    def press(self, key: str) -> None:
        self.tab.keyboard.press(key)
        self.keys += 1

    def type(self, selector: str, text: str) -> None:
        self.click(selector)
        self.tab.keyboard.type(text)
        self.keys += len(text)

    def wait(self, script: str, argument: object = None) -> None:
        self.tab.wait_for_function(script, arg=argument, timeout=PATIENCE_MS)


def review(hand: Hand, address: str, n: int) -> None:
    """Every unsure particle is looked at and kept, every micrograph marked as checked."""
    hand.tab.goto(address)
    hand.click("article.ng-item.openable .ng-item-name")
    for _ in range(n):
        hand.wait("() => window.nanogauge?.state && window.nanogaugeView?.loaded && window.nanogaugeView.unsure().length > 0")
        name = hand.tab.evaluate("nanogauge.name")
        hand.press("u")
        for left in range(UNSURE - 1, -1, -1):
            hand.press("k")
            hand.wait("(n) => nanogaugeView.unsure().length === n", left)
        hand.press("c")
        hand.wait("(n) => window.nanogauge?.name !== n", name)


def scale(hand: Hand, address: str, n: int) -> None:
    """A pixel size typed for one micrograph, and given to all others."""
    hand.tab.goto(address)
    hand.click("article.ng-item.openable .ng-item-name")
    hand.wait("() => window.nanogauge?.state && window.nanogaugeView?.loaded")
    hand.type("[aria-label^='Pixel size']", "2.5 nm/px")
    hand.press("Enter")
    hand.wait("() => nanogauge.state.nm_per_px")
    hand.click("button:has-text('Use this scale for others')")
    hand.click(".q-dialog [aria-label='All of them']")  # their magnification is not stated, so none is ticked at first
    hand.click(".q-dialog button:has-text('Give them this scale')")
    hand.tab.wait_for_selector(f".ng-many:has-text('given to {n - 1} micrographs')", timeout=PATIENCE_MS)


def files(hand: Hand, address: str, n: int) -> None:
    """Report, tables, labels and outlines of all, as one file."""
    hand.tab.goto(address)
    with hand.tab.expect_download(timeout=PATIENCE_MS) as coming:
        hand.click("a.ng-nav:has-text('Report and files')")
        hand.click("a:has-text('everything.zip')")
    coming.value.path()


JOBS: dict[str, tuple[str, int, Callable[[Hand, str, int], None]]] = {
    "review": ("15 micrographs reviewed, 60 unsure particles", 15, review),
    "scale": ("150 micrographs given a scale", 150, scale),
    "files": ("all files of 15 micrographs", 15, files),
}


def doubt(folder: Path) -> None:
    """Makes four particles of a result unsure."""
    path = folder / "particles.csv"
    table = pd.read_csv(path, keep_default_na=False)
    inside = table.index[table["flags"] == ""][:UNSURE]
    table["confidence"] = 1.0  # labels that were given have none
    table.loc[inside, "confidence"] = 0.4
    table.loc[inside, "flags"] = "low_confidence"
    table.to_csv(path, index=False)


def do(job: str, browser: Any) -> None:
    """One job in a work folder of its own; prints what it cost."""
    what, n, act = JOBS[job]
    root = Path(tempfile.mkdtemp())
    make(root, 60, (480, 640))
    doubt(root / NAME)
    multiply(root, n)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "nanogauge", "serve", str(root), "--port", str(port), "--no-browser"])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(3000):  # a busy machine takes its time to start it
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
        hand = Hand(context.new_page())
        hand.tab.goto(address)  # what every page needs is in the browser's cache from then on
        began = time.perf_counter()
        act(hand, address, n)
        print(f"{what:48} {hand.clicks:4} clicks {hand.keys:4} keys {time.perf_counter() - began:6.0f} s", flush=True)
        context.close()
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
        shutil.rmtree(root, ignore_errors=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("jobs", nargs="*", help="default: all of them")
    a = p.parse_args()
    if unknown := set(a.jobs) - set(JOBS):
        p.error(f"{', '.join(sorted(unknown))}: no such job; there are {', '.join(JOBS)}")
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("no Chromium on this computer: apt-get install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        for job in a.jobs or JOBS:
            do(job, browser)
        browser.close()


if __name__ == "__main__":
    main()
