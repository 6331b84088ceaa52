"""Which names and links of an archive stay inside: judged by the text alone, before anything is touched."""

import os
from collections.abc import Callable

from relight.backup.faults import fault
from relight.errors import ArchiveEscape, ArchiveLinkEscape, ArchiveMalformed

MAX_NAME = 4095  # bytes; PATH_MAX
MAX_PART = 255
MAX_HOPS = 40  # the kernel's own


def inside(name: str, where: str) -> str:
    """The member's path in plain form (``a/b``; empty for the archive's root). Raises ArchiveEscape, ArchiveMalformed."""
    if name.startswith("/") or not name:
        raise fault(ArchiveEscape, where, "has an absolute or empty name", name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise fault(ArchiveEscape, where, "has a name that climbs out of the target with ..", name)
    _expect_sane(name, parts, where)
    return "/".join(parts)


def link_inside(path: str, target: str, where: str) -> None:
    """Raises ArchiveLinkEscape for a symbolic link at ``path`` that points out of the archive's root."""
    if not target:
        raise fault(ArchiveMalformed, where, "is a link to nothing", path)
    if link_leaves(path, target):
        raise fault(ArchiveLinkEscape, where, f"links out of the target, to {target[:300]!a}", path)
    _expect_sane(target, target.split("/"), where)


def link_leaves(path: str, target: str) -> bool:
    if target.startswith("/"):
        return True
    depth = path.count("/")
    for part in target.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            return True
    return False


def goes_back(target: str) -> bool:
    """Whether the link climbs after it has descended (``a/../b``). Others cannot lead out by way of further links: each
    climbs from where it lies, which is inside, by no more than it may."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    climbs = [part == ".." for part in parts]
    return climbs != sorted(climbs, reverse=True)


def leads_out(path: str, link_at: Callable[[str], str | None]) -> bool:
    """Follows the link at ``path``, and those it meets, as the system would. ``link_at``: where a link leads; None for what
    is none. Links in a circle lead nowhere: the system gives up on them too."""
    here: list[str] = []
    ahead, hops = path.split("/")[::-1], 0
    while ahead:
        part = ahead.pop()
        if part == "..":
            if not here:
                return True
            here.pop()
        if part in ("", ".", ".."):
            continue
        here.append(part)
        if (target := link_at("/".join(here))) is not None:
            if (hops := hops + 1) > MAX_HOPS:
                return False
            here.pop()
            ahead += target.split("/")[::-1]
    return False


def _expect_sane(name: str, parts: list[str], where: str) -> None:
    sizes = [len(os.fsencode(part)) for part in parts]
    if "\0" in name or sum(sizes) + len(sizes) > MAX_NAME or max(sizes, default=0) > MAX_PART:
        raise fault(ArchiveMalformed, where, "has a name that no file can have (too long, or with a NUL)", name)
