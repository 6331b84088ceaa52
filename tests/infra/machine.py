"""A machine to boot the runner's script on: a folder for its disk, ``systemctl`` and ``curl`` that are watched, and a
loopback server that is its metadata service and its S3 at once."""

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra import user_data

ACCESS, SECRET, SESSION, IMDS_TOKEN = "AKIDEXAMPLE", "sEcReT/of+the=runner", "session//token==", "imds-session-token"
K3S = b"#!/bin/sh\necho k3s\n"
IMAGES = b"pause and coredns"
REGION = "eu-central-1"


def agent_zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        out.writestr("relight/agent/__main__.py", "print('agent')\n")
    return data.getvalue()


AGENT = agent_zip()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Cloud:
    """What the machine's requests meet. ``tags``: by path; ``refused``: S3 requests whose signature was wrong;
    ``cut``: paths whose next transfer breaks in the middle."""

    objects: dict[str, bytes]
    tags: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: Any) -> bytes | None:
        self.asked.append(f"{method} {path}")
        if path.startswith("/latest/"):
            return self._metadata(method, path.removeprefix("/latest/"), headers)
        if signature(method, path, headers) not in headers.get("Authorization", ""):
            self.refused.append(path)
            return None
        return self.objects.get(path)

    def _metadata(self, method: str, path: str, headers: Any) -> bytes | None:
        if (method, path) == ("PUT", "api/token"):
            return IMDS_TOKEN.encode()
        if headers.get("x-aws-ec2-metadata-token") != IMDS_TOKEN:
            return None
        credentials = json.dumps({"AccessKeyId": ACCESS, "SecretAccessKey": SECRET, "Token": SESSION})
        known = {"meta-data/iam/security-credentials/": "runner-role\n"}
        known |= {"meta-data/iam/security-credentials/runner-role": credentials}
        known |= {f"meta-data/tags/instance/{name}": value for name, value in self.tags.items()}
        return known[path].encode() if path in known else None


def signature(method: str, path: str, headers: Any) -> str:
    """What AWS would compute for the request, from the headers that it says it signed."""
    signed = headers.get("Authorization", "").partition("SignedHeaders=")[2].partition(",")[0].split(";")
    kept = {name: headers[name] for name in signed if name != "host" and name in headers}
    request = AWSRequest(method=method, url=f"http://{headers['Host']}{path}", headers=kept)
    request.context["timestamp"] = headers.get("X-Amz-Date", "")
    auth = S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", REGION)
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def wanted(headers: Any) -> slice:
    """The part of an object that a request asks for: all of it where it does not say."""
    first, _, last = headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
    return slice(int(first), int(last) + 1 if last else None)


@contextmanager
def served(cloud: Cloud) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = cloud.answer(self.command, self.path, self.headers)
            part = (body or b"")[wanted(self.headers)]
            self.send_response(404 if body is None else 200)
            cut = self.command == "GET" and self.path in cloud.cut
            if cut:
                cloud.cut.remove(self.path)
            self.send_header("Content-Length", "1000000" if cut else str(len(part)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else part)

        do_PUT = do_HEAD = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Booted:
    """What is there to see afterwards. ``systemctl``: its calls in order; ``arguments``: every argument of every curl."""

    status: int
    disk: Path
    systemctl: list[str]
    arguments: str
    output: str

    def unit(self, name: str) -> str:
        return (self.disk / f"etc/systemd/system/{name}.service").read_text(encoding="utf-8")

    def has(self, path: str) -> bool:
        return (self.disk / path).exists()

    @property
    def expiry(self) -> int:
        return int((self.disk / "var/lib/relight/expiry").read_text(encoding="utf-8"))

    @property
    def powered_off(self) -> bool:
        return "poweroff" in self.systemctl


def values(**changed: str) -> dict[str, str]:
    given = {"NAME": "relight", "REGION": REGION, "URL_SUFFIX": "amazonaws.com", "HOLD": "21600", "TABLE": "runs"}
    given |= {"ROLE_ID": "AROAEXAMPLE", "EVIDENCE_BUCKET": "evidence"}
    artifacts = (("K3S", K3S, sha256(K3S)), ("IMAGES", IMAGES, sha256(IMAGES)), ("AGENT", AGENT, f"{sha256(AGENT)}.zip"))
    for name, data, key in artifacts:
        given |= {f"{name}_BUCKET": "assets", f"{name}_KEY": key, f"{name}_SHA256": sha256(data)}
    return given | changed


def cloud(**tags: str) -> Cloud:
    given = values()
    held = {"K3S": K3S, "IMAGES": IMAGES, "AGENT": AGENT}
    objects = {f"/assets/{given[f'{name}_KEY']}": data for name, data in held.items()}
    return Cloud(objects=objects, tags={name.replace("__", ":").replace("_", "-"): value for name, value in tags.items()})


def boot(folder: Path, there: Cloud, init: str = "true", **changed: str) -> Booted:
    """Runs the script once, as cloud-init would. ``init``: what ``systemctl`` does besides being watched."""
    disk, tools = folder / "disk", folder / "tools"
    tools.mkdir(parents=True)
    curl = shutil.which("curl")
    tool(tools / "systemctl", f'echo "$*" >> {folder}/systemctl.log; {init}')
    tool(tools / "curl", f'printf "%s\\n" "$@" >> {folder}/arguments.log; exec {curl} "$@"')
    tool(tools / "python3", f'exec {sys.executable} "$@"')
    script = folder / "user-data"
    script.write_text(user_data.render(values(**changed)), encoding="utf-8")
    with served(there) as endpoint:
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "DESTDIR": str(disk), "AWS_ENDPOINT_URL_S3": endpoint}
        environment |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1", "LC_ALL": "C"}
        done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    return Booted(
        status=done.returncode,
        disk=disk,
        systemctl=_lines(folder / "systemctl.log"),
        arguments="\n".join(_lines(folder / "arguments.log")),
        output=done.stdout + done.stderr,
    )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def tool(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
