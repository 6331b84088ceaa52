"""``./run bench [-o json]``: one table, each row a ratio to a named peer in the same run."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields, replace

from rich.console import Console
from rich.table import Table

from benchmarks import apply, big, console, critical, data, plans, starts
from benchmarks.table import Row
from relight.cli import exits, interrupts


def measure(sizes: data.Sizes, full: bool) -> Iterator[Row]:
    yield from data.rows(sizes)
    yield from plans.rows()
    yield from starts.rows()
    yield from apply.rows()
    yield from console.rows()
    yield from critical.rows(sizes.megabytes)
    if full:
        yield from big.rows()


def show(rows: list[Row]) -> None:
    table = Table("what", "peer", "ours", "peer's", "ratio", "target", "")
    for row in rows:
        figures = ("-" if figure is None else f"{figure:.2f}" for figure in (row.ours_seconds, row.peer_seconds, row.ratio))
        verdict = "ok" if row.ok else "not yet" if row.ratio is not None else "not measured"
        table.add_row(row.name, row.peer, *figures, f"{row.target:.2f}", "; ".join(filter(None, [verdict, row.note])))
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--full", action="store_true", help="the sizes that the targets are for: long, and 60 GB of disk")
    for field in fields(data.Sizes):
        parser.add_argument(f"--{field.name}", type=int, help=f"default {field.default:,}")
    given = parser.parse_args()
    interrupts.heed_once()
    signal.signal(signal.SIGHUP, interrupts.once)
    asked = {field.name: size for field in fields(data.Sizes) if (size := getattr(given, field.name)) is not None}
    rows = list(measure(replace(data.FULL if given.full else data.Sizes(), **asked), given.full))
    if given.output == "json":
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        show(rows)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # once its folders of many gigabytes are gone
        sys.exit(exits.INTERRUPTED)
