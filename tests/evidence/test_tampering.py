"""Whatever is done to a copy of a run's evidence is found: any bit, any file, any order."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relight.evidence.verify import verify_copy
from tests.evidence.test_evidence import PEM, clients, copy, store

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
