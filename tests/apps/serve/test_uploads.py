"""Files from a browser: fifty that mean harm or make no sense, all refused with one clear line, the server alive; names; access."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import struct
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from nanogauge.apps.serve.access import Guard, is_loopback, new_token
from nanogauge.apps.serve.uploads import INCOMING, Limits, receive, safe_folder, safe_name
from nanogauge.apps.serve.worker import Worker, WorkerError
from nanogauge.core.errors import NanogaugeError, UnreadableFile
from scenes import spheres
from serve_tools import Page, running

MOST_PIXELS = 4_000_000
MOST_BYTES = 6_000_000


def png(width: int, height: int, *, data: bytes | None = None, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that announces a size, whatever its data hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def tiff(
    width: int,
    height: int,
    *,
    strip: tuple[int, int] = (8, 100),
    compression: int = 1,
    bits: int = 8,
    samples: int = 1,
    loop: bool = False,
) -> bytes:
    """A TIFF with these tags, whatever they lead to."""
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, compression),
        (262, 3, 1),
        (273, 4, strip[0]),
        (277, 3, samples),
        (278, 4, height),
        (279, 4, strip[1]),
    ]
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 8 if loop else 0) + b"\0" * 200


def zipped(names: list[str], content: bytes = b"x" * 100) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name in names:
            z.writestr(name, content)
    return out.getvalue()


def hostile() -> dict[str, tuple[str, bytes]]:
    """What is wrong -> (name, content)."""
    grey = Image.fromarray(spheres(3, shape=(120, 160)).pixels)
    good, jpeg, bmp = saved(grey, "PNG"), saved(grey, "JPEG"), saved(grey, "BMP")
    frame = jpeg.index(b"\xff\xc0") + 5  # of the height and width
    tif = io.BytesIO()
    tifffile.imwrite(tif, np.asarray(grey))
    t = tif.getvalue()
    bomb = zlib.compress(b"\0" * 40_000_000, 9)
    deep = io.BytesIO()
    tifffile.imwrite(deep, np.zeros((3000, 3000), np.uint16), compression="zlib")
    return {
        "empty": ("a.tif", b""),
        "one byte": ("a.tif", b"I"),
        "zeros": ("a.tif", bytes(5000)),
        "noise": ("a.png", np.random.default_rng(1).bytes(4000)),
        "text": ("a.tif", b"Title of a table\n1 2 3\n"),
        "utf-16 text": ("a.png", "Größe".encode("utf-16")),
        "html": ("a.png", b"<!doctype html><script>alert(1)</script>"),
        "svg with script": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        "svg named png": ("a.png", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"),
        "xml bomb": ("a.xml", b"<!DOCTYPE l [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><l>&b;</l>"),
        "json": ("a.json", b'{"kind": "delete"}'),
        "json nested deep": ("a.json", b"[" * 60_000),
        "python": ("a.py", b"import os; os.remove('x')\n"),
        "shell script": ("a.sh", b"#!/bin/sh\nrm -rf /\n"),
        "pickle": ("a.npy", b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."),
        "numpy with pickle": (
            "a.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + b" " * 58 + b"\n\x80\x04N.",
        ),
        "elf": ("a.tif", b"\x7fELF\x02\x01\x01" + bytes(200)),
        "windows program": ("a.exe", b"MZ\x90\x00" + bytes(200)),
        "java class": ("a.class", b"\xca\xfe\xba\xbe" + bytes(100)),
        "zip": ("a.zip", zipped(["a.tif"])),
        "zip that climbs": ("a.zip", zipped(["../../../tmp/evil.tif"])),
        "zip bomb": ("a.zip", zipped(["a.tif"], bytes(5_000_000))),
        "office document": ("a.docx", zipped(["word/document.xml"])),
        "gzip": ("a.gz", b"\x1f\x8b\x08" + bytes(50)),
        "pdf": ("a.pdf", b"%PDF-1.7\n%\xe2\xe3"),
        "gif head only": ("a.gif", saved(grey, "GIF")[:13]),
        "webp cut off": ("a.webp", saved(grey, "WEBP")[:40]),
        "photoshop": ("a.psd", b"8BPS\x00\x01" + bytes(100)),
        "sqlite": ("a.db", b"SQLite format 3\x00" + bytes(100)),
        "wav": ("a.wav", b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(50)),
        "png bomb by its header": ("a.png", png(60_000, 60_000)),
        "png bomb by its data": ("a.png", png(30_000, 30_000, data=bomb)),
        "png of the largest numbers": ("a.png", png(2**31 - 1, 2**31 - 1)),
        "png of no width": ("a.png", png(0, 100)),
        "png cut off": ("a.png", good[: len(good) // 2]),
        "png with a broken checksum": ("a.png", good[:40] + b"\0\0\0\0" + good[44:]),
        "png of a wrong depth": ("a.png", png(50, 50, depth=3)),
        "png of one pixel": ("a.png", saved(Image.new("L", (1, 1)), "PNG")),
        "jpeg cut off": ("a.jpg", jpeg[:300]),
        "jpeg that announces much": ("a.jpg", jpeg[:frame] + b"\xff\xff\xff\xff" + jpeg[frame + 4 :]),
        "jpeg head only": ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(30)),
        "bmp of negative size": ("a.bmp", bmp[:18] + struct.pack("<ii", -5, -5) + bmp[26:]),
        "bmp of the largest size": ("a.bmp", bmp[:18] + struct.pack("<ii", 2**31 - 1, 2**31 - 1) + bmp[26:]),
        "tiff head only": ("a.tif", b"II*\0"),
        "tiff that points beyond its end": ("a.tif", b"II*\0" + struct.pack("<I", 2**31)),
        "tiff that points at itself": ("a.tif", tiff(2000, 2000, loop=True)),
        "tiff bomb by its header": ("a.tif", tiff(2**31, 2**31)),
        "tiff that announces more data than it has": ("a.tif", tiff(1500, 1500, strip=(8, 2**31))),
        "tiff of an unknown compression": ("a.tif", tiff(100, 100, compression=40_000)),
        "tiff of no bits": ("a.tif", tiff(100, 100, bits=0)),
        "tiff of ten thousand samples": ("a.tif", tiff(3000, 1000, samples=10_000)),
        "tiff cut off": ("a.tif", t[: len(t) // 3]),
        "tiff of too many pixels": ("a.tif", deep.getvalue()),
        "bigtiff head only": ("a.tif", b"II+\0\x08\0\0\0" + b"\xff" * 8),
        "hdf5 head only": ("a.emd", b"\x89HDF\r\n\x1a\n" + bytes(500)),
        "dm3 head only": ("a.dm3", struct.pack(">III", 3, 2**31 - 1, 1) + bytes(300)),
        "dm4 of noise": ("a.dm4", struct.pack(">IQI", 4, 2**60, 1) + np.random.default_rng(2).bytes(500)),
        "more bytes than allowed": ("a.tif", bytes(MOST_BYTES + 1)),
    }


HOSTILE = hostile()
assert len(HOSTILE) >= 50


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Page]:
    """A page with small limits."""
    root = tmp_path_factory.mktemp("uploads") / "work"
    with running(root, free_port(), most_bytes=MOST_BYTES, most_pixels=MOST_PIXELS) as p:
        yield p


def send(
    page: Page,
    name: str,
    content: bytes,
    *,
    headers: dict[str, str] | None = None,
    folder: str = "",
    where: str = "",
    more: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Status and answer of an upload; more: further fields of the query."""
    query = urllib.parse.urlencode({"name": name, "folder": folder, **(more or {})})
    request = urllib.request.Request(f"{page.address}/api/uploads{where}?{query}", data=content, method="POST")
    for key, value in ({"x-nanogauge": "1"} if headers is None else headers).items():
        request.add_header(key, value)
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else {"error": body.decode()}
    except (ConnectionError, urllib.error.URLError, http.client.HTTPException) as error:
        return 0, {"error": f"connection closed: {error}"}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_with_one_line(page: Page, what: str) -> None:
    name, content = HOSTILE[what]
    status, answer = send(page, name, content)
    if status == 0 and what == "more bytes than allowed":
        status, answer = 400, {"error": f"{name}: larger"}  # the server need not read to the end what it refuses
    assert status == 400, answer
    text = answer["error"]
    assert text.startswith(f"{name}: ")
    assert "\n" not in text
    assert len(text) < 400
    assert "Traceback" not in text
    assert "unexpected" not in text, text  # foreseen, not stumbled over
    assert str(page.root) not in text
    assert INCOMING not in text
    assert page.process.poll() is None
    assert not list((page.root / INCOMING).iterdir())
    assert not (page.root / "uploads").exists()


