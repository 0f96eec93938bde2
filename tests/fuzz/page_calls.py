"""Calls that no page would make, to a running page: every one is answered or refused in one line, and what was there stays whole.

    python tests/fuzz/page_calls.py --calls 10000           # exit code 1 where something failed
    python tests/fuzz/page_calls.py --uploads 1000 --calls 0    # damaged micrographs, dropped
    python tests/fuzz/page_calls.py --calls 500 --seed 3

A failure is: no answer, one after more than 60 s, status 500, a path of this computer in an answer, a server that has died, a file
outside the work folder that was made or changed, an edit of the first person that is no longer in the journal, labels of the
micrograph that do not follow from the journal, a table that is not what measuring everything gives.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutations import mutate
from targets import targets

from nanogauge.editing.session import open_session
from nanogauge.results.folder import PROBABILITY
from nanogauge.results.pictures import write_probability
from scenes import blind, spheres
from serve_tools import Page, running

ALLOWED = {200, 400, 403, 404, 405, 411, 413, 414, 422, 431, 507}
PATIENCE_S = 60.0
KINDS = (
    "delete", "merge", "split", "redraw", "vertices", "polygon", "brush", "erase", "click", "fill", "smooth", "grow", "shrink",
    "part", "accept", "leave_out", "class", "region", "filters", "scale", "undo", "redo",
)  # fmt: skip
NAMES = (
    "a",
    "a",
    "a",
    "a",
    "b",
    "",
    ".",
    "..",
    "../a",
    "..%2f..%2fetc%2fpasswd",
    "a%00b",
    "x" * 3000,
    "ä€𝄞",
    "uploads",
    ".removed",
    "-1",
    "\\",
)
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, -0.5, 1e308, float("nan"), float("inf"), "", "x", "1", "\0", "é" * 500, [], [[]],
    {}, {"a": 1}, [None], ["1"], [1e99], [[1]], [[1, 2, 3]], [float("nan"), 1], [[float("inf"), 0]],
)  # fmt: skip


class Caller:
    """Draws calls; number i of a seed is always the same."""

    def __init__(self, page: Page, shape: tuple[int, int], seed: int) -> None:
        self.page, self.shape = page, shape
        self.rng = np.random.default_rng(seed)
        self.host = urlsplit(page.address).netloc

    def pick(self, choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def labels(self) -> Any:
        return self.pick(ODD) if self.rng.random() < 0.3 else [int(v) for v in self.rng.integers(1, 60, self.rng.integers(1, 5))]

    def points(self) -> Any:
        if self.rng.random() < 0.25:
            return self.pick(ODD)
        n = int(self.pick((1, 2, 3, 5, 40, 2000)))
        spread = float(self.pick((5, 40, 300, 1e5, 1e9)))
        at = self.rng.uniform(0, self.shape, 2) + self.rng.normal(0, spread, (n, 2))
        return at.tolist()

    def gesture(self) -> dict[str, Any]:
        g: dict[str, Any] = {"kind": self.pick(KINDS) if self.rng.random() < 0.93 else self.pick(ODD)}
        makers: dict[str, Callable[[], Any]] = {
            "labels": self.labels, "points": self.points, "was": self.points, "selected": self.labels,
            "radius_px": lambda: self.pick((*ODD, 3, 8, 60)), "apart": lambda: self.pick((True, False, None)),
            "above_confidence": lambda: self.pick((*ODD, 0.3, 0.9)), "since": lambda: self.pick((*ODD, 0, 1, 7)),
            "id": lambda: self.pick((*ODD, "one", "two")), "rectangle": lambda: self.pick((*ODD, [0, 0, 100, 100], [9, 9, 1, 1])),
            "excluded": lambda: self.pick((*ODD, [[[0, 0], [0, 50], [50, 50]]])), "unit": lambda: self.pick((*ODD, "nm", "px")),
            "least_diameter": lambda: self.pick((*ODD, 3.0)), "largest_diameter": lambda: self.pick((*ODD, 90.0)),
            "least_confidence": lambda: self.pick((*ODD, 0.4)), "other": lambda: self.pick((*ODD, "solidity", "feret_max")),
            "least_other": lambda: self.pick((*ODD, 0.2)), "class": lambda: self.pick((*ODD, "rod", "cube", "unsure")),
            "choice": lambda: self.pick((
                *ODD, {"source": "typed", "text": "2 nm/px"}, {"source": "traced", "ends": [[0, 0], [0, 90]], "label": "100 nm"},
                {"source": "given", "nm_per_px": [1, float("nan")], "relative_uncertainty": -1}, {"source": self.pick(ODD)},
            )),
        }  # fmt: skip
        keep = {"delete": 0.4, "region": 0.9}.get(str(g["kind"]), 0.8)
        return g | {name: make() for name, make in makers.items() if self.rng.random() < keep}

    def body(self) -> bytes:
        kind = self.rng.random()
        if kind < 0.06:
            return self.rng.bytes(int(self.rng.integers(0, 400)))
        if kind < 0.09:
            return json.dumps(self.pick(ODD)).encode()
        if kind < 0.10:
            return b"[" * 20_000
        return json.dumps(self.gesture()).encode()

    def call(self) -> tuple[str, str, bytes | None, dict[str, str]]:
        """Method, path, body, headers."""
        name, r = quote(self.pick(NAMES), safe="%"), self.rng.random()
        headers = {"x-nanogauge": "1"} if self.rng.random() < 0.95 else {}
        number = lambda: str(self.pick((0, 1, 7, -1, 2**70, "x", "nan", "inf", "1e999", "%00")))  # noqa: E731
        if r < 0.62:
            return "POST", f"/api/micrographs/{name}/edit", self.body(), headers
        if r < 0.70:
            return "GET", f"/api/micrographs/{name}/changes?since={number()}", None, headers
        if r < 0.75:
            return "GET", f"/api/micrographs/{name}/tiles/{number()}/{number()}/{number()}", None, headers
        if r < 0.79:
            return "GET", f"/api/micrographs/{name}/profile?y0={number()}&x0={number()}&y1={number()}&x1={number()}", None, headers
        if r < 0.83:
            return (
                "GET",
                f"/api/micrographs/{name}/{self.pick(('found', 'trial', 'histogram', 'thumbnail', '', 'edit', 'zzz'))}",
                None,
                headers,
            )
        if r < 0.87:
            file = quote(
                self.pick(("particles.csv", "../../serve.json", "figure.svg", "figure.exe", "edits.jsonl", "%2e%2e/x", "")),
                safe="%/",
            )
            return "GET", f"/api/micrographs/{name}/files/{file}", None, headers
        if r < 0.90:
            return "POST", f"/api/uploads?name={name}&folder={name}&beside={name}&suffix={number()}", self.rng.bytes(300), headers
        if r < 0.93:
            junk = self.pick((b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"II*\0", b"\x89PNG\r\n\x1a\n", b'{"shapes": [', b"Iout"))
            return "POST", f"/api/micrographs/a/annotations?file={name}", junk + self.rng.bytes(200), headers
        if r < 0.95:
            headers |= self.pick(
                ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"cookie": "x" * 4000}, {"content-length": "-5"})
            )
            return "POST", "/api/micrographs/a/edit", b"{}", headers
        method = self.pick(("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "POST", "GET"))
        path = self.pick(
            (
                "/",
                "/m/a",
                "/report",
                "/api",
                "/api/files/x",
                "/%2e%2e/%2e%2e/etc/passwd",
                "/m/" + name,
                "/nope",
                "//",
                "/api/uploads",
            )
        )
        return method, path, None, headers


def made(root: Path) -> tuple[int, int]:
    """A work folder with two measured micrographs, a and b; the shape of each."""
    (root / "uploads").mkdir(parents=True)
    picture = root / "uploads" / "a.png"
    Image.fromarray(spheres().pixels).save(picture)
    m = blind().measure(picture)
    m.save(root / "a")
    assert m.foreground is not None
    write_probability(root / "a" / PROBABILITY, m.foreground)
    shutil.copytree(root / "a", root / "b")
    shutil.copyfile(picture, root / "uploads" / "b.png")
    about = json.loads((root / "b" / "measurement.json").read_text())
    (root / "b" / "measurement.json").write_text(json.dumps(about | {"file": "b.png"}))
    return m.micrograph.shape


def ask(page: Page, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and answer; status 0 where the connection was closed without one."""
    connection = http.client.HTTPConnection(urlsplit(page.address).netloc, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (http.client.HTTPException, ConnectionError):
        return 0, b""
    finally:
        connection.close()


def outside(folder: Path, work: Path) -> dict[str, str]:
    """What lies beside the work folder, by content."""
    files = [p for p in sorted(folder.rglob("*")) if work not in p.parents and p != work]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "" for p in files}


