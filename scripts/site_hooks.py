"""Pages of the site that have their home elsewhere in the repository or are made from the source, and links that lead out of docs/.

A page in docs/ links to files of the repository as GitHub shows them (`../CHANGELOG.md`). On the site such a link leads to the page
made of that file, if there is one; else its words stay, without a link. A file that is not there is an error.
"""

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "models.md": "src/nanogauge/detection/models/README.md",
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks.nanogauge")


SETTINGS = ROOT / "src" / "nanogauge" / "core" / "settings.py"
FIELD = re.compile(r"^    (\w+): \w+ = (.+?)(?:  # (.+))?$")


def settings_page() -> str:
    """Every setting with its default and its comment in the source, which is where they are at home."""
    lines = [
        "# Settings",
        "",
        "Every setting with its default. `nanogauge settings > my.toml` writes them to a file, `--settings my.toml` reads it.",
        "Keys that you leave out keep their defaults. In Python, use `nanogauge.read_settings`, or",
        '`nanogauge.Settings().replace("measure", weighting="volume")`.',
    ]
    for line in SETTINGS.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"class (\w+)Settings:", line):
            lines += ["", f"## [{found[1].lower()}]", "", "| Key | Default | |", "|---|---|---|"]
        elif line.startswith("class "):
            break
        elif (found := FIELD.match(line)) and len(lines) > 6:
            lines.append(f"| `{found[1]}` | `{found[2].strip(chr(34))}` | {found[3] or ''} |")
    return "\n".join(lines) + "\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    files.append(File.generated(config, "api/settings.md", content=settings_page()))
    for page, source in PAGES.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links out of docs/ to the page made of the file."""
    name = page.file.src_uri
    here = posixpath.dirname(PAGES.get(name, f"docs/{name}"))
    at_home = {source: made for made, source in PAGES.items()}

    def led(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith(("mailto:", "/")):
            return match[0]
        source = posixpath.normpath(posixpath.join(here, target))
        made = at_home.get(source, source.removeprefix("docs/") if source.startswith("docs/") else None)
        if made is not None:
            return f"[{words}]({posixpath.relpath(made, posixpath.dirname(name) or '.')}{anchor})"
        if not (ROOT / source).exists():
            log.warning("%s links to %s, which is not there", name, target)
        return words

    return LINK.sub(led, markdown)
