"""What all pages share: head, navigation, theme, keyboard help, small helpers for text."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from inspect import isawaitable
from typing import Any

from nicegui import background_tasks, context, run, ui

from ....core.errors import NanogaugeError
from ..glossary import explained
from ..page_state import vocabulary
from .elements import STATIC

THEME_COOKIE = "nanogauge_theme"
_THEMES: dict[str, tuple[bool | None, str, str]] = {
    "auto": (None, "brightness_auto", "Theme: as the system"),
    "light": (False, "light_mode", "Theme: light"),
    "dark": (True, "dark_mode", "Theme: dark"),
}
_LOGO = (
    '<svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2.2">'
    '<circle cx="11" cy="12" r="7"/><circle cx="22.5" cy="10" r="4.2"/><circle cx="21" cy="19.5" r="3.2"/></g>'
    '<path d="M4 27.5h24M4 24.5v6M28 24.5v6" stroke="#56b4e9" stroke-width="2.2" fill="none"/></svg>'
)
FAVICON = _LOGO.replace("currentColor", "#0072b2").replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
_LINKS = (("/", "Micrographs", "gallery"), ("/samples", "Samples", "samples"), ("/report", "Report and files", "report"))

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Look",
        (
            ("wheel, pinch, + −", "zoom"),
            ("drag, arrows", "move the picture"),
            ("0 / 1", "show all / one pixel is one pixel"),
            ("H", "hide or show the outlines"),
            ("J", "A as it is, B as tried with other settings"),
            ("Page down / up", "next or previous micrograph"),
            ("C", "mark as checked, on to the next unchecked"),
        ),
    ),
    (
        "Select",
        (
            ("click", "one particle"),
            ("Shift click, Shift drag", "more of them, or all in a box"),
            ("U", "unsure particles that count, one by one"),
            ("Ctrl A / Esc", "all / none"),
        ),
    ),
    (
        "Mend",
        (
            ("Delete", "delete"),
            ("M", "merge; with Shift what lies apart, too"),
            ("K", "keep: accepted"),
            ("1 to 9 / 0", "class of what is selected / none"),
            ("O", "leave out: seen, not counted"),
            ("S", "split by a stroke"),
            ("R", "redraw an outline"),
            ("F / W", "fill holes / smooth"),
            ("G / Shift G", "grow / shrink by a pixel"),
            ("D", "split at the neck, without a line"),
            ("N", "move vertices: drag; double-click adds, Alt-click removes"),
            ("Q / Y", "circle, ellipse by three points"),
            ("A", "add by one click"),
            ("P", "add by polygon"),
            ("B / E", "brush / erase"),
            ("[ ]", "size of the brush"),
            ("Ctrl Z / Ctrl Y", "undo / redo; of a polygon being drawn, its last point"),
        ),
    ),
    (
        "Set",
        (
            ("I", "length and grey profile"),
            ("L", "scale bar"),
            ("T", "restrict to a rectangle"),
            ("X", "exclude an area"),
            ("?", "these keys"),
        ),
    ),
)


@lru_cache(maxsize=1)
def _style() -> str:
    return (STATIC / "page.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _script() -> str:
    return (STATIC / "frame.js").read_text(encoding="utf-8")


@contextmanager
def page_frame(active: str, *, title: str = "", fills: bool = False) -> Iterator[Any]:
    """Head and body of a page; gives the place in the head where a page may put its own. fills: as high as the window."""
    ui.add_head_html(f"<script>window.nanogauge = {json.dumps(vocabulary())}</script>")
    ui.add_head_html(f"<script>{_script()}</script>")
    ui.add_head_html(f"<style>{_style()}</style>")  # in the head, so that nothing is seen unstyled first
    ui.colors(primary="#0072b2", secondary="#56b4e9", accent="#009e73", positive="#009e73", negative="#c04a00", warning="#b36b00")
    ui.page_title(f"{title} – nanogauge" if title else "nanogauge")
    cookies = getattr(context.client.request, "cookies", {}) or {}
    theme = cookies.get(THEME_COOKIE, "auto")
    dark = ui.dark_mode(_THEMES.get(theme, _THEMES["auto"])[0])
    help_dialog = keys_dialog()
    with ui.element("header").classes("ng-header"):
        ui.html(
            f'<a class="ng-skip" href="#content">To the content</a><a class="ng-brand" href="/">{_LOGO}<span>nanogauge</span></a>',
            sanitize=False,
        )
        with ui.element("nav").props('aria-label="Pages"'):
            for path, text, key in _LINKS:
                link = ui.link(text, path).classes("ng-nav")
                if key == active:
                    link.classes("on").props('aria-current="page"')
        middle = ui.element("div").classes("ng-header-middle")
        with ui.element("div").classes("ng-header-right"):
            _theme_button(dark, theme)
            button = ui.button(icon="keyboard", on_click=help_dialog.open).props(
                'flat round dense aria-label="Keyboard shortcuts (?)"'
            )
            button.tooltip("Keyboard shortcuts (?)")
    with ui.element("main").classes("ng-main fills" if fills else "ng-main").props('id="content"'):
        yield Frame(middle, help_dialog)


class Frame:
    """The parts of a page that it may fill or open."""

    def __init__(self, middle: ui.element, keys: ui.dialog) -> None:
        self.middle, self.keys = middle, keys


def _theme_button(dark: ui.dark_mode, theme: str) -> None:
    names = list(_THEMES)
    now = [theme if theme in _THEMES else "auto"]

    def change() -> None:
        now[0] = names[(names.index(now[0]) + 1) % len(names)]
        dark.value = _THEMES[now[0]][0]
        button.props(f"icon={_THEMES[now[0]][1]}")
        tip.text = _THEMES[now[0]][2]
        ui.run_javascript(f"document.cookie = '{THEME_COOKIE}={now[0]}; path=/; max-age=31536000; samesite=strict'")

    button = ui.button(icon=_THEMES[now[0]][1], on_click=change).props('flat round dense aria-label="Change the theme"')
    with button:
        tip = ui.tooltip(_THEMES[now[0]][2])


def keys_dialog() -> ui.dialog:
    """All keys, a column a purpose."""
    with ui.dialog().props('aria-label="Keyboard and mouse"') as dialog, ui.card().classes("ng-keys-card"):
        with ui.row().classes("w-full items-center justify-between no-wrap"):
            ui.label("Keyboard and mouse").classes("ng-h2")
            ui.button(icon="close", on_click=dialog.close).props('flat round dense aria-label="Close"')
        blocks = "".join(
            f"<section><h3>{esc(name)}</h3><dl>"
            + "".join(
                f"<dt>{''.join(f'<kbd>{esc(k.strip())}</kbd>' for k in keys.split(','))}</dt><dd>{esc(what)}</dd>"
                for keys, what in rows
            )
            + "</dl></section>"
            for name, rows in KEYS
        )
        ui.html(f'<div class="ng-keys-grid">{blocks}</div>', sanitize=False)
    return dialog


def esc(text: object) -> str:
    """Text for HTML."""
    return html.escape(str(text), quote=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = (), classes: str = "") -> str:
    """An HTML table of escaped text; columns in `numbers` stand right. Words of the field in heads and the first column are
    explained to whoever points at them."""
    top = "".join(f'<th{_n(i, numbers)} scope="col">{explained(h)}</th>' for i, h in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{_n(i, numbers)}>{esc(c) if i else explained(c)}</td>" for i, c in enumerate(row)) + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{top}</tr></thead>" if any(heads) else ""
    return f'<div class="ng-scroll"><table class="ng-figures {classes}">{head}<tbody>{body}</tbody></table></div>'


def _n(i: int, numbers: Sequence[int]) -> str:
    return ' class="n"' if i in numbers else ""


def refuse(text: str) -> None:
    """Says what could not be done, long enough to be read."""
    ui.notify(text, type="negative", position="bottom-right", timeout=7000, close_button="OK", multi_line=len(text) > 90)


def said(text: str) -> None:
    """Says what was done."""
    if text:
        ui.notify(text, position="bottom-right", timeout=2200, color="grey-9")


@contextmanager
def titled_dialog(title: str, *, wide: bool = False, persistent: bool = False) -> Iterator[ui.dialog]:
    """A dialog under a heading, which is its name for those who do not see it too; what is made within stands below."""
    with ui.dialog() as dialog, ui.card().classes("ng-dialog ng-wide" if wide else "ng-dialog"):
        dialog.props["aria-label"] = title
        if persistent:
            dialog.props("persistent")
        ui.label(title).classes("ng-h2")
        yield dialog


def ask(title: str, text: str, button: str, on_yes: Callable[[], Any], *, more: str = "") -> None:
    """Asks before something is done; `more` stands below the text."""
    with titled_dialog(title) as dialog:
        for line in (text, more):
            if line:
                ui.label(line).classes("ng-soft")
        dialog_buttons(dialog, button, on_yes)
    dialog.open()


def dialog_buttons(dialog: ui.dialog, text: str, on_click: Callable[[], Any]) -> ui.button:
    """Cancel, and the button that does it, which closes the dialog too; answers the latter."""

    async def go() -> None:
        dialog.close()
        done = on_click()
        if isawaitable(done):
            await done

    with ui.row().classes("w-full justify-end"):
        ui.button("Cancel", on_click=dialog.close).props("flat no-caps")
        return ui.button(text, on_click=go).props("unelevated no-caps")


async def attempt(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """A call in a thread of its own; an error of ours is said on the page. Answers None then."""
    try:
        return await run.io_bound(function, *arguments, **options)
    except NanogaugeError as error:
        refuse(str(error))
        return None


def later(coroutine: Any, *, name: str) -> None:
    """Runs a coroutine beside the page."""
    background_tasks.create(coroutine, name=name)
