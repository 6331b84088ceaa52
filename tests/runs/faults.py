"""Ways to break a running Relight from outside, as the world would."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from relight.adapters.s3 import S3, join
from relight.backup.metadata import BackupUri


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
    def damaged_backup(self) -> Iterator[str]:
        """A copy of the backup with one bit of its state flipped; its size is what the metadata says."""
        uri = join(self.app.storage, "backups", "damaged")
        with self.signed_in():
            store = S3()
            for found in list(store.list(f"{self.backup_uri}/")):
                name, data = found.uri.rsplit("/", 1)[-1], store.get(found.uri)
                store.put(join(uri, name), self._damage(name, data, uri))
        yield uri
        with self.signed_in():
            for found in list(S3().list(f"{uri}/")):
                S3().delete(found.uri)

    @staticmethod
    def _damage(name: str, data: bytes, uri: str) -> bytes:
        if name == "metadata.json":
            return json.dumps({**json.loads(data), "backup_id": BackupUri.parse(uri).backup_id}).encode()
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if name == "state.tar.zst" else data

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
