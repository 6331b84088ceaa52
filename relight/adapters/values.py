"""Plain values in SSM parameters, as production's own programs read them. A SecureString is never read."""

from relight.adapters.calls import Refused, call
from relight.errors import ActionFailed, ActionMoved


def read(name: str) -> tuple[str, int]:
    """(value, version). Raises ActionFailed where there is none, or it is not a plain String."""
    try:
        found = call("ssm", "get_parameter", {"ParameterNotFound", "ParameterVersionNotFound"}, Name=name)["Parameter"]
    except Refused:
        raise ActionFailed(f"parameter {name}: is not there; create it with the primary's value") from None
    if found["Type"] != "String":
        raise ActionFailed(
            f"parameter {name}: is a {found['Type']}; only a String is moved, a secret never; name another one"
        )
    return str(found["Value"]), int(found["Version"])


def write(name: str, old: str, new: str) -> None:
    """Raises ActionMoved where it is not ``old``. SSM has no conditional write: what was written in between is put back."""
    value, version = read(name)
    if value != old:
        raise ActionMoved(f"parameter {name}: somebody else changed it; nothing was overwritten; look there")
    written = int(call("ssm", "put_parameter", Name=name, Value=new, Type="String", Overwrite=True)["Version"])
    if written != version + 1:
        theirs, _ = read(f"{name}:{written - 1}")
        call("ssm", "put_parameter", Name=name, Value=theirs, Type="String", Overwrite=True)
        raise ActionMoved(f"parameter {name}: somebody else changed it at that moment; their value was put back; look there")
