"""The console API as its callers see it: signed requests, and the API's errors as ours.

Idempotency: a GET is repeated on a broken connection, a POST is not, because its first copy may have been heard.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import botocore.session
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionError as NotConnected
from botocore.exceptions import HTTPClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session

from relight import errors, settings
from relight.adapters import aws
from relight.records import replace

ATTEMPTS = 3
TIMEOUT = 30
NAME_THE_API = "check the network and --local, or name the API with RELIGHT_API"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where one deployment's parts are: the parameter ``/<name>/deployment``."""

    api: str
    region: str
    state_machine: str = ""
    table: str = ""
    evidence_bucket: str = ""
    signing_key: str = ""


def find_deployment(name: str) -> Deployment:
    """The deployment called ``name`` in the caller's account and region.

    Raises NotPermitted for missing or refused credentials, DeploymentNotFound where nothing is deployed, and
    ServiceUnavailable where AWS cannot be reached.
    """
    parameter = f"/{name}/deployment"
    ssm = aws.client("ssm")
    try:
        with aws.translated(f"read parameter {parameter}"):
            raw = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except errors.RelightError as error:
        if "ParameterNotFound" not in str(error):
            raise
        problem = f"no deployment of Relight in region {ssm.meta.region_name}"
        raise errors.DeploymentNotFound(parameter, problem, "deploy it (docs/deploy.md), or use --local") from None
    found = msgspec.json.decode(raw, type=Deployment)
    return replace(found, api=settings.api_endpoint() or found.api)


class Console:
    """A signed client of one deployment's console API. Its errors are the API's own, by class name."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint, self._region = endpoint.rstrip("/"), region
        self._session, self._http = botocore.session.Session(), URLLib3Session(timeout=TIMEOUT)

    def start(self, request: dict[str, Any]) -> str:
        """Starts a run from the fields of a ``model.RunRequest``; the run's id."""
        return str(self._call("POST", "/runs", request)["run_id"])

    def runs(self, app: str) -> list[dict[str, Any]]:
        """The app's runs, latest first."""
        answer = self._call("GET", f"/runs?{urlencode({'app': app})}")
        return list(answer["runs"]) if isinstance(answer, dict) else list(answer)

    def catalog(self, app: str) -> dict[str, Any]:
        """What the catalog knows of the app's backups: {"entries": [model.CatalogEntry], "marks": {name: model.Mark}}."""
        return dict(self._call("GET", f"/apps/{quote(app, safe='')}/backups"))

    def run(self, run_id: str) -> dict[str, Any]:
        """One run with its phases, checks, evidence pointers and approval state. Raises RunNotFound."""
        return dict(self._call("GET", f"/runs/{quote(run_id, safe='')}"))

    def readiness(self, app: str) -> dict[str, Any]:
        """Whether a recovery of the app would work, as last checked. Raises NotChecked."""
        return dict(self._call("GET", f"/apps/{quote(app, safe='')}/readiness"))

    def triggers(self, app: str) -> tuple[list[dict[str, Any]], str | None]:
        """What each of the app's triggers last did, and what came of it; why none should start a run yet, or None."""
        answer = self._call("GET", f"/triggers?{urlencode({'app': app})}")
        return list(answer["triggers"]), answer.get("unproven")

    def sign_in(self, role: str) -> dict[str, Any]:
        """A link that signs its caller in to the pages, once: {path, role, expires_at}. Raises NotPermitted."""
        return dict(self._call("POST", f"/sign-in/{role}", {}))

    def decide(self, run_id: str, decision: str, body: dict[str, Any]) -> dict[str, Any]:
        """``decision``: approve, reject, request, failback, restored or unfreeze."""
        return dict(self._call("POST", f"/runs/{quote(run_id, safe='')}/{decision}", body))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        attempts = ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._once(method, path, body)
            except (HTTPClientError, NotConnected, errors.ServiceUnavailable) as error:
                if attempt == attempts:
                    raise self._unreachable(error) from None
        raise AssertionError("unreachable: the loop returns or raises")

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        data = json.dumps(body).encode() if body is not None else b""
        request = AWSRequest(method, self._endpoint + path, {"Content-Type": "application/json"}, data)
        SigV4Auth(self._credentials(), "execute-api", self._region).add_auth(request)
        response = self._http.send(request.prepare())
        if response.status_code >= 300:
            raise refused(response.status_code, response.content)
        return json.loads(response.content or b"{}")

    def _credentials(self) -> Any:
        with aws.translated("sign the request"):
            if found := self._session.get_credentials():
                return found.get_frozen_credentials()
            raise NoCredentialsError()

    def _unreachable(self, error: Exception) -> errors.RelightError:
        if isinstance(error, errors.RelightError):
            return error
        what = f"console API {self._endpoint}: does not answer ({type(error).__name__})"
        return errors.ServiceUnavailable(f"{what}, so nothing is known to have been done; {NAME_THE_API}")


def refused(status: int, content: bytes) -> errors.RelightError:
    """The API's error body as the error of that name; anything else by its HTTP status."""
    try:
        body = json.loads(content)
        name, message = str(body.get("error", "")), str(body.get("message") or body.get("Message") or "no message")
    except (ValueError, AttributeError):
        name, message = "", content[:200].decode("utf-8", "replace").strip() or "no message"
    kind = vars(errors).get(name)
    if isinstance(kind, type) and issubclass(kind, errors.RelightError):
        return _remade(kind, message)
    if status in (401, 403):
        return errors.NotPermitted(
            "console API", f"refused the caller: {message}", "use credentials allowed to call it (relight doctor)"
        )
    if status >= 500 or status == 429:
        return errors.ServiceUnavailable(f"console API: answered {status} ({message}); try again in a minute")
    return _remade(errors.RequestInvalid, f"console API: answered {status} ({message}); check the command's input")


def _remade(kind: type[errors.RelightError], message: str) -> errors.RelightError:
    """The error as the other side raised it: its message is already the whole line."""
    made = kind.__new__(kind)
    Exception.__init__(made, message)
    return made