def test_the_server_still_takes_a_good_file_after_all_that(page: Page) -> None:
    good = saved(Image.fromarray(spheres(3, shape=(120, 160)).pixels), "PNG")
    status, answer = send(page, "../../../etc/<b>good</b>\u202e.png", good, folder="../../lot 7/../..")
    assert (status, answer["message"]) == (200, "")
    assert [p.name for p in (page.root / "uploads").iterdir()] == ["b_.png"]
    status, answer = send(page, "again.png", good)
    assert "here already" in answer["message"]
    with urllib.request.urlopen(page.address, timeout=30) as front:
        assert front.status == 200


def test_text_beside_a_picture_is_taken_only_from_a_microscope(page: Page) -> None:
    def beside(text: bytes) -> tuple[int, dict[str, Any]]:
        return send(page, "", text, where="/beside")

    def picture(seed: int) -> bytes:
        return saved(Image.fromarray(spheres(seed, shape=(120, 160)).pixels), "PNG")

    def texts() -> list[str]:
        return sorted(p.name for p in (page.root / "uploads").iterdir() if p.suffix != ".png")

    assert beside(b"x" * 1_000_001)[0] in (400, 0)  # 0: the server need not read to the end what it refuses
    assert beside(b"")[0] == 400
    assert send(page, "", b"x", where="/beside", headers={})[0] == 400
    hitachi = b"[SemImageFile]\r\nDataSize=160x120\r\nPixelSize=2\r\n"
    for k, (ticket, suffix) in enumerate((("../../serve.json", ".txt"), ("0" * 32, ".txt"), ("", ".txt"))):
        assert send(page, f"no{k}.png", picture(30 + k), more={"beside": ticket, "suffix": suffix})[0] == 200
    ticket = beside(hitachi)[1]["ticket"]
    assert send(page, "no3.png", picture(33), more={"beside": ticket, "suffix": "/../../x.txt"})[0] == 200
    ticket = beside(b"buy milk")[1]["ticket"]
    assert send(page, "no4.png", picture(34), more={"beside": ticket, "suffix": ".txt"})[0] == 200
    assert texts() == []
    ticket = beside(hitachi)[1]["ticket"]
    assert send(page, "broken.png", b"no picture", more={"beside": ticket, "suffix": ".txt"})[0] == 400
    ticket = beside(hitachi)[1]["ticket"]
    assert send(page, "yes.png", picture(35), more={"beside": ticket, "suffix": ".txt"})[0] == 200
    assert texts() == ["yes.png.txt"]
    assert (page.root / "serve.json").is_file()
    assert not list((page.root / INCOMING).iterdir())


