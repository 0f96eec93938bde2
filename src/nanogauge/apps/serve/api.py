"""The page's own addresses: pictures, particles, edits, uploads, files to leave with. JSON in, JSON out; errors are one line.

    GET  /api/micrographs/NAME                     state and particles
    GET  /api/micrographs/NAME/changes?since=R     what changed after revision R
    POST /api/micrographs/NAME/edit                {"kind": "split", ...}; also undo, redo; with an "id" done once;
                                                   409: an undo of what another "hand" did
    GET  /api/micrographs/NAME/tiles/K/ROW/COLUMN  PNG
    GET  /api/micrographs/NAME/profile?y0=...      grey levels along a line, or of a pixel
    GET  /api/micrographs/NAME/found               outlines as found, of what was edited since
    GET  /api/micrographs/NAME/trial               outlines of the settings that are tried
    GET  /api/micrographs/NAME/arrangement         order and group of each particle
    GET  /api/micrographs/NAME/arrangement/MAP.png how they lie, drawn
    GET  /api/micrographs/NAME/histogram           how many pixels have each grey level shown
    GET  /api/micrographs/NAME/files/FILE          a file of the result, as edited
    POST /api/micrographs/NAME/annotations?file=F  ROIs or labels as the body; what was read, and a ticket for it
    POST /api/uploads?name=N                       the file's bytes as the body; &others=true where it came with others
    POST /api/uploads/beside                       the text that lay beside it, first; the ticket answered goes as &beside=
    GET  /api/files/FILE                           a file of the report

Names are looked up among the micrographs of the project and files among fixed lists; no path is ever made of what comes in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from ...core.errors import EditError, InputError, NanogaugeError, NotYours, OutputError
from ...editing.delta import Delta
from ...editing.session import Session
from .annotations import check_annotation, receive_annotation
from .downloads import EVERYTHING, FIGURES, MICROGRAPH_FILES, REPORT_FILES, figure_file, write_for_download, zip_everything
from .page_state import changes_of, grey_profile, particles_of, state_of
from .studio import Studio
from .thumbnails import THUMBNAIL
from .tiles import TILE_PX, Pyramid
from .uploads import check, check_beside, drop_beside, receive, receive_beside, safe_folder, safe_name

_log = logging.getLogger("nanogauge.apps.serve")
HEADER = "x-nanogauge"
_MOST_PYRAMIDS = 4
_LARGEST_BODY = 4_000_000
_LONGEST_ID = 64


class Desk:
    """What the addresses share: the studio, recent changes of each session, pyramids."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.work = hashlib.sha256(str(studio.project.root).encode("utf-8", "surrogateescape")).hexdigest()[:12]
        self._pyramids: OrderedDict[str, Pyramid] = OrderedDict()
        self._lock = threading.Lock()

    def session(self, name: str) -> Session:
        """The open session."""
        return self.studio.session(name)

    def since(self, session: Session, revision: int) -> list[Delta] | None:
        """Changes after a revision; None where they are no longer known."""
        with session.lock:
            recent = list(session.recent)
        if revision == session.revision:
            return []
        after = [d for d in recent if d.revision > revision]
        whole = after and after[0].revision == revision + 1
        return after if whole else None

    def pyramid(self, name: str) -> Pyramid:
        """The tiles of a micrograph; the last few are kept."""
        with self._lock:
            found = self._pyramids.get(name)
            if found is not None:
                self._pyramids.move_to_end(name)
                return found
        made = Pyramid(self.studio.session(name).found.micrograph.grey8())
        with self._lock:
            self._pyramids[name] = made
            while len(self._pyramids) > _MOST_PYRAMIDS:
                self._pyramids.popitem(last=False)
        return made


