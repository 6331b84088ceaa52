"""``relight failback --restore``: the promoted site's last backup onto the primary. Shown first; done when confirmed."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from relight.adapters.s3 import S3
from relight.backup.reader import open_backup
from relight.cli import cronjob, exits, primary
from relight.cli.output import table, toned
from relight.cli.session import Session
from relight.config import App, Quarantine
from relight.errors import PrimaryNotReady, RelightError, RequestInvalid
from relight.model import encode
from relight.records import replace
from relight.recovery import onto, scheduled
from relight.recovery.bringing import Bringing, Worker
from relight.recovery.cluster import ClusterApi
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.ledger import Fate
from relight.recovery.objects import containers, pod_spec
from relight.recovery.patience import Deadline
from relight.recovery.release import freeze
from relight.words import size

SHOWN = 20
NOT_WORTH_A_LINE = (Fate.SKIPPED.value, Fate.UNCHANGED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``confirm``: the code that the look before has shown. ``image``, ``secret``, ``run_as``: of the pod that writes."""

    kubeconfig: Path
    confirm: str | None
    image: str | None
    secret: str | None
    run_as: str | None
    seconds: int


def restore(session: Session, run_id: str, wish: Wish) -> int:
    """Raises PrimaryNotReady, RequestInvalid, FailbackStopped, and what reading the backup raises."""
    stands = session.console.decide(run_id, "failback", {})
    app = session.config.app(str(session.console.run(run_id)["run"]["app"]))
    taken = _last_backup(run_id, stands)
    if (done := stands.get("restored")) and done["done"] and done["target"] == taken["backup_id"]:
        session.output.show(done, lambda page: page.print(f"{toned('done')} before: {escape(_said(done))}"))
        return exits.DONE
    recipe = _recipe(app, str(taken["uri"]))
    with primary.reached(wish.kubeconfig) as cluster:
        seen = onto.look(cluster, recipe, run_id)
        worker = _worker(cluster, app.namespace, wish, session.config.region)
    if wish.confirm is None:
        return _show(session, run_id, seen, wish, _lost(stands, taken))
    _refuse(run_id, stands, seen, wish)
    return _bring(session, run_id, Bringing(
        cluster=cluster, onto=seen, worker=worker, seed=run_id, say=session.output.says
    ), wish.seconds)  # fmt: skip


def _last_backup(run_id: str, stands: dict[str, Any]) -> dict[str, Any]:
    taken: dict[str, Any] | None = ((stands.get("serving") or {}).get("vitals") or {}).get("taken")
    if not taken:
        raise RequestInvalid(
            f"run {run_id}", "has no backup of the promoted site yet", f"relight failback {run_id} --freeze takes one"
        )
    return taken


def _recipe(app: App, uri: str) -> Recipe:
    backup = open_backup(S3(), uri)
    facts = BackupFacts.of(backup.uri, backup.metadata_sha256, encode(backup.metadata))
    bare = replace(app, quarantine=Quarantine())  # a primary is in none, so nothing of it need be there
    return Recipe(app=bare, backup=facts, manifests=backup.manifests(), namespace=app.namespace)


def _worker(cluster: ClusterApi, namespace: str, wish: Wish, region: str) -> Worker:
    """As the app's own backups run there, where ``relight backup cronjob`` has been applied; else as the options say."""
    user = cronjob.reader(wish.run_as)
    if wish.image:
        return Worker(image=cronjob.by_digest(wish.image), region=region, secret=wish.secret, user=user)
    found = cluster.get("batch/v1", "CronJob", namespace, scheduled.NAME)
    if found is None:
        raise RequestInvalid(
            "--image", f"is not given, and no CronJob {scheduled.NAME} is there to take it from",
            "give REPOSITORY@sha256:... of an image that holds Relight, and --aws-secret; see relight backup cronjob",
        )  # fmt: skip
    pod = pod_spec(found) or {}
    main = containers(pod)[0]
    secrets = [one["secretRef"]["name"] for one in main.get("envFrom") or [] if "secretRef" in one]
    return Worker(
        image=str(main["image"]), region=region, account=pod.get("serviceAccountName"), user=user,
        secret=wish.secret or next(iter(secrets), None),
    )  # fmt: skip


def _refuse(run_id: str, stands: dict[str, Any], seen: onto.Onto, wish: Wish) -> None:
    """What must not be written over, or with."""
    again = f"relight failback {run_id} --restore --primary {wish.kubeconfig}"
    if wish.confirm != seen.code:
        problem = "is not the code of this backup, onto this cluster, over these claims"
        raise RequestInvalid(f"--confirm {wish.confirm}", problem, f"look first: {again}")
    states = {row["step"]: row["state"] for row in stands["steps"]}
    if stands["alive"] and states.get("final backup") != "done":
        problem = "is not frozen, with a last backup: what it still writes would be lost"
        raise RequestInvalid(f"run {run_id}", problem, f"relight failback {run_id} --freeze, then look again: {again}")
    if seen.troubles:
        raise PrimaryNotReady(f"--primary {wish.kubeconfig}", "; ".join(seen.troubles), f"then look again: {again}")


