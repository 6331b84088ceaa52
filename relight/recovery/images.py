"""Image references by digest: from the manifest itself, from the backup's record, or from the run's own request."""

import re
from dataclasses import dataclass, field

from relight.errors import ImageNotPinned, RequestInvalid
from relight.recovery.cluster import Object, Objects
from relight.recovery.objects import containers, identity, pod_spec

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
HINT = "name it as repository@sha256:…, or mark the app development = true in relight.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container ran when the backup was made. ``workload`` is ``Kind/name``; ``ref`` is best with its digest."""

    workload: str
    container: str
    ref: str


def pinned(ref: str) -> bool:
    return DIGEST.search(ref) is not None


def repository(ref: str) -> str:
    """The reference without tag and digest."""
    bare = DIGEST.sub("", ref)
    head, colon, tag = bare.rpartition(":")
    return head if colon and "/" not in tag else bare


def by_digest(ref: str) -> str:
    """``repository@sha256:…``; a tag beside a digest says nothing more and is dropped."""
    found = DIGEST.search(ref)
    return repository(ref) + found.group() if found else ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Decides each container's image. ``replaced``: the repositories that ``override`` takes the place of."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    override: str | None = None
    replaced: frozenset[str] = frozenset()
    development: bool = False

    @classmethod
    def of(cls, recorded: tuple[Image, ...], objects: Objects, override: str | None, development: bool) -> "Images":
        """Raises ImageNotPinned for an override by tag, RequestInvalid for one that no container could mean."""
        if override and not pinned(override) and not development:
            raise ImageNotPinned(f"image {override!r}", "is a tag, and a tag can move", HINT)
        refs = [by_digest(image.ref) for image in recorded]
        return cls(
            known={(image.workload.lower(), image.container): ref for image, ref in zip(recorded, refs, strict=True)},
            same={DIGEST.sub("", image.ref): ref for image, ref in zip(recorded, refs, strict=True) if pinned(ref)},
            override=by_digest(override) if override else None,
            replaced=_replaced(override, _repositories(objects)) if override else frozenset(),
            development=development,
        )

    def resolve(self, obj: Object, container: str, image: str) -> str:
        """The image by digest, or by tag where the app allows it. Raises ImageNotPinned."""
        if self.override and repository(image) in self.replaced:
            return self.override
        if pinned(image):
            return by_digest(image)
        who = identity(obj)
        recorded = self.known.get((f"{who.kind}/{who.name}".lower(), container)) or self.known.get(
            (who.name.lower(), container)
        )
        for known in (recorded, self.same.get(image)):
            if known and pinned(known) and f"/{repository(known)}".endswith(f"/{repository(image)}"):
                return known
        if self.development:
            return image
        raise ImageNotPinned(f"image {image!r} of container {container}", "has no digest in the backup", HINT)


def _repositories(objects: Objects) -> frozenset[str]:
    specs = [spec for obj in objects if (spec := pod_spec(obj))]
    return frozenset(repository(str(item.get("image", ""))) for spec in specs for item in containers(spec))


def _replaced(override: str, present: frozenset[str]) -> frozenset[str]:
    """The same repository; else the same last name (a mirror of it); else the only one that there is."""
    wanted = repository(override)
    mirrors = frozenset(name for name in present if name.rsplit("/", 1)[-1] == wanted.rsplit("/", 1)[-1])
    only = present if len(present) == 1 else frozenset()
    if chosen := frozenset({wanted}) & present or mirrors or only:
        return chosen
    raise RequestInvalid(
        f"image {override!r}", "replaces no image of the app", f"name one of {', '.join(sorted(present)) or 'none'}"
    )
