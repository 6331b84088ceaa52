"""What a drill says about the keys: only the one that opened the backup is proven."""

from types import SimpleNamespace as Some
from typing import Any

from lambdas.plan.custody import custody

ROWS = [{"kind": kind, "key": kind, "wrapped": "eA=="} for kind in ("kms", "x25519")]


def said(sealed: bool, encryption: Any) -> list[str]:
    about = {"recipients": ROWS} if sealed else None
    seal = Some(opened_by="kms kms") if sealed else None
    backup: Any = Some(seal=seal, metadata=Some(encryption=about), place=Some(backup_id="b"))
    app: Any = Some(encryption=encryption)
    return [row["verdict"] for row in custody(app, backup)]


def test_only_the_key_that_opened_it_is_passed() -> None:
    assert said(True, object()) == ["PASSED", "COULD_NOT_VERIFY"]


def test_an_open_backup_of_an_app_that_seals_is_said() -> None:
    assert said(False, object()) == ["FAILED"]
    assert said(False, None) == []
