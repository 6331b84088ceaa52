"""Who is one person, and who is named."""

from typing import Any

import pytest

from relight.misfits import misfits
from relight.people import People, named

SSO = "arn:aws:sts::1:assumed-role/AWSReservedSSO_{}_0123456789abcdef/{}"
ROLE = "arn:aws:sts::1:assumed-role/OnCall/{}"
USER = "arn:aws:iam::1:user/{}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (USER.format("ann"), USER.format("ANN"), True),
        (USER.format("ann"), USER.format("team/ann"), True),
        (USER.format("ann"), USER.format("bob"), False),
        (USER.format("ann"), "arn:aws:iam::2:user/ann", False),
        (SSO.format("Admin", "ann@example.com"), SSO.format("ReadOnly", "Ann@Example.com"), True),
        (SSO.format("Admin", "ann@example.com"), SSO.format("Admin", "bob@example.com"), False),
        (SSO.format("Admin", "ann@example.com"), "ann@example.com", True),
        (ROLE.format("ann"), ROLE.format("bob"), True),  # whoever assumes it may call themselves so
        (ROLE.format("ann"), "arn:aws:sts::1:assumed-role/Other/ann", False),
        ("arn:aws:sts::1:federated-user/ann", "arn:aws:sts::1:federated-user/bob", True),
        (" ann@example.com", "ANN@example.com ", True),
        ("alarm/relight-shop-unhealthy", USER.format("ann"), False),
    ],
)
def test_who_is_one_person(one: str, other: str, same: bool) -> None:
    assert People().same(one, other) is People().same(other, one) is same


def test_sessions_of_a_role_are_people_where_their_names_are_not_chosen_freely() -> None:
    assert not People(session_roles=("oncall",)).same(ROLE.format("ann"), ROLE.format("bob"))
    assert People(session_roles=("OnCall",)).same(ROLE.format("ann"), ROLE.format("ANN"))


def test_an_aws_user_and_a_mail_address_are_one_person_where_a_row_says_so() -> None:
    people = People(rows=((USER.format("ann"), "Ann@example.com"), (USER.format("bob"), "bob@example.com")))
    assert people.same(USER.format("team/ANN"), "ann@example.com")
    assert not people.same(USER.format("ann"), "bob@example.com")
    assert not People().same(USER.format("ann"), "ann@example.com")


@pytest.mark.parametrize(
    ("pattern", "is_named"),
    [(ROLE.format("*"), True), (ROLE.format("ANN"), True), ("*", True), (ROLE.format("bob"), False), ("ann", False)],
)
def test_who_is_named_by_a_pattern(pattern: str, is_named: bool) -> None:
    assert named(ROLE.format("ann"), [pattern]) is is_named


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            {"approvals": 2, "approvers": [USER.format("ann"), USER.format("ANN")]},
            "2 people can never be had of 1 approvers",
        ),
        ({"approvers": [ROLE.format("ann")]}, "whoever assumes oncall chooses the session's name"),
        (
            {
                "approvals": 2,
                "approvers": [USER.format("ann"), "ann@example.com"],
                "people": [["ANN@example.com", USER.format("ann")]],
            },
            "2 people can never be had of 1 approvers",
        ),
        ({"people": [["ann@example.com", USER.format("*")]]}, "is a pattern, and this is the list of one person's names"),
        (
            {"people": [["ann", "ann@example.com"], ["bob", "Ann@example.com"]]},
            "people[1]: 'ann@example.com' is in an earlier row",
        ),
    ],
)
def test_rules_that_cannot_be_kept_are_refused_in_the_configuration(rules: dict[str, Any], says: str) -> None:
    assert says in "".join(misfits({"apps": [{"name": "shop", **rules}]}))


@pytest.mark.parametrize(
    "rules",
    [
        {"approvals": 2, "approvers": [USER.format("*")]},
        {"approvers": [ROLE.format("*"), SSO.format("Admin", "ann@example.com")]},
        {"approvers": [ROLE.format("ann")], "session_roles": ["OnCall"]},
    ],
)
def test_rules_that_can_be_kept_are_taken(rules: dict[str, Any]) -> None:
    assert list(misfits({"apps": [{"name": "shop", **rules}]})) == []
