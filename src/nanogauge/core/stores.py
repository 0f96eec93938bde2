"""Object stores: s3://bucket/folder, gs://, az://, and all that is done there. The only module that imports fsspec.

A path in a store is a `universal_pathlib` path, which has a path's names and can be asked what it holds. Nothing opens it: what is
read is fetched to this machine first, what is written is put there when it is whole. See decision 25.
"""

from __future__ import annotations

import errno
import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from .errors import NanogaugeError, SettingsError

SCHEMES = ("s3", "gs", "az", "memory")
"""Beginnings of the URLs that are known: Amazon S3 and all that speaks like it, Google Cloud Storage, Azure, and this process's own
memory, for tests."""
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_OPTIONS: dict[str, dict[str, Any]] = {  # an address that does not answer is said in seconds, not in minutes
    "s3": {"config_kwargs": {"connect_timeout": 10, "retries": {"max_attempts": 2}}},
}
_MOST_SAID = 160  # characters of what a library says
_TALKATIVE = ("asyncio", "gcsfs", "azure")


def path_of(text: str | Path) -> Path:
    """A path on this machine, or in a store where a URL is given. Raises SettingsError for a URL of no known kind, or of one that
    needs packages which are not installed."""
    found = _URL.match(str(text)) if isinstance(text, str) else None
    if found is None:
        return Path(text)
    scheme = found[1].lower()
    if scheme not in SCHEMES:
        raise SettingsError(
            f"{text}: not a kind of store that is known; give a path, or a URL that begins with s3://, gs:// or az://"
        )
    try:
        import fsspec
        from upath import UPath

        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise SettingsError(f'{text}: object stores need more packages: pip install "nanogauge[cloud]"') from error
    path = UPath(text, use_listings_cache=False, **_OPTIONS.get(scheme, {}))
    if not _key(cast(Path, path)).strip("/"):
        raise SettingsError(f"{text}: names no bucket; give {scheme}://BUCKET/FOLDER")
    return cast(Path, path)


def is_remote(path: Path) -> bool:
    """Whether a path lies in a store."""
    return not isinstance(path, Path)


@contextmanager
def reaching(path: Path) -> Iterator[None]:
    """What goes wrong with a path in a store becomes an OSError of it with a reason in words, as of a file: libraries of each store
    have errors of their own."""
    if not is_remote(path):
        yield
        return
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the error says it too, in a line
    try:
        yield
    except NanogaugeError:
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such bucket or object", str(path)) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, f"the store refuses: {_said(error)}", str(path)) from error
    except Exception as error:
        name = type(error).__name__
        without = "Credential" in name or "credential" in str(error)
        reason = "no credentials" if without else "the store does not answer" if _is_distant(error) else "the store fails"
        raise OSError(errno.EIO, f"{reason}: {_said(error)}", str(path)) from error


def _is_distant(error: BaseException) -> bool:
    words = ("connect", "timeout", "timed out", "dns", "name resolution")
    return any(w in f"{type(error).__name__} {error}".casefold() for w in words)


def _said(error: BaseException) -> str:
    text = re.sub(r"\?[^\s\"']*", "", " ".join(str(error).split()))  # an address without what was asked there
    return text[:_MOST_SAID] or type(error).__name__


def lengths(folder: Path) -> dict[str, int]:
    """The files directly in a folder and their lengths in bytes; none where there is no such folder. Of a store with one request.
    Raises OSError."""
    if not is_remote(folder):
        return {p.name: p.stat().st_size for p in folder.iterdir() if p.is_file()} if folder.is_dir() else {}
    key = _key(folder).rstrip("/")
    parent, _, name = key.rpartition("/")
    with reaching(folder):  # a bucket has no parent, and is asked for whole
        found = (
            _fs(folder).find(parent, prefix=f"{name}/", detail=True) if parent else _fs(folder).find(key, maxdepth=1, detail=True)
        )
        return {k.rpartition("/")[2]: int(i["size"]) for k, i in found.items() if k.rpartition("/")[0] == key}


def listed(path: Path) -> list[Path]:
    """What a URL names: the object, what lies directly in the folder, or what fits the pattern; in order, folders too.

    Raises OSError where there is nothing.
    """
    with reaching(path):
        fs, key = _fs(path), _key(path)
        if any(c in key for c in "*?["):
            found = [k for k in fs.glob(key) if not k.endswith("/")]
        else:
            inside = fs.ls(key, detail=True)
            if [i["name"].strip("/") for i in inside if i["type"] == "file"] == [key.strip("/")]:
                return [path]
            found = [i["name"] for i in inside if i["name"].strip("/") != key.strip("/")]
        if not found:
            raise FileNotFoundError
        return sorted(_path(path, k) for k in found)


