"""Formats of single values. A docstring is what a person reads when a value does not fit."""

import re


def is_name(value: str) -> bool:
    """must be lower-case letters, digits and dashes, at most 40, starting with a letter"""
    return re.fullmatch(r"[a-z][a-z0-9-]{0,39}", value) is not None


def is_s3_uri(value: str) -> bool:
    """must be s3://bucket or s3://bucket/prefix"""
    return re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/].*)?", value) is not None


def is_sha256(value: str) -> bool:
    """must be 64 hexadecimal digits"""
    return re.fullmatch(r"[0-9a-f]{64}", value) is not None


def is_cron(value: str) -> bool:
    """must be a five-field cron expression such as "0 3 * * *\""""
    from croniter import croniter  # only where a person's file is read

    return len(value.split()) == 5 and croniter.is_valid(value)


def is_zone(value: str) -> bool:
    """must be an IANA time zone such as Europe/Berlin"""
    from zoneinfo import available_timezones  # only where a person's file is read

    return value in available_timezones()


def is_email(value: str) -> bool:
    """must be an e-mail address"""
    return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) is not None
