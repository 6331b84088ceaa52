"""Where a claim's restored data lies on the runner's own disk, and what may be read there."""

from pathlib import Path

from relight.recovery.validators.context import ValidationContext


class NotReadable(Exception):
    """The check cannot look: says why."""


def file_in(context: ValidationContext, claim: str, path: str) -> Path:
    """The file ``path`` of a claim, which need not exist. Raises NotReadable, also for a path that a link leads outside."""
    root = directory(context, claim).resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        raise NotReadable(f"{path} of claim {claim} leads outside of the claim")
    return found


def directory(context: ValidationContext, claim: str) -> Path:
    """Raises NotReadable when the claim is not bound to a directory that Relight restored."""
    found = context.cluster.get("v1", "PersistentVolumeClaim", context.namespace, claim)
    if found is None:
        raise NotReadable(f"there is no claim {context.namespace}/{claim}")
    name = (found.get("spec") or {}).get("volumeName") or ""
    volume = context.cluster.get("v1", "PersistentVolume", None, name) if name else None
    path = ((volume or {}).get("spec") or {}).get("hostPath", {}).get("path")
    if not path or not Path(path).is_relative_to(context.data_dir):
        raise NotReadable(f"claim {context.namespace}/{claim} is not bound to a restored volume")
    return Path(path)
