"""The tree on paper, on disk: it says what the one in memory said, of any name, and never holds an archive in memory."""

import sqlite3
from errno import ENOSPC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.backup.papertree import Leaf, Leaves
from relight.backup.tarball import Kind

NAMES = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates, too: names that are not UTF-8


@given(st.dictionaries(NAMES, NAMES), st.sets(NAMES))
def test_what_was_put_down_is_found_under_its_name_alone(targets: dict[str, str], listed: set[str]) -> None:
    leaves = Leaves()
    for path, target in targets.items():
        leaves.put(path, Leaf(Kind.DIRECTORY))
        leaves.put(path, Leaf(Kind.SYMLINK, target=target))
    for path in listed:
        leaves.mark_listed(path)
        assert (leaves.get(path) is None) == (path not in targets)
    assert {path: leaves.get(path) for path in targets} == {
        path: Leaf(Kind.SYMLINK, target=target) for path, target in targets.items()
    }
    assert set(leaves.unlisted(Kind.SYMLINK)) == targets.keys() - listed and not list(leaves.unlisted(Kind.DIRECTORY))


def test_a_disk_without_room_is_said_as_one() -> None:
    leaves = Leaves()
    leaves._table.execute("PRAGMA max_page_count = 10")
    with pytest.raises(OSError, match="no room to check the archive") as caught:
        for number in range(10_000):
            leaves.put(f"volumes/shop/ledger/{number}", Leaf(Kind.FILE, b"x" * 32))
    assert caught.value.errno == ENOSPC and isinstance(caught.value.__cause__, sqlite3.OperationalError)
