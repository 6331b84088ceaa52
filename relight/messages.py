"""Every message to people, in one table: what happened, what it means, what to do next. Pure: nothing is sent from here.

Facts are texts by name. What a person or an application wrote may be among them, so each is kept to one short line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TITLE, DESCRIPTION = 250, 8_000  # characters that Amazon Q Developer takes
LONGEST = 300  # characters of one fact
NOTHING = "-"
WOULD = "would"  # facts of this name and a number: what a promotion would do, for who decides
Facts = Mapping[str, str]


class Kind(StrEnum):
    WANTED = "approval wanted"
    VOTED = "vote recorded"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    BROKEN_GLASS = "break-glass used"
    WELL_AGAIN = "healthy again"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    ASK_AGAIN = "expired, may be asked again"
    FAILED = "failed"
    ENDED = "ended"
    PRODUCTION_WELL = "production is well again"
    PRODUCTION_SICK = "production is not well"
    PRODUCTION_SILENT = "production is silent"
    PRODUCTION_GONE = "production is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """``loud``: who hears of escalations hears it too."""

    title: str
    what: str
    means: str
    do: tuple[str, ...] = ()
    loud: bool = False


DECIDE = ("relight approve {run_id}", "relight reject {run_id} --reason '...'")
LOOK = ("relight status {run_id}",)
HAND_BACK = "when the primary is back: relight failback {run_id}"
AGAIN = "recover from that backup: relight recover --app {app} --backup-uri {backup_uri}"
NEWEST = "Its newest backup, {backup_id}, is {age} old; the RPO is {rpo}. A recovery is never promoted by itself."
FORMS: dict[Kind, Form] = {
    Kind.WANTED: Form(
        title="{app}: approval wanted for {mode} {run_id}",
        what="{app} was restored from backup {backup_id} and validated: {passed} of {checks} checks passed.",
        means="{needed} must approve, none of them {initiator}. Approved, {effect}; undecided, nothing is promoted.",
        do=DECIDE,
    ),
    Kind.VOTED: Form(
        title="{app}: {got} of {needed} approved {run_id}",
        what="{by} approved {mode} {run_id} of {app}: {got} of {needed}.",
        means="It waits for the others. Approved by all, {effect}; one rejection ends it.",
        do=DECIDE,
    ),
    Kind.REMINDER: Form(
        title="{app}: still waiting for a decision on {run_id}",
        what="{app} waits for a decision on {mode} {run_id}: {got} of {needed} approved.",
        means="In {left} it expires, and nothing is promoted.",
        do=DECIDE,
    ),
    Kind.ESCALATION: Form(
        title="{app}: URGENT, {left} left to decide on {run_id}",
        what="Nobody has decided on {mode} {run_id} of {app}: {got} of {needed} approved.",
        means="In {left} it expires, and nothing is promoted. Who was asked first may not be there: please see to it.",
        do=(*DECIDE, "alone, and it cannot wait: relight approve {run_id} --break-glass 'why'"),
        loud=True,
    ),
    Kind.BROKEN_GLASS: Form(
        title="{app}: break-glass used on {run_id}",
        what="{by} approved {mode} {run_id} of {app} alone: {why}",
        means="That {needed} approve, none of them {initiator}, was set aside; the report shows it. Now {effect}.",
        do=(*LOOK, "if it should not have been: relight failback {run_id}"),
        loud=True,
    ),
    Kind.WELL_AGAIN: Form(
        title="{app}: healthy again, and {run_id} waits for a decision",
        what="{app} has been healthy again since {since}: {why}",
        means="The recovered copy still waits for a decision. If the app is to stay where it is, reject it.",
        do=("relight reject {run_id} --reason 'recovered by itself'", DECIDE[0]),
    ),
    Kind.PROMOTED: Form(
        title="{app}: promoted, {run_id} is production now",
        what="{app} is production on the recovered runner, approved by {who}.",
        means="What was written after the backup of {backup_made} is not there. It serves until it is handed back: "
        "its lease of {lease} is renewed while it is heard of.",
        do=(HAND_BACK,),
    ),
    Kind.REJECTED: Form(
        title="{app}: {mode} {run_id} rejected",
        what="{by} rejected {mode} {run_id} of {app}: {why}",
        means="Nothing was promoted, and nothing is left running.",
        do=LOOK,
    ),
    Kind.EXPIRED: Form(
        title="{app}: {mode} {run_id} expired undecided",
        what="Nobody decided on {mode} {run_id} of {app} in time: {got} of {needed} approved.",
        means="Nothing was promoted, and its runner is gone: another run restores again.",
        do=LOOK,
    ),
    Kind.ASK_AGAIN: Form(
        title="{app}: {mode} {run_id} expired, it may be asked again",
        what="Nobody decided on {mode} {run_id} of {app} in time: {got} of {needed} approved.",
        means="Nothing was promoted. What was restored is held for a while: asking again validates it and restores nothing.",
        do=("relight request {run_id}", "not needed any more: relight destroy --app {app} --yes"),
    ),
    Kind.FAILED: Form(
        title="{app}: {mode} {run_id} failed",
        what="{summary}",
        means="See which phase failed, and why; then start another run.",
        do=(*LOOK, "relight evidence fetch {run_id}"),
    ),
    Kind.ENDED: Form(title="{app}: {mode} {outcome}", what="{summary}", means="Nothing is asked of you.", do=LOOK),
    Kind.PRODUCTION_WELL: Form(
        title="{app}: production is well again",
        what="Production of {app} is well again: {why}.",
        means="Nothing is to be done.",
        do=LOOK,
    ),
    Kind.PRODUCTION_SICK: Form(
        title="{app}: production is not well",
        what="Production of {app} is not well: {why}.",
        means=f"It stays production, and its lease is renewed. {NEWEST}",
        do=(*LOOK, HAND_BACK),
    ),
    Kind.PRODUCTION_SILENT: Form(
        title="{app}: production is silent",
        what="Production of {app} is silent: {why}.",
        means=f"Its lease is not renewed: it ends itself at {{ends}}, unless it is heard of before that. {NEWEST}",
        do=(
            *LOOK,
            HAND_BACK,
            "end it: aws ec2 terminate-instances --instance-ids {instance_id}",
            f"once it is gone, {AGAIN}",
        ),
        loud=True,
    ),
    Kind.PRODUCTION_GONE: Form(
        title="{app}: production is gone",
        what="Production of {app} is gone: {why}.",
        means=f"The app has no running production, and the pointers still lead to this runner. {NEWEST}",
        do=(*LOOK, AGAIN, HAND_BACK),
        loud=True,
    ),
}
ROWS = (
    ("run", "{run_id} ({mode}, asked for by {initiator})"),
    ("reason", "{reason}"),
    ("backup", "{backup_id} of {backup_made}"),
    ("runner", "{runner}"),
    ("approved by", "{who}"),
    ("evidence", "{evidence}"),
    ("report", "{report}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """``text``: for mail; ``chat``: Amazon Q Developer's custom notification, for Slack and Teams."""

    subject: str
    text: str
    chat: dict[str, Any]
    loud: bool = False


