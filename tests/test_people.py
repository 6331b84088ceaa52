"""Who is one person, and who is named."""

import pytest

from relight.people import named, same_person

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
    assert same_person(one, other) is same_person(other, one) is same


def test_sessions_of_a_role_are_people_where_their_names_are_not_chosen_freely() -> None:
    assert not same_person(ROLE.format("ann"), ROLE.format("bob"), ["oncall"])
    assert same_person(ROLE.format("ann"), ROLE.format("ANN"), ["OnCall"])


@pytest.mark.parametrize(
    ("pattern", "is_named"),
    [(ROLE.format("*"), True), (ROLE.format("ANN"), True), ("*", True), (ROLE.format("bob"), False), ("ann", False)],
)
def test_who_is_named_by_a_pattern(pattern: str, is_named: bool) -> None:
    assert named(ROLE.format("ann"), [pattern]) is is_named
