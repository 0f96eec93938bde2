"""Every error nanogauge raises on purpose.

    NanogaugeError
    ├── InputError             a file that cannot be used; the message names the file, what was seen, the remedy
    │   ├── UnreadableFile     missing, empty, truncated, or not an image
    │   ├── AnnotationError    labels or outlines made elsewhere that cannot be understood or do not fit their micrograph
    │   ├── UnsupportedFormat  an image, but of a kind that is not read here (or only with an extra)
    │   └── NoSuchPart         a page, detector or channel that the file does not have
    ├── ScaleError             a length or a scale that cannot be understood ("2.5 nn/px")
    ├── CalibrationError       a calibration that cannot be made from a picture, or a file of one that cannot be used
    ├── SettingsError          an unknown key or a value out of range in the settings
    ├── EngineError            a network or text reader that cannot be loaded or run
    ├── TruthError             ground truth that does not fit (no labels, another shape)
    ├── OutputError            a folder or file that cannot be written
    └── EditError              a correction by hand that cannot be made, such as a line that cuts no particle
        └── NotYours           an undo of what another person did, who was not meant

Messages are one line, name the file or value at fault, and say what to do.
"""

from __future__ import annotations


class NanogaugeError(Exception):
    """Base of all errors that carry a message for the user."""


class InputError(NanogaugeError):
    """A file that cannot be used."""


class UnreadableFile(InputError):
    """Missing, empty, truncated, or not an image."""


class UnsupportedFormat(InputError):
    """An image of a kind that is not read here, or only with an extra installed."""


class NoSuchPart(InputError):
    """A page, detector or channel that the file does not have; the message lists those that it has."""


class AnnotationError(InputError):
    """Labels or outlines made elsewhere that cannot be understood or do not fit their micrograph."""


class ScaleError(NanogaugeError):
    """A length or a scale that cannot be understood."""


class CalibrationError(NanogaugeError):
    """A calibration that cannot be made from a picture, or a calibration file that cannot be used."""


class SettingsError(NanogaugeError):
    """An unknown key or a value out of range in the settings."""


class EngineError(NanogaugeError):
    """A network or text reader that cannot be loaded or run."""


class TruthError(NanogaugeError):
    """Ground truth that does not fit its micrograph."""


class OutputError(NanogaugeError):
    """A folder or file that cannot be written."""


class EditError(NanogaugeError):
    """A correction by hand that cannot be made."""


class NotYours(EditError):
    """An undo of what another person did; it is made when asked for once more."""
