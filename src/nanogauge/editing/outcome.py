"""An open micrograph as a Measurement: what is saved, reported and exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..detection.readings import readings_from
from ..results.measurement import Measurement
from ..statistics.metrology import distribution_of, warnings_of

if TYPE_CHECKING:
    from .session import Session


def measurement_of(session: Session) -> Measurement:
    """The result as it stands, edits and decisions in it. What may change meanwhile is taken in one go, the rest done after."""
    with session.lock:
        o, table, decision = session.opened, session.table, session.decision
        labels, done, notes = session.labels.copy(), session.journal.texts, session.judged.notes
        probability = session.probability if o.about.get("outline") == "probability_map" else None
        settings = session.settings_in_force()
        frame = session.decisions.region.frame(o.frame)
    detection = dict(o.about.get("detection") or {})
    in_px = distribution_of(table, "px", settings.measure, detection=detection)
    in_nm = None if decision.scale is None else distribution_of(table, "nm", settings.measure, detection=detection)
    return Measurement(
        micrograph=o.micrograph,
        decision=decision,
        scale_bar=o.scale_bar,
        labels=labels,
        particles=table,
        distribution=in_nm or in_px,
        distribution_px=in_px,
        frame=frame,
        zoom=o.about["working_magnification"],
        settings=settings,
        engine=o.about["engine"]["name"],
        engine_sha256=o.about["engine"]["sha256"] or "",
        version=o.about["version"],
        seconds=o.about["seconds"],
        warnings=(*o.micrograph.notes, *notes, *warnings_of(table, in_px, settings.measure)),
        confidence=probability,
        edge_moved_px=o.about.get("edge_moved_px"),
        detection=detection,
        readings=readings_from(o.about.get("readings") or []),
        labels_source=dict(o.about.get("labels_source") or {}),
        operator_edits=done,
    )