PATHS = [
    "/api/micrographs/..%2f..%2fetc%2fpasswd",
    "/api/micrographs/..%2fuploads/files/particles.csv",
    "/api/micrographs/b_/files/..%2f..%2fserve.json",
    "/api/micrographs/b_/files/edits.jsonl",
    "/api/files/..%2fserve.json",
    "/api/files/%2fetc%2fpasswd",
    "/api/micrographs/b_/tiles/0/-1/0",
    "/api/micrographs/b_/tiles/99/0/0",
    "/m/..%2f..%2fetc",
    "/_nicegui/../../../../etc/passwd",
    "/uploads/b_.png",
    "/serve.json",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_reaches_outside(page: Page, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(page.address.rsplit(":", 1)[1]), timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    assert "root:" not in body
    assert '"files"' not in body
    if path.startswith("/api"):
        assert answer.status in (400, 404)
    connection.close()
    assert page.process.poll() is None


@pytest.mark.parametrize(
    ("headers", "method", "path"),
    [
        ({"Host": "evil.example"}, "GET", "/"),
        ({"Host": "192.168.1.7:8765"}, "GET", "/"),
        ({"Origin": "https://evil.example", "x-nanogauge": "1"}, "POST", "/api/uploads?name=a.png"),
        ({"Origin": "null", "x-nanogauge": "1"}, "POST", "/api/uploads?name=a.png"),
        ({}, "POST", "/api/uploads?name=a.png"),  # a form of another site cannot send our header
        ({"Content-Type": "text/plain"}, "POST", "/api/micrographs/b_/edit"),
    ],
)
def test_other_sites_are_refused(page: Page, headers: dict[str, str], method: str, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(page.address.rsplit(":", 1)[1]), timeout=60)
    connection.request(method, path, body=b"{}" if method == "POST" else None, headers=headers)
    assert connection.getresponse().status in (400, 403)
    connection.close()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.tif", "a.tif"),
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\a.tif", "a.tif"),
        ("con.png", "_con.png"),
        ("LPT1", "_LPT1"),
        (".htaccess", "htaccess"),
        ("...", "micrograph"),
        ("", "micrograph"),
        ("a\0b\n.png", "ab.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("Größe µ 5.tif", "Größe µ 5.tif"),
        ("<img src=x onerror=alert(1)>.png", "_img src=x onerror=alert(1)_.png"),
        ("a" * 500 + ".tif", "a" * 80 + ".tif"),
        ("名" * 300 + ".tif", "名" * 53 + ".tif"),
        ("trailing. . ", "trailing"),
        ("a.tif.", "a.tif"),
    ],
)
def test_names_are_made_harmless(given: str, kept: str) -> None:
    assert safe_name(given) == kept
    assert safe_name(kept) == kept
    assert len(safe_name(given).encode()) <= 255


def test_folders_become_samples() -> None:
    assert safe_folder("scans/lot 7") == "lot 7"
    assert safe_folder("../..") == ""
    assert safe_folder("") == ""


def finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, run in a thread of its own: the browser of other tests keeps this thread's loop running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def _chunks(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def received(root: Path, parts: list[bytes], announced: int | None = None, limits: Limits | None = None) -> Path:
    return finished(receive(_chunks(parts), root, announced_bytes=announced, limits=limits or Limits(most_bytes=10)))


def test_limits_hold_while_a_file_arrives(tmp_path: Path) -> None:
    assert received(tmp_path, [b"12345", b"67890"]).read_bytes() == b"1234567890"
    for parts, announced, words in (
        ([b"123456", b"789012"], None, "larger"),
        ([b"1"], 11, "larger"),
        ([b"1"], 2, "whole"),
        ([], None, "empty"),
    ):
        with pytest.raises(UnreadableFile, match=words):
            received(tmp_path, parts, announced)
    assert len(list((tmp_path / INCOMING).iterdir())) == 1


def test_a_worker_that_dies_or_hangs_is_said_and_started_again() -> None:
    worker = Worker("check")
    try:
        with pytest.raises(NanogaugeError, match="no such file"):
            worker.call("check_picture", {"path": "/nowhere/a.tif", "most_pixels": 100})
        process = worker._process
        assert process is not None
        process.kill()
        process.wait()
        with pytest.raises(NanogaugeError, match="no such file"):
            worker.call("check_picture", {"path": "/nowhere/a.tif", "most_pixels": 100})
        with pytest.raises(WorkerError, match="too long"):
            worker.call("render_examples", {"folder": os.devnull + "x"}, timeout_s=0.01)
    finally:
        worker.close()
    with pytest.raises(WorkerError, match="shutting down"):
        worker.call("check_picture", {"path": "a", "most_pixels": 1})


def answered(
    guard: Guard, *, host: str, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET", query: str = ""
) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers of a request through the guard."""
    sent: list[dict[str, Any]] = []

    async def send_(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive_() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    every = {"host": host, **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in every.items()],
    }
    finished(guard(scope, receive_, send_))
    return int(sent[0]["status"]), dict(sent[0]["headers"])


async def _hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_beyond_this_computer_a_token_is_needed() -> None:
    token = new_token()
    guard = Guard(_hello, token)
    assert answered(guard, host="lab:8765")[0] == 403
    assert answered(guard, host="lab:8765", query="token=guess")[0] == 403
    status, headers = answered(guard, host="lab:8765", query=f"token={token}")
    assert status == 200
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    kept = {"cookie": cookie.split(";")[0]}
    assert answered(guard, host="lab:8765", headers=kept)[0] == 200
    assert answered(guard, host="lab:8765", headers={"cookie": "nanogauge_token=x"})[0] == 403
    assert answered(guard, host="lab:8765", headers=kept | {"origin": "http://evil.example"}, method="POST")[0] == 403


def test_on_this_computer_only_its_own_names_are_answered() -> None:
    guard = Guard(_hello)
    for host, status in (("127.0.0.1:1", 200), ("localhost:1", 200), ("[::1]:1", 200), ("rebound.example:1", 403), ("", 403)):
        assert answered(guard, host=host)[0] == status
    headers = answered(guard, host="localhost")[1]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"connect-src 'self'" in headers[b"content-security-policy"]
    assert not is_loopback("0.0.0.0")


@pytest.mark.slow
def test_hostile_files_are_no_annotations_either(work: Path, free_port: Callable[[], int]) -> None:
    with running(work, free_port(), most_bytes=MOST_BYTES, most_pixels=MOST_PIXELS) as page:
        for what, (name, content) in HOSTILE.items():
            if len(content) > MOST_BYTES:
                continue
            url = f"{page.address}/api/micrographs/a/annotations?{urllib.parse.urlencode({'file': name})}"
            request = urllib.request.Request(url, content, {"x-nanogauge": "1"})
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=120)
            text = json.load(caught.value)["error"]
            assert caught.value.code == 400, (what, text)
            assert "\n" not in text
            assert "unexpected" not in text, (what, text)
            assert str(page.root) not in text
            assert INCOMING not in text
            assert page.process.poll() is None
            assert not list((page.root / INCOMING).iterdir()), what
