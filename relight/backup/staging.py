"""Where a restore works until all is proven: beside its target, on the same disk."""

import os
import shutil
from pathlib import Path

from relight.errors import RestoreFailed


class Staging:
    """A context: ``tree`` becomes ``target`` by ``move``, ``cuts`` holds files that are not whole yet; leaving removes both.

    Raises RestoreFailed where the target is not empty or the disk refuses.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._root = target.parent / f".{target.name}.restoring"
        self.tree, self.cuts = self._root / "tree", self._root / "cuts"

    def __enter__(self) -> "Staging":
        target = self._target
        try:
            if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
                raise RestoreFailed(
                    f"{target}: is not empty; nothing was restored; name a directory that is empty or not there"
                )
            self.renew()
        except OSError as error:
            raise RestoreFailed(
                f"{target}: cannot be made ({error.strerror}); nothing was restored; check its parent"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        remove(self._root)

    def renew(self) -> None:
        """Empty, whatever was there: also what a killed restore left."""
        remove(self._root)
        self.tree.mkdir(parents=True, mode=0o755)
        self.cuts.mkdir(mode=0o700)

    def move(self) -> None:
        try:
            self.tree.replace(self._target)
        except OSError as error:
            raise RestoreFailed(
                f"{self._target}: cannot be put in place ({error.strerror}); nothing was restored; is it a mount?"
            ) from error


def remove(root: Path) -> None:
    """The directory and all below it; it need not be there."""
    if not root.exists():
        return
    for folder, below, _ in os.walk(root):  # a directory of the backup may be closed to us, its own maker
        for path in (Path(folder, name) for name in below):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(root)
