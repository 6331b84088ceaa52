"""Makes the sample's state: a SQLite ledger and its vouchers, the same bytes in every file on every machine.

    python examples/sample/seed.py DIRECTORY [--vouchers 400] [--entries 4000]

On a cluster, copy the directory into the claim: see README.md.
"""

import argparse
import json
import random
import sqlite3
from pathlib import Path

ACCOUNTS = ("cash", "fees", "loans", "payroll", "reserve", "sales", "tax", "travel")
SCHEMA = (
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, day TEXT NOT NULL, account TEXT NOT NULL, cents INTEGER NOT NULL, "
    "voucher TEXT NOT NULL)"
)


def seed(target: Path, vouchers: int = 400, entries: int = 4000) -> None:
    """Fills ``target`` with ``ledger.db`` and ``vouchers/<month>/<number>.json``; each voucher sums up its entries."""
    dice = random.Random(20261123)  # noqa: S311 - repeatable, not secret
    rows = [entry(dice, number, number % vouchers) for number in range(entries)]
    target.mkdir(parents=True, exist_ok=True)
    (target / "ledger.db").unlink(missing_ok=True)
    with sqlite3.connect(target / "ledger.db") as ledger:
        ledger.execute(SCHEMA)
        ledger.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", rows)
    ledger.close()
    for name, cents, count in totals(rows):
        path = target / "vouchers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"voucher": name, "entries": count, "cents": cents}) + "\n")


def entry(dice: random.Random, number: int, voucher: int) -> tuple[int, str, str, int, str]:
    month = voucher % 12 + 1
    day = f"2026-{month:02}-{dice.randint(1, 28):02}"
    return number, day, dice.choice(ACCOUNTS), dice.randint(-50_000, 60_000), f"2026-{month:02}/{voucher:05}.json"


def totals(rows: list[tuple[int, str, str, int, str]]) -> list[tuple[str, int, int]]:
    found: dict[str, list[int]] = {}
    for *_, cents, voucher in rows:
        found.setdefault(voucher, []).append(cents)
    return [(voucher, sum(cents), len(cents)) for voucher, cents in sorted(found.items())]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--vouchers", type=int, default=400)
    parser.add_argument("--entries", type=int, default=4000)
    chosen = parser.parse_args()
    seed(chosen.directory, chosen.vouchers, chosen.entries)
    print(f"{chosen.directory}: {chosen.entries} entries, {chosen.vouchers} vouchers")
