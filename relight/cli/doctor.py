"""``relight doctor``: is everything here that Relight needs? Each finding says its fix."""

import importlib.metadata
import socket
import sys
from collections.abc import Callable, Iterator

from rich.markup import escape

from relight.adapters import identity
from relight.adapters.buckets import BucketFacts, bucket_facts
from relight.adapters.s3 import S3
from relight.backup.catalog import list_backups
from relight.backup.keeping import keeping_of
from relight.backup.recipients import needed
from relight.cli import exits, watching
from relight.cli.findings import Finding, refused
from relight.cli.output import table, toned
from relight.cli.session import STATE, Session
from relight.config import Encryption
from relight.errors import BucketUnlockable, ConfigInvalid, ObjectNotFound, RelightError
from relight.words import many

PYTHON = (3, 11)
SHOWN = 5  # backups in a line
NO_BACKUP = (ObjectNotFound, BucketUnlockable)  # under these no backup can be made at all
PACKAGES = {"boto3": "every command", "kubernetes": "relight backup", "ministack": "relight demo and --local"}


def doctor(session: Session) -> int:
    """Checks what Relight needs, and says each fix.

    \b
    Examples:
      relight doctor
      relight doctor --local -o json
    """
    found = [finding for check in CHECKS for finding in check(session)]
    bad = [finding for finding in found if finding.state == "failed"]

    def render(page) -> None:  # type: ignore[no-untyped-def]
        rows = [
            (f.check, toned(f.state), escape(f.detail) + (f"\n[bold]fix:[/] {escape(f.fix)}" if f.fix else ""))
            for f in found
        ]
        page.print(table(("check", "state", ""), rows))
        page.print()
        page.print(summary(bad, [finding for finding in found if finding.state == "warning"]))

    session.output.show({"ok": not bad, "findings": found}, render)
    return exits.ENDED_BADLY if bad else exits.DONE


def summary(bad: list[Finding], lacking: list[Finding]) -> str:
    if bad:
        return f"{many(len(bad), 'check')} failed: fix the first and run relight doctor again"
    return f"nothing failed; {many(len(lacking), 'warning')}: see the fix of each" if lacking else "all is well"


def python(session: Session) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info < PYTHON
    fix = "install Python 3.11 or newer and remove .venv" if old else ""
    yield Finding(check="python", state="failed" if old else "ok", detail=version, fix=fix)


def packages(session: Session) -> Iterator[Finding]:
    for name, used_by in PACKAGES.items():
        try:
            yield Finding(check=f"package {name}", state="ok", detail=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            detail = f"not installed; needed by {used_by}"
            yield Finding(check=f"package {name}", state="failed", detail=detail, fix="remove .venv and run ./run help")


def isolation(session: Session) -> Iterator[Finding]:
    from relight.local.cluster.kubelet.sandbox import detect

    if missing := detect().missing:
        fix = "apt install bubblewrap, or allow unprivileged user namespaces; without, the engine runs only what you trust"
        yield Finding(check="isolation", state="warning", detail="; ".join(missing), fix=fix)
    else:
        yield Finding(check="isolation", state="ok", detail="containers of the embedded engine are isolated")


def loopback(session: Session) -> Iterator[Finding]:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield Finding(check="loopback", state="ok", detail=f"ports can be opened (tried {server.getsockname()[1]})")
    except OSError as error:
        detail, fix = f"no port can be opened ({error.strerror})", "allow this user to listen on 127.0.0.1"
        yield Finding(check="loopback", state="failed", detail=detail, fix=fix)


def configuration(session: Session) -> Iterator[Finding]:
    try:
        apps = ", ".join(app.name for app in session.config.apps)
        yield Finding(check="configuration", state="ok", detail=f"{session.config_path}: apps {apps}")
    except ConfigInvalid as error:
        for line in error.findings:
            yield Finding(check="configuration", state="failed", detail=f"{session.config_path}: {line}", fix=error.fix)


def deployment(session: Session) -> Iterator[Finding]:
    """Credentials, the deployment's parameter and the console API, as far as each leads to the next."""
    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("engine" if session.local else "credentials", lambda: caller(session)),
        ("deployment", lambda: f"{session.config.name} in {session.deployment.region}, api {session.deployment.api}"),
        ("console api", lambda: f"answers; app {session.app(None).name} has {many(len(listed(session)), 'run')}"),
    )
    for name, step in steps:
        try:
            yield Finding(check=name, state="ok", detail=step())
        except RelightError as error:
            yield refused(name, error, state="failed")
            return


