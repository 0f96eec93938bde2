"""Paths in object stores, with the one that is in memory."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from nanogauge.core import stores
from nanogauge.core.errors import SettingsError

pytest.importorskip("fsspec", reason="needs object stores: pip install nanogauge[cloud]")
pytest.importorskip("upath", reason="needs object stores: pip install nanogauge[cloud]")
URL = "memory://bench"


def test_a_url_is_a_path_in_a_store_and_all_else_one_of_this_machine() -> None:
    there = stores.path_of(f"{URL}/in/a.ome.tif")
    assert stores.is_remote(there)
    assert (str(there), there.name, there.stem, there.suffix) == (f"{URL}/in/a.ome.tif", "a.ome.tif", "a.ome", ".tif")
    assert pickle.loads(pickle.dumps(there)) == there
    for text in ("a.tif", "folder/s3", "C:/a.tif", "C:\\a.tif"):
        assert stores.path_of(text) == Path(text)
        assert not stores.is_remote(stores.path_of(text))
    assert stores.path_of(Path("s3:/a")) == Path("s3:/a")
    for bad in ("ftp://host/a", "http://host/a.tif", "s3://", "memory:///"):
        with pytest.raises(SettingsError, match=bad):
            stores.path_of(bad)


def test_what_a_url_names(memory: Any) -> None:
    for name in ("in/b.tif", "in/a.tif", "in/x.zarr/0/1", "in/deep/c.tif"):
        memory.pipe(f"/bench/{name}", b"x")
    names = [p.name for p in stores.listed(stores.path_of(f"{URL}/in"))]
    assert names == ["a.tif", "b.tif", "deep", "x.zarr"]
    assert [str(p) for p in stores.listed(stores.path_of(f"{URL}/in/*.tif"))] == [f"{URL}/in/a.tif", f"{URL}/in/b.tif"]
    one = stores.path_of(f"{URL}/in/a.tif")
    assert stores.listed(one) == [one]
    for nothing in ("in/c.tif", "out", "in/*.png"):
        with pytest.raises(FileNotFoundError) as error:
            stores.listed(stores.path_of(f"{URL}/{nothing}"))
        assert error.value.filename == f"{URL}/{nothing}"
    assert stores.lengths(stores.path_of(f"{URL}/in")) == {"a.tif": 1, "b.tif": 1}
    assert stores.lengths(stores.path_of(f"{URL}/i")) == {}


def test_what_is_fetched_comes_with_what_belongs_to_it(memory: Any) -> None:
    for name in ("a.tif", "a.txt", "a.png", "ab.txt", "b.txt", "a/1.txt", "z.zarr/0/c", "z.zarr/zarr.json"):
        memory.pipe(f"/bench/{name}", name.encode())
    with stores.fetched(stores.path_of(f"{URL}/a.tif"), lambda name: name.endswith(".txt")) as here:
        assert here.read_bytes() == b"a.tif"
        assert sorted(p.name for p in here.parent.iterdir()) == ["a.tif", "a.txt", "ab.txt"]
    assert not here.parent.exists()
    with stores.fetched(stores.path_of(f"{URL}/z.zarr"), lambda name: True) as here:
        assert sorted(p.relative_to(here).as_posix() for p in here.rglob("*")) == ["0", "0/c", "zarr.json"]
    with pytest.raises(FileNotFoundError), stores.fetched(stores.path_of(f"{URL}/none.tif"), lambda name: True):
        pass


def test_a_result_goes_up_with_its_mark_last(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b.png", "mark.json"):
        (tmp_path / name).write_text(f"new {name}")
    for name in ("mark.json", "old.png", "mine.txt"):
        memory.pipe(f"/bench/out/{name}", b"old")
    done: list[str] = []
    kind = type(memory)
    for action in ("put_file", "rm_file"):
        real = getattr(kind, action)

        def noted(self: Any, *keys: Any, action: str = action, real: Any = real, **options: Any) -> Any:
            done.append(f"{action} {str(keys[-1]).rpartition('/')[2]}")
            return real(self, *keys, **options)

        monkeypatch.setattr(kind, action, noted)
    stores.put(tmp_path, stores.path_of(f"{URL}/out"), last="mark.json", own=("mark.json", "old.png", "b.png"))
    assert done[0] == "rm_file mark.json"
    assert done[-1] == "put_file mark.json"
    assert set(stores.lengths(stores.path_of(f"{URL}/out"))) == {"a.csv", "b.png", "mark.json", "mine.txt"}
    assert memory.cat("/bench/out/mark.json") == b"new mark.json"


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (FileNotFoundError("x"), FileNotFoundError, "no such bucket or object"),
        (PermissionError("Forbidden"), PermissionError, "the store refuses: Forbidden"),
        (RuntimeError("Unable to locate credentials"), OSError, "no credentials: Unable to locate credentials"),
        (
            RuntimeError('Could not connect to "http://a/b?secret=1"'),
            OSError,
            'the store does not answer: Could not connect to "http://a/b"',
        ),
        (ValueError("odd\nanswer"), OSError, "the store fails: odd answer"),
    ],
)
def test_errors_of_stores_are_errors_of_files(raised: Exception, kind: type[OSError], said: str) -> None:
    path = stores.path_of(f"{URL}/a")
    with pytest.raises(kind) as error, stores.reaching(path):
        raise raised
    assert (error.value.strerror, error.value.filename) == (said, f"{URL}/a")
    with pytest.raises(type(raised)) as same, stores.reaching(Path("a")):
        raise raised
    assert same.value is raised


def test_when_an_object_was_written(memory: Any) -> None:
    before = time.time()
    memory.pipe("/bench/a", b"x")
    assert before - 1 < stores.changed_at(stores.path_of(f"{URL}/a")) < time.time() + 1
    assert stores.changed_at(stores.path_of(f"{URL}/b")) == 0
