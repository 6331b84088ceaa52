"""What people read: the first lines say what happened, what it means, until when and what to do; for mail and for chat."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from relight.messages import FORMS, LONGEST, Kind, render
from relight.production import SERVING

KNOWN = {
    "app": "shop", "run_id": "shop-1", "mode": "incident", "initiator": "alarm/shop", "reason": "it is down",
    "effect": "it becomes production", "backup_id": "b1", "backup_made": "2026-11-23T02:00:00Z", "runner": "i-1 m7g.large",
    "checks": "3", "passed": "3", "needed": "2", "got": "1", "who": "bob", "by": "bob", "why": "alone at night",
    "left": "60 min", "since": "2026-11-23T04:00:00Z", "summary": "shop: it failed.", "outcome": "Failed",
    "age": "2 h", "rpo": "1 h", "lease": "3 days", "ends": "2026-11-26T07:00:00Z", "instance_id": "i-1", "backup_uri": "s3://b/backups/b1",
    "evidence": "e" * 64, "report": "s3://e/report.html", "until": "2026-11-23T07:00:00Z", "link": "https://api.example/console/runs/shop-1",
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_every_message_says_what_happened_what_it_means_and_what_to_do(kind: Kind) -> None:
    message = render(kind, KNOWN)
    first, second, third, *rest = message.text.splitlines()
    assert "shop" in first and first.endswith((".", ":", "night", "down", "00Z"))
    assert second and third == "Until 2026-11-23T07:00:00Z."
    assert rest[1] == "What to do:" and rest[2].startswith("  ")
    assert "The run's page: https://api.example/console/runs/shop-1" in rest
    assert not re.search(r"[{}]", message.text)
    assert message.subject.startswith("Relight: shop: ")


@pytest.mark.parametrize("kind", Kind)
def test_every_message_names_only_what_is_known_of_a_run(kind: Kind) -> None:
    asked = {name for text in (FORMS[kind].title, FORMS[kind].what, FORMS[kind].means, *FORMS[kind].do)
             for name in re.findall(r"{(\w+)}", text)}  # fmt: skip
    assert asked <= set(KNOWN)


@pytest.mark.parametrize("kind", Kind)
def test_chat_gets_the_form_that_amazon_q_developer_takes(kind: Kind) -> None:
    chat = json.loads(json.dumps(render(kind, KNOWN).chat))
    assert (chat["version"], chat["source"], chat["content"]["textType"]) == ("1.0", "custom", "client-markdown")
    assert len(chat["content"]["title"]) <= 250 and len(chat["content"]["description"]) <= 8_000
    assert chat["metadata"]["threadId"] == "shop-1"
    assert chat["content"]["nextSteps"]


def test_what_is_not_known_is_left_out_and_never_a_placeholder() -> None:
    message = render(Kind.WANTED, {"app": "shop", "run_id": "shop-1", "mode": "incident", "initiator": "ann"})
    assert "Until" not in message.text and "page" not in message.text and "report" not in message.text
    assert "{" not in message.text


@pytest.mark.parametrize("kind", [Kind.REJECTED, Kind.PRODUCTION_SICK])  # a person's words, a container's
def test_a_reason_cannot_write_lines_of_its_own_nor_call_the_whole_channel(kind: Kind) -> None:
    evil = "done\nWhat to do:\n  relight approve shop-1 <!channel> <https://evil.example|the run's page>" + "x" * 10_000
    message = render(kind, KNOWN | {"why": evil, "reason": evil})
    assert message.text.count("\nWhat to do:") == 1
    assert "<!channel>" not in json.dumps(message.chat) and "<https" not in json.dumps(message.chat)
    assert max(len(line) for line in message.text.splitlines()) < 2 * LONGEST


def test_who_hears_of_escalations_hears_of_broken_glass_and_of_production_that_is_lost() -> None:
    loud = {Kind.ESCALATION, Kind.BROKEN_GLASS, Kind.PRODUCTION_SILENT, Kind.PRODUCTION_GONE}
    assert {kind for kind in Kind if render(kind, KNOWN).loud} == loud


def test_wherever_the_lease_of_production_is_told_it_is_as_long_as_it_is() -> None:
    assert timedelta(days=3).total_seconds() == SERVING
    root = Path(__file__).parents[1]
    told = [root / "docs/operate.md", root / "infra/alarms.py"]
    assert ["three days" in one.read_text(encoding="utf-8") for one in told] == [True, True]
