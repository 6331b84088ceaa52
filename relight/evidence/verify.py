"""Offline check of a copy of a run's evidence: no AWS, no network, nothing but the files and, if given, the known key."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from relight.adapters.s3 import S3
from relight.errors import EvidenceBroken
from relight.evidence import closing
from relight.evidence.binding import digest
from relight.evidence.receipts import Link, link_up, named
from relight.model import canonical

Files = dict[str, bytes]
PARTS, PROOF = {"signed", "signature"}, {"algorithm", "value", "public_key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem. ``code``: EvidenceBroken's; ``object``: the file; ``fix``: what to do next."""

    code: str = EvidenceBroken.code
    object: str
    problem: str
    fix: str = "compare with the evidence bucket's versions; what does not verify proves nothing"


def verify_copy(source: Path | str, public_key_pem: str | None = None) -> list[Finding]:
    """All problems of a run's evidence in a directory (Path) or below an S3 prefix (str); none means that it verifies.

    ``public_key_pem``: the key it must be signed with. Without it the key in the copy is used, which shows damage but not
    a forger: compare that key with the deployment's. Raises OSError, or what the store raises.
    """
    files = _from_directory(source) if isinstance(source, Path) else _from_store(source)
    if not (links := link_up(files)):
        return [Finding(object=str(source), problem="holds no receipts", fix="name the directory or prefix of one run")]
    return sorted([*_closed(files, public_key_pem), *_receipts(links)], key=lambda one: one.object)


def _from_directory(source: Path) -> Files:
    """Its files; none where no receipt lies in it, so that another directory, however large, is not read."""
    if not any(named(path.name) for path in source.iterdir()):
        return {}
    return {str(path.relative_to(source)): path.read_bytes() for path in sorted(source.rglob("*")) if path.is_file()}


def _from_store(source: str) -> Files:
    """As ``_from_directory``. A bucket is listed as far as its first objects: those of a run begin with its receipts."""
    store, prefix = S3(), f"{source.rstrip('/')}/"
    found = store.list(prefix)
    if not (first := next(iter(found), None)) or not named(first.uri.removeprefix(prefix)):
        return {}
    return {info.uri.removeprefix(prefix): store.get(info.uri) for info in (first, *found)}


def _receipts(links: list[Link]) -> Iterator[Finding]:
    """Each receipt is canonical and names one with a lower number as the one before it."""
    known: dict[int, set[str]] = {}
    for link in links:
        name = link.uri.rsplit("/", 1)[-1]
        try:
            body = link.body()
        except EvidenceBroken:
            yield Finding(object=name, problem="is not JSON")
            continue
        if canonical(body) != link.data:
            yield Finding(object=name, problem="is not canonical JSON: it was edited")
        if body.get("phase") != link.phase:
            yield Finding(object=name, problem=f"says that it is of phase {body.get('phase')}")
        earlier: list[str | None] = [one for number, sums in known.items() if number < link.number for one in sums]
        if body.get("previous_sha256") not in (earlier or [None]):
            yield Finding(object=name, problem="does not follow from the receipt before it")
        known.setdefault(link.number, set()).add(link.sha256)
    if gaps := sorted(set(range(1, links[-1].number + 1)) - set(known)):
        yield Finding(object="receipts", problem=f"missing by number: {', '.join(f'{gap:02d}' for gap in gaps)}")


def _closed(files: Files, trusted: str | None) -> Iterator[Finding]:
    """The closing list names exactly these files, and its signature holds."""
    if closing.NAME not in files:
        yield Finding(object=closing.NAME, problem="is missing: the run's Report did not close its evidence")
        return
    try:
        document = msgspec.json.decode(files[closing.NAME], type=dict[str, Any])
        signed, proof = document["signed"], document["signature"]
        listed = {row["name"]: row["sha256"] for row in signed["receipts"]} | dict(signed["documents"])
        value, key = b64decode(proof["value"], validate=True), str(proof["public_key"])
        edited = canonical(document) != files[closing.NAME] or b64encode(value).decode() != proof["value"]
        edited = edited or (set(document), set(proof)) != (PARTS, PROOF)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        yield Finding(object=closing.NAME, problem=f"is not a closing list ({type(error).__name__}: {error})")
        return
    if edited:
        yield Finding(object=closing.NAME, problem="is not as it was written: it was edited")
    yield from _listed(listed, {name: digest(data) for name, data in files.items() if name != closing.NAME})
    if trusted is not None and trusted.split() != key.split():
        yield Finding(object=closing.NAME, problem="is signed with another key than the one given")
    if not _signature_holds(trusted or key, str(proof.get("algorithm")), value, bytes.fromhex(digest(canonical(signed)))):
        yield Finding(object=closing.NAME, problem="its signature does not verify")


def _listed(listed: dict[str, str], here: dict[str, str]) -> Iterator[Finding]:
    for name, sha256 in listed.items():
        if name not in here:
            yield Finding(object=name, problem="is listed but missing")
        elif here[name] != sha256:
            yield Finding(object=name, problem="is not what was signed: its sha256 differs")
    for name in sorted(set(here) - set(listed)):
        yield Finding(object=name, problem="is not on the signed list: it was added, or written after the run was closed")


def _signature_holds(pem: str, algorithm: str, value: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
        if key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().split() != pem.split():
            return False
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ECDSA_SHA_256":
            key.verify(value, data, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm == "RSASSA_PSS_SHA_256":
            key.verify(value, data, padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH), SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
