"""Pages forked from one process that imported what they need: without it each test of the page would import for three seconds.

A line of JSON, `{"root": ..., "port": ..., "engine": ..., "most_bytes": ..., "most_pixels": ...}`, asks for a page and gets
the id of its process; `{"ended": id}` gets that one's exit code, null while it runs.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

USED = (
    "nicegui.ui",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "nanogauge.apps.serve.api",
    "nanogauge.apps.serve.pages.gallery",
    "nanogauge.apps.serve.pages.micrograph",
    "nanogauge.apps.serve.pages.not_here",
    "nanogauge.apps.serve.pages.report",
    "nanogauge.apps.serve.pages.samples",
)


def serve_page(wanted: dict[str, Any]) -> int:
    """The page until it is stopped."""
    from nanogauge.apps.serve.server import serve
    from nanogauge.apps.serve.uploads import Limits
    from nanogauge.core.settings import Settings

    settings = Settings().replace("segment", engine=wanted["engine"])
    limits = Limits(most_bytes=wanted["most_bytes"], most_pixels=wanted["most_pixels"])
    return serve(Path(wanted["root"]), port=wanted["port"], browser=False, settings=settings, limits=limits)


def forked(wanted: dict[str, Any]) -> int:
    """The process id of a page of its own."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        code = serve_page(wanted)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def ended(child: int) -> int | None:
    """The exit code of a page that ended."""
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(serve_page(json.loads(sys.argv[1])))
    for name in USED:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(ended(asked["ended"]) if "ended" in asked else forked(asked)), flush=True)
