"""What people are told: a subscriber of one of the engine's topics."""

import json

from tests.runs.stage import Stage


class Inbox:
    """``hears``: notices, as everybody does, or escalation, as who is called when nobody decides."""

    def __init__(self, stage: Stage, hears: str = "notices") -> None:
        self._sqs, self._sns = stage.aws("sqs"), stage.aws("sns")
        self._queue = self._sqs.create_queue(QueueName=f"inbox-{hears}")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        (topic,) = [one["TopicArn"] for one in self._sns.list_topics()["Topics"] if one["TopicArn"].endswith(f"-{hears}")]
        sns = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [sns]})
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        self._subscription = self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        self.seen: list[str] = []

    def subjects(self) -> list[str]:
        """Of all messages so far, in no certain order."""
        while found := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=one["ReceiptHandle"])
                body = json.loads(one["Body"])
                self.seen.append(f"{body['Subject']}\n{body['Message']}")
        return [one.splitlines()[0].removeprefix("Relight: sample: ") for one in self.seen]

    def close(self) -> None:
        self._sns.unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self._queue)
