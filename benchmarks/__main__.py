"""``./run bench [-o json]``: one table, each row a ratio to a named peer in the same run."""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks import plans, starts, volumes
from benchmarks.table import Row


def measure(megabytes: int) -> Iterator[Row]:
    if missing := [tool for tool in ("zstd", "tar", "sha256sum") if not shutil.which(tool)]:
        print(f"relight bench: {', '.join(missing)}: not installed; rows against it are left out", file=sys.stderr)
    else:
        yield from volumes.rows(megabytes)
    yield from plans.rows()
    yield from starts.rows()


def show(rows: list[Row]) -> None:
    table = Table("what", "peer", "ours s", "peer s", "ratio", "target", "")
    for row in rows:
        figures = (f"{row.ours_seconds:.2f}", f"{row.peer_seconds:.2f}", f"{row.ratio:.2f}", f"{row.target:.2f}")
        table.add_row(row.name, row.peer, *figures, "ok" if row.ok else "not yet")
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--megabytes", type=int, default=256, help="size of the mixed tree (default 256)")
    given = parser.parse_args()
    rows = list(measure(given.megabytes))
    if given.output == "json":
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
