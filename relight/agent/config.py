"""The agent's own configuration, ``/etc/relight/agent.json``, written by the runner's user data."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from relight.errors import ConfigInvalid

DEFAULT = Path("/etc/relight/agent.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """``role_id``: the instance role's unique id, first half of the runner's partition key. Paths are absolute."""

    region: str
    table: str
    role_id: str
    evidence_bucket: str
    kubeconfig: str
    data_dir: str
    expiry_file: str
    name: str = "relight"

    def principal(self, instance_id: str) -> str:
        """The partition of the table that this instance alone may read."""
        return f"{self.role_id}:{instance_id}"

    @property
    def data(self) -> Path:
        return Path(self.data_dir)


def load(path: Path) -> AgentConfig:
    """Raises ConfigInvalid with the path of the first fault."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=AgentConfig)
    except OSError as error:
        raise ConfigInvalid(str(path), [f"cannot be read: {error.strerror}"]) from None
    except msgspec.DecodeError as error:
        raise ConfigInvalid(str(path), [str(error)]) from None
