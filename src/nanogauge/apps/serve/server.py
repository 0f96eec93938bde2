"""Starts the page: lock on the work folder, address, token, NiceGUI, browser."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...batch.inputs import said_of_left_out
from ...core.errors import InputError, NanogaugeError, OutputError
from ...core.settings import Settings
from .access import Guard, is_loopback, new_token
from .project import Project
from .studio import Studio
from .uploads import INCOMING, Limits
from .work_folder import choose_work_folder

FIRST_PORT, LAST_PORT = 8765, 8799
LOCK = ".serve.lock"
ADDRESS = ".serve.json"


def serve(
    folder: Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    settings: Settings | None = None,
    limits: Limits | None = None,
) -> int:
    """Serves the page until it is stopped. 0 then.

    folder: results, a folder of micrographs, or a new one; None: results. port: None: the first free one from 8765

    Raises NanogaugeError where NiceGUI is not installed, InputError where the folder is neither or is served already, OutputError
    where the address cannot be had.
    """
    try:
        import filelock
        import nicegui  # noqa: F401
    except ImportError as error:
        raise NanogaugeError(f'the page needs more packages ({error.name} is missing): pip install "nanogauge[serve]"') from error
    root, pictures, left_out = choose_work_folder(folder)
    project = Project(root, pictures, left_out)
    lock = filelock.FileLock(project.root / LOCK, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InputError(f"{root}: served already{_where(project.root)}; use that page, or stop it first") from None
    except OSError as error:
        raise OutputError(f"{root}: cannot be locked ({error.strerror}); check the folder's access rights") from error
    shutil.rmtree(project.root / INCOMING, ignore_errors=True)  # what a crash left half received
    token = None if is_loopback(host) else new_token()
    listening = _listen(host, port)
    address = _address(host, listening.getsockname()[1], token)
    studio = Studio(project, settings=settings, limits=limits)
    try:
        (project.root / ADDRESS).write_text(
            json.dumps({"address": address.split("?")[0], "pid": os.getpid()}) + "\n", encoding="utf-8"
        )
        print(
            f"nanogauge: {address}\nWork folder {project.root}. Everything is saved there as it is done; Ctrl+C stops.", flush=True
        )
        if left_out:
            print(f"{said_of_left_out(left_out)} or add it on the page.", flush=True)
        if token is not None:
            print("Whoever has this address, token and all, can use the page; it is not encrypted.", flush=True)
        if browser:
            threading.Timer(1.0, _open, (address,)).start()
        if threading.current_thread() is threading.main_thread():  # uvicorn raises the signal again once it has stopped
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        run(studio, listening, token=token)
    finally:
        studio.close()
        listening.close()
        (project.root / ADDRESS).unlink(missing_ok=True)
        lock.release()
    return 0


def application(studio: Studio, *, token: str | None = None) -> Any:
    """The ASGI application: guard, addresses, pages."""
    from fastapi import FastAPI
    from nicegui import ui

    from .api import Desk, add_routes
    from .pages.gallery import add_gallery
    from .pages.layout import FAVICON
    from .pages.micrograph import add_micrograph
    from .pages.not_here import add_not_here
    from .pages.report import add_report
    from .pages.samples import add_samples

    app = FastAPI(title="nanogauge", docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, Desk(studio))
    add_gallery(studio)
    add_micrograph(studio)
    add_samples(studio)
    add_not_here()
    add_report(studio)
    ui.run_with(app, title="nanogauge", favicon=FAVICON, dark=None, reconnect_timeout=20, show_welcome_message=False)
    return Guard(app, token)


def run(studio: Studio, listening: socket.socket, *, token: str | None) -> None:
    """Serves on a bound socket until it is stopped."""
    import uvicorn

    logging.getLogger("nicegui").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what fails is said on the page and logged by `api`
    config = uvicorn.Config(
        application(studio, token=token),
        log_level="critical",
        access_log=False,
        ws_max_size=8_000_000,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int | None) -> socket.socket:
    """A bound socket. OutputError where there is none to be had."""
    wanted = range(FIRST_PORT, LAST_PORT + 1) if port is None else [port]
    reason = ""
    for candidate in wanted:
        try:
            family = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0][0]
            s = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise OutputError(f"{host}: no such address ({error.strerror}); use 127.0.0.1") from error
        if sys.platform != "win32":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, candidate))
            return s
        except OSError as error:
            s.close()
            reason = error.strerror or str(error)
    many = f"ports {FIRST_PORT} to {LAST_PORT}" if port is None else f"port {port}"
    raise OutputError(f"{host}, {many}: cannot listen there ({reason}); choose another with --port")


def _address(host: str, port: int, token: str | None) -> str:
    name = host
    if host in ("0.0.0.0", "::"):
        name = socket.gethostname()
    if ":" in name:
        name = f"[{name}]"
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def _where(root: Path) -> str:
    with suppress(OSError, ValueError, KeyError):
        return " at " + str(json.loads((root / ADDRESS).read_text(encoding="utf-8"))["address"])
    return ""


def _open(address: str) -> None:
    with suppress(Exception):  # without a browser the address was printed
        webbrowser.open(address)
