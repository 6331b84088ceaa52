"""The nightly job: balances the ledger in /data and publishes the result.

It refuses to publish a ledger that does not add up: a voucher that is missing, damaged or differs from its row is an
error and the exit status is 1. So a restored copy that runs this job to the end has all of its state.
"""

import hashlib
import json
import os
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

DATA = Path(os.environ.get("DATA_DIR", "/data"))
VOUCHERS = "SELECT voucher, SUM(cents), COUNT(*) FROM entries GROUP BY voucher ORDER BY voucher"


def balance(data: Path) -> dict:
    """The report: balance in cents by account, totals, and a digest over all state that went into it."""
    digest, faults = hashlib.sha256(), []
    with sqlite3.connect(f"file:{data / 'ledger.db'}?mode=ro", uri=True) as ledger:
        if (answer := ledger.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise ValueError(f"ledger.db is damaged: {answer[:200]}")
        vouchers = ledger.execute(
            "SELECT voucher, SUM(cents), COUNT(*) FROM entries GROUP BY voucher ORDER BY voucher"
        ).fetchall()
        accounts = dict(ledger.execute("SELECT account, SUM(cents) FROM entries GROUP BY account ORDER BY account"))
        entries = ledger.execute("SELECT COUNT(*) FROM entries").fetchone()[0]
    for voucher, cents, rows in vouchers:
        content = (data / "vouchers" / voucher).read_bytes() if (data / "vouchers" / voucher).is_file() else b""
        digest.update(content)
        if not says(content, {"voucher": voucher, "cents": cents, "entries": rows}):
            faults.append(voucher)
    if faults:
        raise ValueError(f"{len(faults)} of {len(vouchers)} vouchers are lost or differ from the ledger: {faults[0]}")
    digest.update(json.dumps(accounts, sort_keys=True).encode())
    total, state = sum(accounts.values()), digest.hexdigest()
    return {"accounts": accounts, "entries": entries, "vouchers": len(vouchers), "total": total, "state_sha256": state}


def says(content: bytes, expected: dict) -> bool:
    try:
        return json.loads(content) == expected
    except ValueError:
        return False


def publish(report: dict, target: str, started: datetime) -> str:
    """Result first, then the marker, then the pointers: whoever reads a pointer finds what it points at."""
    put, run_id = opened(target), f"{started:%Y%m%dT%H%M%SZ}-{report['state_sha256'][:8]}"
    provider, profile = os.environ.get("PROVIDER", "sample"), os.environ.get("PROFILE", "daily")
    run_path = f"runs/{run_id}/report.json"
    pointer = {
        "run_id": run_id,
        "run_path": run_path,
        "started_at": stamp(started),
        "ended_at": stamp(datetime.now(UTC)),
        "provider": provider,
        "profile": profile,
        "state_sha256": report["state_sha256"],
    }
    put(run_path, {"run_id": run_id, **report})
    put(f"latest/{provider}/{profile}/report.json", pointer)
    put(f"state/{provider}/{profile}/last_success.json", pointer)
    put("state/last_success.json", pointer)
    return run_id


def opened(target: str):
    """``s3://bucket/prefix`` or ``file:///directory``, as a function that stores one JSON document below it."""
    parts = urlsplit(target)
    if parts.scheme == "file":
        return lambda key, document: put_file(Path(unquote(parts.path)) / key, document)
    if parts.scheme == "s3":
        import boto3  # only where it publishes to S3: a quarantined copy needs neither SDK nor network

        s3, prefix = boto3.client("s3"), parts.path.strip("/")
        return lambda key, document: s3.put_object(
            Bucket=parts.netloc, Key=f"{prefix}/{key}".lstrip("/"), Body=dump(document), ContentType="application/json"
        )
    raise ValueError(f"PUBLISH_URI {target!r}: must start with s3:// or file://")


def put_file(path: Path, document: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dump(document))


def dump(document: dict) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> int:
    started, target = datetime.now(UTC), os.environ.get("PUBLISH_URI", "")
    try:
        report = balance(DATA)
        run_id = publish(report, target, started)
    except (sqlite3.Error, ValueError, OSError) as error:
        print(f"ledger: not published: {error}", file=sys.stderr)
        return 1
    print(f"ledger: {report['entries']} entries, {report['vouchers']} vouchers, total {report['total'] / 100:.2f}")
    print(f"ledger: published run {run_id} to {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
