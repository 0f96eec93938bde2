"""Some hundred calls that no page would make; `python tests/fuzz/page_calls.py` makes ten thousand."""

from pathlib import Path

import pytest

pytest.importorskip("nicegui", reason="the page's packages are not installed: pip install 'nanogauge[serve]'")

from page_calls import run


@pytest.mark.slow
def test_calls_that_no_page_makes_break_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    assert run(tmp_path, 300, 7, uploads=20, say=said.append) == []
    assert "200" in said[-1]
    assert "400" in said[-1]
