"""AWS Backup: a job ends FAILED where its role may not back up the resource; MiniStack completes every job."""

import json
from collections.abc import Callable
from typing import Any

from relight.local.aws.bridge import patch, uses
from relight.local.aws.bridge.permissions import refusal

ACTIONS = {"dynamodb": "dynamodb:CreateBackup", "ec2": "ec2:CreateSnapshot", "rds": "rds:CreateDBSnapshot"}

uses("services.backup", _jobs=None)


@patch("services.backup", "_start_job", "body")
def start(original: Callable[..., Any], body: dict[str, Any]) -> Any:
    from ministack.services import backup

    answer = original(body)
    resource = str(body.get("ResourceArn"))
    action = ACTIONS.get(resource.split(":")[2] if resource.count(":") > 1 else "")
    why = action and refusal(str(body["IamRoleArn"]), "AWSBackup", action, resource)
    if why and answer[0] == 200:
        job = json.loads(answer[2])["BackupJobId"]
        backup._jobs[job].update(State="FAILED", StatusMessage=why)
    return answer
