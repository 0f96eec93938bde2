"""How the particles of an open micrograph lie, as it stands: worked out when a window asks, once after each edit."""

from __future__ import annotations

import math
import threading
from typing import Any
from weakref import WeakKeyDictionary

from ...arrangement.aggregates.drawing import PANELS as GROUP_PICTURES
from ...arrangement.aggregates.drawing import aggregates_panel_png
from ...arrangement.order.drawing import PANELS as ORDER_PICTURES
from ...arrangement.order.drawing import order_panel_png
from ...core.errors import InputError
from ...editing.session import Session
from ...results.arrangement import particle_groups, with_order
from ...results.measurement import Measurement

PICTURES = (*ORDER_PICTURES, *GROUP_PICTURES)


class Arrangements:
    """Of the open sessions: the measurement of the last revision that was asked for, with its order and its groups."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[Session, tuple[int, Measurement]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, session: Session) -> tuple[int, Measurement]:
        """Revision, and the measurement that it is; order and groups are known."""
        with self._lock:
            made = self._made.get(session)
            if made is None or made[0] != session.revision:
                with session.lock:
                    made = session.revision, session.measurement()
                _ = made[1].order, made[1].aggregates  # they stay with it
                self._made[session] = made
            return made

    def picture(self, session: Session, name: str) -> bytes:
        """One of `PICTURES` as PNG. InputError where there is none."""
        _, m = self.of(session)
        if name in ORDER_PICTURES and m.order is not None:
            return order_panel_png(m.order, name)
        if name in GROUP_PICTURES and m.aggregates is not None:
            return aggregates_panel_png(m.aggregates, name)
        raise InputError(f"{name[:40]}: no such picture of how the particles lie")

    def particles(self, session: Session) -> dict[str, Any]:
        """Columns of all particles by which the page colours them; None for a value that is not known, or a whole column."""
        revision, m = self.of(session)
        labels = m.particles["label"]
        columns: dict[str, list[Any] | None] = dict.fromkeys(("psi", "direction", "grain", "group"))
        fold = None
        if m.order is not None:
            fold = m.order.found.fold
            table = with_order(m.particles, m.order)
            names = {"psi": f"psi{fold}", "direction": "lattice_direction_deg", "grain": "grain"}
            columns |= {key: _known(table[name].tolist()) for key, name in names.items()}
        if m.aggregates is not None:
            columns["group"] = particle_groups(m.aggregates).reindex(labels, fill_value=0).tolist()
        return {"revision": revision, "fold": fold, "label": labels.tolist(), **columns}


def _known(values: list[float]) -> list[float | None]:
    return [round(v, 4) if math.isfinite(v) else None for v in values]
