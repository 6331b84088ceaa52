"""Work done ahead by threads, given in order, with a bound on how much is under way."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def ordered(
    work: Callable[[Given], Made], items: Iterable[Given], threads: int, waiting: int = 0
) -> Generator[Made, None, None]:
    """``work`` of each item, in the items' order; at most ``threads`` results are under way or waiting for their turn, and
    ``waiting`` more where a result is small: then one item that takes long holds up no thread.

    When the consumer stops or an item fails, what has not begun is dropped. Close the generator when you stop early.
    """
    pool = ThreadPoolExecutor(threads, "backup")
    try:
        ahead: deque[Future[Made]] = deque()
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) >= threads + waiting:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        # No waiting: the garbage collector may run this in any thread, holding any lock that a worker needs to end.
        pool.shutdown(wait=False, cancel_futures=True)
