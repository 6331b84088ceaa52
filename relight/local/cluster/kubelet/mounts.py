"""A pod's volumes as directories of the host, and a container's mounts of them."""

from pathlib import Path
from typing import Any

from relight.local.cluster.kubelet.environment import NotThere, content, expanded, field_value
from relight.local.cluster.kubelet.sandbox import Mount
from relight.local.cluster.store import Store

Obj = dict[str, Any]
SERVED = "configMap, secret, emptyDir, persistentVolumeClaim, hostPath, downwardAPI, projected"


class Volumes:
    """``allowed``: the roots below which hostPath and local volumes may lie; ``token``: the pod's account's."""

    def __init__(self, store: Store, pod: Obj, home: Path, allowed: tuple[Path, ...], token: str) -> None:
        self.store, self.pod, self.allowed, self.token = store, pod, allowed, token
        self.home: Path = home / "volumes"
        self.namespace = pod["metadata"]["namespace"]

    def prepare(self) -> dict[str, Path]:
        """The directory (or file) of each volume by name. Raises NotThere with the reason where one cannot be had."""
        return {volume["name"]: self._prepare(volume) for volume in self.pod["spec"].get("volumes") or ()}

    def _prepare(self, volume: Obj) -> Path:
        if claim := volume.get("persistentVolumeClaim"):
            return self._claimed(claim["claimName"])
        if source := volume.get("hostPath"):
            return self._host(source["path"], source.get("type") in ("", None, "DirectoryOrCreate"))
        directory = self.home / str(volume["name"])
        directory.mkdir(parents=True, exist_ok=True)
        if volume.get("projected"):
            mode, sources = volume["projected"].get("defaultMode", 0o644), volume["projected"].get("sources") or ()
        else:
            kinds = [kind for kind in ("configMap", "secret", "downwardAPI") if volume.get(kind)]
            mode, sources = 0o644, [{kind: volume[kind]} for kind in kinds]
            if not kinds and volume.get("emptyDir") is None and len(volume) > 1:
                raise NotThere(
                    f'volume "{volume["name"]}" is of a kind the emulated cluster does not have (it has {SERVED})'
                )
        for source in sources:
            self._write(directory, source, mode)
        return directory

    def _write(self, directory: Path, source: Obj, mode: int) -> None:
        for kind, key, named in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
            if given := source.get(kind):
                name = given.get(named) or given.get("name")
                files = content(self.store, key, self.namespace, name, given.get("optional", False))
                if items := given.get("items"):
                    missing = [item["key"] for item in items if item["key"] not in files and not given.get("optional")]
                    if missing:
                        raise NotThere(f"references non-existent key {missing[0]} in {kind} {name}")
                    files = {item["path"]: files[item["key"]] for item in items if item["key"] in files}
                self._files(directory, files, given.get("defaultMode", mode))
        if given := source.get("downwardAPI"):
            items = given.get("items") or ()
            fields = {item["path"]: field_value(self.pod, item["fieldRef"]["fieldPath"]).encode() for item in items}
            self._files(directory, fields, mode)
        if given := source.get("serviceAccountToken"):
            self._files(directory, {given["path"]: self.token.encode()}, mode)

    def _files(self, directory: Path, files: dict[str, bytes], mode: int) -> None:
        for name, data in files.items():
            path = directory / name
            if not path.resolve().is_relative_to(directory.resolve()):
                raise NotThere(f"path {name!r} leads out of its volume")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            path.chmod(mode)

    def _claimed(self, name: str) -> Path:
        claim = self.store.get("persistentvolumeclaims", self.namespace, name)
        if claim is None:
            raise NotThere(f'persistentvolumeclaim "{name}" not found')
        volume = self.store.get("persistentvolumes", "", claim["spec"].get("volumeName", ""))
        if volume is None or claim.get("status", {}).get("phase") != "Bound":
            raise NotThere(f'persistentvolumeclaim "{name}" is not bound to a volume')
        spec = volume["spec"]
        if "hostPath" in spec:
            return self._host(spec["hostPath"]["path"], spec["hostPath"].get("type") in ("", None, "DirectoryOrCreate"))
        if "local" in spec:
            return self._host(spec["local"]["path"], create=False)
        raise NotThere(
            f'volume "{volume["metadata"]["name"]}" is neither hostPath nor local: the emulated cluster cannot mount it'
        )

    def _host(self, text: str, create: bool) -> Path:
        path = Path(text).resolve()
        if not any(path.is_relative_to(root) for root in self.allowed):
            roots = ", ".join(map(str, self.allowed))
            raise NotThere(
                f"host path {text} is outside of what the emulated cluster may mount ({roots}; see --allow-host-path)"
            )
        if create:
            path.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            raise NotThere(f'MountVolume.NewMounter initialization failed: path "{text}" does not exist')
        return path


def mounts(container: Obj, volumes: dict[str, Path], env: dict[str, str]) -> tuple[Mount, ...]:
    """The container's mounts. Raises NotThere for a sub path that leads out of its volume."""
    return tuple(_mount(one, volumes[one["name"]], env) for one in container.get("volumeMounts") or ())


def _mount(given: Obj, source: Path, env: dict[str, str]) -> Mount:
    sub = given.get("subPath") or expanded(given.get("subPathExpr", ""), env)
    place = source / sub
    if not place.resolve().is_relative_to(source.resolve()):
        raise NotThere(f"subPath {sub!r} leads out of its volume")
    if not place.exists():
        place.mkdir(parents=True)
    return Mount(place, given["mountPath"], given.get("readOnly", False))
