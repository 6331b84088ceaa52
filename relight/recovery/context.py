"""What the transforms of one restore need to know, gathered once from the recipe."""

import re

import msgspec

from relight.config import App, Quarantine, Validator
from relight.errors import MetadataMalformed
from relight.model import RunRequest
from relight.records import replace
from relight.recovery.cluster import Object, Objects
from relight.recovery.images import Image, Images
from relight.recovery.objects import CLUSTER_SCOPED, flatten, identity, malformed
from relight.recovery.platforms import recorded
from relight.recovery.unresolved import Unresolved, unresolved
from relight.recovery.volumes import Volume

OF_A_JOB = ("job", "output")


class ArtifactFacts(msgspec.Struct, frozen=True, kw_only=True):
    bytes: int
    sha256: str


class BackupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan uses of a backup's metadata.json. ``volumes`` is None in the older form, which does not list them.

    ``left_out``, ``unresolved``: what the writer says that the backup lacks; ``platforms``: where each image was seen
    running, by its reference (docs/contract.md).
    """

    uri: str
    metadata_sha256: str
    backup_id: str
    created_at: str
    namespace: str = ""
    artifacts: dict[str, ArtifactFacts] = msgspec.field(default_factory=dict)
    images: tuple[Image, ...] = ()
    volumes: tuple[Volume, ...] | None = None
    left_out: tuple[str, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    platforms: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, uri: str, metadata_sha256: str, document: Object) -> "BackupFacts":
        """From metadata.json as plain JSON types (``model.encode`` of the reader's Metadata). Raises MetadataMalformed."""
        older = {"volumes": None} if document.get("schema_version", 0) == 0 else {}
        beside = {**document, **(document.get("extra") or {})}
        told = {"unresolved": unresolved(beside.get("unresolved")), "platforms": recorded(beside.get("platforms"))}
        left_out = beside.get("left_out")
        told |= {"left_out": tuple(map(str, left_out)) if isinstance(left_out, list) else ()}
        given = {**document, **older, **told, "uri": uri, "metadata_sha256": metadata_sha256}
        try:
            return msgspec.convert(given, cls)
        except msgspec.ValidationError as error:
            raise MetadataMalformed(f"{uri}/metadata.json: {error}; choose another backup") from None


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what is restored: equal recipes give equal objects, on any host at any time."""

    app: App
    backup: BackupFacts
    manifests: Objects
    namespace: str | None = None
    image_ref: str | None = None
    run_job: bool = True

    @classmethod
    def of(cls, app: App, run: RunRequest, backup: BackupFacts, manifests: Objects) -> "Recipe":
        return cls(
            app=replace(app, existing=run.existing) if run.existing else app,
            backup=backup,
            manifests=manifests,
            namespace=run.namespace,
            image_ref=run.image_ref,
            run_job=run.run_job,
        )

    @property
    def source(self) -> str:
        """The namespace that was backed up; the older form of metadata.json need not name it."""
        return self.backup.namespace or self.app.namespace

    @property
    def target(self) -> str:
        """The namespace restored into."""
        return self.namespace or self.source

    @property
    def validators(self) -> tuple[Validator, ...]:
        """The app's validators; without those of its job and the job's output when the request says so."""
        return tuple(validator for validator in self.app.validators if self.run_job or validator.kind not in OF_A_JOB)


class TransformContext(msgspec.Struct, frozen=True, kw_only=True):
    """``owners``: kind and name of every object in the backup. ``volumes``: claims with data; None when not recorded.
    ``service_names``: finds the DNS names of the backup's own Services."""

    source: str
    target: str
    quarantine: Quarantine
    images: Images
    owners: frozenset[tuple[str, str]]
    cluster_kinds: frozenset[str]
    volumes: frozenset[str] | None
    service_names: re.Pattern[str] | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> "TransformContext":
        objects = [obj for obj in flatten(recipe.manifests) if malformed(obj) is None]
        volumes = recipe.backup.volumes
        return cls(
            source=recipe.source,
            target=recipe.target,
            quarantine=recipe.app.quarantine,
            images=Images.of(recipe.backup.images, objects, recipe.image_ref, recipe.app.development),
            owners=frozenset((who.kind, who.name) for who in map(identity, objects)),
            cluster_kinds=CLUSTER_SCOPED | {kind for obj in objects if (kind := _cluster_kind(obj))},
            volumes=None if volumes is None else frozenset(v.claim for v in volumes if v.namespace == recipe.source),
            service_names=service_names(
                frozenset(who.name for who in map(identity, objects) if who.kind == "Service"), recipe.source
            ),
        )

    def cluster_scoped(self, obj: Object) -> bool:
        return obj["kind"] in self.cluster_kinds


def service_names(services: frozenset[str], namespace: str) -> re.Pattern[str] | None:
    """Matches ``service.namespace``, with or without ``.svc`` and ``.svc.cluster.local``, where a host's name stands."""
    if not services:
        return None
    names = "|".join(re.escape(name) for name in sorted(services))
    before, after = r"(?:^|(?<=//)|(?<=[@,;=\s]))", r"(?![\w.-])"
    rest = r"(?P<rest>(?:\.svc(?:\.cluster\.local\.?)?)?)"
    return re.compile(rf"{before}(?P<service>{names})\.{re.escape(namespace)}{rest}{after}")


def _cluster_kind(obj: Object) -> str | None:
    """The kind that a CRD of cluster scope defines."""
    spec = obj.get("spec") if obj["kind"] == "CustomResourceDefinition" else None
    if not isinstance(spec, dict) or spec.get("scope") != "Cluster":
        return None
    return str((spec.get("names") or {}).get("kind", ""))
