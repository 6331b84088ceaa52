"""Fetch, verify, unpack; and read, compress, hash, upload: against the AWS command line, and restic."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers import KEYS, peer, served, store
from benchmarks.table import Row, contest
from benchmarks.volumes import ARCHIVE, back_up, clear, restore

CONNECTION = 60.0  # megabytes a second that one connection to S3 carries


def fetching(what: str, root: Path, scratch: Path, targets: tuple[float, float]) -> Iterator[Row]:
    target, whole = scratch / "target", scratch / "state.tar.zst"
    with served(root / "s3", CONNECTION) as endpoint:
        ours = store(endpoint)
        copy = f"aws --endpoint-url {endpoint} s3 cp --quiet s3://{ARCHIVE}"
        pipe = f"mkdir -p {target} && {copy} - | zstd -dcq | tar x -C {target}"
        checked = f"{copy} {whole} && sha256sum -b {whole} >/dev/null"
        careful = f"mkdir -p {target} && {checked} && zstd -dcq {whole} | tar x -C {target}"
        peers = [
            peer("aws s3 cp - | zstd -dc | tar x", targets[0], pipe, **KEYS),
            peer("aws s3 cp; sha256sum; zstd -dc | tar x", targets[1], careful, **KEYS),
        ]
        yield from contest(
            f"fetch + sha256 + unpack, {what}, 60 MB/s a connection",
            lambda: restore(ours, target),
            peers,
            clear(target),
        )
    whole.unlink(missing_ok=True)


def backing_up(what: str, root: Path, scratch: Path) -> Iterator[Row]:
    bucket, tree, repository = scratch / "bucket", root / "tree", scratch / "restic"

    def clean() -> None:
        for place in (bucket, repository):
            shutil.rmtree(place, ignore_errors=True)

    with served(bucket, 0) as endpoint:
        ours = store(endpoint)
        pipe = f"tar c -C {tree} . | zstd -T2 -q | aws --endpoint-url {endpoint} s3 cp --quiet - s3://{ARCHIVE}"
        given = {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": "bench", "XDG_CACHE_HOME": str(scratch)}
        peers = [
            peer("tar | zstd -T2 | aws s3 cp -", 0.8, pipe, **KEYS),
            peer("restic backup, to a local disk", 0.6, f"restic init -q && restic backup -q {tree}", **given),
        ]
        yield from contest(
            f"backup: read + compress + hash + upload, {what}",
            lambda: back_up(ours, tree),
            peers,
            clean,
        )
