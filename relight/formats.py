"""Formats of single values. A docstring is what a person reads when a value does not fit."""

import re
from base64 import b64decode
from contextlib import suppress
from typing import Any


def is_name(value: str) -> bool:
    """must be lower-case letters, digits and dashes, at most 40, starting with a letter"""
    return re.fullmatch(r"[a-z][a-z0-9-]{0,39}", value) is not None


def is_run_id(value: str) -> bool:
    """must be the name of an execution: at most 80 characters, none of them a space, a slash or a wildcard"""
    return re.fullmatch(r"[^\s/\\<>{}\[\]?*\"#%^|~`$&,;:\x00-\x1f]{1,80}", value) is not None and value not in (".", "..")


def is_s3_uri(value: str) -> bool:
    """must be s3://bucket or s3://bucket/prefix"""
    return re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/].*)?", value) is not None


SELECTORS = "latest_valid, latest_proven, random, random:DAYS"


def is_selector(value: str) -> bool:
    """must be latest_valid, latest_proven, random, or random:DAYS for one of the last so many days"""
    return re.fullmatch(r"latest_valid|latest_proven|random(:[1-9]\d{0,3})?", value) is not None


def is_sha256(value: str) -> bool:
    """must be 64 hexadecimal digits"""
    return re.fullmatch(r"[0-9a-f]{64}", value) is not None


def is_cron(value: str) -> bool:
    """must be a five-field cron expression such as "0 3 * * *\""""
    from croniter import CroniterError, croniter  # only where a person's file is read

    try:
        return len(value.split()) == 5 and bool(croniter(value).get_next())  # the 30th of February never comes
    except CroniterError:
        return False


def is_zone(value: str) -> bool:
    """must be an IANA time zone such as Europe/Berlin"""
    from zoneinfo import available_timezones  # only where a person's file is read

    return value in available_timezones()


def is_key(value: str) -> bool:
    """must be a key below the app's storage, such as state/last_success.json"""
    return value.strip("/") == value != "" and not {"", ".", ".."} & set(value.split("/"))


def is_kms_key(value: str) -> bool:
    """must be the ARN of a KMS key, such as arn:aws:kms:eu-central-1:111122223333:key/..., not of an alias"""
    return re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", value) is not None


def is_hosted_zone(value: str) -> bool:
    """must be the id of a hosted zone, such as Z0123456789ABCDEFGHIJ"""
    return re.fullmatch(r"Z[A-Z0-9]{1,31}", value) is not None


def is_dns_name(value: str) -> bool:
    """must be a full DNS name in lower case, without a dot at its end, such as shop.example.com"""
    return (
        len(value) <= 253
        and re.fullmatch(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}", value) is not None
    )


def is_parameter(value: str) -> bool:
    """must be the name of an SSM parameter, such as /shop/site"""
    return re.fullmatch(r"(/[A-Za-z0-9_.-]+){1,15}|[A-Za-z0-9_.-]+", value) is not None and not value.startswith("/aws")


def is_function(value: str) -> bool:
    """must be the name of a Lambda function in this account and region, without an alias"""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) is not None


def is_role(value: str) -> bool:
    """must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/shop-publish"""
    return re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@_/-]+", value) is not None


def is_secret(value: str) -> bool:
    """must be the ARN of a secret, such as arn:aws:secretsmanager:eu-central-1:111122223333:secret:primary-AbCdEf"""
    return re.fullmatch(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+", value) is not None


def is_period(value: int) -> bool:
    """must be 60, or a multiple of it: CloudWatch keeps no shorter period of an ordinary metric"""
    return value >= 60 and value % 60 == 0


def is_url(value: str) -> bool:
    """must be http://host/path or https://host/path"""
    return re.fullmatch(r"https?://[^\s/]+(/\S*)?", value) is not None


def is_issuer(value: str) -> bool:
    """must be https://host/path, as the issuer itself writes it (http only on loopback, for tests)"""
    return re.fullmatch(r"(https://[^\s/?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^\s?#]*)?", value) is not None


def is_region(value: str) -> bool:
    """must be an AWS region such as eu-central-1"""
    return re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d+", value) is not None


def is_x25519(value: str) -> bool:
    """must be an X25519 public key, 32 bytes in base64"""
    with suppress(ValueError):
        return len(b64decode(value, validate=True)) == 32
    return False


def is_instance_type(value: str) -> bool:
    """must be an EC2 instance type such as m7g.large"""
    return re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", value) is not None


def is_network(value: str) -> bool:
    """must be a network in CIDR form such as 10.0.0.0/16"""
    from ipaddress import ip_network  # only where a person's file is read

    with suppress(ValueError):
        return "/" in value and bool(ip_network(value))
    return False


LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def is_host(value: str) -> bool:
    """must be a public host's name such as ghcr.io: lower-case, no address, no port"""
    return re.fullmatch(rf"(?=.{{4,253}}$)(?:{LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?", value, re.ASCII) is not None


def is_email(value: str) -> bool:
    """must be an e-mail address"""
    return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) is not None


WORDS = {  # pydantic's kinds of fault in the words of a TOML file; the rest is told as pydantic does
    "missing": "is missing",
    "unexpected_keyword_argument": "unknown field",
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list: [ ... ]",
    "dict_type": "must be a table: { ... }",
    "dataclass_type": "must be a table: { ... }",
    "too_short": "must not be empty",
}


def told(findings: list[Any]) -> list[str]:
    """Pydantic's findings as a person reads them, each with its path: ``apps[0].rto: must be a whole number``.

    A list counts as empty when its items are wrong; the items' own findings say it better.
    """
    return [f"{_path(item['loc'])}: {_fault(item)}" for item in findings if item["type"] != "too_short" or not item["input"]]


def _path(parts: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _fault(item: Any) -> str:
    if item["type"] == "predicate_failed":
        predicate = globals().get(item["msg"].split()[1].strip("'"))
        return f"{item['input']!r} {predicate.__doc__ if predicate else 'is not allowed'}"
    return WORDS.get(item["type"]) or str(item["msg"]).lower().replace("input should", "must")
