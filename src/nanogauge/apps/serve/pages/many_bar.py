"""What is being done to many micrographs, or has been: how far, stop, take back."""

from __future__ import annotations

from nicegui import ui

from ..studio import Studio


class ManyBar:
    """The bar; seen while there is something to say."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        with ui.element("section").classes("ng-block ng-many").props('role="status"') as self.box:
            self.text = ui.label()
            self.share = ui.linear_progress(0, show_value=False).props('aria-label="Progress"')
            self.failed = ui.label().classes("ng-note")
            with ui.row():
                self.stop = ui.button("Stop", on_click=self._stop)
                self.back = ui.button("Take it back from all of them", icon="undo", on_click=self._undo)
                self.done = ui.button("Done", on_click=self._forget)
                for button in (self.stop, self.back, self.done):
                    button.props("flat no-caps dense")
        self.tick()
        ui.timer(0.5, self.tick)

    def tick(self) -> None:
        """As it stands."""
        work = self.studio.many
        self.box.set_visibility(work is not None)
        if work is None:
            return
        said = work.said()
        self.text.text = f"{said[:1].upper()}{said[1:]}."
        self.share.value = work.n_looked / max(len(work.names), 1)
        self.share.set_visibility(work.running)
        self.stop.set_visibility(work.running and not work.undoing)
        self.back.set_visibility(not work.running and bool(work.made))
        self.done.set_visibility(not work.running)
        self.failed.text = "; ".join(list(work.failed.values())[:5])
        self.failed.set_visibility(bool(work.failed))

    def _stop(self) -> None:
        if self.studio.many is not None:
            self.studio.many.stop()

    def _undo(self) -> None:
        if self.studio.many is not None:
            self.studio.many.undo()
        self.tick()

    def _forget(self) -> None:
        self.studio.many = None
        self.tick()
