"""Messages to people by SNS. Never a token or a credential: a topic's subscribers are not the caller's choice."""

import json
from typing import Any

from relight.adapters.calls import call

LONGEST_SUBJECT = 100  # SNS: printable ASCII on one line


class Notifier:
    """``topic``: its ARN; empty means that this deployment notifies nobody."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def publish(self, subject: str, text: str, chat: dict[str, Any]) -> None:
        """``text`` for mail and all others; ``chat`` for HTTPS, as which Amazon Q Developer subscribes."""
        if not self._topic:
            return
        plain = " ".join(subject.encode("ascii", "replace").decode().split())[:LONGEST_SUBJECT]
        both = json.dumps({"default": text, "https": json.dumps(chat)})
        call("sns", "publish", TopicArn=self._topic, Subject=plain, Message=both, MessageStructure="json")
