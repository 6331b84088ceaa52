"""``files``: the restored bytes against the backup's index.jsonl, all of them or a sampled share."""

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from relight.config import Validator
from relight.model import Verdict
from relight.recovery.patience import Deadline
from relight.recovery.validators.context import Finding, ValidationContext

INDEX = "index.jsonl"
WORKERS = 4
NAMED = 20  # at most so many wrong files are named
CHUNK = 2**20
IS_TYPE = {"file": stat.S_ISREG, "symlink": stat.S_ISLNK}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of index.jsonl: what the check needs of it. ``bytes`` and ``sha256`` are a file's, ``target`` a link's."""

    path: str
    type: str
    bytes: int = 0
    sha256: str = ""
    target: str = ""


class Late(Exception):
    """The deadline passed while reading."""


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    entries = _entries(context.index or context.data_dir / INDEX)
    if isinstance(entries, str):
        return Finding(Verdict.COULD_NOT_VERIFY, entries)
    left_out = [entry for entry in entries if _matches(entry.path, validator.exclude)]
    entries = [entry for entry in entries if not _matches(entry.path, validator.exclude)] if left_out else entries
    if not entries:
        return Finding(Verdict.COULD_NOT_VERIFY, "every file is excluded: there is nothing to check")
    chosen = sample(entries, validator.share, context.run_id)
    said = (
        f"all {len(entries)}" if len(chosen) == len(entries) else f"{len(chosen)} of {len(entries)} ({validator.share:.0%})"
    ) + (f" (and {len(left_out)} excluded)" if left_out else "")
    evidence: dict[str, Any] = {
        "checked": len(chosen),
        "indexed": len(entries) + len(left_out),
        "excluded": len(left_out),
        "share": validator.share,
        "seed": context.run_id,
        "bytes": sum(entry.bytes for entry in chosen),
    }
    wrong: dict[str, str] = {}
    try:
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="files") as pool:
            for entry, fault in zip(chosen, pool.map(lambda e: _fault(context.data_dir, e, deadline), chosen), strict=True):
                wrong |= {_shown(entry.path): fault} if fault else {}
    except Late:
        return Finding(Verdict.TIMED_OUT, f"{said} files could not be read within {validator.deadline} s", evidence)
    if wrong:
        first = next(iter(wrong.items()))
        evidence |= {"wrong": len(wrong), "faults": dict(list(wrong.items())[:NAMED])}
        return Finding(Verdict.FAILED, f"{len(wrong)} of {len(chosen)} files differ: {first[0]} {first[1]}", evidence)
    return Finding(Verdict.PASSED, f"{said} files are as the backup's index lists them", evidence)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def sample(entries: list[Entry], share: float, seed: str) -> list[Entry]:
    """The same share for the same seed, in the index's order; at least one entry where there is one."""
    wanted = min(len(entries), max(1, math.ceil(len(entries) * share)))
    if wanted >= len(entries):
        return entries
    drawn = sorted(entries, key=lambda entry: hashlib.sha256(os.fsencode(f"{seed}\0{entry.path}")).digest())[:wanted]
    chosen = {entry.path for entry in drawn}
    return [entry for entry in entries if entry.path in chosen]


def _entries(index: Path) -> list[Entry] | str:
    """The files and links that the index lists, or why there is nothing to check against."""
    if not index.is_file():
        return "the backup has no index.jsonl to check against"
    try:
        entries = list(_lines(index))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return f"index.jsonl cannot be read: {type(error).__name__}: {error}"
    if outside := [_shown(entry.path) for entry in entries if _outside(entry.path)]:
        return f"index.jsonl names a path outside the restored volumes: {outside[0]}"
    return [entry for entry in entries if entry.type in IS_TYPE] or "index.jsonl lists no file"


def _lines(index: Path) -> Iterator[Entry]:
    with index.open("rb") as lines:
        for line in filter(bytes.strip, lines):
            raw = json.loads(line)
            yield Entry(raw["path"], raw["type"], raw.get("bytes", 0), raw.get("sha256", ""), raw.get("target", ""))


def _shown(path: str) -> str:
    """A name that is not UTF-8, made fit for evidence."""
    return os.fsencode(path).decode("utf-8", "replace")


def _outside(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or not path


def _fault(root: Path, entry: Entry, deadline: Deadline) -> str | None:
    """What is wrong with one restored file. Raises Late."""
    if deadline.passed:
        raise Late
    path = root / entry.path
    try:
        status = path.lstat()
        if not IS_TYPE[entry.type](status.st_mode):
            return f"is not a {entry.type}"
        if entry.type == "symlink":
            target = os.readlink(path)  # noqa: PTH115 - pathlib would normalise it
            return None if target == entry.target else "points elsewhere"
        if status.st_size != entry.bytes:
            return f"has {status.st_size} bytes instead of {entry.bytes}"
        return None if _sha256(path, deadline) == entry.sha256 else "has other content"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {os.strerror(error.errno or 0)}"


def _sha256(path: Path, deadline: Deadline) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if deadline.passed:
                raise Late
            digest.update(chunk)
    return digest.hexdigest()
