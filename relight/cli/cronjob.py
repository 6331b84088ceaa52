"""``relight backup cronjob``: what makes the primary cluster write backups by itself, as one manifest."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml

from relight.backup.rights import policy
from relight.cli.place import cluster_of
from relight.cli.session import AppOption, Session
from relight.config import App
from relight.configfile import written
from relight.errors import RequestInvalid
from relight.formats import is_cron, is_zone
from relight.records import replace
from relight.recovery import rights, scheduled
from relight.recovery.cluster import ClusterApi, Objects
from relight.recovery.mounting import Mounting, Reader, mounting
from relight.recovery.rhythm import longest_gap
from relight.words import duration

DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")
ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/\S+")
MOUNTERS = (("v1", "PersistentVolumeClaim"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"), ("apps/v1", "ReplicaSet"), ("batch/v1", "CronJob"))  # fmt: skip


def cronjob(
    session: Session,
    app: AppOption = None,
    image: Annotated[str | None, typer.Option(help="The image that holds Relight: REPOSITORY@sha256:...")] = None,
    schedule: Annotated[str, typer.Option(help="When, in cron's form.")] = "0 3 * * *",
    zone: Annotated[str, typer.Option(help="The schedule's time zone.")] = "UTC",
    deadline: Annotated[int, typer.Option(min=60, help="Seconds that one backup may take.")] = 3600,
    late: Annotated[int, typer.Option(min=60, help="Seconds after its time that a backup is still begun.")] = 3600,
    role_arn: Annotated[str | None, typer.Option(help="The IAM role, by EKS IRSA.")] = None,
    aws_secret: Annotated[str | None, typer.Option(help="The Secret whose keys are AWS_ACCESS_KEY_ID and so on.")] = None,
    run_as: Annotated[str | None, typer.Option(help="USER[:GROUP] by number; as the app's own pods by default.")] = None,
    kubeconfig: Annotated[Path, typer.Option(envvar="KUBECONFIG", help="The app's cluster; it is only read.")] = Path(
        "~/.kube/config"
    ),
    aws_policy: Annotated[bool, typer.Option("--policy", help="Print the least IAM policy instead.")] = False,
) -> None:
    """Prints a manifest that has the app's own cluster write its backups, on a schedule and with least privilege.

    The cluster is read, not changed. Without --role-arn and --aws-secret the pod has its AWS identity from EKS Pod
    Identity. Print it again, and apply it, when the app's claims, hooks or kinds have changed.

    \b
    Examples:
      relight backup cronjob --image registry.example/relight@sha256:...
      relight backup cronjob --app shop --schedule "0 */6 * * *" --image ... --role-arn arn:aws:iam::...
      relight backup cronjob --app shop --policy
    """
    chosen = session.app(app)
    if aws_policy:
        print(json.dumps(policy(chosen), indent=2))
        return
    pod = _pod(image, role_arn, aws_secret, run_as)
    when = _when(schedule, zone, late, deadline)
    session.output.remarks(_slow(chosen, when))
    cluster = cluster_of(kubeconfig)
    mounted = _mounted(cluster, chosen.namespace)
    config = written(replace(session.config, apps=(chosen,), notify=(), escalate=()))
    rules = (rights.rules(rights.within(chosen, cluster)), rights.rules(rights.beyond(cluster)))
    objects = scheduled.manifest(chosen, config, mounted, rules, when, pod)
    session.output.remarks([*_silent(cluster), *_notes(chosen, mounted, pod)])
    print(printed(objects), end="")


def printed(objects: Objects) -> str:
    return "".join(f"---\n{yaml.safe_dump(obj, sort_keys=False, width=125)}" for obj in objects)


# ---------------------------------------------------------------- what was asked for
def by_digest(image: str | None) -> str:
    """Raises RequestInvalid."""
    if image is None or not DIGEST.fullmatch(image):
        raise RequestInvalid(
            f"--image {image or ''}".strip(),
            "names no image by digest: behind a tag, tomorrow another program would do this",
            "give REPOSITORY@sha256:...; examples/backup-image/Dockerfile makes one",
        )
    return image


def _pod(image: str | None, role: str | None, secret: str | None, run_as: str | None) -> scheduled.Pod:
    digested = by_digest(image)
    if role and secret:
        raise RequestInvalid("--role-arn, --aws-secret", "are two identities", "give one of them")
    if role and not ROLE.fullmatch(role):
        raise RequestInvalid(f"--role-arn {role}", "is no role's ARN", "write it as arn:aws:iam::123456789012:role/NAME")
    return scheduled.Pod(image=digested, role=role, secret=secret, reader=reader(run_as))


def reader(run_as: str | None) -> Reader | None:
    """Raises RequestInvalid."""
    if run_as is None:
        return None
    user, _, group = run_as.partition(":")
    if not user.isdecimal() or (group and not group.isdecimal()):
        raise RequestInvalid(
            f"--run-as {run_as}", "is not USER[:GROUP] by number", "write it as 1000 or 1000:1000; 0 is root"
        )
    return Reader(user=int(user), group=int(group or user))


def _when(schedule: str, zone: str, late: int, deadline: int) -> scheduled.Schedule:
    if not is_cron(schedule):
        raise RequestInvalid(f"--schedule {schedule!r}", "is no cron expression of five fields", 'write it as "0 3 * * *"')
    if not is_zone(zone):
        raise RequestInvalid(f"--zone {zone!r}", "is no time zone", "write it as Europe/Berlin or UTC")
    return scheduled.Schedule(cron=schedule, zone=zone, late=late, deadline=deadline)


# ---------------------------------------------------------------- what is there
def _mounted(cluster: ClusterApi, namespace: str) -> Mounting:
    if cluster.get("v1", "Namespace", None, namespace) is None:
        raise RequestInvalid(f"namespace {namespace!r}", "is not in the cluster", "install the app, or name its cluster")
    inside = [obj for version, kind in MOUNTERS for obj in cluster.list(version, kind, namespace)]
    others = [obj for obj in inside if obj["metadata"]["name"] != scheduled.NAME]
    return mounting(others, cluster.list("v1", "Pod", namespace))


# ---------------------------------------------------------------- what a person should know
def _slow(app: App, when: scheduled.Schedule) -> list[str]:
    gap = longest_gap(when.cron, when.zone, datetime.now(UTC))
    if gap + when.deadline <= app.rpo:
        return []
    return [
        f"warning: this schedule cannot meet the RPO of {duration(app.rpo)}: {duration(gap)} may pass between two backups, "
        f"and one may take {duration(when.deadline)}; give a closer --schedule or a shorter --deadline, or change rpo"
    ]


def _silent(cluster: ClusterApi) -> list[str]:
    return [
        f"warning: {version} does not answer ({why}), so the manifest gives no right to what it serves; repair that API "
        "and print the manifest again"
        for version, why in cluster.silent.items()
    ]


def _notes(app: App, mounted: Mounting, pod: scheduled.Pod) -> list[str]:
    notes = []
    if mounted.claims and (pod.reader or mounted.reader).user == 0:
        notes.append(
            "note: it runs as root with DAC_OVERRIDE, on claims that are read-only to it: the app's pods do not all say the "
            "same runAsUser, so the files may belong to anybody; --run-as USER[:GROUP] if you know better"
        )
    if not any(signal.kind == "backup_age" for signal in app.signals):
        notes.append('note: no signal of kind "backup_age" watches that backups keep coming; add one to the app')
    if not (pod.role or pod.secret):
        where = f"--namespace {shlex.quote(app.namespace)} --service-account {scheduled.NAME}"
        notes.append(f"note: for AWS: aws eks create-pod-identity-association --cluster-name ... {where} --role-arn ...")
    return notes
