"""Ways to break a running Relight from outside, as the world would."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from relight.adapters.s3 import S3, join
from relight.backup.metadata import NAME
from relight.model import canonical, encode


class Faults:
    """Mixed into the stage, which gives ``aws``, ``signed_in``, ``engine``, ``deployment``, ``backup_uri``."""

    engine: Any
    deployment: Any
    backup_uri: str
    app: Any
    pointer: str

    def aws(self, service: str) -> Any:
        raise NotImplementedError

    def signed_in(self, user: str | None = None) -> Any:
        raise NotImplementedError

    def _name(self) -> str:
        return str(self.deployment.table.split("-")[0])

    @contextmanager
    def broken(self, function: str) -> Iterator[None]:
        """The function cannot even be imported while this lasts."""
        name, client = f"relight-{function}", self.aws("lambda")
        handler = client.get_function_configuration(FunctionName=name)["Handler"]
        client.update_function_configuration(FunctionName=name, Handler="lambdas.missing.handler")
        try:
            yield
        finally:
            client.update_function_configuration(FunctionName=name, Handler=handler)

    @contextmanager
    def no_capacity(self, *types: str) -> Iterator[None]:
        path = self.engine.state / "no-capacity"
        path.write_text("\n".join(types), encoding="utf-8")
        try:
            yield
        finally:
            path.unlink()

    @contextmanager
    def configured(self, **changes: Any) -> Iterator[None]:
        """The app as it is deployed, changed for a while."""
        ssm, name = self.aws("ssm"), f"/relight/apps/{self.app.name}"
        before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        changed = canonical({**encode(self.app), **changes}).decode()
        ssm.put_parameter(Name=name, Value=changed, Type="String", Overwrite=True)
        try:
            yield
        finally:
            ssm.put_parameter(Name=name, Value=before, Type="String", Overwrite=True)

    @contextmanager
    def damaged_backup(self) -> Iterator[str]:
        """A copy of the backup with one bit of its state flipped; its size is what the metadata says."""
        with self.copied_backup("damaged", damaged=True) as uri:
            yield uri

    @contextmanager
    def copied_backup(self, backup_id: str, damaged: bool = False, **changes: str) -> Iterator[str]:
        """The backup once more under another id, with ``changes`` to its metadata."""
        uri = join(self.app.storage, "backups", backup_id)
        with self.signed_in():
            store = S3()
            for found in sorted(store.list(f"{self.backup_uri}/"), key=lambda one: one.uri.endswith(NAME)):
                name, data = found.uri.rsplit("/", 1)[-1], store.get(found.uri)
                if name == NAME:  # last: it commits
                    data = json.dumps({**json.loads(data), "backup_id": backup_id, **changes}).encode()
                elif damaged and name == "state.tar.zst":
                    middle = len(data) // 2
                    data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
                store.put(join(uri, name), data)
        yield uri
        with self.signed_in():
            for found in list(S3().list(f"{uri}/")):
                S3().delete(found.uri)

    def forget_backups(self) -> None:
        """Those that production took: the next story recovers from the stage's own."""
        with self.signed_in():
            others = [
                one for one in S3().list(f"{self.app.storage}/backups/") if not one.uri.startswith(f"{self.backup_uri}/")
            ]
            for found in others:
                S3().delete(found.uri)
        if others:
            self.call("catalog", {"app": self.app.name})

    def expire(self, runner: str) -> None:
        tag = {"Key": "relight:expires-at", "Value": str(int(time.time()) - 3600)}
        self.aws("ec2").create_tags(Resources=[runner], Tags=[tag])

    def reap(self) -> Any:
        return json.loads(self.aws("lambda").invoke(FunctionName="relight-reap", Payload=b"{}")["Payload"].read())

    def shorten_life(self, runner: str, until: int) -> None:
        """Ends the runner's lease, which the agent hands to the dead man's switch."""
        table = self.aws("dynamodb")
        rows = table.scan(TableName=self.deployment.table)["Items"]
        (key,) = [row["pk"]["S"] for row in rows if row["pk"]["S"].endswith(f":{runner}") and row["sk"]["S"] == "lease"]
        table.update_item(
            TableName=self.deployment.table,
            Key={"pk": {"S": key}, "sk": {"S": "lease"}},
            UpdateExpression="SET expires_at = :until",
            ExpressionAttributeValues={":until": {"N": str(until)}},
        )

    def forget_lease(self) -> None:
        key = {"pk": {"S": f"app#{self.app.name}"}, "sk": {"S": "lease"}}
        self.aws("dynamodb").delete_item(TableName=self.deployment.table, Key=key)

    def clear(self) -> None:
        """Ends what a test left, so that its failure is not the next one's."""
        flow, machine = self.aws("stepfunctions"), self.deployment.state_machine
        for run in flow.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            flow.stop_execution(executionArn=run["executionArn"])
        live = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        found = self.aws("ec2").describe_instances(Filters=live)["Reservations"]
        if ids := [instance["InstanceId"] for group in found for instance in group["Instances"]]:
            self.aws("ec2").terminate_instances(InstanceIds=ids)
        self.forget_lease()
        with self.signed_in():
            S3().put(self.pointer, b'{"site": "primary"}')

    @contextmanager
    def taken_away(self, name: str, action: str) -> Iterator[None]:
        """The action out of every statement of the role that CDK called so."""
        iam: Any = self.aws("iam")
        roles = [row["RoleName"] for row in iam.list_roles(MaxItems=1000)["Roles"]]
        (role,) = [one for one in roles if one.startswith(f"relight-orchestrator-{name}Role")]
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"][:1]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        rows = [{**row, "Action": [one for one in listed(row["Action"]) if one != action]} for row in document["Statement"]]
        less = {**document, "Statement": [row for row in rows if row["Action"]]}
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(less))
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))

    # ------------------------------------------------------------ what triggers do
    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        answer = self.aws("lambda").invoke(FunctionName=f"relight-{function}", Payload=json.dumps(event).encode())
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return dict(said)

    def alarm(self, name: str) -> str:
        return str(self.aws("cloudwatch").describe_alarms(AlarmNames=[f"relight-{name}"])["MetricAlarms"][0]["StateValue"])

    def alarm_fires(self) -> None:
        """The probe finds the app unwell once more, and its alarm turns from OK to ALARM."""
        self.call("probe", {"app": self.app.name})
        name = f"relight-{self.app.name}-unhealthy"
        self.aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a rehearsal")

    def named(self, prefix: str) -> list[str]:
        """Executions whose names begin so, the newest first."""
        found = self.aws("stepfunctions").list_executions(stateMachineArn=self.deployment.state_machine)["executions"]
        return [one["name"] for one in found if one["name"].startswith(prefix)]


def listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
