"""What tells the catalog of backups: S3's event for each that is committed, a schedule for what no event told of."""

from aws_cdk import aws_events as events

from relight.config import App

ROUND = "rate(1 hour)"


def committed(app: App) -> events.EventPattern:
    """The app's bucket must send its events to EventBridge; docs/deploy.md says how. Without, the schedule finds them."""
    bucket, _, prefix = app.storage.removeprefix("s3://").partition("/")
    key = "/".join(part for part in (prefix.strip("/"), "backups/*/metadata.json") if part)
    named = {"bucket": {"name": [bucket]}, "object": {"key": [{"wildcard": key}]}}
    return events.EventPattern(source=["aws.s3"], detail_type=["Object Created"], detail=named)