def drop_damaged(page: Page, n: int, seed: int) -> tuple[Counter[int], list[str]]:
    """Answers and failures of n damaged micrographs dropped on the page: each is taken, or refused in one line."""
    pictures = next(t for t in targets() if t.name == "micrographs").seeds
    rng = np.random.default_rng([seed, 1])
    seen: Counter[int] = Counter()
    failures = []
    for i in range(n):
        name = sorted(pictures)[int(rng.integers(len(pictures)))]
        path = f"/api/uploads?name={name}"
        status, answer = ask(page, "POST", path, mutate(pictures[name], rng), {"x-nanogauge": "1"})
        seen[status] += 1
        text = answer.decode("utf-8", "replace")
        clear = status == 200 or (status == 400 and "unexpected" not in text and str(page.root) not in text and "\\n" not in text)
        if not clear or page.process.poll() is not None:
            failures.append(f"upload {i}: {name} -> {status} {text[:200]!r}")
    return seen, failures


def run(folder: Path, n: int, seed: int, *, uploads: int = 0, say: Callable[[str], object] = print) -> list[str]:
    """The failures of n calls to a page in FOLDER, after so many damaged uploads, a line each."""
    work = folder / "work"
    shape = made(work)
    (folder / "beside").mkdir()
    (folder / "beside" / "letter.txt").write_text("dear")
    before = outside(folder, work)
    failures: list[str] = []
    seen: Counter[int] = Counter()
    slowest, which = 0.0, ""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    with running(work, port) as page:
        labels = json.loads(ask(page, "GET", "/api/micrographs/a", None, {})[1])["particles"]["label"]
        for kind, label in (("delete", labels[2]), ("grow", labels[5]), ("leave_out", labels[7])):  # the first person's work
            ask(
                page,
                "POST",
                "/api/micrographs/a/edit",
                json.dumps({"kind": kind, "labels": [label]}).encode(),
                {"x-nanogauge": "1"},
            )
        first = (work / "a" / "edits.jsonl").read_bytes()
        if uploads:
            answers, failures = drop_damaged(page, uploads, seed)
            say(f"{uploads} damaged micrographs: {dict(sorted(answers.items()))}")
        caller = Caller(page, shape, seed)
        began = time.monotonic()
        for i in range(n):
            method, path, body, headers = caller.call()
            started = time.monotonic()
            try:
                status, answer = ask(page, method, path, body, headers)
            except (TimeoutError, OSError) as error:
                failures.append(f"{i}: {method} {path[:80]}: {error}")
                continue
            if time.monotonic() - started > slowest:
                slowest, which = time.monotonic() - started, f"{i}: {method} {path[:60]} {(body or b'')[:60]!r}"
            seen[status] += 1
            dead = page.process.poll() is not None
            refused_raw = status == 0 and ("content-length" in headers or len(path) > 2000 or "\\" in path)
            if dead or not (status in ALLOWED or refused_raw):
                failures.append(f"{i}: {method} {path[:80]} -> {status} {answer[:200]!r}; body {(body or b'')[:300]!r}")
            elif status >= 400 and str(folder).encode() in answer:
                failures.append(f"{i}: {method} {path[:80]}: a path in {answer[:200]!r}")
            if dead:
                return failures
            if (i + 1) % 1000 == 0:
                say(f"{i + 1} calls in {time.monotonic() - began:.0f} s, {len(failures)} failures")
        if ask(page, "GET", "/", None, {})[0] != 200:
            failures.append("the gallery does not answer afterwards")
        in_memory = json.loads(ask(page, "GET", "/api/micrographs/a", None, {})[1])["particles"]["label"]
    say(f"{n} calls: {dict(sorted(seen.items()))}; the slowest took {slowest:.1f} s ({which})")
    if outside(folder, work) != before:
        failures.append(f"something beside the work folder has changed: {set(outside(folder, work)) ^ set(before)}")
    if list((work / ".incoming").glob("*")) if (work / ".incoming").is_dir() else []:
        failures.append("something that was refused stays in .incoming")
    if not (work / "a" / "edits.jsonl").read_bytes().startswith(first):
        failures.append("the first person's edits are no longer as they were recorded")
    session = open_session(work / "a", work / "uploads" / "a.png")
    if session.table["label"].tolist() != in_memory:
        failures.append("opened again, the micrograph has other particles than the page showed")
    whole, kept = session.measured_whole(), session.table
    numbers = [c for c in whole.columns if whole[c].dtype.kind == "f" and c in kept and c not in ("edge_weight", "confidence")]
    try:
        pd.testing.assert_frame_equal(
            whole[numbers].reset_index(drop=True), kept[numbers].reset_index(drop=True), rtol=1e-4
        )  # the map is kept in 65536 steps

    except AssertionError as error:
        failures.append(f"the table is not what measuring everything gives: {str(error)[:300]}")
    return failures


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--calls", type=int, default=10_000)
    p.add_argument("--uploads", type=int, default=100)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--keep", type=Path, help="an empty folder to work in, which stays")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failures = run(a.keep or Path(folder), a.calls, a.seed, uploads=a.uploads)
    for line in failures[:50]:
        print(line)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