def _bring(session: Session, run_id: str, bringing: Bringing, seconds: int) -> int:
    backup = bringing.onto.recipe.backup.backup_id

    def note(done: bool, detail: str) -> dict[str, Any]:
        body = {"backup": backup, "done": done, "detail": detail[:800]}
        return dict(session.console.decide(run_id, "restored", body)["restored"])

    note(False, "it has begun")
    try:
        detail = bringing.perform(Deadline.after(seconds))
    except RelightError as error:
        note(False, str(error))
        raise
    done = note(True, detail)
    session.output.show(done, lambda page: _page_of_done(page, run_id, done))
    return exits.DONE


def _said(done: dict[str, Any]) -> str:
    return f"backup {done['target']} is on the primary: {done['detail']}"


def _page_of_done(page: Console, run_id: str, done: dict[str, Any]) -> None:
    page.print(f"{toned('done')}: {escape(_said(done))}")
    page.print(f"next: relight failback {run_id} --hand-back --primary FILE")


# ---------------------------------------------------------------- the look
def _lost(stands: dict[str, Any], taken: dict[str, Any]) -> list[str]:
    return [] if stands["alive"] else [f"the runner is gone: what was written there after {taken['created_at']} is lost"]


def _show(session: Session, run_id: str, seen: onto.Onto, wish: Wish, lost: list[str]) -> int:
    told = [
        {
            "object": str(item.identity),
            "fate": seen.becomes(item.identity, one.fate),
            "because": one.because or item.reason or ", ".join(item.transforms),
        }
        for item, one in zip(seen.objects, seen.foreseen.told, strict=True)
    ]
    document: dict[str, Any] = {
        "run_id": run_id,
        "backup": seen.recipe.backup.uri,
        "namespace": seen.recipe.target,
        "code": seen.code,
    }
    document |= {"lost": lost, "stops": seen.stops, "troubles": seen.troubles, "objects": told}
    document["claims"] = [encode(one) | {"written": one.claim in seen.written} for one in seen.claims]
    session.output.show(document, lambda page: _page(page, run_id, seen, document, wish))
    return exits.ENDED_BADLY if seen.troubles else exits.DONE


def _page(page: Console, run_id: str, seen: onto.Onto, document: dict[str, Any], wish: Wish) -> None:
    page.print(f"backup [bold]{seen.recipe.backup.backup_id}[/] onto the primary, namespace {seen.recipe.target}:")
    told = document["objects"]
    fates = Counter(row["fate"] for row in told)
    page.print(table(("would be", "objects"), [(fate, str(number)) for fate, number in sorted(fates.items())]))
    for line in (*_lines(seen, told), *document["lost"]):
        page.print(line, markup=False)
    for line in seen.troubles:
        page.print(f"[red]in the way[/]: {escape(line)}")
    image = "".join(
        f" --{name} {value}"
        for name, value in (("image", wish.image), ("aws-secret", wish.secret), ("run-as", wish.run_as))
        if value
    )
    again = f"relight failback {run_id} --restore --primary {wish.kubeconfig}{image}"
    page.print("nothing was changed; to keep what the primary has now, back it up first: relight backup --kubeconfig FILE")
    page.print(f"next: cure that, then {again}" if seen.troubles else f"next: {again} --confirm {seen.code}")


def _lines(seen: onto.Onto, told: list[dict[str, Any]]) -> list[str]:
    lines = [f"stopped meanwhile: {', '.join(seen.stops) or 'nothing, as nothing runs there'}"]
    for one in seen.claims:
        has = "has it already" if one.claim in seen.written else "all that is in it is replaced"
        lines.append(f"claim {one.claim}: {one.files} file(s), {size(one.bytes)}: {has}")
    worth = [row for row in told if row["fate"] not in NOT_WORTH_A_LINE]
    each = [": ".join(filter(None, (f"{row['object']} would be {row['fate']}", row["because"]))) for row in worth]
    more = [f"and {len(each) - SHOWN} more: -o json shows all"] if len(each) > SHOWN else []
    return lines + each[:SHOWN] + more + ["what only the primary has is left as it is"]


def stop(kubeconfig: Path, namespace: str) -> str:
    """The app on the primary, stopped as a freeze stops it, in words. Raises PrimaryNotReady."""
    with primary.reached(kubeconfig) as cluster:
        actions = freeze(cluster, namespace)
    if undone := [f"{action.target}: {action.detail}" for action in actions if not action.done]:
        raise PrimaryNotReady(f"--primary {kubeconfig}", f"is not stopped: {'; '.join(undone)}", "ask again")
    return f"{len(actions)} action(s) on the primary"
