"""What a drill says about the keys: only the one that opened the backup is proven."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace as Some
from typing import Any

from lambdas.plan.custody import Proofs, Row, custody
from relight.backup.proofs import KeyProof
from relight.errors import AccessDenied
from relight.model import timestamp

ROWS = [{"kind": kind, "key": kind, "wrapped": "eA=="} for kind in ("kms", "x25519")]


def rows(sealed: bool, encryption: Any, proofs: Proofs = lambda _: None) -> list[Row]:
    about = {"recipients": ROWS} if sealed else None
    seal = Some(opened_by="kms kms") if sealed else None
    backup: Any = Some(seal=seal, metadata=Some(encryption=about), place=Some(backup_id="b"))
    app: Any = Some(encryption=encryption)
    return list(custody(app, backup, proofs))


def said(sealed: bool, encryption: Any, proofs: Proofs = lambda _: None) -> list[str]:
    return [row["verdict"] for row in rows(sealed, encryption, proofs)]


def test_only_the_key_that_opened_it_is_passed() -> None:
    assert said(True, object()) == ["PASSED", "COULD_NOT_VERIFY"]


def test_an_open_backup_of_an_app_that_seals_is_said() -> None:
    assert said(False, object()) == ["FAILED"]
    assert said(False, None) == []


def proven(days: int) -> Proofs:
    at = timestamp(datetime.now(UTC) - timedelta(days=days))
    return lambda name: KeyProof(app="a", recipient=name, backup_id="b0", metadata_sha256="0" * 64, at=at, by="ada")


def test_the_key_in_the_safe_is_green_for_a_year_after_a_person_proved_it() -> None:
    assert said(True, object(), proven(days=364)) == ["PASSED", "PASSED"]
    assert said(True, object(), proven(days=366)) == ["PASSED", "COULD_NOT_VERIFY"]
    assert "last proven by ada on " in rows(True, object(), proven(days=1))[1]["detail"]


def test_that_proofs_cannot_be_read_stops_no_recovery_and_is_never_green() -> None:
    def denied(_: str) -> KeyProof:
        raise AccessDenied("s3:GetObject")

    assert said(True, object(), denied) == ["PASSED", "COULD_NOT_VERIFY"]
