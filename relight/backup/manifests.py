"""The manifests of a backup: written one file an object, read from any YAML or JSON member.

What is written is JSON, which is YAML too and is read eight times as fast: planning reads every object.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from relight.backup.faults import fault, refuse
from relight.backup.names import inside
from relight.backup.tarball import Kind, Member, members
from relight.backup.zstd import stream
from relight.errors import ArchiveSpecialFile, ArchiveTooLarge, BackupError, ManifestMalformed

if TYPE_CHECKING:
    from relight.backup.tarwrite import Packed

MAX_STORED = 256 * 2**20  # of the archive
MAX_RAW = 512 * 2**20
MAX_FILE = 32 * 2**20
MAX_OBJECTS = 500_000
SUFFIXES = (".yaml", ".yml", ".json")


def pack(objects: Iterable[Mapping[str, Any]], where: str) -> "list[Packed]":
    """The members of the manifests archive, ``manifests/<namespace or _cluster>/<Kind>.<group>/<name>.yaml``, in order.

    Raises ManifestMalformed for an object without a name of its own.
    """
    from relight.backup.tarwrite import content  # only where a backup is made

    files: dict[str, bytes] = {}
    for found in objects:
        _expect_object(found, where, "manifest")
        name = _file_name(found, where)
        if name in files:
            raise fault(ManifestMalformed, where, "is there twice", name)
        text = json.dumps(found, ensure_ascii=False, allow_nan=False, sort_keys=True)
        files[name] = msgspec.json.format(text, indent=2).encode() + b"\n"
    return [content(name, len(data), iter([data])) for name, data in sorted(files.items())]


def _file_name(found: Mapping[str, Any], where: str) -> str:
    about = found["metadata"]
    group = found["apiVersion"].rpartition("/")[0]
    parts = [
        "manifests",
        about.get("namespace") or "_cluster",
        ".".join(filter(None, [found["kind"], group])),
        about["name"],
    ]
    if any(not re.fullmatch(r"[^/\0]+", part) or part in (".", "..") for part in parts):
        raise fault(ManifestMalformed, where, "has a kind, namespace or name that is no file name", about["name"])
    return "/".join(parts) + ".yaml"


def unpack(data: bytes, where: str, on_fault: Callable[[BackupError], object] = refuse) -> list[dict[str, Any]]:
    """Every object of a manifests archive, in the archive's order; a List is taken apart; exact repetitions are dropped.
    ``on_fault`` hears of members that break a rule, and may let them pass.

    Raises ManifestMalformed naming the member, and the errors of a hostile archive.
    """
    objects: dict[tuple[str, ...], dict[str, Any]] = {}
    for member in members(stream(iter([data]), where, MAX_RAW), where):
        try:
            for found in _objects(member, where):
                _add(objects, found, where, member.name)
        except BackupError as error:
            if member.source.broken:
                raise
            on_fault(error)
    return list(objects.values())


def _add(objects: dict[tuple[str, ...], dict[str, Any]], found: dict[str, Any], where: str, name: str) -> None:
    about = found["metadata"]
    key = (found["apiVersion"], found["kind"], about.get("namespace") or "", about["name"])
    if objects.setdefault(key, found) != found:
        raise fault(ManifestMalformed, where, f"{' '.join(key)} is there twice, and differs", name)
    if len(objects) > MAX_OBJECTS:
        raise fault(ArchiveTooLarge, where, f"holds more than {MAX_OBJECTS} objects")


def _objects(member: Member, where: str) -> Iterator[dict[str, Any]]:
    path = inside(member.name, where)
    if member.kind is Kind.DIRECTORY:
        return
    if member.kind is not Kind.FILE:
        raise fault(ArchiveSpecialFile, where, f"is a {member.kind}; manifests are plain files", member.name)
    if member.size > MAX_FILE:
        raise fault(ArchiveTooLarge, where, f"is {member.size} bytes, more than {MAX_FILE}", member.name)
    if path.endswith(SUFFIXES):
        text = b"".join(bytes(piece) for _, piece in member.pieces())
        for document in parse(text, where, path):
            yield from _flat(document, where, path)


def parse(text: bytes, where: str, name: str) -> list[Any]:
    """The documents of a YAML or JSON text as plain JSON values. Raises ManifestMalformed."""
    try:
        return _load(text, name)
    except (ValueError, TypeError, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise fault(ManifestMalformed, where, f"is no manifest ({why})", name) from None


def _load(text: bytes, name: str) -> list[Any]:
    if text.startswith(b"{"):  # most likely JSON, whatever its name says
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [msgspec.json.decode(text)]
    if name.endswith(".json"):
        documents = [json.loads(text)]
    else:
        from relight.backup import yamltext  # a cold start without it: our own writer's text is JSON

        documents = yamltext.load(text)
    return json.loads(json.dumps([found for found in documents if found is not None], allow_nan=False))  # type: ignore[no-any-return]


def _flat(document: Any, where: str, name: str) -> Iterator[dict[str, Any]]:
    is_list = isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list)
    for found in document["items"] if is_list else [document]:
        yield _expect_object(found, where, name)


def _expect_object(found: Any, where: str, name: str) -> Any:
    about = found.get("metadata") if isinstance(found, Mapping) else None
    if not isinstance(about, Mapping):
        about = {}
    given = [found.get("apiVersion"), found.get("kind"), about.get("name")] if about else [None]
    if not all(isinstance(value, str) and value for value in given):
        raise fault(
            ManifestMalformed, where, "is no Kubernetes object (apiVersion, kind and metadata.name are needed)", name
        )
    if not isinstance(about.get("namespace") or "", str):
        raise fault(ManifestMalformed, where, "has a namespace that is no text", name)
    return found