def add_routes(app: FastAPI, desk: Desk) -> None:
    """The addresses above, on the application."""
    studio, root = desk.studio, desk.studio.project.root

    @app.exception_handler(NanogaugeError)
    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=_code(error))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        _log.error("%s: %s: %s", request.url.path, type(error).__name__, error, exc_info=error)
        text = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:200]}; please report it"
        return JSONResponse({"error": text}, status_code=500)

    @app.get("/api/micrographs/{name}")
    def whole(name: str) -> Response:
        session = desk.session(name)
        with session.lock:
            tiles = {
                "px": TILE_PX,
                "n_levels": desk.pyramid(name).n_levels,
                "key": session.found.micrograph.sha256[:12],
                "work": desk.work,
            }
            return _json({"state": state_of(session), "particles": particles_of(session), "tiles": tiles})

    @app.get("/api/micrographs/{name}/changes")
    def changes(name: str, since: int) -> Response:
        session = desk.session(name)
        return _json(changes_of(session, desk.since(session, since)))

    @app.post("/api/micrographs/{name}/edit")
    async def edit(name: str, request: Request) -> Response:
        gesture = await _gesture(request)
        return await run_in_threadpool(_edit, desk, name, gesture)

    @app.get("/api/micrographs/{name}/tiles/{k}/{row}/{column}")
    def tile(name: str, k: int, row: int, column: int) -> Response:
        data = desk.pyramid(name).tile(k, row, column)
        if data is None:
            raise InputError("no such tile")
        return Response(data, media_type="image/png", headers={"cache-control": "private, max-age=86400"})

    @app.get("/api/micrographs/{name}/profile")
    def profile(name: str, y0: float, x0: float, y1: float, x1: float) -> Response:
        pixels = desk.session(name).found.micrograph.pixels
        return _json(grey_profile(pixels, (y0, x0), (y1, x1)))

    @app.get("/api/micrographs/{name}/found")
    def found(name: str) -> Response:
        return _json({"outline": list(desk.session(name).found_outlines().values())})

    @app.get("/api/micrographs/{name}/trial")
    def trial(name: str) -> Response:
        return _json(studio.trials.outlines(name))

    @app.get("/api/micrographs/{name}/arrangement")
    def arrangement(name: str) -> Response:
        return _json(studio.arrangements.particles(desk.session(name)))

    @app.get("/api/micrographs/{name}/arrangement/{picture}.png")
    def arrangement_picture(name: str, picture: str) -> Response:
        data = studio.arrangements.picture(desk.session(name), picture)
        return Response(data, media_type="image/png", headers={"cache-control": "no-store"})

    @app.get("/api/micrographs/{name}/histogram")
    def histogram(name: str) -> Response:
        return _json({"counts": np.bincount(desk.pyramid(name).grey.ravel(), minlength=256).tolist()})

    @app.get("/api/micrographs/{name}/thumbnail")
    def thumbnail(name: str) -> Response:
        entry = studio.project.entry(name)
        path = next((p for p in (entry.folder / THUMBNAIL, entry.folder / "overlay.png") if p.is_file()), None)
        if path is None:
            path = studio.preview(entry)
        return FileResponse(path, headers={"cache-control": "no-cache"})

    @app.get("/api/micrographs/{name}/files/{file}")
    def micrograph_file(name: str, file: str, weighting: str = "number") -> Response:
        entry = studio.project.entry(name)
        found = re.fullmatch(r"figure\.(\w+)", file)
        if found:
            return _figure(desk, name, found[1], weighting)
        if file not in MICROGRAPH_FILES:
            raise InputError(f"{file[:40]}: no such file; there are {', '.join(MICROGRAPH_FILES)}")
        studio.save(name)
        path = entry.folder / file
        if not path.is_file():
            raise InputError(f"{file}: not there yet; wait until {entry.title} is measured")
        return _download(path, f"{entry.name}-{file}")

    @app.post("/api/uploads/beside")
    async def upload_beside(request: Request) -> Response:
        _own(request)
        return _json({"ticket": await receive_beside(request.stream(), root, announced_bytes=_announced(request))})

    @app.post("/api/uploads")
    async def upload(
        request: Request, name: str, folder: str = "", beside: str = "", suffix: str = ".txt", others: bool = False
    ) -> Response:
        _own(request)
        shown = safe_name(name)
        try:
            path = await receive(request.stream(), root, announced_bytes=_announced(request), limits=studio.limits)
        except NanogaugeError as error:
            raise type(error)(f"{shown}: {error}") from error
        try:
            received = await run_in_threadpool(check, path, name, studio.checker, limits=studio.limits)
        except NanogaugeError:
            drop_beside(beside, root)
            raise
        text_file = None
        if beside:
            text_file = await run_in_threadpool(check_beside, beside, suffix, received, root, studio.checker)
        entry, said = await run_in_threadpool(studio.project.take, received, sample=safe_folder(folder), among_others=others)
        if entry is None:
            drop_beside(beside, root)
            return _json({"name": "", "message": said})
        if text_file is not None and studio.project.put_beside(entry, text_file, suffix) and entry.state == "done":
            if not entry.summary.get("n_edits"):
                studio.measure_again(entry.name)
                said = f"{entry.title} is measured again with what the text beside it states"
                return _json({"name": entry.name, "message": said})
            said += "; the text beside it counts when it is measured again"
        if entry.state in ("waiting", "error") and entry.stage != "queued":
            studio.enqueue([entry.name])
        return _json({"name": entry.name, "message": said})

    @app.post("/api/micrographs/{name}/annotations")
    async def annotations(name: str, request: Request, file: str) -> Response:
        _own(request)
        session = await run_in_threadpool(desk.session, name)
        path = await receive_annotation(request.stream(), root, file, announced_bytes=_announced(request))
        micrograph = session.found.micrograph
        return _json(await run_in_threadpool(check_annotation, path, micrograph.shape, micrograph.name, studio.checker))

    @app.get("/api/files/{file}")
    def report_file(file: str, ready: bool = False) -> Response:
        if file not in (EVERYTHING, *REPORT_FILES):
            raise InputError(f"{file[:40]}: no such file; there are {', '.join(REPORT_FILES)}")
        studio.save_all()
        write_for_download(studio.project, "report.html" if file == EVERYTHING else file)
        if ready:  # asked first, so that the page can say that it takes a moment
            return _json({"ready": file})
        if file != EVERYTHING:
            return _download(root / file, f"{studio.project.title}-{file}")
        with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as f:
            path = Path(f.name)
        zip_everything(studio.project, path)
        title = f"{studio.project.title}.zip"
        return FileResponse(path, filename=title, background=BackgroundTask(path.unlink, missing_ok=True))


