"""What will become of every object of a plan, told before anything is launched; and what a reader should know besides."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from relight.recovery.cluster import Object
from relight.recovery.context import BackupFacts
from relight.recovery.ledger import FATE_OF_ACTION, Fate
from relight.recovery.objects import Identity, containers, group, pod_spec
from relight.recovery.prepare import PlannedObject
from relight.recovery.references import needed, referred
from relight.recovery.sizes import SYSTEM_MIB, architecture, memory_mib, requested_mib
from relight.recovery.standing import Existing, blocking, in_the_way
from relight.recovery.target import Target, stands

ARCHITECTURES = {"amd64": ("amd64", "x86_64"), "arm64": ("arm64", "arm64v8", "aarch64")}
ODD = (AttributeError, KeyError, TypeError, ValueError)  # a field of another shape than its kind has


@dataclass(frozen=True, slots=True)
class Told:
    """One object's fate; ``because`` where it is not simply what the plan does."""

    fate: Fate
    because: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What will not fail an object and may still keep the app from working."""

    check: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where} {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """``told``: one an object, in the plan's order."""

    target: str
    told: tuple[Told, ...] = field(repr=False)
    findings: tuple[Finding, ...]

    def summary(self) -> dict[str, Any]:
        """As the plan shows it."""
        findings = [{"check": one.check, "where": one.where, "detail": one.detail} for one in self.findings]
        fates = Counter(one.fate.value for one in self.told)
        return {"target": self.target, "fates": dict(sorted(fates.items())), "findings": findings}


def forecast(
    objects: Sequence[PlannedObject],
    target: Target,
    existing: Existing,
    ladder: Sequence[str] = (),
    backup: BackupFacts | None = None,
) -> Forecast:
    """Pure. ``ladder``: the runner's instance types; none when the target is no runner of ours."""
    defined = _defined(objects)
    blocked = {item.identity for item in blocking(objects, target.before, existing)}
    told = tuple(_told(item, target, existing, defined, blocked) for item in objects)
    findings = [*_lacking(objects, target), *_misfits(objects, ladder), *_memory(tuple(objects), ladder)]
    findings += _never_had(backup, target, {one.detail for one in findings}) if backup else ()
    return Forecast(target=target.name, told=told, findings=tuple(dict.fromkeys(findings)))


def _told(
    item: PlannedObject,
    target: Target,
    existing: Existing,
    defined: dict[tuple[str, str], frozenset[str]],
    blocked: set[Identity],
) -> Told:
    if item.object is None:
        return Told(FATE_OF_ACTION[item.action])
    if blocked:
        other = f"nothing is applied: {len(blocked)} object(s) are there already"
        return Told(Fate.FAILED, "it is there already" if item.identity in blocked else other)
    if existing is Existing.KEEP and in_the_way(item, target.before):
        return Told(Fate.KEPT, "it is there already")
    if why := _unserved(item.object, target, defined):
        return Told(Fate.FAILED, why)
    return Told(FATE_OF_ACTION[item.action])


def _unserved(obj: Object, target: Target, defined: dict[tuple[str, str], frozenset[str]]) -> str | None:
    version, kind = obj["apiVersion"], obj["kind"]
    if (version, kind) in target.served:
        return None
    versions = defined.get((group(obj), kind))
    if versions is None:
        return f"nothing serves {version} {kind}: its CRD is neither there nor in the backup"
    if version.rpartition("/")[2] in versions:
        return None
    return f"its CRD serves {', '.join(sorted(versions)) or 'no version'}, not {version}"


def _defined(objects: Sequence[PlannedObject]) -> dict[tuple[str, str], frozenset[str]]:
    """Kinds that the plan's own CRDs bring: group and kind to the versions that they serve."""
    found = {}
    for item in objects:
        spec = (item.object or {}).get("spec") if item.identity.kind == "CustomResourceDefinition" else None
        try:
            if spec:
                served = frozenset(one["name"] for one in spec.get("versions") or [] if one.get("served"))
                found[spec["group"], spec["names"]["kind"]] = served
        except ODD:
            continue
    return found


def _lacking(objects: Sequence[PlannedObject], target: Target) -> Iterator[Finding]:
    """References to what is neither restored nor there."""
    rows = {item.identity: item for item in objects}
    for item in objects:
        for who in _references(item):
            row = rows.get(who)
            if (row is not None and row.object is not None) or stands(target, who):
                continue
            why = f"is not restored: {row.reason}" if row is not None else "is neither in the backup nor there"
            yield Finding("reference", str(item.identity), f"needs {who}, which {why}")


def _never_had(backup: BackupFacts, target: Target, said: set[str]) -> Iterator[Finding]:
    """What the backup's writer could not take, unless it stands at the target or a reference's finding says so already."""
    for row in backup.unresolved:
        who = row.lacking
        if not stands(target, who) and not any(one.startswith(f"needs {who},") for one in said):
            mend = "install it where this is restored, or mend it at the source and back up again"
            yield Finding("reference", row.object, f"needs {who}, which was not backed up: {row.reason}; {mend}")
    for path in backup.left_out:
        yield Finding("state", path, "was not backed up: no archive can hold it (a socket or a device)")


def _references(item: PlannedObject) -> list[Identity]:
    if item.object is None:
        return []
    try:
        cluster = [Identity(family, kind, "", name) for (family, kind), name in referred(item.object)]
        return [*cluster, *(Identity("", kind, item.identity.namespace, name) for kind, name in needed(item.object))]
    except ODD:
        return []


def _misfits(objects: Sequence[PlannedObject], ladder: Sequence[str]) -> Iterator[Finding]:
    """Pods that no type of the ladder can run, as far as the manifests tell: by selector, or by the image's own name."""
    runs = {architecture(one) for one in ladder}
    for item in objects if runs else ():
        try:
            wants = _wanted(pod_spec(item.object) or {}) if item.object is not None else {}
        except ODD:
            continue
        for why, wanted in wants.items():
            if not wanted & runs:
                yield Finding("architecture", str(item.identity), f"{why}; the runner is {', '.join(sorted(runs))}")


def _wanted(spec: Object) -> dict[str, set[str]]:
    """What ties the pod to an architecture, and to which ones."""
    found = {}
    if chosen := (spec.get("nodeSelector") or {}).get("kubernetes.io/arch"):
        found[f"is for {chosen} nodes"] = {str(chosen)}
    for item in containers(spec):
        parts = str(item.get("image", "")).partition("@")[0].replace(":", "/").replace("-", "/").split("/")
        named = {arch for arch, names in ARCHITECTURES.items() if set(names) & set(parts)}
        if named:
            found[f"runs image {item['image']}"] = named
    return found


def _memory(objects: tuple[PlannedObject, ...], ladder: Sequence[str]) -> Iterator[Finding]:
    try:
        asked = requested_mib(objects)
    except ODD:
        return
    for kind in ladder:
        has = memory_mib(kind)
        if has is not None and asked + SYSTEM_MIB > has:
            yield Finding(
                "memory", kind, f"has {has} MiB; the pods ask for {asked} MiB and the runner itself needs {SYSTEM_MIB}"
            )
