"""Whether an image is where its reference says, as far as AWS can be asked: Amazon ECR in this account's region."""

import json
import re
from dataclasses import dataclass
from typing import Any

from relight.adapters.aws import client
from relight.adapters.calls import Refused, call

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


def look(ref: str) -> Found:
    """Raises a RelightError where ECR cannot be asked now."""
    found = ECR.fullmatch(ref)
    if found is None:
        registry = ref.partition("/")[0] if "." in ref.partition("/")[0] else "docker.io"
        return Found(there=None, why=f"registry {registry} is not asked: only Amazon ECR is, for a reference by digest")
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


def _manifest(text: str) -> Found:
    rows = json.loads(text).get("manifests")
    if rows is None:
        return Found(there=True, why="it is there; its manifest does not name its architecture")
    named = frozenset(str((row.get("platform") or {}).get("architecture", "")) for row in rows) - {"", "unknown"}
    return Found(there=True, why="it is there", architectures=named)
