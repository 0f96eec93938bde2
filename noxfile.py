"""nox sessions: the checks of the workflow, as they run here. `nox -l` lists them, `nox -s quick` runs one."""

import re
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "quick"]
nox.options.reuse_existing_virtualenvs = True
ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, import contracts."""
    session.install("-e", ".[test]")
    style = ("src", "tests", "docs/tutorials", "scripts", "noxfile.py")
    session.run("ruff", "format", "--check", *style)
    session.run("ruff", "check", *style)
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def quick(session: nox.Session) -> None:
    """The tests that are not slow."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """The quick tests that need no extra, with the oldest version that pyproject.toml allows of each dependency."""
    session.install(
        *map(oldest, PROJECT["dependencies"]), "pytest>=8.2", "pytest-xdist>=3.8", "hypothesis>=6.100", "h5py", "jsonschema"
    )
    session.install("--no-deps", "-e", ".")
    rooms = ("core", "reading", "scale", "detection", "measuring", "statistics", "pipeline")
    session.run("pytest", "-m", "not slow", *(f"tests/{room}" for room in rooms), *session.posargs)


def oldest(requirement: str) -> str:
    """ "numpy>=1.26" -> "numpy==1.26.*" """
    return re.sub(r">=([\d.]+)$", r"==\1.*", requirement)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, tutorials run and links checked."""
    session.install("-e", ".[docs]")
    session.run("scripts/site", external=True)


@nox.session
def package(session: nox.Session) -> None:
    """Wheel and sdist, built, and both tried in an environment of their own."""
    session.install("build", "twine")
    dist = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT))
    built = sorted(dist.glob(f"nanogauge-{PROJECT['version']}*"))
    session.run("twine", "check", "--strict", *map(str, built))
    for file in built:
        session.install("--force-reinstall", str(file))
        session.chdir(session.create_tmp())  # the package that was installed, not the one in src
        session.run("python", str(ROOT / "scripts" / "smoke.py"), str(ROOT / "examples" / "thermo-gold-spheres.png"))
