"""command, and sql by psql: a container of the user's own is the check; it can look and not touch."""

from relight.config import Validator
from relight.model import Verdict
from relight.records import replace
from relight.recovery.cluster import Object
from relight.recovery.validators import run
from tests.recovery.fake import FakeCluster
from tests.recovery.shop import IMAGE, SECRET, TAG
from tests.recovery.standing import context
from tests.recovery.test_job_validator import jobs, playing

LOOK = Validator(name="look", kind="command", image=IMAGE, command=("check",), claims=("ledger",), secret="db", deadline=2)
COUNT = Validator(
    name="count", kind="sql", image=IMAGE, secret="db", query="SELECT COUNT(*) FROM orders", least=3, deadline=2
)


def made(cluster: FakeCluster) -> list[Object]:
    """The Jobs that the check creates, as the cluster got them."""
    seen: list[Object] = []
    play = cluster.on_write

    def note(to: FakeCluster, written: Object) -> None:
        seen.extend([written] if written["kind"] == "Job" else [])
        play(to, written)

    cluster.on_write = note
    return seen


def test_the_commands_exit_status_is_the_verdict_and_its_job_is_gone_afterwards() -> None:
    good, bad = playing("Complete", log="42 rows agree"), playing("Failed", 7, "rows differ")
    check = run(LOOK, context(good))
    assert check.verdict == Verdict.PASSED and "the command completed" in check.detail
    check = run(LOOK, context(bad))
    assert check.verdict == Verdict.FAILED and "exit status 7" in check.detail and check.evidence["log"] == "rows differ"
    assert jobs(good) == jobs(bad) == []


def test_the_container_sees_the_claims_read_only_and_holds_no_token() -> None:
    cluster = playing("Complete")
    seen = made(cluster)
    run(LOOK, context(cluster))
    pod = seen[0]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "ledger", "readOnly": True}
    (container,) = pod["containers"]
    assert container["volumeMounts"] == [{"name": "claim-0", "mountPath": "/claims/ledger", "readOnly": True}]
    assert container["envFrom"] == [{"secretRef": {"name": "db"}}]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert seen[0]["spec"]["backoffLimit"] == 0


def test_an_image_by_tag_is_not_run() -> None:
    cluster = playing("Complete")
    check = run(replace(LOOK, image=TAG), context(cluster))
    assert check.verdict == Verdict.COULD_NOT_VERIFY and "is a tag" in check.detail


def test_a_query_of_postgresql_is_judged_by_the_one_value_that_psql_prints() -> None:
    assert run(COUNT, context(playing("Complete", log="3\n"))).verdict == Verdict.PASSED
    fewer = run(COUNT, context(playing("Complete", log="2\n")))
    assert fewer.verdict == Verdict.FAILED and "less than 3" in fewer.detail
    assert run(COUNT, context(playing("Complete", log="1\n2\n"))).verdict == Verdict.FAILED
    refused = run(COUNT, context(playing("Failed", 2, f"password {SECRET} refused")))
    assert refused.verdict == Verdict.FAILED and SECRET not in str(refused)


def test_the_query_is_one_word_of_the_command_and_never_a_shells() -> None:
    query = "SELECT 1; -- $(reboot) `reboot`"
    cluster = playing("Complete", log="3")
    seen = made(cluster)
    run(replace(COUNT, query=query), context(cluster))
    (job,) = seen[:1]
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-1] == query
