"""The ``curl`` of an instance on a machine that has none: the options that the runner's user data uses, no more."""

import argparse
import shlex
import sys
import time

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REFUSED, FAILED, UNREACHABLE = 22, 1, 7  # curl's own exit statuses


def main() -> int:
    given = parse(sys.argv[1:] + configured(sys.argv[1:]))
    given.request = "HEAD" if given.head else given.request
    headers = dict(line.split(": ", 1) for line in given.header)
    headers |= {"Range": f"bytes={given.range}"} if given.range else {}
    if given.aws_sigv4:
        headers = signed(given, headers)
    try:
        answer = ask(given, headers)
    except urllib3.exceptions.HTTPError as error:
        print(f"curl: {given.url}: {error}", file=sys.stderr)
        return UNREACHABLE
    if given.fail and answer.status >= 400:
        print(f"curl: (22) The requested URL returned error: {answer.status}", file=sys.stderr)
        return REFUSED
    if given.head:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in answer.headers.items()))
    elif given.output:
        with open(given.output, "wb") as file:  # noqa: PTH123 (as small as curl's own)
            file.write(answer.data)
    else:
        sys.stdout.buffer.write(answer.data)
    sys.stdout.write((given.write_out or "").replace("%{http_code}", str(answer.status)).replace("\\n", "\n"))
    return 0


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-X", "--request", default="GET")
    parser.add_argument("-I", "--head", action="store_true")
    parser.add_argument("-r", "--range")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-o", "--output")
    parser.add_argument("-w", "--write-out")
    parser.add_argument("-u", "--user")
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-S", "--show-error", action="store_true")
    parser.add_argument("-f", "--fail", action="store_true")
    parser.add_argument("--retry", type=int, default=0)
    parser.add_argument("--retry-connrefused", action="store_true")
    for bound in ("--retry-max-time", "--speed-limit", "--speed-time"):
        parser.add_argument(bound, help="has no use on loopback")
    parser.add_argument("--connect-timeout", type=float, default=10)
    parser.add_argument("--max-time", type=float, default=300)
    parser.add_argument("--aws-sigv4")
    parser.add_argument("--config")
    return parser.parse_args(words)


def configured(words: list[str]) -> list[str]:
    """The options that ``--config -`` gives on standard input, so that no secret is an argument of the command."""
    if "--config" not in words:
        return []
    rows = (line.partition("=") for line in sys.stdin.read().splitlines() if line.strip())
    return [word for name, _, value in rows for word in (f"--{name.strip()}", shlex.split(value)[0])]


def signed(given: argparse.Namespace, headers: dict[str, str]) -> dict[str, str]:
    """The headers with AWS's signature; ``--aws-sigv4`` is aws:amz:<region>:<service>."""
    region, service = given.aws_sigv4.split(":")[2:4]
    key, _, secret = given.user.partition(":")
    token = next((value for name, value in headers.items() if name.lower() == "x-amz-security-token"), None)
    left = {
        name: value
        for name, value in headers.items()
        if name.lower() not in ("x-amz-security-token", "x-amz-content-sha256")
    }
    request = AWSRequest(given.request, given.url, left)
    S3SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
    return dict(request.headers.items())


def ask(given: argparse.Namespace, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Tries again on a server's error and on a refused connection, as ``--retry`` says. Raises urllib3's HTTPError."""
    timeout = urllib3.Timeout(connect=given.connect_timeout, read=given.max_time)
    for attempt in range(given.retry + 1):
        last = attempt == given.retry
        try:
            answer = urllib3.request(given.request, given.url, headers=headers, timeout=timeout, retries=False)
        except urllib3.exceptions.HTTPError:
            if last:
                raise
        else:
            if last or answer.status < 500:
                return answer
        time.sleep(0.2 * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


if __name__ == "__main__":
    sys.exit(main())
