"""The moment that a raster shows: given outright, in its file's name, or in the file's own tag."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from layers.conversion.local_times import LOCAL_OFFSET_S
from layers.errors import BadInput
from layers.moment import read_time

TAG = "tag"
_CHINA = timezone(timedelta(seconds=LOCAL_OFFSET_S))
_TAGGED = "%Y:%m:%d %H:%M:%S"  # as TIFF 6.0 writes it

type WhenOf = Callable[[str, str | None], datetime]


def when_of(text: str | None) -> WhenOf | None:
    """Parse the value of ``--time``.

    Parameters
    ----------
    text
        A time with its offset; or ``tag``: the file's tag DateTime; or a pattern of the whole file name such as
        ``rain_%Y%m%d%H%M.tif``. A time without an offset is China Standard Time. None for no time.

    Returns
    -------
    callable or None
        Returns the moment, in UTC, for the file's name and its tag.

    Raises
    ------
    BadInput
        When it is none of these; from the callable: when the name or tag holds no time.
    """
    if text is None:
        return None
    if text == TAG:
        return _by_tag
    if "%" in text:
        return lambda name, _: _by_pattern(text, name)
    moment = read_time(text, "time")
    return lambda _name, _tag: moment


def _by_tag(name: str, tag: str | None) -> datetime:
    try:
        return datetime.strptime(tag or "", _TAGGED).replace(tzinfo=_CHINA).astimezone(UTC)
    except ValueError as error:
        raise BadInput(f"the tag DateTime of '{name}' is '{tag or ''}', which is no time", parameter="time") from error


def _by_pattern(pattern: str, name: str) -> datetime:
    try:
        found = datetime.strptime(name, pattern)  # noqa: DTZ007  # made aware below, when it is not
    except ValueError as error:
        message = f"'{name}' is not of the form '{pattern[:80]}'; for example rain_%Y%m%d%H%M.tif"
        raise BadInput(message, parameter="time") from error
    return (found if found.tzinfo else found.replace(tzinfo=_CHINA)).astimezone(UTC)
