"""``python -m infra.lock``: renews every lock from pyproject.toml, so that what runs is pinned by digest everywhere.

``requirements.lock`` is what a checkout installs; ``infra/locks/*.txt`` are what the functions and the agent carry.
"""

import subprocess
import sys
from pathlib import Path

from infra.bundling import uv

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "infra" / "locks"
HOW = ["--universal", "-p", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet"]

# What a checkout runs comes first; what is carried elsewhere is a part of it, at the very same versions.
CHECKOUT = ROOT / "requirements.lock"
SAME = ["--constraints", CHECKOUT.name]
WANTED: dict[Path, list[str]] = {
    CHECKOUT: ["--all-extras"],
    LOCKS / "function.txt": [*SAME, "--extra", "function"],
    LOCKS / "agent.txt": [*SAME, "--extra", "agent"],
}


def command(lock: Path, options: list[str]) -> list[str]:
    return [uv(), "pip", "compile", *HOW, *options, "pyproject.toml", "-o", str(lock.relative_to(ROOT))]


def main() -> int:
    """Returns the first failing status of uv, which has said why on stderr, or 0."""
    for lock, options in WANTED.items():
        print(f"locking {lock.relative_to(ROOT)}", file=sys.stderr)
        done = subprocess.run(command(lock, options), cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