def _edit(desk: Desk, name: str, gesture: dict[str, Any]) -> Response:
    session = desk.session(name)
    kind, since = str(gesture.get("kind", "")), gesture.get("since")
    sent = str(gesture.get("id") or "")[:_LONGEST_ID]
    hand = str(gesture.get("hand") or "")[:_LONGEST_ID]
    with session.lock:
        if sent and sent in session.journal.ids:  # done before its answer was lost: the window learns what came of it
            return _json(changes_of(session, None) | {"text": "", "focus": []})
        with session.made_by(hand, sent):
            delta = _done(session, kind, gesture, hand)
        deltas = desk.since(session, since) if isinstance(since, int) else [delta]
        return _json(changes_of(session, deltas) | {"text": delta.text, "focus": list(delta.focus)})


def _done(session: Session, kind: str, gesture: dict[str, Any], hand: str) -> Delta:
    if kind not in ("undo", "redo"):
        return session.edit(kind, gesture)
    delta = session.undo(of="" if gesture.get("whoever") is True else hand) if kind == "undo" else session.redo()
    if delta is None:
        raise EditError(f"there is nothing to {kind}")
    return delta


def _figure(desk: Desk, name: str, kind: str, weighting: str) -> Response:
    if kind not in FIGURES:
        raise InputError(f"{kind[:10]}: figures come as {', '.join(FIGURES)}")
    session = desk.session(name)
    with tempfile.TemporaryDirectory() as folder:
        path = figure_file(session, kind, weighting="volume" if weighting == "volume" else "number", folder=Path(folder))
        data = path.read_bytes()
    title = quote(f"{name}-distribution.{kind}")
    return Response(data, media_type=FIGURES[kind], headers={"content-disposition": f"attachment; filename*=UTF-8''{title}"})


async def _gesture(request: Request) -> dict[str, Any]:
    _own(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise EditError("the edit is too large: draw it in pieces")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise EditError("the edit cannot be understood") from error
    if not isinstance(content, dict):
        raise EditError("the edit cannot be understood")
    return content


def _announced(request: Request) -> int | None:
    length = request.headers.get("content-length")
    return int(length) if length and length.isdigit() else None


def _own(request: Request) -> None:
    """Only the page itself sends this header: another site cannot without asking first."""
    if HEADER not in request.headers:
        raise EditError("this request did not come from the page; refused")


def _download(path: Path, name: str) -> Response:
    return FileResponse(path, filename=name, headers={"cache-control": "no-store"})


def _json(content: dict[str, Any]) -> Response:
    import orjson

    return Response(orjson.dumps(content), media_type="application/json", headers={"cache-control": "no-store"})


def _code(error: Exception) -> int:
    if isinstance(error, OutputError):
        return 507
    if isinstance(error, NotYours):
        return 409
    return 400
