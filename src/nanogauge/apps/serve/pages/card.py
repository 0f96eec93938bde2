"""One micrograph in the gallery: its thumbnail, how far it is, why it needs a person."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from nicegui import ui

from ..doubts import Doubt, doubt_of
from ..entry import Entry
from .layout import esc

_CHIPS = {"ok": ("measured", "good"), "no_scale": ("no scale", "bad"), "no_particles": ("no particles", "bad")}


class Card:
    """One micrograph of the gallery. `choose` is told its name when it is ticked or not, `pressed` before it whether
    Shift is held."""

    def __init__(self, entry: Entry, choose: Callable[[str, bool], None], pressed: Callable[[bool], None]) -> None:
        self.entry, self.shown = entry, ""
        link = f"/m/{quote(entry.name, safe='')}"
        with ui.element("article").classes("ng-item") as self.box:
            self.box.props(f'data-name="{esc(entry.name)}"')
            self.box.on("pointerdown", lambda e: pressed(bool(e.args["shiftKey"])), ["shiftKey"])
            self.picture = ui.html("", sanitize=False).classes("ng-thumb")
            self.tick = ui.checkbox(on_change=lambda e: choose(entry.name, e.value)).classes("ng-item-tick")
            self.tick.props(f'dense dark color=primary aria-label="Select {esc(entry.title)}"')
            self.chip = ui.html("", sanitize=False).classes("ng-item-chip")
            with ui.element("div").classes("ng-item-text"):
                self.name = ui.link(entry.title, link).classes("ng-item-name").tooltip(entry.title)
                self.line = ui.label().classes("ng-item-line")
                self.sample = ui.html("", sanitize=False).classes("ng-item-sample")
                self.why = ui.html("", sanitize=False).classes("ng-item-why")
                self.bar = ui.linear_progress(0, show_value=False).props('aria-label="Progress"').classes("ng-item-bar")
        self.update()

    def update(self) -> None:
        """Shows the entry as it stands."""
        e = self.entry
        s = e.summary
        self.bar.set_visibility(e.state == "measuring")
        self.bar.value = round(e.share, 3)
        stage = e.stage if e.state == "measuring" else e.stage == "queued"
        key = str((e.state, stage, e.message, e.checked, e.sample, e.file is None, s))
        if key == self.shown:
            return
        self.shown = key
        doubt = doubt_of(e)
        self.name.text = e.title
        self.chip.content = _chip(e, doubt)
        self.line.text = _line(e)
        self.sample.content = f'<span class="ng-chip">{esc(e.sample)}</span>' if e.sample else ""
        self.sample.set_visibility(bool(e.sample))
        self.why.content = f"<ul>{''.join(f'<li>{esc(reason)}</li>' for reason in doubt.reasons[:3])}</ul>"
        self.why.set_visibility(bool(doubt.reasons))
        done = e.state == "done"
        self.box.classes(add="openable" if done else "", remove="" if done else "openable")
        source = (
            f"/api/micrographs/{quote(e.name, safe='')}/thumbnail?v={e.state}-{s.get('n_edits', 0)}-{abs(hash(str(s))) % 10**8}"
        )
        image = f'<img src="{source}" alt="" loading="lazy" onerror="this.remove()">'
        if done:
            self.picture.content = f'<a href="/m/{quote(e.name, safe="")}" tabindex="-1" aria-hidden="true">{image}</a>'
        else:
            icon = {"waiting": "hourglass_empty", "measuring": "blur_on", "error": "broken_image"}[e.state]
            mark = f'<i class="material-icons">{icon}</i>'
            self.picture.content = f'<div class="none {e.state}">{image if e.file else ""}{mark}</div>'


def _chip(e: Entry, doubt: Doubt) -> str:
    if e.checked:
        return '<span class="ng-chip good"><i class="material-icons">check</i>checked</span>'
    if e.state != "done":
        words = {"waiting": "waiting", "measuring": "measuring", "error": "refused"}[e.state]
        return f'<span class="ng-chip {"bad" if e.state == "error" else "busy"}">{words}</span>'
    text, kind = _CHIPS.get(e.summary["status"], ("measured", "good"))
    if kind == "good" and doubt.calls:
        text, kind = "look here", "doubt"
    return f'<span class="ng-chip {kind}">{text}</span>'


def _line(e: Entry) -> str:
    if e.state == "measuring":
        return e.stage
    if e.state == "waiting":
        return "in the queue" if e.stage == "queued" else "not measured yet"
    if e.state == "error":
        return ""
    s = e.summary
    parts = [f"{s['n_counted']} of {s['n_found']} counted" if s["n_counted"] != s["n_found"] else f"{s['n_found']} particles"]
    if s["median"]:
        parts.append(f"median {s['median']}")
    if s["n_edits"]:
        parts.append(f"{s['n_edits']} edit{'s' if s['n_edits'] > 1 else ''}")
    return " · ".join(p.replace(" ", "\N{NO-BREAK SPACE}") for p in parts)  # breaks only between them
