#!/usr/bin/env python3
"""Tries an installed nanogauge: the command line, Python, what must lie in the package. Give it a micrograph."""

import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import nanogauge


def main(micrograph: str) -> None:
    assert "torch" not in sys.modules
    for name in ("py.typed", "__init__.pyi", "results/schemas/measurement.schema.json"):
        assert files("nanogauge").joinpath(name).is_file(), f"{name} is not in the package"
    m = nanogauge.measure(micrograph)
    assert m.status == "ok", m.message
    assert m.n_particles > 30, m
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "nanogauge", "measure", micrograph, "-o", out, "--quiet"]
        subprocess.run(command, check=True)
        assert (Path(out) / "report.pdf").stat().st_size > 10_000
        again = nanogauge.load(next(p.parent for p in Path(out).glob("*/measurement.json")), micrographs=Path(micrograph).parent)
        assert abs(again.distribution["d50"].value - m.distribution["d50"].value) < 1e-6
    print(f"nanogauge {nanogauge.__version__} from {Path(nanogauge.__file__).parent}: {m.headline()}")


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()))
