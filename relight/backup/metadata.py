"""``metadata.json``: what commits a backup and says what it is. Both forms are read: version 1 and the older one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from relight.adapters.s3 import join, split
from relight.backup.faults import fault
from relight.backup.values import is_base64, is_count, is_part, is_sha256, is_text, is_time
from relight.errors import MetadataMalformed, UriMalformed

NAME = "metadata.json"
STATE = "state.tar.zst"
MANIFESTS = "manifests.tar.zst"
FRAMES = "state.frames.json"
VERSION, SEALED = 1, 2  # a sealed backup has a version of its own, so that a reader that cannot open it refuses it
MAX_BYTES = 16 * 2**20
BACKUP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=@-]{0,199}")


@dataclass(frozen=True, slots=True)
class BackupUri:
    """A backup's place. ``uri`` without a slash at its end; ``prefix`` is the app's own, before ``backups/<backup_id>``."""

    uri: str
    bucket: str
    prefix: str
    backup_id: str

    @classmethod
    def parse(cls, text: str) -> "BackupUri":
        """From ``s3://<bucket>/<prefix>/backups/<id>``, also with a slash or metadata.json behind. Raises UriMalformed."""
        bucket, key = split(text.strip())
        before, marker, backup_id = f"/{key.removesuffix(NAME).rstrip('/')}".rpartition("/backups/")
        if not marker or not BACKUP_ID.fullmatch(backup_id) or "//" in f"/{key}":
            raise UriMalformed(text, "is not a backup's URI", "write it as s3://<bucket>/<prefix>/backups/<backup_id>/")
        prefix = before.strip("/")
        return cls(join(f"s3://{bucket}", *filter(None, [prefix]), "backups", backup_id), bucket, prefix, backup_id)


@dataclass(frozen=True, slots=True)
class ObjectDigest:
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Image:
    """``ref`` as the workload names it, or by digest where the writer knew it."""

    workload: str
    container: str
    ref: str


@dataclass(frozen=True, slots=True)
class Volume:
    """``bytes``: length of its regular files, a hard-linked one counted once; ``files``: its regular files, by name."""

    namespace: str
    claim: str
    bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """``schema_version`` 0 is the older form. ``extra`` keeps the fields this version does not know, as they were."""

    schema_version: int = VERSION
    backup_id: str
    app: str
    namespace: str
    created_at: str
    source: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, ObjectDigest] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    volumes: tuple[Volume, ...] = ()
    encryption: Mapping[str, Any] | None = None
    notes: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    OPTIONAL: ClassVar[tuple[str, ...]] = ("encryption", "notes")

    @classmethod
    def parse(cls, data: bytes, where: str = NAME) -> "Metadata":
        """Raises MetadataMalformed with every fault of the document; ``where`` names it."""
        raw = load(data, where)
        if found := list(misfits(raw)):
            raise fault(MetadataMalformed, where, ", ".join(found))
        return of(raw)

    def dump(self) -> bytes:
        """As JSON, indented for people; the older form is written back in the older form."""
        raw: dict[str, Any] = msgspec.to_builtins(self)
        raw = raw.pop("extra") | {key: value for key, value in raw.items() if value is not None or key not in self.OPTIONAL}
        if self.schema_version == 0:
            raw["created_utc"] = raw.pop("created_at")
            raw = {key: value for key, value in raw.items() if value and key not in ("images", "volumes")}
        return msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"

    @property
    def sealed(self) -> bool:
        return self.schema_version == SEALED

    @property
    def declared_bytes(self) -> int | None:
        """Bytes of all volumes, None where the backup does not say."""
        return sum(volume.bytes for volume in self.volumes) if self.schema_version else None

    @property
    def declared_files(self) -> int | None:
        return sum(volume.files for volume in self.volumes) if self.schema_version else None


def load(data: bytes, where: str) -> dict[str, Any]:
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise fault(MetadataMalformed, where, f"is not JSON ({error})") from None
    if not isinstance(raw, dict):
        raise fault(MetadataMalformed, where, "is not a JSON object")
    return raw


def of(raw: dict[str, Any]) -> Metadata:
    """From a document without misfits."""
    known = Metadata.__dataclass_fields__.keys() - {"extra"}
    values = {key: value for key, value in raw.items() if key in known}
    extra = {key: value for key, value in raw.items() if key not in known | ({"created_utc"} if is_older(raw) else set())}
    if is_older(raw):
        place = BackupUri.parse(raw["backup_uri"]) if "backup_uri" in raw else None
        values = {"app": "", "namespace": "", "backup_id": place.backup_id if place else ""} | values
        values |= {"schema_version": 0, "created_at": raw["created_utc"]}
    return msgspec.convert(values | {"extra": extra}, Metadata)


