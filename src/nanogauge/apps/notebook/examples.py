"""Micrographs to try things with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...core.errors import InputError, OutputError
from ...training.synthetic.examples import EXAMPLES, render_example


def example(name: str = "gold-spheres", *, folder: str | Path | None = None) -> Path:
    """Renders a micrograph to try things with, 960 x 720 px and a data bar; the same picture every time.

    Parameters
    ----------
    name : {"gold-spheres", "oxide-polyhedra", "latex-monolayer", "tem-rods"}
    folder : path, optional
        Where to write NAME.png; by default a folder of its own among the temporary files.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        For a name that is not among these.
    OutputError
        Where the file cannot be written.

    Examples
    --------
    >>> import nanogauge
    >>> nanogauge.example("latex-monolayer").name
    'latex-monolayer.png'
    """
    if name not in EXAMPLES:
        raise InputError(f"no example {name!r}; there are {', '.join(EXAMPLES)}")
    out = Path(tempfile.gettempdir()) / "nanogauge-examples" if folder is None else Path(folder).expanduser()
    try:
        return render_example(name, out)
    except OSError as error:
        raise OutputError(f"{out}: cannot write there ({error.strerror}); choose another folder=") from error
