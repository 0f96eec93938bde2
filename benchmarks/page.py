#!/usr/bin/env python3
"""How fast the page follows the hand: frames a second while panning and zooming, and time from an edit to its picture, in Chromium.

    python benchmarks/page.py                      # 4096 x 3072 px, 2,000 particles
    python benchmarks/page.py --particles 5000
    python benchmarks/page.py --gallery 1000       # so many micrographs in the gallery; memory while thirty of them are opened

The micrograph is rendered, its labels are the true ones, so that nothing is measured but the page. Needs the extras serve and
test, and Chromium (Debian: apt-get install chromium). Without a graphics card everything is drawn by the processor: the figures
are the worst case.
"""

from __future__ import annotations

import argparse
import os
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

import cv2
import numpy as np
from PIL import Image

from nanogauge.apps.serve.thumbnails import write_thumbnail
from nanogauge.pipeline.measure import Measurer
from nanogauge.reading import read_micrograph
from nanogauge.results.folder import PROBABILITY
from nanogauge.results.interchange import Annotation
from nanogauge.results.pictures import write_probability

NAME = "large"
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def cpu_seconds(word: str) -> float:
    """Processor time so far of all our descendants whose name holds a word; NaN where there is no /proc. On a busy machine it says
    what the clock cannot."""
    parents: dict[int, int] = {}
    spent: dict[int, tuple[str, float]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        pid = int(stat.parent.name)
        parents[pid] = int(rest[1])
        spent[pid] = (name, (int(rest[11]) + int(rest[12])) / TICK)

    def ours(pid: int) -> bool:
        while pid > 1:
            if pid == os.getpid():
                return True
            pid = parents.get(pid, 0)
        return False

    return sum(t for pid, (name, t) in spent.items() if word in name and ours(pid)) if parents else float("nan")


def others() -> float:
    """What is used of the processors by anything but us while a second passes, in cores; NaN where there is no /proc."""
    try:
        before, mine = Path("/proc/stat").read_text(), cpu_seconds("")
        time.sleep(1)
        after, mine = Path("/proc/stat").read_text(), cpu_seconds("") - mine
    except OSError:
        return float("nan")
    idle, waits = 3, 4
    counts = [[int(v) for v in text.split("\n")[0].split()[1:9]] for text in (before, after)]
    first, last = (sum(v for k, v in enumerate(row) if k not in (idle, waits)) / TICK for row in counts)
    return max(last - first - mine, 0.0)


class PageThread:
    """The thread of the page that runs scripts, lays out and draws: its processor time, as Chromium counts it."""

    def __init__(self, tab: Any) -> None:
        self.session = tab.context.new_cdp_session(tab)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        """So far."""
        return next(m["value"] for m in self.session.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")


class NoText:
    """A text reader that finds nothing."""

    name = "none"

    def read(self, pixels: object) -> list[object]:
        return []

    def read_line(self, pixels: object) -> tuple[str, float]:
        return "", 0.0


def make(root: Path, n: int, shape: tuple[int, int]) -> None:
    """A work folder with one micrograph of n discs, some touching, as the page leaves it."""
    rng = np.random.default_rng(5)
    labels = np.zeros(shape, np.int32)
    side = int(np.sqrt(shape[0] * shape[1] / n))
    k = 0
    for y in range(side // 2, shape[0], side):
        for x in range(side // 2, shape[1], side):
            k += 1
            axes = tuple(int(v) for v in side * rng.uniform(0.3, 0.5, 2))
            cv2.ellipse(labels, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, k, -1)
    grey = cv2.GaussianBlur(np.where(labels > 0, 150, 60).astype(np.float32), (0, 0), 2) + rng.normal(0, 12, shape)
    pictures = root / "uploads"
    pictures.mkdir(parents=True)
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(pictures / f"{NAME}.png")
    marks = Annotation(labels=labels, kind="label_image", path=Path("true"), sha256="")
    m = Measurer(reader=NoText()).measure_labels(read_micrograph(pictures / f"{NAME}.png"), marks)
    folder = root / NAME
    m.save(folder)
    probability = cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 1.2)
    write_probability(folder / PROBABILITY, probability)
    about = (folder / "measurement.json").read_text()
    (folder / "measurement.json").write_text(about.replace('"outline": "labels"', '"outline": "probability_map"'))
    write_thumbnail(m, folder)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--particles", type=int, default=2000)
    p.add_argument("--width", type=int, default=4096)
    p.add_argument("--height", type=int, default=3072)
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--edits", type=int, default=20, help="of each kind")
    p.add_argument("--gallery", type=int, default=0, help="micrographs in the gallery, instead of one large one")
    a = p.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("no Chromium on this computer: apt-get install chromium")
    root = Path(tempfile.mkdtemp())
    if a.gallery:
        make(root, 60, (480, 640))
        multiply(root, a.gallery)
    else:
        make(root, a.particles, (a.height, a.width))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "nanogauge", "serve", str(root), "--port", str(port), "--no-browser"])
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(3000):  # a busy machine takes its time to start it
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        with sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=browser_path, args=["--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc"]
            )
            tab = browser.new_page(viewport={"width": 1280, "height": 720})
            if a.gallery:
                gallery(tab, address, a.gallery, server.pid)
                browser.close()
                return
            thread = PageThread(tab)
            began = time.perf_counter()
            tab.goto(f"{address}/m/{NAME}")
            tab.wait_for_function("() => window.nanogauge?.state && window.nanogaugeView?.loaded", timeout=120_000)
            print(
                f"{tab.evaluate('nanogauge.particles.size')} particles on {a.width} x {a.height} px, "
                f"opened in {time.perf_counter() - began:.1f} s"
            )
            tab.wait_for_timeout(4000)
            print(f"other work on this computer: {others():.0%} of a core; where that is much, clock times say little")
            for name, script in MOVES.items():
                before, own = cpu_seconds("chrom"), thread.seconds()
                fps, n = tab.evaluate(RUN, [script, a.seconds])
                each, own = 1000 * (cpu_seconds("chrom") - before) / n, 1000 * (thread.seconds() - own) / n
                print(
                    f"{name:28} {fps:6.1f} frames a second by the clock; {each:5.1f} ms of processor time a frame, whole browser, "
                    f"{own:.1f} of them the page's own thread"
                )
            tab.keyboard.press("0")
            tab.wait_for_timeout(500)
            labels = tab.evaluate(
                "(n) => [...nanogauge.particles.values()].filter(p => p.kind === 'counted').map(p => p.label).slice(100, 100 + n)",
                a.edits,
            )
            tab.evaluate("nanogauge.latency.length = 0")
            drawn = np.median([drawing(tab, thread, label) for label in labels])
            print(f"{'outlines after an edit':28} {1000 * drawn:.1f} ms of the page's own thread, drawing alone")
            for what, script in EDITS.items():
                spent = []
                for label in labels:
                    before = np.array([cpu_seconds("chrom"), cpu_seconds("python"), thread.seconds()])
                    tab.evaluate(script, label)
                    tab.wait_for_timeout(30)
                    spent.append(np.array([cpu_seconds("chrom"), cpu_seconds("python"), thread.seconds()]) - before)
                    tab.wait_for_timeout(700)  # the figures beside follow, and the files are written
                report(tab, what, np.median(spent, axis=0))
            browser.close()
    finally:
        server.terminate()
        try:
            server.wait(60)  # it writes what was edited last
        except subprocess.TimeoutExpired:
            server.kill()
        shutil.rmtree(root, ignore_errors=True)