def is_artifact(name: str, row: Any) -> bool:
    return is_part(name) and not list(_row(row, DIGEST, ""))


def is_older(raw: Mapping[str, Any]) -> bool:
    return "schema_version" not in raw and "created_utc" in raw


# ---------------------------------------------------------------- every fault of a document, in words
CHECKS = {
    "text": (is_text, "must be a text"),
    "count": (is_count, "must be a whole number, 0 or more"),
    "sha256": (is_sha256, "must be 64 hexadecimal digits"),
    "time": (is_time, "must be an RFC 3339 time with its zone"),
    "id": (lambda value: isinstance(value, str) and BACKUP_ID.fullmatch(value) is not None, "is not a backup id"),
    "object": (lambda value: isinstance(value, dict), "must be an object"),
    "list": (lambda value: isinstance(value, list), "must be a list"),
    "part": (is_part, "must be a plain name"),
    "version": (
        lambda value: value in (VERSION, SEALED) and type(value) is int,
        f"must be {VERSION}, or {SEALED} where it is sealed: this Relight reads no other",
    ),
    "seal": (lambda value: value == "relight-seal-1", "must be relight-seal-1: this Relight opens no other"),
    "base64": (is_base64, "must be base64"),
    "uri": (lambda value: is_text(value) and _is_uri(value), "is not a backup's URI"),
}
DIGEST = {"bytes": "count", "sha256": "sha256"}
IMAGE = {"workload": "text", "container": "text", "ref": "text"}
SEALING = {"format": "seal", "cipher": "text", "recipients": "list", "proof": "sha256"}
RECIPIENT = {"kind": "text", "key": "text", "wrapped": "base64"}
VOLUME = {"namespace": "part", "claim": "part", "bytes": "count", "files": "count"}
CURRENT = {
    "schema_version": "version",
    "backup_id": "id",
    "app": "text",
    "namespace": "text",
    "created_at": "time",
    "source": "object",
    "artifacts": "object",
    "images": "list",
    "volumes": "list",
}
OLDER = {"created_utc": "time"}
OLDER_OPTIONAL = {
    "backup_id": "id",
    "app": "text",
    "namespace": "text",
    "backup_uri": "uri",
    "artifacts": "object",
    "source": "object",
}


def _is_uri(value: str) -> bool:
    try:
        return BackupUri.parse(value) is not None
    except UriMalformed:
        return False


def misfits(raw: dict[str, Any]) -> Iterator[str]:
    """One line a wrong field, with its path."""
    if is_older(raw):
        yield from _wrong(raw, OLDER | {key: check for key, check in OLDER_OPTIONAL.items() if key in raw}, "")
    else:
        yield from _wrong(raw, CURRENT, "")
    if raw.get("encryption") is not None or raw.get("schema_version") == SEALED:
        yield from _wrong(raw, {"encryption": "object"}, "")
    if raw.get("schema_version") == SEALED:
        yield from _sealing(raw.get("encryption"))
    artifacts = raw.get("artifacts")
    for name, row in artifacts.items() if isinstance(artifacts, dict) else ():
        yield from (
            _row(row, DIGEST, f"artifacts.{name}") if is_part(name) else [f"artifacts: {name!r} must be a plain name"]
        )
    for part, checks in (("images", IMAGE), ("volumes", VOLUME)):
        rows = raw.get(part)
        for i, row in enumerate(rows if isinstance(rows, list) else ()):
            yield from _row(row, checks, f"{part}[{i}]")


def _sealing(given: Any) -> Iterator[str]:
    """What is wrong with the way to the key of a sealed backup."""
    if isinstance(given, dict):
        yield from _wrong(given, SEALING, "encryption.")
        rows = given.get("recipients")
        for i, row in enumerate(rows if isinstance(rows, list) else ()):
            yield from _row(row, RECIPIENT, f"encryption.recipients[{i}]")


def _row(row: Any, checks: dict[str, str], path: str) -> Iterator[str]:
    if isinstance(row, dict):
        yield from _wrong(row, checks, f"{path}.")
    else:
        yield f"{path} must be an object"


def _wrong(row: dict[str, Any], checks: dict[str, str], path: str) -> Iterator[str]:
    for key, check in checks.items():
        passes, says = CHECKS[check]
        if key not in row:
            yield f"{path}{key} is missing"
        elif not passes(row[key]):
            yield f"{path}{key} {says}"
