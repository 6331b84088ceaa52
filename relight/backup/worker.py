"""A process that unpacks frames: orders come on its input, answers go to its output, one line of JSON each.

It is started by ``crew`` and ends when its input does. The stored bytes, already proven, are in memory that both share.
"""

import json
import mmap
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relight.backup.frametree import FrameTree
from relight.backup.zstd import decompress_frame
from relight.errors import BackupError, RestoreFailed

REFUSED, FAILED = "refused", "failed"


def main(given: dict[str, Any]) -> None:
    """``given``: memory (a descriptor), root, cuts (directories), where (the archive's URI), most (bytes a file)."""
    os.umask(0)
    where = given["where"]
    tree = FrameTree(Path(given["root"]), Path(given["cuts"]), where, given["most"])
    with mmap.mmap(given["memory"], 0, prot=mmap.PROT_READ) as shared, memoryview(shared) as memory:
        for line in sys.stdin.buffer:
            order = json.loads(line)
            stored = memory[order["at"] : order["at"] + order["length"]]
            sys.stdout.write(json.dumps(_answer(tree, stored, order, where)) + "\n")
            sys.stdout.flush()
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