def multiply(root: Path, n: int) -> None:
    """N micrographs out of the one that is there; their files are links to its own, so that the disk holds them once."""
    for k in range(1, n):
        name = f"{NAME}{k:04d}"
        (root / name).mkdir()
        for file in (root / NAME).iterdir():
            if file.name != "measurement.json" and file.is_file():
                os.link(file, root / name / file.name)
        about = (root / NAME / "measurement.json").read_text()
        (root / name / "measurement.json").write_text(about.replace(f"{NAME}.png", f"{name}.png"))
        os.link(root / "uploads" / f"{NAME}.png", root / "uploads" / f"{name}.png")


def resident_mb(pid: int) -> float:
    """Memory of a process; NaN where there is no /proc."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), float("nan"))


def gallery(tab: Any, address: str, n: int, pid: int) -> None:
    """Prints how the gallery does with n micrographs, and whether memory stays flat while they are opened in turn."""

    def timed(what: str, act: Callable[[], object]) -> None:
        before, began = cpu_seconds("python"), time.perf_counter()
        act()
        clock, cpu = time.perf_counter() - began, cpu_seconds("python") - before
        print(f"{what:40} {1000 * clock:6.0f} ms by the clock; {1000 * cpu:5.0f} ms of the server's processor and this script's")

    cards = "document.querySelectorAll('article.ng-item').length"
    tab.goto(address)
    timed(
        f"gallery of {n}, opened",
        lambda: (tab.goto(address), tab.wait_for_function(f"{cards} > 0 && document.images[0]?.complete")),
    )
    timed("next page of cards", lambda: (
        tab.click(".ng-pages button[aria-label='2'], .ng-pages button:has-text('2')"),
        tab.wait_for_function("document.querySelector('article.ng-item').dataset.name !== 'large'"),
    ))  # fmt: skip
    timed("found by name", lambda: (
        tab.fill("[aria-label='Find by name']", f"{NAME}{n - 1:04d}"), tab.wait_for_function(f"{cards} === 1", timeout=60_000),
    ))  # fmt: skip
    tab.fill("[aria-label='Find by name']", "")
    tab.wait_for_timeout(1500)
    before = cpu_seconds("python")
    tab.wait_for_timeout(10_000)
    print(f"{'standing still':40} {(cpu_seconds('python') - before) * 10:6.1f} % of a core, server and this script")
    sizes = []
    for k in range(1, 31):
        tab.goto(f"{address}/m/{NAME}{k:04d}")
        tab.wait_for_function("() => window.nanogauge?.state && window.nanogaugeView?.loaded", timeout=120_000)
        label = "[...nanogauge.particles.keys()][3]"
        tab.evaluate(f"nanogauge.edit('delete', {{ labels: [{label}] }}).then(() => nanogauge.edit('undo'))")
        tab.wait_for_timeout(300)
        sizes.append(resident_mb(pid))
    some = ", ".join(f"{sizes[i - 1]:.0f} MB" for i in (5, 10, 20, 30))
    print(f"memory of the server after 5, 10, 20, 30 micrographs opened and edited: {some}")
    heap = []
    for k in range(200):
        tab.evaluate(
            "() => nanogauge.edit(%s)" % ("'undo'" if k % 2 else "'delete', { labels: [[...nanogauge.particles.keys()][3]] }")
        )
        if k in (19, 199):
            tab.wait_for_timeout(1000)
            heap.append(tab.evaluate("(window.gc?.(), performance.memory.usedJSHeapSize / 1e6)"))
    print(f"heap of the page after 20 and 200 edits: {heap[0]:.1f}, {heap[1]:.1f} MB; server {resident_mb(pid):.0f} MB")


def drawing(tab: Any, thread: PageThread, label: int) -> float:
    """Processor seconds in which the outlines are drawn as after an edit of one particle; mean of ten."""
    before = thread.seconds()
    tab.evaluate(DRAW, label)
    return (thread.seconds() - before) / 10


def report(tab: object, what: str, cpu: np.ndarray) -> None:
    ms = np.array(tab.evaluate("nanogauge.latency.splice(0)"))  # type: ignore[attr-defined]
    clock = f"{np.median(ms):6.0f} ms by the clock from the gesture to the picture (median of {ms.size}, {ms.max():.0f} at most)"
    browser = f"{1000 * cpu[0]:.0f} ms browser, {1000 * cpu[2]:.0f} of them the page's own thread"
    print(f"{what:28} {clock}; processor time {browser}; {1000 * cpu[1]:.0f} ms server and this script")


EDITS = {
    "delete": "(l) => { nanogauge.select([l]); return nanogaugeView.act('delete'); }",
    "undo": "() => nanogaugeView.act('undo')",
    "split": "(l) => { const p = nanogauge.particles.get(l); const r = p.d_px;"
    " return nanogauge.edit('split', { points: [[p.y - r, p.x], [p.y + r, p.x]], labels: [l] }); }",
}
MOVES = {
    "pan, all in sight": "v.pan(14 * Math.cos(k / 9), 9 * Math.sin(k / 7))",
    "zoom in and out": "v.zoomAt(400, 300, Math.exp(0.05 * Math.sin(k / 12)))",
    "pan at 1 px = 1 px": "(k === 1 && v.zoomAt(400, 300, 1 / v.camera.zoom), v.pan(14 * Math.cos(k / 9), 9 * Math.sin(k / 7)))",
}
DRAW = """async (label) => {
  for (let k = 0; k < 10; k++) {
    const box = nanogauge.particles.get(label).box;
    nanogauge.emit('particles', [box, box]);
    await new Promise((r) => requestAnimationFrame(r));
  }
}"""
RUN = """([script, seconds]) => new Promise((done) => {
  const v = window.nanogaugeView, move = new Function('v', 'k', script);
  let k = 0;
  const began = performance.now();
  const step = (now) => {
    k++;
    move(v, k);  // asks for a drawing, which comes with the next frame
    if (now - began < seconds * 1000) requestAnimationFrame(step);
    else done([k / ((performance.now() - began) / 1000), k]);
  };
  requestAnimationFrame(step);
})"""


if __name__ == "__main__":
    main()
