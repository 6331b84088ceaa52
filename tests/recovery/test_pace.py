"""The pace of a restore: quick while the API keeps up, gentle when it says that it is busy."""

import threading

import pytest

from relight.errors import ClusterRefused, Throttled
from relight.recovery.pace import Pace

MOST = 32


def work(pace: Pace, *errors: Exception) -> None:
    for error in errors:
        with pytest.raises(type(error)), pace.turn():
            raise error


def test_it_grows_again_with_every_round_that_goes_well_up_to_its_most() -> None:
    pace = Pace(20)
    work(pace, Throttled("busy"))
    assert pace.limit == 10
    for _ in range(1000):
        with pace.turn():
            pass
    assert pace.limit == 20


def test_a_busy_api_halves_it_and_it_never_stops_altogether() -> None:
    pace = Pace(32)
    work(pace, Throttled("busy"))
    assert pace.limit == MOST // 2
    work(pace, *[Throttled("busy")] * 9)
    assert pace.limit == 1


def test_an_object_that_is_refused_says_nothing_about_the_api() -> None:
    pace = Pace(32)
    work(pace, ClusterRefused("bad field"))
    assert pace.limit == MOST


def test_a_round_that_is_throttled_as_a_whole_halves_it_once() -> None:
    pace, all_in = Pace(32), threading.Barrier(MOST, timeout=5)

    def throttled() -> None:
        with pytest.raises(Throttled), pace.turn():
            all_in.wait()
            raise Throttled("busy")

    threads = [threading.Thread(target=throttled) for _ in range(MOST)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert pace.limit == MOST // 2


def test_no_more_than_the_limit_are_inside_at_once() -> None:
    pace, inside, most = Pace(3), [], [0]
    lock = threading.Lock()

    def one() -> None:
        with pace.turn():
            with lock:
                inside.append(1)
                most[0] = max(most[0], len(inside))
            with lock:
                inside.pop()

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert 1 <= most[0] <= 3
