"""The answers of the API that are not a success, worded as a real Kubernetes API server words them."""

from dataclasses import dataclass
from typing import Any

import msgspec

from relight.errors import FinalError

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """One fault in an object: the field's path and what is wrong, in the API's words."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def invalid_value(path: str, value: Any, why: str) -> Cause:
    return Cause(path, "FieldValueInvalid", f"Invalid value: {msgspec.json.encode(value).decode()}: {why}")


class Refusal(FinalError):
    """A request that the API refuses; ``status()`` is the body it answers with."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.http, self.reason, self.details = code, reason, details

    def status(self) -> Obj:
        body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": str(self)}
        return body | {"reason": self.reason, "code": self.http} | ({"details": self.details} if self.details else {})


def _full(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural


def _named(plural: str, group: str, name: str) -> Obj:
    return {"name": name, "kind": plural} | ({"group": group} if group else {})


def not_found(plural: str, group: str, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{_full(plural, group)} "{name}" not found', _named(plural, group, name))


def no_such_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def already_exists(plural: str, group: str, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{_full(plural, group)} "{name}" already exists', _named(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {_full(plural, group)} "{name}": {why}'
    return Refusal(409, "Conflict", message, _named(plural, group, name))


def modified(plural: str, group: str, name: str) -> Refusal:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(plural, group, name, why)


def field_conflict(message: str, causes: list[Cause]) -> Refusal:
    return Refusal(409, "Conflict", message, {"causes": _causes(causes)})


def invalid(kind: str, group: str, name: str, causes: list[Cause]) -> Refusal:
    said = str(causes[0]) if len(causes) == 1 else f"[{', '.join(map(str, causes))}]"
    details = _named(kind, group, name) | {"causes": _causes(causes)}
    return Refusal(422, "Invalid", f'{_full(kind, group)} "{name}" is invalid: {said}', details)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def forbidden(plural: str, group: str, name: str, why: str) -> Refusal:
    return Refusal(403, "Forbidden", f'{_full(plural, group)} "{name}" is forbidden: {why}', _named(plural, group, name))


def not_allowed() -> Refusal:
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media(given: str, supported: str) -> Refusal:
    message = (
        f'the body of the request was in an unknown format - accepted media types include: {supported} (given "{given}")'
    )
    return Refusal(415, "UnsupportedMediaType", message)


def expired(asked: int, oldest: int) -> Refusal:
    return Refusal(410, "Expired", f"too old resource version: {asked} ({oldest})")


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def _causes(causes: list[Cause]) -> list[Obj]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
