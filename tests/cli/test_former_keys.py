"""``relight doctor`` says which backups go with a former key before somebody disables it."""

from relight.backup.recipients import needed
from relight.cli.doctor import needs
from relight.config import Encryption

OLD, NEW = (f"arn:aws:kms:eu-central-1:111122223333:key/{digit * 8}" for digit in "12")
USED = {"b1": (OLD,), "b2": (OLD, NEW), "b3": (NEW,)}


def said(about: Encryption) -> list[tuple[str, str]]:
    return [(found.state, found.detail) for found in needs("keys of shop", about, needed(USED, about.kms_keys))]


def test_a_backup_that_only_a_former_key_opens_is_named() -> None:
    assert said(Encryption(kms_keys=(NEW,), former_kms_keys=(OLD,))) == [
        ("ok", f"the former {OLD} is needed by 1 backup: b1")
    ]


def test_a_needed_key_that_is_in_no_list_fails() -> None:
    assert [state for state, _ in said(Encryption(kms_keys=(NEW,)))] == ["failed"]


def test_nothing_is_asked_while_the_old_key_still_seals() -> None:
    assert said(Encryption(kms_keys=(NEW, OLD))) == [("ok", "no backup needs a former KMS key")]
