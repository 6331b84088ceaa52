"""Our headers are those that the standard library writes."""

import io
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.backup.tarhead import header

NAME = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), min_size=1, max_size=150)


@given(name=NAME, link=NAME, mode=st.integers(0, 0o7777), owner=st.integers(0, 2**32 - 2), size=st.integers(0, 2**40))
@pytest.mark.parametrize("flag", [tarfile.REGTYPE, tarfile.SYMTYPE])
def test_a_header_is_what_tarfile_writes(flag: bytes, name: str, link: str, mode: int, owner: int, size: int) -> None:
    seconds = size % 2**33
    found: Any = SimpleNamespace(st_mode=mode, st_uid=owner, st_gid=owner, st_mtime_ns=seconds * 10**9)
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid, info.size, info.mtime = flag, mode, owner, owner, size, seconds
    info.linkname = link

    ours = header(name, flag, found, size, link)

    theirs = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    assert len(ours) == len(theirs)
    assert parsed(ours) == parsed(theirs)


def parsed(data: bytes) -> dict[str, object]:
    with tarfile.TarFile(fileobj=io.BytesIO(data + bytes(2048))) as archive:
        found = archive.next()
        assert found
        return found.get_info() | {"pax": found.pax_headers}
