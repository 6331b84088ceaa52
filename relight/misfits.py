"""Faults between the fields of ``relight.toml``, judged on the raw document so that they show beside those within fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relight.people import SSO, People

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields a kind needs, and which it may have; others of its record are no fields of that kind."""

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


KINDS: dict[str, dict[str, Fields]] = {
    "signals": {
        "pointer": Fields(("key", "schedule"), ("timeout",)),
        "http": Fields(("url",), ("timeout",)),
        "marker": Fields(("key", "schedule"), ("timeout",)),
        "backup_age": Fields((), ("schedule", "timeout")),
        "alarm": Fields(("alarm",)),
        "metric": Fields(("namespace", "metric", "threshold"), ("dimensions", "statistic", "period", "comparison")),
        "aws_backup": Fields((), ("resource", "vault", "schedule")),
        "aws_health": Fields(("services",), ("regions",)),
    },
    "validators": {
        "ready": Fields(),
        "job": Fields(("cronjob",)),
        "files": Fields((), ("share", "exclude")),
        "http": Fields(("service", "path"), ("status", "expect")),
        "command": Fields(("image", "command"), ("claims", "secret")),
        "sql": Fields(("query",), ("claim", "path", "image", "secret", "expect", "least", "most")),
        "output": Fields(("claim", "path"), ("format", "schema", "least", "most", "newer")),
    },
    "promote": {
        "pointer": Fields(("key",)),
        "route53": Fields(("zone", "record"), ("type", "values", "ttl", "alias")),
        "ssm": Fields(("parameter", "value")),
        "lambda": Fields(("function",), ("seconds",)),
        "fence_role": Fields(("role",)),
        "fence_cronjobs": Fields(("kubeconfig",)),
    },
}
COMMON = {"name", "kind", "deadline"}
SQL_SOURCES = ({"claim", "path"}, {"image", "secret"})
SQL_EXPECTED = ("expect", "least", "most")


def misfits(raw: Row) -> Iterator[str]:
    apps = [app for app in raw.get("apps", []) if isinstance(app, dict)] if isinstance(raw.get("apps"), list) else []
    names = [app.get("name") for app in apps]
    for i, app in enumerate(apps):
        hooks = app.get("hooks") if isinstance(app.get("hooks"), list) else []
        for j, row in enumerate(hooks or []):
            yield from (f"apps[{i}].hooks[{j}]{fault}" for fault in _image(row if isinstance(row, dict) else {}, app))
    yield from (f"apps[{i}].name: {name!r} is used twice" for i, name in enumerate(names) if name in names[:i])
    yield from (f"apps[{i}].{fault}" for i, app in enumerate(apps) for fault in _deciding(app, raw.get("name", "relight")))
    yield from (f"apps[{i}].{fault}" for i, app in enumerate(apps) for fault in _approving(app))
    for i, app in enumerate(apps):
        yield from (f"apps[{i}].promote[{j}].name: {name!r} is used twice" for j, name in _twice(app.get("promote")))
        kept = app.get("retention")
        if isinstance(kept, dict) and "lock_days" in kept and "lock" not in kept:
            yield f'apps[{i}].retention.lock_days: needs lock = "governance" or "compliance"'
        for part, kinds in KINDS.items():
            rows = app.get(part)
            for j, row in enumerate(rows if isinstance(rows, list) else []):
                fields = kinds.get(str(row.get("kind"))) if isinstance(row, dict) else None
                if fields:
                    yield from (f"apps[{i}].{part}[{j}]{fault}" for fault in _faults(row, fields, app))


def _twice(rows: object) -> Iterator[tuple[int, object]]:
    names = [row.get("name") if isinstance(row, dict) else None for row in rows] if isinstance(rows, list) else []
    yield from ((j, name) for j, name in enumerate(names) if name and name in names[:j])


def _faults(row: Row, fields: Fields, app: Row) -> Iterator[str]:
    kind = row["kind"]
    yield from (f".{key}: kind {kind!r} needs it" for key in fields.needs if key not in row)
    known = {key for kinds in KINDS.values() for one in kinds.values() for key in (*one.needs, *one.takes)}
    mine = {*COMMON, *fields.needs, *fields.takes}
    yield from (f".{key}: kind {kind!r} does not take it" for key in row if key in known and key not in mine)
    yield from _image(row, app)
    if kind == "sql":
        yield from _sql(row)
    if kind == "route53":
        yield from _record(row)
    if kind == "aws_backup" and not {"resource", "vault"} & set(row):
        yield ": kind 'aws_backup' needs resource (an ARN), vault (a name), or both"
    if kind == "aws_health" and row.get("services") == []:
        yield ".services: must not be empty"


