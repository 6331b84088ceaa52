"""The trees that benchmarks back up and restore: the same bytes on every machine."""

import random
from pathlib import Path

TEXT = """
account alarm amount apply archive backup balance bucket cause claim cluster console copy cost customer day deny
drill entry error evidence expiry failback file frame guard hash host image index instance invoice job key label
"""
WORDS = TEXT.split()


def text(seed: random.Random, size: int) -> bytes:
    """About ``size`` bytes of words, compressible as logs and documents are."""
    return " ".join(seed.choices(WORDS, k=size // 6 + 1)).encode()[:size]


def mixed(root: Path, total: int, seed: int = 1) -> None:
    """``total`` bytes: half in files of 16 MiB, half in files of 1 to 64 KiB; a quarter of all does not compress."""
    rng = random.Random(seed)
    written = number = 0
    while written < total:
        size = 16 * 2**20 if written < total // 2 else rng.randrange(2**10, 2**16)
        size = min(size, total - written)
        path = root / f"{number % 64:02d}" / f"{number:06d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(size) if rng.random() < 0.25 else text(rng, min(size, 2**16)) * (size // 2**16 or 1))
        written, number = written + size, number + 1