def render(kind: Kind, facts: Facts) -> Message:
    """``facts``: what the table's placeholders name; ``until`` and ``link`` (to the run's page) where there are any."""
    form, known = FORMS[kind], _Known({name: _line(value) for name, value in facts.items()})
    until = f"Until {known['until']}." if known["until"] not in ("", NOTHING) else ""
    lead = list(filter(None, (form.what.format_map(known), form.means.format_map(known), until)))
    steps = [step.format_map(known) for step in form.do]
    rows = list(_rows(known))
    link = [f"The run's page: {known['link']}"] if known["link"] != NOTHING else []
    told = "\n".join([*lead, "", "What to do:", *(f"  {step}" for step in steps), *link, "", *rows])
    title = form.title.format_map(known)
    chat = _chat(kind, known, title, [*lead, *link, *rows], steps)
    return Message(subject=f"Relight: {title}", text=told + "\n", chat=chat, loud=form.loud)


def _rows(known: "_Known") -> Iterator[str]:
    """What is not known is left out."""
    for label, form in ROWS:
        if not all(known[name] == NOTHING for name in re.findall(r"{(\w+)}", form)):
            yield f"{label:12}{form.format_map(known)}"
    yield from (f"{WOULD:12}{known[name]}" for name in sorted(known) if name.startswith(WOULD))


def _chat(kind: Kind, known: "_Known", title: str, lines: list[str], steps: list[str]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html; one thread a run."""
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": _escaped(title)[:TITLE],
            "description": _escaped("\n".join(lines))[:DESCRIPTION],
            "nextSteps": [_escaped(step) for step in steps],
            "keywords": [_escaped(known["app"]), kind.value],
        },
        "metadata": {"threadId": known["run_id"], "summary": _escaped(title)[:TITLE], "eventType": f"relight {kind}"},
    }


def _escaped(text: str) -> str:
    """Nothing in it calls the whole channel, or is a link that says one thing and leads to another."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(value: str) -> str:
    line = " ".join(value.split()) or NOTHING
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return NOTHING
