"""One claim of a backup into its volume, mounted here: staged on the volume itself, proven, and only then put in place.

For a volume that nobody uses meanwhile. Whatever ends it, the next call goes on: until all is proven the volume is as it
was; from then on it is finished and not begun anew.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from relight.backup import metadata
from relight.backup.filetree import AS_ROOT, FileTree
from relight.backup.reader import Backup
from relight.backup.staging import remove
from relight.backup.tarball import Member
from relight.backup.unpack import Limits, Tally, VolumeSize, unpack
from relight.errors import BackupError, RelightError, RestoreFailed

HOME = ".relight-restore"  # on the volume, gone at the end
OF_THE_DISK = frozenset({HOME, "lost+found"})


def restore_claim(backup: Backup, namespace: str, claim: str, root: Path, limits: Limits | None = None) -> VolumeSize:
    """The volume at ``root`` holds what the backup has of the claim, and nothing else; owners are kept for root alone.

    Raises RestoreFailed, and every error of a restore; the volume is then as it was.
    """
    try:
        with _alone(root) as home:
            swap = _Swap(root, home, f"{backup.metadata_sha256}-{claim}")
            if not swap.proven:
                with swap.renewed() as tree:
                    swap.prove(_stage(backup, f"volumes/{namespace}/{claim}", tree, limits or Limits()))
            return VolumeSize(namespace, claim, *swap.finish())
    except OSError as error:
        raise RestoreFailed(
            f"{error.filename or root}: {error.strerror}; is the claim's volume mounted there, for this user to write? "
            "Try again: what is proven is not fetched again"
        ) from error


@contextmanager
def _alone(root: Path) -> Iterator[Path]:
    """The directory to work in. What a killed call left is there."""
    home = root / HOME
    home.mkdir(mode=0o700, exist_ok=True)
    held = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield home
    except BlockingIOError:
        raise RestoreFailed(f"{root}: is being restored by another process; nothing was changed; wait for it") from None
    finally:
        os.close(held)


def _stage(backup: Backup, prefix: str, tree: Path, limits: Limits) -> tuple[int, int]:
    """Bytes and files. Every byte of the archive is proven, also of the claims that are left out."""
    where = backup.where(metadata.STATE)
    tally = Tally(where, limits, backup.metadata)
    try:
        with closing(backup.state()) as raw, closing(FileTree(tree, where)) as files:
            unpack(raw, where, _Below(files, prefix), tally)
            files.finish()
    except BackupError:
        backup.expect_undamaged()
        raise
    found = [one for one in tally.volumes if f"volumes/{one.namespace}/{one.claim}" == prefix]
    if not found:
        raise RestoreFailed(f"{where}: has nothing below {prefix}; nothing was restored; relight backup verify lists claims")
    return found[0].bytes, found[0].files


class _Below:
    """A tree of what lies below ``prefix``, under the names that it has there; the rest goes nowhere."""

    def __init__(self, tree: FileTree, prefix: str) -> None:
        self._tree, self._prefix = tree, prefix

    def directory(self, path: str, member: Member) -> None:
        if (name := self._name(path)) is not None:
            self._tree.directory(name, member)

    def file(self, path: str, member: Member) -> None:
        if name := self._name(path):
            self._tree.file(name, member)

    def symlink(self, path: str, member: Member) -> None:
        if name := self._name(path):
            self._tree.symlink(name, member)

    def hardlink(self, path: str, source: str) -> None:
        if name := self._name(path):
            self._tree.hardlink(name, self._name(source) or source)

    def _name(self, path: str) -> str | None:
        return path.removeprefix(self._prefix).lstrip("/") if f"{path}/".startswith(f"{self._prefix}/") else None


class _Swap:
    """What is on the volume makes way for what is staged. ``proven-KEY`` and ``emptied-KEY`` say how far it has come."""

    def __init__(self, root: Path, home: Path, key: str) -> None:
        self._root, self._home = root, home
        self._staged, self._former = home / "staged", home / "former"
        self._proven, self._emptied = home / f"proven-{key}", home / f"emptied-{key}"

    @property
    def proven(self) -> bool:
        return self._proven.exists() or self._emptied.exists()

    @contextmanager
    def renewed(self) -> Iterator[Path]:
        """An empty directory to stage in. Another backup's swap that was left half way is brought to an end, or undone.

        What fails leaves nothing: a volume that is full of it would stop the app that goes on there.
        """
        _move(self._staged if any(self._home.glob("emptied-*")) else self._former, self._root)
        for left in self._home.iterdir():
            remove(left) if left.is_dir() else left.unlink()
        self._staged.mkdir(mode=0o755)
        try:
            yield self._staged
        except (OSError, RelightError):
            remove(self._home)
            raise

    def prove(self, found: tuple[int, int]) -> None:
        os.sync()  # what is proven must survive a power cut from here on
        part = self._home / "part"
        part.write_text(f"{found[0]} {found[1]}", encoding="ascii")
        part.replace(self._proven)

    def finish(self) -> tuple[int, int]:
        """Bytes and files."""
        if not self._emptied.exists():
            self._former.mkdir(exist_ok=True)
            _move(self._root, self._former)
            self._proven.replace(self._emptied)
        bytes_, files = map(int, self._emptied.read_text(encoding="ascii").split())
        self._put_in_place()
        remove(self._former)
        remove(self._home)
        return bytes_, files

    def _put_in_place(self) -> None:
        _move(self._staged, self._root)
        if self._staged.exists() and AS_ROOT:
            stamp = self._staged.stat()
            os.chown(self._root, stamp.st_uid, stamp.st_gid)
            self._root.chmod(stamp.st_mode & 0o7777)


def _move(source: Path, target: Path) -> None:
    """Everything but what is the disk's own: renames, each whole."""
    for entry in sorted(source.iterdir()) if source.is_dir() else ():
        if entry.name not in OF_THE_DISK:
            entry.rename(target / entry.name)
