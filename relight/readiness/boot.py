"""What a runner fetches as it boots, read from its own boot script: the launch template is what a run goes by."""

import re
from collections.abc import Callable
from hashlib import sha256

from relight.adapters.s3 import S3
from relight.readiness.facts import Pinned

ARTIFACT = re.compile(
    r"(?P<name>\w+)_BUCKET='(?P<bucket>[^']+)' (?P=name)_KEY='(?P<key>[^']+)' (?P=name)_SHA256='(?P<sha256>\w+)'"
)
PIECE = 16 * 2**20


def artifacts(user_data: str, digest: Callable[[str], str | None]) -> tuple[Pinned, ...]:
    """``digest``: of an object by its URI, or None."""
    places = [(one, f"s3://{one['bucket']}/{one['key']}") for one in ARTIFACT.finditer(user_data)]
    return tuple(Pinned(name=one["name"].lower(), uri=uri, sha256=one["sha256"], found=digest(uri)) for one, uri in places)


def digest(store: S3, uri: str) -> str | None:
    """The object's sha256, in bounded memory. Raises what S3 raises."""
    info = store.head(uri)
    if info is None:
        return None
    made = sha256()
    for start in range(0, info.size, PIECE):
        made.update(store.get_range(uri, start, min(PIECE, info.size - start), info.etag))
    return made.hexdigest()
