"""What is shown where there is nothing to show: a wrong address, a micrograph that cannot be opened. Each says what to do."""

from __future__ import annotations

from fastapi import Request, Response
from nicegui import Client, app, ui

from .layout import page_frame


def sorry(title: str, text: str) -> None:
    """A page that says what is wrong, and leads back."""
    with page_frame("", title=title), ui.element("div").classes("ng-sorry"):
        ui.html('<i class="material-icons" aria-hidden="true">image_not_supported</i>', sanitize=False)
        ui.label(title).classes("ng-h1").props('role="heading" aria-level="1"')
        ui.label(text).classes("ng-soft")
        ui.button("To the micrographs", on_click=lambda: ui.navigate.to("/")).props("unelevated no-caps")


def add_not_here() -> None:
    """The answer to addresses that are no page."""

    @app.exception_handler(404)
    async def not_here(request: Request, error: Exception) -> Response:
        with Client(ui.page(""), request=request) as client:
            where = f"{request.url.path[:120]} leads nowhere."
            sorry("There is no such page", f"{where} All micrographs of this work folder are in the gallery.")
        return client.build_response(request, 404)
