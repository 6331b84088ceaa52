"""What Plan reads is what Plan chose."""

from dataclasses import replace
from typing import Any

import pytest

from lambdas.plan import bundle
from lambdas.plan.handler import handler as plan
from relight.backup.catalog import Selection, select
from relight.errors import DigestMismatch
from tests.handlers.conftest import World, backup, run
from tests.handlers.test_plan_and_launch import call


def test_a_backup_that_changes_between_choice_and_planning_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    where = backup(world)

    def overtaken(*given: Any, **options: Any) -> Selection:
        chosen = select(*given, **options)
        world.store.put(f"{where}/metadata.json", world.store.get(f"{where}/metadata.json") + b" ")
        return replace(chosen)

    monkeypatch.setattr(bundle, "select", overtaken)
    with pytest.raises(DigestMismatch, match="the plan was made for"):
        call(plan, run())
    assert world.receipts()[0]["error"]["type"] == "DigestMismatch"
