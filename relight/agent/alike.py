"""Whether two trees of files are the same: for what the app may have written since it was restored."""

import filecmp
import os
import stat
from pathlib import Path


def difference(wanted: Path, there: Path) -> str:
    """The first path that differs, and how; empty where none does. Times of directories say nothing: their content does."""
    waiting = [Path()]
    while waiting:
        at = waiting.pop()
        try:
            names, others = ({one.name for one in (tree / at).iterdir()} for tree in (wanted, there))
            for name in sorted(names | others):
                if name not in others:
                    return f"{at / name} is gone since"
                if name not in names:
                    return f"{at / name} came since"
                if not _same(wanted / at / name, there / at / name):
                    return f"{at / name} has changed since"
                if stat.S_ISDIR(os.lstat(wanted / at / name).st_mode):
                    waiting.append(at / name)
        except OSError as error:  # the app is at work in there
            return f"{at} cannot be compared ({error.strerror})"
    return ""


def _same(one: Path, other: Path) -> bool:
    ours, theirs = os.lstat(one), os.lstat(other)
    if _form(ours) != _form(theirs):
        return False
    if stat.S_ISLNK(ours.st_mode):
        return one.readlink() == other.readlink()
    return not stat.S_ISREG(ours.st_mode) or filecmp.cmp(one, other, shallow=False)


def _form(found: os.stat_result) -> tuple[int, ...]:
    written = (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else ()
    return found.st_mode, found.st_uid, found.st_gid, *written
