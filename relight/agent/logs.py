"""Structured logs of the agent: JSON lines on standard output, which systemd keeps in the journal."""

from aws_lambda_powertools import Logger

log = Logger(service="agent", level="INFO", serialize_stacktrace=False)
