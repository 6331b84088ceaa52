"""EC2: launch templates and client tokens in RunInstances, a process for each instance, and state-change events."""

import base64
import contextvars
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.launching import flatten, launch_data
from relight.local.aws.fleet import Fleet

STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

uses(
    "services.ec2",
    _instances=None,
    _subnets=None,
    _tags=None,
    _ACTION_MAP=None,
    _p="params key default",
    _parse_member_list="params prefix",
    _error="code message status",
)
uses("services.iam", _lookup_instance_profile="name arn", _roles=None)
uses("services.sts", register_session="access_key session", _sessions=None)

fleet: Fleet | None = None  # set by the process that serves; None: instances are records only
_answers: dict[str, tuple[dict[str, Any], Any]] = {}


# ---------------------------------------------------------------- RunInstances
@patch("services.ec2", "_run_instances", "p", tables=("_ACTION_MAP",))
def run_instances(original: Callable[..., Any], p: dict[str, Any]) -> Any:
    from ministack.services import ec2

    token = ec2._p(p, "ClientToken")
    if token and token in _answers:
        return _repeat(p, token)
    given = dict(p)
    try:
        launch = launch_data(p)
    except LookupError as error:
        code, _, message = str(error.args[0]).partition(": ")
        return ec2._error(code, message, 400)
    if fleet and (kind := str(launch.get("InstanceType") or "")) in fleet.without_capacity():
        return ec2._error("InsufficientInstanceCapacity", f"We currently do not have sufficient {kind} capacity", 500)
    before = set(ec2._instances)
    answer = original(flatten(p, launch))
    made = [ec2._instances[iid] for iid in ec2._instances if iid not in before]
    for instance in made:
        _boot(instance, launch)
    status, headers, body = answer
    answer = (
        status,
        headers,
        body.replace(b"<code>16</code>", b"<code>0</code>").replace(b"<name>running</name>", b"<name>pending</name>"),
    )
    if token and made:
        _answers[token] = (given, answer)
    return answer


def _repeat(p: dict[str, Any], token: str) -> Any:
    from ministack.services import ec2

    given, answer = _answers[token]
    if given != p:
        return ec2._error("IdempotentParameterMismatch", "The client token was used with other parameters", 400)
    return answer


# ---------------------------------------------------------------- an instance's life
def _boot(instance: dict[str, Any], launch: dict[str, Any]) -> None:
    from ministack.services import ec2

    subnet = ec2._subnets.get(instance["SubnetId"]) or {}
    if zone := subnet.get("AvailabilityZone"):
        instance["Placement"]["AvailabilityZone"] = zone
    instance["_shutdown"] = launch.get("InstanceInitiatedShutdownBehavior") or "stop"
    become(instance, "pending")
    if fleet is None:
        become(instance, "running")
        return
    session = _session(instance)
    process = fleet.start(_orders(instance, launch, session))
    life = contextvars.copy_context().run
    threading.Thread(target=life, args=(_live, instance, process, session), daemon=True, name=instance["InstanceId"]).start()


def _live(instance: dict[str, Any], process: Any, session: dict[str, str] | None) -> None:
    """From running to terminated (or stopped): an instance lives exactly as long as its process."""
    from ministack.services import sts

    if instance["State"]["Name"] == "pending":  # it may have been terminated already
        become(instance, "running")
    process.wait()
    end = "terminated" if instance["State"]["Name"] == "shutting-down" or instance["_shutdown"] == "terminate" else "stopped"
    assert fleet is not None
    fleet.clear(instance["InstanceId"], keep_disk=end == "stopped")
    become(instance, end)
    if session:
        sts._sessions.pop(session["AccessKeyId"], None)


def become(instance: dict[str, Any], state: str) -> None:
    """Sets the instance's state and tells EventBridge."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import eventbridge

    instance["State"] = {"Code": STATES[state], "Name": state}
    if state == "terminated":
        instance["_terminated_at"] = time.time()
    entry = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Resources": [f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance['InstanceId']}"],
        "Detail": json.dumps({"instance-id": instance["InstanceId"], "state": state}),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _orders(instance: dict[str, Any], launch: dict[str, Any], session: dict[str, str] | None) -> dict[str, Any]:
    """What the instance's process needs to know: see ``relight.local.instances``."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import ec2

    options = launch.get("MetadataOptions") or {}
    return {
        "instance_id": instance["InstanceId"],
        "instance_type": instance["InstanceType"],
        "image_id": instance["ImageId"],
        "zone": instance["Placement"]["AvailabilityZone"],
        "region": get_region(),
        "account": get_account_id(),
        "private_ip": instance["PrivateIpAddress"],
        "tags": {tag["Key"]: tag["Value"] for tag in ec2._tags.get(instance["InstanceId"], [])},
        "tags_in_metadata": options.get("InstanceMetadataTags") == "enabled",
        "user_data": base64.b64decode(launch.get("UserData") or "").decode(),
        "profile_arn": (instance.get("IamInstanceProfile") or {}).get("Arn", ""),
        "credentials": session,
    }


def _session(instance: dict[str, Any]) -> dict[str, str] | None:
    """Credentials of the instance profile's role, as IMDS hands them out; ``aws:userid`` is <role id>:<instance id>."""
    from ministack.core.responses import get_account_id
    from ministack.services import iam, sts

    profile = iam._lookup_instance_profile(arn=(instance.get("IamInstanceProfile") or {}).get("Arn", ""))
    names = [role["RoleName"] if isinstance(role, dict) else role for role in (profile or {}).get("Roles") or []]
    if not names:
        return None
    iid, role = instance["InstanceId"], iam._roles[names[0]]
    keys = {
        "AccessKeyId": f"ASIA{secrets.token_hex(8).upper()}",
        "SecretAccessKey": secrets.token_hex(20),
        "Token": secrets.token_urlsafe(64),
    }
    record = {"Arn": f"arn:aws:sts::{get_account_id()}:assumed-role/{names[0]}/{iid}", "UserId": f"{role['RoleId']}:{iid}"}
    secret = {"SecretAccessKey": keys["SecretAccessKey"], "SessionToken": keys["Token"]}
    sts.register_session(keys["AccessKeyId"], {**record, **secret})
    return {**keys, "RoleName": names[0]}


# ---------------------------------------------------------------- TerminateInstances
@patch("services.ec2", "_terminate_instances", "p", tables=("_ACTION_MAP",))
def terminate(original: Callable[..., Any], p: dict[str, Any]) -> Any:
    """An instance is shutting down until its last process is gone."""
    from ministack.services import ec2

    asked = ec2._parse_member_list(p, "InstanceId")
    before = {iid: ec2._instances[iid]["State"]["Name"] for iid in asked if iid in ec2._instances}
    status, headers, body = original(p)
    if status != 200:
        return status, headers, body
    for iid, state in before.items():
        alive = fleet is not None and fleet.alive(iid)
        if state != "terminated":
            become(ec2._instances[iid], "shutting-down")
        if alive and fleet:
            body = body.replace(b"<code>48</code><name>terminated</name>", b"<code>32</code><name>shutting-down</name>")
            fleet.stop(iid)
        else:
            become(ec2._instances[iid], "terminated")
    return status, headers, body
