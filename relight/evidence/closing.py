"""Closing a run's evidence: the list of its receipts, and a signature over it by a key that nobody can copy."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from relight.adapters.keys import Signature
from relight.adapters.s3 import S3, join
from relight.evidence.binding import digest
from relight.evidence.receipts import Link, chain
from relight.model import Artifact, Run, canonical, now

NAME = "chain.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Signer:
    """``sign`` takes 32 bytes of sha256."""

    sign: Callable[[bytes], Signature] = field(repr=False)
    public_key_pem: Callable[[], str]


def close_chain(store: S3, prefix: str, run: Run, signer: Signer) -> Artifact:
    """Writes ``chain.json``: everything that the run left, by digest, signed. Closing again covers what came since."""
    links = chain(store, prefix)
    signed = head(run, links, documents(store, prefix, {link.uri for link in links}))
    signature = signer.sign(bytes.fromhex(digest(canonical(signed))))
    proof = {
        "algorithm": signature.algorithm,
        "value": b64encode(signature.value).decode(),
        "public_key": signer.public_key_pem(),
    }
    data, uri = canonical({"signed": signed, "signature": proof}), join(prefix, NAME)
    store.put(uri, data)
    return Artifact(uri=uri, sha256=digest(data))


def documents(store: S3, prefix: str, receipts: set[str]) -> dict[str, str]:
    """The sha256 of all else below the prefix, by its path: plan, ledgers, checks, report."""
    uris = {info.uri for info in store.list(f"{prefix}/")} - receipts - {join(prefix, NAME)}
    return {uri.removeprefix(f"{prefix}/"): digest(store.get(uri)) for uri in sorted(uris)}


def head(run: Run, links: list[Link], documents: dict[str, str]) -> dict[str, Any]:
    """What the signature covers. ``head`` is the digest of the last receipt."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "app": run.app,
        "closed_at": now(),
        "receipts": [{"name": link.uri.rsplit("/", 1)[-1], "sha256": link.sha256} for link in links],
        "documents": documents,
        "head": links[-1].sha256 if links else None,
    }
