"""What will become of every object of a plan, told before anything is launched; and what a reader should know besides."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from relight.recovery.cluster import Object
from relight.recovery.context import BackupFacts
from relight.recovery.ledger import FATE_OF_ACTION, Fate
from relight.recovery.objects import Identity, containers, group, pod_spec
from relight.recovery.platforms import architectures
from relight.recovery.prepare import PlannedObject
from relight.recovery.references import needed, referred
from relight.recovery.sizes import SYSTEM_MIB, architecture, memory_mib, requested_mib
from relight.recovery.standing import Existing, blocking, in_the_way
from relight.recovery.target import Target, stands, unserved

ARCHITECTURES = {"amd64": ("amd64", "x86_64"), "arm64": ("arm64", "arm64v8", "aarch64")}
PLATFORM = "platform"
LEFT_OUT = "is not in the backup: no archive can hold it (a socket or a device); the app makes it again, or lacks it"
PROVE = "look into its manifest, or let a drill run it"
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
    """Pure. ``ladder``: the runner's instance types; none when the target is no runner of ours. ``backup``: what it says
    that it lacks, and where its images ran."""
    defined = _defined(objects)
    blocked = {item.identity for item in blocking(objects, target.before, existing)} | _untold(objects, target, existing)
    told = tuple(_told(item, target, existing, defined, blocked) for item in objects)
    lost = [one for one in backup.unresolved if not stands(target, one.who)] if backup else []
    findings = [Finding("unresolved", one.object, one.said) for one in lost]
    findings += [Finding("left out", path, LEFT_OUT) for path in (backup.left_out if backup else ())]
    findings += _lacking(objects, target, {(one.object, one.who) for one in lost})
    findings += [*_misfits(objects, ladder), *_unseen(objects, ladder, backup), *_memory(tuple(objects), ladder)]
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
        other = f"nothing is applied: {len(blocked)} object(s) are there already, or may be"
        own = "it may be there already: its API does not answer" if _silent(item, target) else "it is there already"
        return Told(Fate.FAILED, own if item.identity in blocked else other)
    if existing is Existing.KEEP and in_the_way(item, target.before):
        return Told(Fate.KEPT, "it is there already")
    if why := _unserved(item.object, target, defined):
        return Told(Fate.FAILED, why)
    return Told(FATE_OF_ACTION[item.action])


def _untold(objects: Sequence[PlannedObject], target: Target, existing: Existing) -> set[Identity]:
    """What nobody can tell whether it is there, where that keeps everything from being applied."""
    return {item.identity for item in objects if existing is Existing.FAIL and _silent(item, target)}


def _silent(item: PlannedObject, target: Target) -> bool:
    return item.object is not None and item.object["apiVersion"] in target.silent


def _unserved(obj: Object, target: Target, defined: dict[tuple[str, str], frozenset[str]]) -> str | None:
    version, kind = obj["apiVersion"], obj["kind"]
    if (version, kind) in target.served:
        return None
    versions = defined.get((group(obj), kind))
    if versions is None:
        return unserved(target, version, kind)
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


def _lacking(objects: Sequence[PlannedObject], target: Target, told: Collection[tuple[str, Identity]]) -> Iterator[Finding]:
    """References to what is neither restored nor there, and not ``told`` already."""
    rows = {item.identity: item for item in objects}
    for item in objects:
        for who in _references(item):
            row = rows.get(who)
            if (row is not None and row.object is not None) or stands(target, who) or (str(item.identity), who) in told:
                continue
            why = f"is not restored: {row.reason}" if row is not None else "is neither in the backup nor there"
            yield Finding("reference", str(item.identity), f"needs {who}, which {why}")


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


def _unseen(objects: Sequence[PlannedObject], ladder: Sequence[str], backup: BackupFacts | None) -> Iterator[Finding]:
    """Images that nobody saw running on the runner's architecture: they may have it, and they may not."""
    runs = {architecture(one) for one in ladder}
    for ref in sorted(set(_images(objects))) if runs and backup else ():
        seen = architectures(backup.platforms, ref) if backup else frozenset()
        if lacks := ", ".join(sorted(runs - seen)):
            where = f"was seen running on {', '.join(sorted(seen))} alone" if seen else "was not seen running anywhere"
            yield Finding(PLATFORM, ref, f"{where}: whether it has {lacks}, which the runner is, is unknown; {PROVE}")


def _images(objects: Sequence[PlannedObject]) -> Iterator[str]:
    for item in objects:
        try:
            spec = pod_spec(item.released) if item.released is not None else None
            yield from (str(one["image"]) for one in containers(spec or {}))
        except ODD:
            continue


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
