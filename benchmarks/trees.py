"""The trees that benchmarks back up and restore: the same bytes on every machine."""

import random
from pathlib import Path

TEXT = """
account alarm amount apply archive backup balance bucket cause claim cluster console copy cost customer day deny
drill entry error evidence expiry failback file frame guard hash host image index instance invoice job key label
latency lease ledger length limit line log manifest member memory metric mirror name network node number object
operator order owner page payment phase plan pod pointer policy price probe promote proof quota range reason receipt
record region replica report request restore result retry role route row rule run runner sample schedule secret
series service signal size snapshot source stage state status step store stream table target task tenant text token
total trace transfer unit update upload user value verdict version volume wait wave window worker writer zone
"""
WORDS = TEXT.split()
POOL = 24 * 2**20  # longer than a frame: what repeats beyond it cannot be compressed away


class Content:
    """Bytes as they lie in volumes: three quarters records of words and numbers, a quarter that does not compress."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        lines = []
        size = 0
        while size < POOL:
            words = " ".join(self._rng.choices(WORDS, k=12))
            lines.append(f'{{"id": {self._rng.getrandbits(40)}, "text": "{words}", "cost": {self._rng.random():.6f}}}\n')
            size += len(lines[-1])
        self._text = "".join(lines).encode()
        self._noise = self._rng.randbytes(POOL)

    def take(self, size: int) -> bytes:
        pool = self._noise if self._rng.random() < 0.25 else self._text
        start = self._rng.randrange(POOL)
        return _from(pool, start, size)

    def text(self, size: int) -> bytes:
        start = self._rng.randrange(POOL)
        return _from(self._text, start, size)

    def size(self, least: int, most: int) -> int:
        return self._rng.randrange(least, most)


def mixed(root: Path, total: int) -> None:
    """``total`` bytes: half in files of 16 MiB, half in files of 1 to 64 KiB."""
    content = Content()
    written = number = 0
    while written < total:
        size = 16 * 2**20 if written < total // 2 else content.size(2**10, 2**16)
        size = min(size, total - written)
        _write(root / f"{number % 64:02d}" / f"{number:06d}", content.take(size))
        written, number = written + size, number + 1


def small(root: Path, files: int) -> None:
    """``files`` files of 100 to 2,000 bytes, 500 a directory."""
    content = Content()
    for number in range(files):
        _write(root / f"{number // 500:04d}" / f"{number:07d}.json", content.take(content.size(100, 2000)))


def _from(pool: bytes, start: int, size: int) -> bytes:
    """``size`` bytes of the pool from ``start`` on, and from its beginning again: a copy of no more than that."""
    data = pool[start : start + size]
    while len(data) < size:
        data += pool[: size - len(data)]
    return data


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
