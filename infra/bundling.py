"""Bundles of functions and agent, made without Docker: wheels by digest from a lock, our sources, nothing else.

A bundle is a zip whose bytes follow from lock, sources, recipe and platform alone. Wheels and whole bundles are kept under
``.relight/bundles`` by the digest of those: a second synth builds nothing, and a changed source packs only the sources.
"""

import compileall
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from uv import find_uv_bin

from relight.errors import DownloadFailed, ToolMissing

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".relight" / "bundles"
KEPT = 4  # versions of a bundle that stay in the cache
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
# SDK models of other services stay out; so does what a service was before its latest version.
SERVICES = {"backup", "cloudwatch", "dynamodb", "ec2", "kms", "s3", "sns", "ssm", "stepfunctions", "sts"}
SERVICES |= {"iam", "lambda", "route53", "secretsmanager"}  # what promotions change
SERVICES |= {"ecr", "events", "iam", "scheduler", "service-quotas", "sqs"}  # what a check of readiness reads besides
AGENTS_SERVICES = {"dynamodb", "kms", "s3", "stepfunctions", "sts"}  # a runner unpacks its bundle while a recovery waits


@dataclass(frozen=True, slots=True)
class Bundle:
    """``sources``: packages of this repository; ``without``: what of them stays out. ``services``: whose SDK models it has;
    ``unused``: what of the wheels it leaves out besides ``UNUSED``."""

    name: str
    sources: tuple[str, ...]
    without: tuple[str, ...]
    services: frozenset[str]
    unused: tuple[str, ...] = ()

    @property
    def lock(self) -> Path:
        return ROOT / "infra" / "locks" / f"{self.name}.txt"


PAGES = ("jinja2*", "markupsafe*", "jwt", "pyjwt*")  # what only pages and those who sign in to them need
FUNCTION = Bundle("function", ("relight", "lambdas"), ("relight/local", "relight/cli", "relight/agent"), frozenset(SERVICES))
AGENT = Bundle("agent", ("relight",), ("relight/local", "relight/cli"), frozenset(AGENTS_SERVICES), PAGES)

LAMBDA = "lambda"
LOCAL = "local"
ARM = ("--python-platform", "aarch64-manylinux_2_28")
# Which wheels, by platform and bundle: Lambda's python3.13 and Ubuntu 24.04's python3.12, or this very interpreter.
WHEELS: dict[str, dict[str, tuple[str, ...]]] = {
    LAMBDA: {"function": (*ARM, "--python-version", "3.13"), "agent": (*ARM, "--python-version", "3.12")},
    LOCAL: {"function": ("--python", sys.executable), "agent": ("--python", sys.executable)},
}
# Byte code is only any use to the interpreter that made it.
COMPILED = {LAMBDA: False, LOCAL: True}
# Dead weight in the wheels: metadata names this machine's paths, the rest is never imported.
PRUNED = ("bin", "*.dist-info/direct_url.json", "*.dist-info/RECORD", "*.dist-info/REQUESTED", "*.dist-info/uv_cache.json")
# What nothing here uses: the SDK's other half, the logger's companions, and what cryptography was built with.
UNUSED: tuple[str, ...] = ("boto3", "boto3-*", "s3transfer*", "cffi", "pycparser*", "zstandard/_cffi*", ".lock", "*/tests")
# The Kubernetes client's other half, and what only that needs.
UNUSED += ("kubernetes/aio", "aiohttp*", "aiohappyeyeballs*", "aiosignal*", "attr", "attrs*", "frozenlist*", "multidict*")
UNUSED += ("propcache*", "yarl*")
UNUSED += ("botocore/data/*/*/examples-1.json",)
UNUSED += ("aws_lambda_powertools/event_handler", "aws_lambda_powertools/utilities/[!_j]*")


def uv() -> str:
    """The path of uv, the installer. Raises ToolMissing."""
    try:
        return find_uv_bin()
    except FileNotFoundError:
        raise ToolMissing(
            "uv", "is not installed, so no bundle can be built", "use ./run, which installs it by digest"
        ) from None


def build(bundle: Bundle, platform: str) -> Path:
    """The bundle's zip, from the cache or built now. Raises ToolMissing or DownloadFailed."""
    wheels = _cached(
        f"{bundle.name}-{platform}-wheels", _wheels_key(bundle, platform), lambda out: _wheels(out, bundle, platform)
    )
    key = hashlib.sha256(wheels.name.encode())
    for path in _sources(bundle):
        key.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return _cached(f"{bundle.name}-{platform}", key.hexdigest(), lambda out: _with_sources(out, wheels, bundle, platform))


def pack(content: Path, archive: Path) -> None:
    """Adds the folder to the zip with sorted names, one time stamp and plain modes: equal content gives equal bytes."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for path in sorted(p for p in content.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(content).as_posix(), EPOCH)
            entry.external_attr, entry.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
            out.writestr(entry, path.read_bytes())


def _cached(name: str, key: str, make: Callable[[Path], None]) -> Path:
    target = CACHE / f"{name}-{key[:16]}.zip"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            made = Path(scratch, "made.zip")
            make(made)
            made.replace(target)
        for old in sorted(CACHE.glob(f"{name}-{'[0-9a-f]' * 16}.zip"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    return target


def _wheels_key(bundle: Bundle, platform: str) -> str:
    recipe = repr((WHEELS[platform][bundle.name], sys.version if COMPILED[platform] else "")).encode()
    return hashlib.sha256(recipe + Path(__file__).read_bytes() + bundle.lock.read_bytes()).hexdigest()


def _wheels(archive: Path, bundle: Bundle, platform: str) -> None:
    content = archive.with_suffix("")
    _install(content, bundle, platform)
    _prune(content, bundle)
    _compile(content, platform)
    pack(content, archive)


def _with_sources(archive: Path, wheels: Path, bundle: Bundle, platform: str) -> None:
    content = archive.with_suffix("")
    for path in _sources(bundle):
        copy = content / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    _compile(content, platform)
    shutil.copyfile(wheels, archive)
    pack(content, archive)


def _compile(content: Path, platform: str) -> None:
    if COMPILED[platform]:
        compileall.compile_dir(content, quiet=2, stripdir=content, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def _install(content: Path, bundle: Bundle, platform: str) -> None:
    wanted = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "--link-mode", "copy", "--quiet")
    command = [uv(), "pip", "install", "--target", str(content), *wanted, *WHEELS[platform][bundle.name]]
    done = subprocess.run([*command, "-r", str(bundle.lock)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:]
        raise DownloadFailed(
            f"{bundle.name} bundle", f"uv could not install it: {said}", "check the network and run it again"
        )


def _prune(content: Path, bundle: Bundle) -> None:
    data = content / "botocore" / "data"
    for service in [path for path in data.iterdir() if path.is_dir()]:
        earlier = sorted(path for path in service.iterdir() if path.is_dir())[:-1]
        for path in earlier if service.name in bundle.services else [service]:
            shutil.rmtree(path)
    for path in [p for pattern in (*PRUNED, *UNUSED, *bundle.unused) for p in content.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _sources(bundle: Bundle) -> Iterator[Path]:
    kept = {".py", ".typed", ".json", ".html", ".j2", ".txt", ".css", ".js", ".svg"}
    left_out = tuple(ROOT / name for name in bundle.without)
    for package in bundle.sources:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in kept and not any(path.is_relative_to(folder) for folder in left_out):
                yield path
