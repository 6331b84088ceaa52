"""The file that the dead man's switch reads: epoch seconds, from the runner's lease and from nothing else."""

from pathlib import Path

from relight.agent.files import write_atomically
from relight.agent.logs import log


class Expiry:
    """Follows the lease. Without one, the file stays as the runner's boot wrote it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written: int | None = None

    def follow(self, expires_at: int | None) -> None:
        if expires_at is None or expires_at == self._written:
            return
        try:
            write_atomically(self._file, f"{expires_at}\n".encode())
        except OSError as error:  # a full disk: the switch keeps the last good expiry, and tasks are still taken
            log.error(f"expiry not written, tried again: {error.strerror}", expires_at=expires_at)
        else:
            self._written = expires_at
