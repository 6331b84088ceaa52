"""All that a run leaves for people to read, and what must not be in it."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from relight.adapters.s3 import S3


class Told:
    """Mixed into the stage, which gives ``aws``, ``signed_in``, ``engine``, ``deployment``, ``evidence`` and ``see``."""

    engine: Any
    deployment: Any
    aws: Any
    signed_in: Any
    evidence: Any
    see: Any

    def secrets(self) -> set[str]:
        """Task tokens that the table has now, and the key that the sample app keeps in a Secret."""
        rows = self.aws("dynamodb").scan(TableName=self.deployment.table, ConsistentRead=True)["Items"]
        tasks = [json.loads(row["body"]["S"]) for row in rows if row["sk"]["S"].startswith("task#")]
        tokens = {row["token"]["S"] for row in rows if "token" in row} | {task["token"] for task in tasks}
        return tokens | {self.engine.environment("sample")["AWS_SECRET_ACCESS_KEY"]}

    def said(self, run_id: str) -> str:
        """All that a run leaves for people to read: evidence, every log, the console's answers."""
        with self.signed_in():
            evidence = [S3().get(found.uri) for found in S3().list(f"{self.evidence(run_id)}/")]
        logs = [*self._logs(), self.logged().encode(), self.engine.calls.read_bytes()]
        return b"\n".join([*evidence, *logs, json.dumps(self.see(run_id)).encode()]).decode(errors="replace")

    def logged(self) -> str:
        """All that functions wrote into their logs."""
        groups = self.aws("logs").describe_log_groups()["logGroups"]
        pages = self.aws("logs").get_paginator("filter_log_events").paginate
        return "\n".join(
            event["message"]
            for group in groups
            for page in pages(logGroupName=group["logGroupName"])
            for event in page["events"]
        )

    def _logs(self) -> Iterator[bytes]:
        for folder, _, names in os.walk(self.engine.state):  # a runner's folder may go while it is read
            for log in (Path(folder, name) for name in names if name.endswith(".log")):
                with suppress(FileNotFoundError):
                    yield log.read_bytes()