def storage(session: Session) -> Iterator[Finding]:
    """Whether the buckets of backups are there, keep what is deleted and can lock: where they may be asked at all."""
    try:
        apps, store = session.config.apps, S3()
    except RelightError:
        return  # said by the checks before
    for app in apps:
        check = f"backups of {app.name}"
        try:
            found = kept(check, bucket_facts(store, app.storage))
            keeping_of(store, app)
            yield found
        except RelightError as error:
            yield refused(check, error, state="failed" if isinstance(error, NO_BACKUP) else "warning")


def kept(check: str, bucket: BucketFacts) -> Finding:
    default = f", each object {bucket.days} days in {bucket.mode} mode" if bucket.days else ", no default retention"
    lock = f"Object Lock{default}" if bucket.lockable else "no Object Lock"
    fix = "" if bucket.versioned else "enable versioning, and Object Lock if you want it (docs/backup.md)"
    versions = "versioned" if bucket.versioned else "not versioned: what is deleted or overwritten there is gone"
    return Finding(check=check, state="warning" if fix else "ok", detail=f"{bucket.name}: {versions}; {lock}", fix=fix)


def former_keys(session: Session) -> Iterator[Finding]:
    """Which backups would be lost to Relight with a key that seals no more."""
    try:
        apps, store = [app for app in session.config.apps if app.encryption], S3()
    except RelightError:
        return  # said by the checks before
    for app in apps:
        check, about = f"keys of {app.name}", app.encryption
        try:
            used = {one.backup_id: one.kms_keys for one in list_backups(store, app.storage) if one.kms_keys}
        except RelightError as error:
            yield refused(check, error)
            continue
        yield from needs(check, about, needed(used, about.kms_keys)) if about else ()


def needs(check: str, about: Encryption, gone: dict[str, list[str]]) -> Iterator[Finding]:
    """``gone``: keys that no longer seal, and the backups that nothing else in KMS opens."""
    if not gone:
        yield Finding(check=check, state="ok", detail="no backup needs a former KMS key")
    for key, backups in gone.items():
        listed = key in about.former_kms_keys
        detail = f"the former {key} is needed by {many(len(backups), 'backup')}: {', '.join(sorted(backups)[:SHOWN])}"
        fix = "" if listed else f"add {key} to former_kms_keys and deploy: Relight's roles cannot open them"
        yield Finding(check=check, state="ok" if listed else "failed", detail=detail, fix=fix)


def caller(session: Session) -> str:
    session.connect()
    return identity.caller()


def listed(session: Session) -> list[dict[str, object]]:
    return session.console.runs(session.config.apps[0].name)


def writable(session: Session) -> Iterator[Finding]:
    new = not STATE.exists()
    try:
        STATE.mkdir(exist_ok=True)
        (STATE / ".probe").write_text("")
        (STATE / ".probe").unlink()
        if new:
            STATE.rmdir()  # looking leaves nothing behind
        yield Finding(check="state directory", state="ok", detail=f"{STATE.resolve()}")
    except OSError as error:
        fix = "run from a directory you may write to"
        yield Finding(check="state directory", state="failed", detail=f"{STATE}: {error.strerror}", fix=fix)


CHECKS = (
    *(python, packages, isolation, loopback, writable, configuration),
    *(deployment, watching.armed, storage, watching.bucket_events, former_keys),
)
