"""A task is taken once, watched, and answered once: over redelivery, restarts, lost lines, deadlines and stops."""

import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from relight.agent.desk import Desk
from relight.agent.journal import Journal
from relight.agent.watch import Watch
from relight.errors import DigestMismatch
from relight.model import Order, Task, moment
from tests.agent.world import TOKEN, RecordingLine, a_task, an_order
from tests.support import eventually


class Worker:
    """Counts how often it works; each piece of work takes ``seconds``, or ends by ``error``."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.times = 0
        self.quit = Event()

    def __call__(self, task: Task, order: Order, watch: Watch) -> dict[str, Any]:
        return watch.over(lambda: self._work(watch))

    def _work(self, watch: Watch) -> dict[str, Any]:
        self.times += 1
        if self.error:
            raise self.error
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(0.01)
            try:
                watch.go_on()
            except BaseException:
                self.quit.set()
                raise
        return {"restored": True}


def desk(tmp_path: Path, line: RecordingLine, worker: Worker) -> Desk:
    return Desk(Journal(tmp_path / "tasks"), line, worker)


def test_work_is_answered_with_its_record(tmp_path: Path) -> None:
    line = RecordingLine()
    desk(tmp_path, line, Worker()).take(a_task(), an_order())
    eventually(lambda: line.answers)
    assert line.answers == [("succeeded", {"restored": True})]


def test_the_first_heartbeat_comes_at_once_since_it_says_that_the_instance_lives(tmp_path: Path) -> None:
    line = RecordingLine()
    taken = time.monotonic()
    desk(tmp_path, line, Worker(seconds=0.5)).take(a_task(heartbeat=120), an_order())
    eventually(lambda: line.beats)
    assert line.beats[0] - taken < 0.3


def test_a_task_delivered_every_second_is_worked_on_and_answered_once(tmp_path: Path) -> None:
    line, worker = RecordingLine(), Worker(seconds=0.2)
    at = desk(tmp_path, line, worker)
    task = a_task()
    for _ in range(30):
        at.take(task, an_order())
        time.sleep(0.02)
    eventually(lambda: line.answers)
    assert worker.times == 1 and len(line.answers) == 1


def test_after_a_restart_an_answered_task_is_left_alone(tmp_path: Path) -> None:
    line, worker, task = RecordingLine(), Worker(), a_task()
    desk(tmp_path, line, worker).take(task, an_order())
    eventually(lambda: Journal(tmp_path / "tasks").find(task) and Journal(tmp_path / "tasks").find(task).sent)  # type: ignore[union-attr]
    desk(tmp_path, line, worker).take(task, an_order())
    time.sleep(0.2)
    assert worker.times == 1 and len(line.answers) == 1


def test_an_answer_kept_but_not_sent_before_a_crash_is_sent_without_working_again(tmp_path: Path) -> None:
    task, worker, line = a_task(), Worker(), RecordingLine()
    dead_line = RecordingLine(busy=10_000)
    dying = desk(tmp_path, dead_line, worker)
    dying.take(task, an_order())
    eventually(lambda: Journal(tmp_path / "tasks").find(task))
    dying.stop()
    desk(tmp_path, line, worker).take(task, an_order())
    eventually(lambda: line.answers)
    assert worker.times == 1 and line.answers == [("succeeded", {"restored": True})]


@pytest.mark.slow
def test_heartbeats_go_on_while_the_work_is_long(tmp_path: Path) -> None:
    line = RecordingLine()
    desk(tmp_path, line, Worker(seconds=3.5)).take(a_task(heartbeat=3), an_order())
    eventually(lambda: line.answers)
    gaps = [after - before for before, after in zip(line.beats, line.beats[1:], strict=False)]
    assert len(line.beats) >= 4 and max(gaps) < 1.5


def test_a_lost_heartbeat_does_not_end_the_work(tmp_path: Path) -> None:
    line = RecordingLine(busy=1)
    desk(tmp_path, line, Worker(seconds=0.1)).take(a_task(), an_order())
    eventually(lambda: line.answers)
    assert line.answers[0][0] == "succeeded"


def test_a_failure_is_answered_by_its_class_name_and_one_line(tmp_path: Path) -> None:
    line = RecordingLine()
    error = DigestMismatch("s3://b/state.tar.zst: sha256 differs;\n  it is not what was backed up; choose another backup")
    desk(tmp_path, line, Worker(error=error)).take(a_task(), an_order())
    eventually(lambda: line.answers)
    assert line.answers == [
        ("DigestMismatch", "s3://b/state.tar.zst: sha256 differs; it is not what was backed up; choose another backup")
    ]


def test_a_defect_is_answered_too_instead_of_leaving_the_run_to_a_timeout(tmp_path: Path) -> None:
    line = RecordingLine()
    desk(tmp_path, line, Worker(error=ZeroDivisionError("division by zero"))).take(a_task(), an_order())
    eventually(lambda: line.answers)
    assert line.answers == [("ZeroDivisionError", "division by zero; a defect of the agent; see its log")]


def test_a_task_past_its_deadline_is_answered_and_its_work_ends(tmp_path: Path) -> None:
    line, worker = RecordingLine(), Worker(seconds=30)
    desk(tmp_path, line, worker).take(a_task(seconds=0.5), an_order())
    eventually(lambda: line.answers)
    assert line.answers[0][0] == "TaskTimedOut" and len(line.answers) == 1
    assert worker.quit.wait(2), "the work must notice that it was given up"


@pytest.mark.slow
def test_the_answer_of_a_late_task_comes_before_the_state_machine_stops_waiting(tmp_path: Path) -> None:
    line, task = RecordingLine(), a_task(seconds=4)
    desk(tmp_path, line, Worker(seconds=30)).take(task, an_order())
    eventually(lambda: line.answers)
    assert line.answers[0][0] == "TaskTimedOut"
    assert datetime.now(UTC) < moment(task.deadline_at)


def test_a_task_already_past_its_deadline_is_answered_as_timed_out(tmp_path: Path) -> None:
    line = RecordingLine()
    desk(tmp_path, line, Worker(seconds=1)).take(a_task(seconds=-5), an_order())
    eventually(lambda: line.answers)
    assert line.answers[0][0] == "TaskTimedOut"


def test_when_nobody_waits_any_more_the_work_is_dropped_quietly(tmp_path: Path) -> None:
    line, worker = RecordingLine(), Worker(seconds=30)
    desk(tmp_path, line, worker).take(a_task(heartbeat=3), an_order())
    eventually(lambda: worker.times)
    line.gone = frozenset({TOKEN})
    assert worker.quit.wait(3)
    assert line.answers == [] and not list((tmp_path / "tasks").glob("*"))


def test_nothing_is_begun_for_a_token_that_nobody_waits_for(tmp_path: Path) -> None:
    """What was left in the mailbox by an earlier run must not touch what stands here now."""
    line, worker = RecordingLine(gone=frozenset({TOKEN})), Worker()
    at = desk(tmp_path, line, worker)
    at.take(a_task(), an_order())
    at._taken[TOKEN, 0][0].join(5)
    assert worker.times == 0 and line.answers == []


def test_stopping_the_agent_answers_runner_lost_for_the_task_at_work(tmp_path: Path) -> None:
    line, worker = RecordingLine(), Worker(seconds=30)
    at = desk(tmp_path, line, worker)
    at.take(a_task(), an_order())
    eventually(lambda: worker.times)
    started = time.monotonic()
    at.stop()
    assert time.monotonic() - started < 2
    assert [error for error, _ in line.answers] == ["RunnerLost"]


def test_an_answer_that_is_not_taken_at_first_is_offered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relight.agent.desk.RESEND_SECONDS", 0.05)
    line = RecordingLine(busy=4)  # the heartbeat and three answers
    desk(tmp_path, line, Worker()).take(a_task(), an_order())
    eventually(lambda: line.answers)
    assert line.answers == [("succeeded", {"restored": True})]


@pytest.mark.slow
def test_the_token_is_in_no_file_and_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line = RecordingLine(busy=1)
    at = desk(tmp_path, line, Worker(error=ValueError("bad")))
    at.take(a_task(), an_order())
    eventually(lambda: line.answers)
    at.stop()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    names = " ".join(str(path) for path in tmp_path.rglob("*"))
    said = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "restore" in said and "ValueError" in kept.decode()
    assert TOKEN not in said + names + kept.decode()