def _deciding(app: Row, deployment: object) -> Iterator[str]:
    """Readings that could never be enough, and Relight's own alarm as its own cause: once fired it would never be over."""
    alarm = app.get("alarm") if isinstance(app.get("alarm"), dict) else {}
    for some, of, usual in (("unhealthy", "of", (2, 3)), ("recovered", "recovered_of", (5, 5))):
        n, m = ((alarm or {}).get(name, default) for name, default in zip((some, of), usual, strict=True))
        if isinstance(n, int) and isinstance(m, int) and n > m:
            yield f"alarm.{some}: {n} of {m} readings can never be; give {of} = {n} or more"
    signals = app.get("signals") if isinstance(app.get("signals"), list) else []
    for j, row in enumerate(signals or []):
        named = str(row.get("alarm", "")) if isinstance(row, dict) else ""
        if named.startswith(f"{deployment}-{app.get('name')}-"):
            yield f"signals[{j}].alarm: {named!r} is Relight's own alarm of this app; name the cause, not what it causes"


def _approving(app: Row) -> Iterator[str]:
    """More people than there are, and a session's name that whoever assumes the role may choose."""
    listed = app.get("approvers")
    who = [str(one).casefold() for one in listed] if isinstance(listed, list) else []
    roles = app.get("session_roles")
    trusted = {str(role).casefold() for role in roles} if isinstance(roles, list) else set()
    rows = [tuple(map(str, row)) for row in app.get("people") or () if isinstance(row, list)]
    people = People(session_roles=tuple(trusted), rows=tuple(rows))
    needed, persons = app.get("approvals", 1), {people.person(one) for one in who}
    if who and isinstance(needed, int) and not any("*" in one for one in who) and len(persons) < needed:
        yield f"approvals: {needed} people can never be had of {len(persons)} approvers; name more, or ask for fewer"
    yield from _rows(rows)
    for j, one in enumerate(who):
        role, _, session = one.partition(":assumed-role/")[2].partition("/")
        if session.strip("*") and role not in trusted and not role.startswith(SSO):
            says = f"whoever assumes {role} chooses the session's name"
            yield f"approvers[{j}]: {says}; name all of the role (.../{role}/*), or list the role in session_roles"


def _rows(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Patterns, and names that two people would share."""
    before: set[str] = set()
    for j, row in enumerate(rows):
        names = {one.strip().casefold() for one in row}
        if patterns := [one for one in row if "*" in one]:
            yield f"people[{j}]: {patterns[0]!r} is a pattern, and this is the list of one person's names; give whole names"
        if twice := sorted(names & before):
            yield f"people[{j}]: {twice[0]!r} is in an earlier row too; a person has one row, with all their names"
        before |= names


def _image(row: Row, app: Row) -> Iterator[str]:
    if "image" in row and "@sha256:" not in str(row["image"]) and not app.get("development"):
        yield f".image: {row['image']!r} is a tag; give repository@sha256:..., or mark the app development = true"


def _record(row: Row) -> Iterator[str]:
    if ("values" in row) == ("alias" in row) or row.get("values") == []:
        yield ": kind 'route53' needs values or alias, one of them"
    if "alias" in row and "ttl" in row:
        yield ".ttl: an alias has its target's; leave it out"
    if row.get("type") == "CNAME" and len(row.get("values") or "") > 1:
        yield ".values: a CNAME has one value"
    if row.get("type", "A") != "CNAME" and isinstance(row.get("values"), list):
        kind = 4 if row.get("type", "A") == "A" else 6
        yield from (
            f".values[{i}]: {one!r} is no IPv{kind} address"
            for i, one in enumerate(row["values"])
            if not _address(one, kind)
        )


def _address(value: object, version: int) -> bool:
    from ipaddress import ip_address  # only where a person's file is read

    try:
        return ip_address(str(value)).version == version
    except ValueError:
        return False


def _sql(row: Row) -> Iterator[str]:
    if not any(source <= set(row) for source in SQL_SOURCES):
        yield ": kind 'sql' needs claim and path (a SQLite file), or image and secret (PostgreSQL)"
    if SQL_SOURCES[0] & set(row) and SQL_SOURCES[1] & set(row):
        yield ": kind 'sql' asks one database: give claim and path, or image and secret, not of both"
    if not any(key in row for key in SQL_EXPECTED):
        yield f": kind 'sql' needs what to expect: {', '.join(SQL_EXPECTED)}"
