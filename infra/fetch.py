"""``python -m infra.fetch URL SHA256``: a pinned download, kept under ``.relight/cache``; prints where it is.

The assets manifest names this command, so that a deployment fetches what synth only needs the digest of. It runs on the
bare interpreter: standard library only.
"""

import hashlib
import sys
import tempfile
import urllib.request
from pathlib import Path
from urllib.error import URLError

from relight.errors import DownloadFailed, RelightError

CACHE = Path(__file__).parent.parent / ".relight" / "cache"
TIMEOUT_SECONDS = 60.0
CHUNK = 1 << 20


def fetch(url: str, sha256: str, cache: Path = CACHE) -> Path:
    """The file whose digest is sha256, downloaded unless it is there already. Raises DownloadFailed."""
    target = cache / sha256
    if target.exists() and _digest(target) == sha256:
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        partial = Path(scratch, "download")
        _download(url, partial)
        if (found := _digest(partial)) != sha256:
            raise DownloadFailed(url, f"its sha256 is {found}, not {sha256}", "correct url or sha256 in relight.toml")
        partial.chmod(0o755)
        partial.replace(target)
    return target


def _download(url: str, target: Path) -> None:
    if not url.startswith(("https://", "file://")):
        raise DownloadFailed(url, "is neither https:// nor file://", "correct url in relight.toml")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as source, target.open("wb") as out:  # noqa: S310
            while chunk := source.read(CHUNK):
                out.write(chunk)
    except (URLError, OSError) as error:
        raise DownloadFailed(
            url, f"cannot be read: {error}", "check the address and the network, and run it again"
        ) from None


def _digest(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def main(arguments: list[str]) -> int:
    try:
        url, sha256 = arguments
        print(fetch(url, sha256))
    except ValueError:
        print("usage: python -m infra.fetch URL SHA256", file=sys.stderr)
        return 2
    except RelightError as error:
        print(f"relight: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
