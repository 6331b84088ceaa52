"""Processes that unpack frames: orders come on a socket, answers go back, one line of JSON each.

The first is started by ``crew`` and forks the others. Each ends when its socket does. The stored bytes, already proven, are
in memory that all share.
"""

import json
import mmap
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relight.backup.frametree import FrameTree
from relight.backup.zstd import decompress_frame
from relight.errors import BackupError, RestoreFailed

REFUSED, FAILED = "refused", "failed"


def main(given: dict[str, Any]) -> None:
    """``given``: memory and channels (descriptors), root and cuts (directories), where (the archive's URI), most (bytes a
    file)."""
    first, *others = given["channels"]
    while others:
        if os.fork() == 0:
            os.close(first)  # who holds another's end keeps it from being missed
            first, *others = others
            for channel in others:
                os.close(channel)
            return _serve(given, first)
        os.close(others.pop(0))
    _serve(given, first)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _serve(given: dict[str, Any], channel: int) -> None:
    os.umask(0)
    where = given["where"]
    tree = FrameTree(Path(given["root"]), Path(given["cuts"]), where, given["most"])
    with (
        mmap.mmap(given["memory"], 0, prot=mmap.PROT_READ) as shared,
        memoryview(shared) as memory,
        open(channel, "rb") as orders,
        open(channel, "wb", closefd=False) as answers,
    ):
        for line in orders:
            order = json.loads(line)
            stored = memory[order["at"] : order["at"] + order["length"]]
            answers.write(json.dumps(_answer(tree, stored, order, where)).encode() + b"\n")
            answers.flush()
            stored.release()


def _answer(tree: FrameTree, stored: memoryview, order: dict[str, Any], where: str) -> dict[str, Any]:
    try:
        raw = decompress_frame(stored, order["raw_length"], where)
        found = tree.unpack(raw, order["start"], order["continues"])
    except BackupError as error:
        return {REFUSED: str(error)}
    except (RestoreFailed, OSError) as error:
        return {FAILED: str(error)}
    return asdict(found) | {"count": [found.count.members, found.count.volumes]}
