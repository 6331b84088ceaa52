"""One file out of a backup, without reading the rest: the index says where it lies, the table of frames how to get there."""

import json
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from relight.backup import index, metadata
from relight.backup.faults import fault
from relight.backup.filetree import FileTree
from relight.backup.frames import FrameTable
from relight.backup.index import IndexEntry
from relight.backup.reader import Backup
from relight.backup.tarball import Kind, Member, members
from relight.errors import ArchiveMalformed, RestoreFailed

HOPS = 2  # a hard link leads to a file; more would be a loop
AHEAD = 4


def restore_file(backup: Backup, path: str, target: Path) -> Path:
    """Restores the file ``volumes/<namespace>/<claim>/...`` of the backup as ``target``, proven, with its mode and times.

    Raises RestoreFailed where the backup has no such file, no frames or no index, or ``target`` is there, and every error
    of a restore.
    """
    table = backup.frames()
    if table is None or table.index_offset is None:
        where = backup.where(metadata.STATE)
        raise RestoreFailed(
            f"{where}: has no frames with an index, so that one file cannot be found alone; nothing was restored; "
            f"take it out of the whole: aws s3 cp {where} - | zstd -d | tar x {shlex.quote(path)}"
        )
    if target.exists() or target.is_symlink():
        raise RestoreFailed(f"{target}: is there already; nothing was restored; name a file that is not there")
    try:
        with tempfile.TemporaryDirectory(prefix=".relight-", dir=target.parent) as place:
            _extract(backup, table, path, Path(place))
            Path(place, "file").rename(target)
    except OSError as error:
        raise RestoreFailed(
            f"{target}: cannot be made ({error.strerror}); nothing was restored; check its parent"
        ) from error
    return target


def _extract(backup: Backup, table: FrameTable, path: str, place: Path) -> None:
    where = backup.where(metadata.STATE)
    for _ in range(HOPS):
        entry = _find(backup, table, path)
        with closing(backup.raw(table, entry.offset, 1 + entry.bytes // 2**24)) as raw:
            member = next(members(raw, where))
            if member.kind is Kind.HARDLINK:
                path = member.link
                continue
            if member.kind is not Kind.FILE or member.name != path or member.size != entry.bytes:
                raise fault(ArchiveMalformed, where, "is not where its index says", path)
            with closing(FileTree(place, where)) as tree:
                tree.file("file", member)
            return
    raise fault(ArchiveMalformed, where, "is a hard link to a hard link", path)


def _find(backup: Backup, table: FrameTable, path: str) -> IndexEntry:
    where, named = backup.where(metadata.STATE), json.dumps(path).encode()
    with closing(backup.raw(table, table.index_offset or 0, AHEAD)) as raw:
        lines = _lines(next(members(raw, where)))
        for entry in index.read((line for line in lines if named in line), where):
            if entry.path == path and entry.type == Kind.FILE:
                return entry
    raise RestoreFailed(f"{where}: has no file {path[:300]!a}; nothing was restored; its index.jsonl lists what there is")


def _lines(member: Member) -> Iterator[bytes]:
    rest = b""
    for _, piece in member.pieces():
        *lines, rest = (rest + bytes(piece)).split(b"\n")
        yield from lines
