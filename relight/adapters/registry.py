"""Whether an image is where its reference says: Amazon ECR by its API, a public registry without a sign-in."""

import json
import re
from dataclasses import dataclass
from typing import Any

from relight.adapters.aws import client
from relight.adapters.calls import Refused, call
from relight.adapters.public_registry import Registry, place

ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>[^@:]+)@(?P<digest>sha256:\w+)"
)
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
SINGLE = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``there``: None where it cannot be asked. ``architectures``: None where the manifest does not say."""

    there: bool | None
    why: str
    architectures: frozenset[str] | None = None


def look(ref: str, registries: tuple[str, ...] = ()) -> Found:
    """``registries``: the public ones that may be asked. Raises a RelightError where the image's cannot be asked now."""
    found = ECR.fullmatch(ref)
    return _public(ref, registries) if found is None else _ecr(found)


def _public(ref: str, registries: tuple[str, ...]) -> Found:
    where = place(ref)
    if where is None:
        return Found(there=None, why="no registry is asked for it: it names none by a public name, or no digest")
    if where.registry not in registries:
        return Found(there=None, why=f"{where.registry} is not among the registries that relight.toml lets be asked")
    manifest = Registry().manifest(where, (*INDEXES, *SINGLE))
    if manifest is None:
        return Found(there=False, why=f"registry {where.host} does not have its digest")
    return _manifest(manifest)


def _ecr(found: re.Match[str]) -> Found:
    if found["region"] != client("ecr").meta.region_name:
        return Found(there=None, why=f"its registry is in {found['region']}, another region than this one")
    image = {"imageDigest": found["digest"]}
    asked: dict[str, Any] = {"registryId": found["account"], "repositoryName": found["name"], "imageIds": [image]}
    try:
        media = [*INDEXES, *SINGLE]
        answer = call("ecr", "batch_get_image", {"RepositoryNotFoundException"}, **asked, acceptedMediaTypes=media)
    except Refused:
        return Found(there=False, why=f"repository {found['name']} is gone")
    if not answer["images"]:
        return Found(there=False, why=f"its digest is not in repository {found['name']}")
    return _manifest(answer["images"][0].get("imageManifest", "{}"))


def _manifest(text: str | bytes) -> Found:
    """What it says of itself; one that says nothing that makes sense is there all the same."""
    try:
        platforms = [row.get("platform") or {} for row in json.loads(text)["manifests"]]
        named = frozenset(str(one.get("architecture", "")) for one in platforms) - {"", "unknown"}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return Found(there=True, why="it is there; its manifest does not name its architecture")
    return Found(there=True, why="it is there", architectures=named or None)
