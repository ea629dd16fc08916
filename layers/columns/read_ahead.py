"""Reading ahead: a thread reads what comes next while the caller works on what it has."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread


def read_ahead[T](rows: Iterator[T], most: int, interrupt: Callable[[], None]) -> Iterator[T]:
    """Yield what an iterator yields, in its order, while a thread of its own reads on.

    Parameters
    ----------
    rows
        Is read by the thread alone.
    most
        How many are held unread.
    interrupt
        Ends a read that waits; called when the caller leaves before the end, from the caller's thread.

    Raises
    ------
    BaseException
        What `rows` raises, in its place.
    """
    ahead = _Ahead(rows, most)
    try:
        yield from ahead.taken()
    finally:
        ahead.end(interrupt)


class _Ahead[T]:
    """What was read and not taken yet, and the thread that reads."""

    def __init__(self, rows: Iterator[T], most: int) -> None:
        self._rows, self._most = rows, most
        self._held: deque[T] = deque()
        self._changed = Condition()
        self._is_read = self._is_left = False
        self._fault: BaseException | None = None
        self._thread = Thread(target=self._read, name="read-ahead", daemon=True)
        self._thread.start()

    def taken(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held or self._is_read)
                if not self._held:
                    break
                one = self._held.popleft()
                self._changed.notify_all()
            yield one
        if self._fault is not None:
            raise self._fault

    def end(self, interrupt: Callable[[], None]) -> None:
        """Let the thread end, and wait for it: what it reads from is free afterwards."""
        with self._changed:
            self._is_left = True
            is_read = self._is_read
            self._changed.notify_all()
        if not is_read:
            interrupt()
        self._thread.join()

    def _read(self) -> None:
        try:
            for one in self._rows:
                with self._changed:
                    self._held.append(one)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: len(self._held) < self._most or self._is_left)
                    if self._is_left:
                        break
        except BaseException as error:  # noqa: BLE001  # raised where the rows are taken
            self._fault = error
        finally:
            with self._changed:
                self._is_read = True
                self._changed.notify_all()
