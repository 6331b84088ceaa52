"""Judges of what would be restored: the backup, its manifests, its images, and whether a runner is large enough."""

from relight.model import Phase
from relight.readiness.facts import Backup, Facts, Held, Image, Planned
from relight.readiness.findings import Findings, failed, passed, some, unverified, warning
from relight.readiness.records import Finding
from relight.recovery.forecast import PLATFORM
from relight.recovery.room import Wanted
from relight.recovery.sizes import architecture
from relight.words import duration, size

MUCH = 0.8  # of the disk: the app writes too, once it runs
BACK_UP = "back up now: relight backup"
NO_PLAN = "correct what backup or manifests says first, then check again"
RESTORE_ANYWAY = "correct it at its source and back up again, or say allow_partial in relight.toml"


def backup(facts: Facts, backup: Backup) -> Findings:
    if backup.broken:
        yield failed(backup.broken, "Plan ends: there is nothing to restore", BACK_UP)
        return
    for why in backup.passed_over[:3]:
        yield warning(f"passed over {why}", "a run takes an older backup", "look into it: relight backups")
    if not backup.passed_over:
        yield passed(f"{backup.backup_id}: every object is there with its size (bytes are checked as they are restored)")


def rpo(facts: Facts, backup: Backup) -> Findings:
    if backup.created_at is None:
        yield failed("there is no backup whose age counts", "everything since the beginning is lost", BACK_UP)
        return
    age = (facts.at - backup.created_at).total_seconds()
    seen = f"{backup.backup_id} is {duration(max(age, 0))} old; the RPO is {duration(facts.app.rpo)}"
    if age > facts.app.rpo:
        fails = "an incident loses more than allowed, a drill ends in Plan with BackupTooOld"
        yield failed(seen, fails, "see why the app's backups stopped; then relight backup")
    else:
        yield passed(seen)


def manifests(facts: Facts, planned: Planned) -> Findings:
    if planned.broken:
        yield failed(planned.broken, "Plan ends with this error", NO_PLAN, "plan")
        return
    say = warning if facts.app.allow_partial else failed
    for one in planned.unfit[:10]:
        fails = "the restore is PARTIAL" + ("" if facts.app.allow_partial else ", which fails validation")
        yield say(one, fails, RESTORE_ANYWAY)
    if (more := len(planned.unfit) - 10) > 0:
        yield say(f"{more} more objects like these", "the restore is PARTIAL", "relight plan lists them all")
    lacking = [one for one in planned.foreseen if one.check not in SIZED]
    for found in lacking[:10]:
        yield warning(str(found), "what needs it may not come up, and validation fails", RESTORE_ANYWAY, "validate")
    if not planned.unfit and not lacking:
        yield passed(f"{planned.objects} objects, each served by the runner's cluster or by a CRD of the backup")


SIZED = ("memory", "architecture", PLATFORM)  # these have a check of their own


def memory(facts: Facts, planned: Planned) -> Findings:
    small = {one.where: one for one in planned.foreseen if one.check == "memory"}
    fix = "name larger types under runner.instance_types in relight.toml, and deploy; or lower the app's requests"
    fits = [kind for kind in facts.ladder if kind not in small]
    if planned.broken:
        yield unverified("there is no plan to add up", "pods may stay Pending", NO_PLAN)
    elif not fits:
        yield failed("; ".join(f"{one.where} {one.detail}" for one in small.values()), "pods stay Pending", fix)
    elif small:
        seen = f"too small: {', '.join(small)}; large enough: {', '.join(fits)}"
        yield warning(seen, "on those rungs pods stay Pending and validation fails", fix)
    else:
        yield passed("every rung has the memory that the pods ask for")


def disk(facts: Facts, backup: Backup, planned: Planned, disk_gib: int) -> Findings:
    limits = f"at most {size(facts.app.max_state_bytes)} and {facts.app.max_state_files} files are taken"
    if planned.broken or backup.bytes is None or backup.files is None:
        seen = "there is no plan to add up" if planned.broken else "this backup does not record its volumes"
        yield unverified(seen, "the disk may fill up", NO_PLAN if planned.broken else "back up again, then check again")
    elif backup.bytes > facts.app.max_state_bytes or backup.files > facts.app.max_state_files:
        seen = f"{size(backup.bytes)} in {backup.files} files; {limits}"
        yield failed(seen, "Restore refuses it as too large", "raise max_state_bytes or max_state_files of the app")
    else:
        yield _room(planned.wanted, disk_gib)


def _room(wanted: tuple[Wanted, ...], disk_gib: int) -> Finding:
    fix = "raise runner.disk_gib in relight.toml, and deploy"
    lacking = [f"{what} ({gib:.1f} GiB)" for what, gib, system in wanted if gib + system > disk_gib]
    tight = [f"{what} ({gib:.1f} GiB)" for what, gib, system in wanted if gib + system > MUCH * disk_gib]
    if lacking:
        return failed(f"a disk of {disk_gib} GiB is too small for {some(lacking)}", "Plan refuses it", fix, Phase.PLAN)
    if tight:
        seen = f"a disk of {disk_gib} GiB is nearly filled by {some(tight)}"
        return warning(seen, "little is left for what the app writes and the images it pulls", fix)
    return passed(f"a disk of {disk_gib} GiB has room for the backup's volumes and for what its claims ask for")


def images(facts: Facts, images: tuple[Image, ...]) -> Findings:
    runs = {architecture(kind) for kind in facts.ladder}
    pinned = "; ".join(sorted(runs))
    good = 0
    for one in images:
        if one.there is False:
            fix = "push it again, or name another with --image-ref; then back up"
            yield failed(f"{one.ref}: {one.why}", "its pods end in ImagePullBackOff", fix)
        elif one.architectures is not None and not one.architectures >= runs:
            seen = f"{one.ref} is for {', '.join(sorted(one.architectures))}; the runner is {pinned}"
            yield failed(seen, "its pods end with exec format error", "build it for both, or change the ladder's types")
        elif one.there is None or not (one.architectures or one.seen) >= runs:
            ran = f"ran on {', '.join(sorted(one.seen))}" if one.seen else "where it ran is not recorded"
            seen = f"{one.ref}: {one.why}; {ran}; the runner is {pinned}"
            fix = "prove it: relight drill pulls and runs it; to have a public registry asked, name it under registries"
            yield unverified(seen, "its pods may not start", fix)
        else:
            good += 1
    if good == len(images):
        yield passed(f"{good} images are in their registry, for {pinned}")


def architectures(facts: Facts, planned: Planned) -> Findings:
    odd = [one for one in planned.foreseen if one.check == "architecture"]
    for found in odd[:10]:
        yield failed(f"{found.where} {found.detail}", "its pods cannot run there", "change the ladder's types, or the image")
    if planned.broken:
        yield unverified("there is no plan to look into", "pods may not run", NO_PLAN)
    elif not odd:
        yield passed("no manifest asks for another architecture than the runner's")


def lease(facts: Facts, lease: Held) -> Findings:
    if not lease.run_id:
        yield passed("no run holds the app")
    elif lease.promoted:
        seen = f"run {lease.run_id} serves production"
        yield warning(seen, "no other run starts while it does", "hand back when the primary is repaired: relight failback")
    elif lease.held:
        seen = f"run {lease.run_id} ({lease.mode}) holds a runner"
        yield failed(seen, "an incident's run ends with LeaseHeld", "give it up: relight destroy --yes")
    else:
        yield warning(f"run {lease.run_id} ({lease.mode}) is under way", "another waits or is refused", "relight status")
