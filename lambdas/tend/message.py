"""What people hear of a promoted runner: how it is, how long it lives, and what they can do."""

from dataclasses import dataclass
from typing import Any

from lambdas.tend.judge import State
from relight.adapters.table import Lease
from relight.model import Taken, Vitals
from relight.times import epoch, from_epoch
from relight.words import duration

MEANS = {
    State.WELL: "is well again",
    State.SICK: "is not well",
    State.SILENT: "is silent",
    State.GONE: "is gone",
}
HAPPENS = {
    State.WELL: "Nothing is to be done.",
    State.SICK: "It stays production and its lease is renewed.",
    State.SILENT: "Its lease is not renewed: it ends itself at {until}, unless it is heard of before that.",
    State.GONE: "The app has no running production, and the pointers still lead to this runner.",
}
LOOK = "look at it                 relight status {run}"
BACK = "the primary is repaired    relight failback {run}"
AGAIN = "recover from that backup   relight recover --app {app} --backup-uri {uri}"
END = "end it first               aws ec2 terminate-instances --instance-ids {runner}"
OFFERS = {
    State.WELL: (LOOK,),
    State.SICK: (LOOK, BACK),
    State.SILENT: (LOOK, BACK, END, AGAIN),
    State.GONE: (LOOK, AGAIN, BACK),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    state: State
    said: str
    lease: Lease
    vitals: Vitals | None
    rpo: int
    at: int

    def subject(self) -> str:
        return f"Relight: production of {self.lease.app} {MEANS[self.state]}"

    def text(self) -> str:
        lease, newest = self.lease, self._newest()
        runner = lease.runner.instance_id if lease.runner else "unknown"
        facts = {"run": lease.run_id, "app": lease.app, "uri": newest.uri, "runner": runner}
        age = duration(max(0, self.at - epoch(newest.created_at)))
        lines = [
            f"Production of {lease.app} {MEANS[self.state]}: {self.said}.",
            HAPPENS[self.state].format(until=from_epoch(lease.expires_at)),
            "",
            f"run            {lease.run_id}",
            f"runner         {runner}",
            f"newest backup  {newest.backup_id} of {newest.created_at}, {age} old; the RPO is {duration(self.rpo)}",
            "",
            *(offer.format(**facts) for offer in OFFERS[self.state]),
            "",
            "A recovery asks for an approval, as ever: nothing is promoted by itself.",
        ]
        return "\n".join(lines)

    def chat(self) -> dict[str, Any]:
        """Amazon Q Developer's custom notification, for Slack and Teams; one thread a run."""
        content = {"textType": "client-markdown", "title": self.subject(), "description": f"```\n{self.text()}\n```"}
        return {"version": "1.0", "source": "custom", "content": content, "metadata": {"threadId": self.lease.run_id}}

    def _newest(self) -> Taken:
        """The runner's own last backup, or else the one that it was restored from."""
        if self.vitals and self.vitals.taken:
            return self.vitals.taken
        plan = self.lease.plan
        if plan is None:
            return Taken(backup_id="unknown", uri="latest_valid", created_at=from_epoch(self.at))
        return Taken(backup_id=plan.backup_id, uri=plan.backup_uri, created_at=plan.created_at)
