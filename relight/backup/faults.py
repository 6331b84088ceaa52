"""How a backup's faults are told: which object, which member, what is wrong, what to do next."""

from typing import NoReturn

from relight.errors import (
    ArchiveEscape,
    ArchiveLinkEscape,
    ArchiveMalformed,
    ArchiveSpecialFile,
    ArchiveTooLarge,
    ArchiveTrailingGarbage,
    ArchiveTruncated,
    ArchiveTypeChange,
    ArtifactMissing,
    BackupError,
    BackupExists,
    BackupInvalid,
    BackupNotFound,
    BackupUncommitted,
    DigestMismatch,
    KeyUnusable,
    ManifestMalformed,
    MetadataMalformed,
    NoUsableBackup,
    SealBroken,
    SizeMismatch,
)

DAMAGED = "the object is not what was backed up: use another backup and find what changed this one"
UNSAFE = "do not unpack this archive by hand: use another backup and find who wrote this one"

FIX: dict[type[BackupError], str] = {
    BackupNotFound: "list what is there with `relight backup list`",
    BackupUncommitted: "the backup never finished: use another one, and delete this one's objects",
    MetadataMalformed: "correct what writes the backups (docs/contract.md) and take a new one",
    ArtifactMissing: "use another backup and find what removed the object",
    SizeMismatch: DAMAGED,
    DigestMismatch: DAMAGED,
    ArchiveMalformed: "correct what writes the backups (docs/contract.md) and take a new one",
    ArchiveTruncated: "the archive was cut off when it was written: use another backup",
    ArchiveTrailingGarbage: UNSAFE,
    ArchiveEscape: UNSAFE,
    ArchiveLinkEscape: "make the link relative and keep it inside its volume, then take a new backup",
    ArchiveSpecialFile: "leave devices, FIFOs and sockets out of the volume, then take a new backup",
    ArchiveTypeChange: UNSAFE,
    ArchiveTooLarge: "if the size is right, raise max_state_bytes or max_state_files of the app; else use another backup",
    ManifestMalformed: "correct the manifest where the app is defined and take a new backup",
    BackupExists: "backups are immutable: take the backup under a new id",
    KeyUnusable: "enable that key or allow its use; an offline key opens it too: `relight backup decrypt URI --key FILE`",
    SealBroken: DAMAGED,
    BackupInvalid: "see what is wrong with it: relight backup verify; use another backup, and find what changed this one",
    NoUsableBackup: "take a new backup with `relight backup` and verify it",
}


def fault(kind: type[BackupError], where: str, problem: str, member: str | None = None) -> BackupError:
    """The error to raise. ``where`` is the object's URI; ``member`` the name inside it, escaped: it cannot forge a line."""
    named = where if member is None else f"{where} member {member[:300]!a}"
    return kind(named, problem, FIX[kind])


def refuse(error: BackupError) -> NoReturn:
    """What a restore does about a fault. (A verification notes it and goes on.)"""
    raise error
