"""Judges of what the account gives a run: rights, quota, instance types, the artifacts that a runner boots from."""

from itertools import groupby

from relight.readiness.facts import Facts, Offered, Pinned, Quota, Right
from relight.readiness.findings import Findings, failed, passed, some, unverified, warning
from relight.recovery.sizes import standard, vcpus

ALLOWED, NO_ROLE = "allowed", "no such role"
REDEPLOY = "deploy this version again (docs/deploy.md)"


def permissions(facts: Facts, rights: tuple[Right, ...]) -> Findings:
    """A finding a role that lacks something: it fails in that role's phase, with every other role in order."""
    refused = sorted((one for one in rights if one.decision != ALLOWED), key=lambda one: (one.phase, one.role))
    for (phase, role), rows in groupby(refused, key=lambda one: (one.phase, one.role)):
        lacking = list(rows)
        if lacking[0].decision == NO_ROLE:
            yield failed(f"role of {role} is gone", f"{role} could do nothing at all", REDEPLOY, phase)
            continue
        said = [f"{one.action} on {one.resource} ({one.decision})" for one in lacking]
        fix = f"{REDEPLOY}; an explicitDeny comes from a policy of yours: take it away from the role of {role}"
        yield failed(f"{role} may not {some(said)}", f"{role} would end with AccessDenied", fix, phase)
    if not refused:
        roles = len({one.role for one in rights})
        yield passed(f"{len(rights)} actions of {roles} roles are allowed (bucket and key policies are not simulated)")


def quota(facts: Facts, quota: Quota) -> Findings:
    free = quota.limit - quota.used
    seen = f"{quota.limit} vCPUs of On-Demand Standard instances, {quota.used} in use"
    need = {kind: vcpus(kind) for kind in facts.ladder if standard(kind)}
    fits = [kind for kind, wanted in need.items() if wanted is not None and wanted <= free]
    large = [f"{kind} needs {wanted}" for kind, wanted in need.items() if wanted is not None and wanted > free]
    fix = "ask for more: Service Quotas, EC2, L-1216C47A; or end instances that nobody needs"
    if unknown := [kind for kind in facts.ladder if need.get(kind) is None]:
        said = f"{', '.join(unknown)}: counted by another quota, or of a size that is not known here"
        yield unverified(said, "those rungs may be refused", "compare them by hand in Service Quotas")
    if large and not fits:
        yield failed(f"{seen}; {', '.join(large)}", "the rungs are refused with VcpuLimitExceeded", fix)
    elif large:
        yield warning(f"{seen}; {', '.join(large)}", f"those rungs are refused; {', '.join(fits)} still fit", fix)
    elif fits:
        yield passed(f"{seen}; {', '.join(fits)} fit")


def offerings(facts: Facts, offered: Offered) -> Findings:
    if not offered.zones:
        yield failed("none of the runner's subnets is there", "a runner has nowhere to be launched", REDEPLOY)
        return
    zones = ", ".join(offered.zones)
    change = "name other types under runner.instance_types in relight.toml, and deploy"
    empty = [zone for zone in offered.zones if not any((kind, zone) in offered.pairs for kind in facts.ladder)]
    absent = [kind for kind in facts.ladder if not any((kind, zone) in offered.pairs for zone in offered.zones)]
    missing = [f"{kind} in {zone}" for zone in offered.zones for kind in facts.ladder if (kind, zone) not in offered.pairs]
    if len(absent) == len(facts.ladder):
        yield failed(f"none of {', '.join(absent)} is offered in {zones}", "every rung is refused as Unsupported", change)
    elif empty or absent:
        seen = f"not offered: {some(missing)}"
        yield warning(seen, "those rungs are refused: fewer ways out when capacity is short", change)
    elif missing:
        yield passed(f"each zone of {zones} offers a type of the ladder; not offered: {some(missing)}")
    else:
        yield passed(f"{', '.join(facts.ladder)} in {zones}")


def artifacts(facts: Facts, pinned: tuple[Pinned, ...]) -> Findings:
    bad = [one for one in pinned if one.found != one.sha256]
    for one in bad:
        what = "is not there" if one.found is None else f"is another file: its sha256 is {one.found[:12]}…"
        seen = f"{one.name} {what} ({one.uri}, pinned as {one.sha256[:12]}…)"
        yield failed(seen, "the runner powers itself off at boot, on every rung", f"publish it again: {REDEPLOY}")
    if not bad:
        yield passed(f"{', '.join(one.name for one in pinned)}: there, with the digests that the launch template names")