def put(made: Path, folder: Path, *, last: str, own: Iterable[str] = ()) -> None:
    """The files in MADE go into a folder of a store, the file `last` after all others; where it was there already it goes first, so
    that who sees it sees a whole. Those named in `own` that were there and are not in MADE go too. Raises OSError."""
    there = set(lengths(folder))
    with reaching(folder):
        fs, names = _fs(folder), sorted(p.name for p in made.iterdir())
        stale = there & (set(own) - set(names))
        if last in there:
            fs.rm_file(_key(folder / last))
        for name in stale:
            fs.rm_file(_key(folder / name))
        others = [n for n in names if n != last]
        fs.put([str(made / n) for n in others], [_key(folder / n) for n in others])
        if last in names:
            fs.put_file(str(made / last), _key(folder / last))


def put_tree(made: Path, folder: Path, *, names: Iterable[str]) -> None:
    """The files and folders of these names in MADE, with all in them, go into a folder of a store; those not there are passed over.
    Raises OSError."""
    files = [p for n in names for p in ([made / n] if (made / n).is_file() else sorted((made / n).rglob("*"))) if p.is_file()]
    with reaching(folder):
        if files:
            _fs(folder).put([str(p) for p in files], [f"{_key(folder)}/{p.relative_to(made).as_posix()}" for p in files])


def write(path: Path, content: bytes) -> None:
    """An object, whole or not there. Raises OSError."""
    with reaching(path):
        _fs(path).pipe_file(_key(path), content)


def remove(path: Path) -> None:
    """An object, or a folder with all in it; nothing where there is none. Raises OSError."""
    with reaching(path):
        try:
            _fs(path).rm(_key(path), recursive=True)
        except FileNotFoundError:
            return


def fetch(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Objects to files of this machine, many at once; those that are not there are passed over. Raises OSError."""
    pairs = list(pairs)
    if not pairs:
        return
    for _, local in pairs:
        local.parent.mkdir(parents=True, exist_ok=True)
    with reaching(pairs[0][0]):
        found = _fs(pairs[0][0]).cat_ranges([_key(p) for p, _ in pairs], None, None, on_error="return")
        for (_, local), content in zip(pairs, found, strict=True):
            if isinstance(content, bytes):
                local.write_bytes(content)
            elif not isinstance(content, FileNotFoundError):
                raise content


def changed_at(path: Path) -> float:
    """When an object was written, in seconds since 1970; 0 where there is none. Raises OSError."""
    with reaching(path):
        try:
            return float(_fs(path).modified(_key(path)).timestamp())
        except FileNotFoundError:
            return 0.0


@contextmanager
def fetched(file: Path, belongs: Callable[[str], bool]) -> Iterator[Path]:
    """A copy of an object on this machine under the same name, in a folder of its own with those of its neighbours that belong to
    it; gone afterwards. An object that is a folder (OME-Zarr) comes as one. One list and one read for an object without neighbours.

    belongs: whether a neighbour of that name, which begins as the object's stem does, is wanted too

    Raises OSError.
    """
    with tempfile.TemporaryDirectory(prefix="nanogauge-") as folder:
        here = Path(folder) / file.name
        with reaching(file):
            fs, key, parent = _fs(file), _key(file), _key(file.parent).rstrip("/")
            keys = [k for k in fs.find(parent, prefix=file.stem) if k.startswith(f"{parent}/{file.stem}")]
            inside = [k for k in keys if k.startswith(f"{key}/")]
            beside = [k for k in keys if k.rpartition("/")[0] == parent and k != key and belongs(k.rpartition("/")[2])]
            if not inside:
                fs.get_file(key, str(here))
            for k in (*inside, *beside):
                local = Path(folder) / k.removeprefix(f"{parent}/")
                local.parent.mkdir(parents=True, exist_ok=True)
                fs.get_file(k, str(local))
        yield here


def _fs(path: Path) -> Any:
    return cast(Any, path).fs


def _key(path: Path) -> str:
    return str(cast(Any, path).path)


def _path(like: Path, key: str) -> Path:
    """A path in the store of another one."""
    known = cast(Any, like)
    return cast(Path, type(known)(f"{known.protocol}://{key.lstrip('/')}", **known.storage_options))
