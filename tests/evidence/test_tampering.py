"""Whatever is done to a copy of a run's evidence is found: any bit, any file, any order."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relight.adapters.s3 import S3
from relight.evidence.closing import close_chain
from relight.evidence.verify import verify_copy
from relight.model import canonical
from tests.evidence.test_evidence import PEM, PREFIX, RUN, clients, copy, problems, signer, store

pytestmark = pytest.mark.slow

__all__ = ["clients", "copy", "store"]
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def names(copy: Path) -> list[str]:
    return sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())


@contextmanager
def put_back(copy: Path) -> Iterator[None]:
    before = {name: (copy / name).read_bytes() for name in names(copy)}
    try:
        yield
    finally:
        for name in set(names(copy)) - set(before):
            (copy / name).unlink()
        for name, data in before.items():
            (copy / name).write_bytes(data)


def found(copy: Path) -> bool:
    return bool(verify_copy(copy)) and bool(verify_copy(copy, PEM))


def edit(copy: Path, name: str, change: Any) -> None:
    body = json.loads((copy / name).read_bytes())
    change(body)
    (copy / name).write_bytes(canonical(body))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            lambda c: edit(c, "02-plan.json", lambda b: b.update(error=None, outputs={})),
            "02-plan.json: is not what was signed",
        ),
        (lambda c: edit(c, "02-plan.json", lambda b: b.update(outputs={})), "03-teardown.json: does not follow"),
        (lambda c: (c / "02-plan.json").unlink(), "02-plan.json: is listed but missing"),
        (lambda c: (c / "04-report.json").unlink(), "04-report.json: is listed but missing"),
        (lambda c: (c / "05-promote.json").write_bytes(b"{}"), "05-promote.json: is not on the signed list"),
        (lambda c: (c / "02-plan.json").write_bytes(b"{"), "02-plan.json: is not JSON"),
        (lambda c: (c / "report.json").write_bytes(b"{ }"), "report.json: is not what was signed"),
        (lambda c: (c / "artifacts/ledger.jsonl").write_bytes(b""), "artifacts/ledger.jsonl: is not what was signed"),
        (lambda c: (c / "artifacts/ledger.jsonl").unlink(), "artifacts/ledger.jsonl: is listed but missing"),
        (lambda c: (c / "artifacts/more.json").write_bytes(b""), "artifacts/more.json: is not on the signed list"),
        (lambda c: edit(c, "chain.json", lambda b: b.update(note="trust me")), "chain.json: is not as it was written"),
        (lambda c: (c / "chain.json").unlink(), "chain.json: is missing"),
        (lambda c: (c / "chain.json").write_bytes(b"[]"), "chain.json: is not a closing list"),
        (lambda c: edit(c, "chain.json", lambda b: b["signed"].update(app="other")), "signature does not verify"),
        (lambda c: edit(c, "chain.json", lambda b: b["signature"].update(algorithm="none")), "signature does not verify"),
        (
            lambda c: edit(c, "chain.json", lambda b: b["signature"].update(public_key="nonsense")),
            "signature does not verify",
        ),
        (lambda c: [f.unlink() for f in c.rglob("*") if f.is_file()], "holds no receipts"),
    ],
)
def test_each_way_to_tamper_is_found_and_named(copy: Path, damage: Any, named: str) -> None:
    damage(copy)
    assert named in problems(copy)


def test_what_is_no_copy_of_a_run_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names the wrong directory or the whole bucket is told so, and not after all of it went through memory."""
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    monkeypatch.setattr(S3, "get", lambda store, uri: pytest.fail(f"{uri} was read"))
    for source in (copy.parent, PREFIX.rpartition("/")[0]):
        (finding,) = verify_copy(source)
        assert finding.problem == "holds no receipts"


def test_a_forger_with_a_key_of_their_own_is_found_by_the_known_key(store: S3, copy: Path) -> None:
    close_chain(store, PREFIX, RUN, signer(ec.generate_private_key(ec.SECP256R1())))
    (copy / "chain.json").write_bytes(store.get(f"{PREFIX}/chain.json"))
    assert "another key" in problems(copy, PEM)


@MANY
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found(copy: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names(copy)))
    with put_back(copy):
        there = bytearray((copy / name).read_bytes())
        there[data.draw(st.integers(0, len(there) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        (copy / name).write_bytes(bytes(there))
        assert found(copy)


@pytest.mark.parametrize("bit", [1, 2, 4])
def test_a_flipped_bit_in_the_proof_itself_is_found(copy: Path, bit: int) -> None:
    """Base64 has spare bits, and a key many spellings: a signature may verify although it is not as it was written."""
    whole = (copy / "chain.json").read_bytes()
    for at in range(whole.index(b'"signature"'), len(whole)):
        (copy / "chain.json").write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        assert found(copy), whole[at - 20 : at + 20]


@MANY
@given(data=st.data())
def test_cut_swapped_renamed_added_or_lost_files_are_found(copy: Path, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(names(copy)))[:2]
    first, second = (copy / one).read_bytes(), (copy / other).read_bytes()
    cut = data.draw(st.integers(0, len(first) - 1))
    how = data.draw(st.sampled_from(["lose", "swap", "rename", "add", "cut", "double"]))
    with put_back(copy):
        if how in ("lose", "rename"):
            (copy / one).unlink()
        if how in ("rename", "add", "double"):
            (copy / ("09-promote.json" if how == "add" else f"{one}.old")).write_bytes(first)
        if how == "swap":
            (copy / one).write_bytes(second)
            (copy / other).write_bytes(first)
        if how == "cut":
            (copy / one).write_bytes(first[:cut])
        assert found(copy), how
