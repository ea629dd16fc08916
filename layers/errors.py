"""Everything that can go wrong, without a word of HTTP; `server/errors.py` has the table of status codes.

::

    OneMapError
    ├── BadInput                what a stranger sent is wrong; says what was given and what is allowed
    │   ├── BadFilter           a CQL2 expression that cannot be parsed, typed or allowed
    │   ├── BadGeometry         a geometry that cannot be read or is too large
    │   ├── BadCrs              a coordinate reference system that is not offered
    │   └── BadFile             a file that cannot be loaded at all (a bad row goes to quarantine instead)
    │       └── TooLargeFile    one that is, or would become, larger than is allowed
    ├── Unauthenticated         a token was sent and it is not one of ours
    ├── Forbidden               the actor is known, and this is not theirs to ask for
    ├── NotFound                no such layer, feature or tile, or none that this actor may see
    ├── TooMuch                 a limit was passed (page, vertices, area, statement time)
    ├── TooOften                the same was tried too many times in a while
    ├── Conflict                the state of the house forbids it (home in use, newer database)
    └── Unavailable             something outside is missing (database, extension, program)
        ├── Away                the database lets nobody in now, or not in time
        └── Damaged             the database itself is at fault: corrupt data, a broken disk, an internal error
"""

from __future__ import annotations


class OneMapError(Exception):
    """Root of all errors this project raises on purpose.

    Parameters
    ----------
    message
        One sentence for a person: what was given and what is allowed.
    parameter
        Name of the parameter, field or file that was wrong, when there is one.
    """

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter


class BadInput(OneMapError):
    """What was sent is wrong."""


class BadFilter(BadInput):
    """A filter expression that cannot be parsed, typed or allowed."""


class BadGeometry(BadInput):
    """A geometry that cannot be read, or has more vertices than allowed."""


class BadCrs(BadInput):
    """A coordinate reference system that is not offered."""


class BadFile(BadInput):
    """A file that cannot be loaded at all."""


class TooLargeFile(BadFile):
    """A file that is larger, or would become larger, than is allowed."""


class Unauthenticated(OneMapError):
    """A token was sent and it is not one of ours."""


class Forbidden(OneMapError):
    """The actor is known, and this is not theirs to ask for."""


class NotFound(OneMapError):
    """No such thing, or none that this actor may see."""


class TooMuch(OneMapError):
    """A limit was passed."""


class TooOften(OneMapError):
    """It was tried too many times in a while."""


class Conflict(OneMapError):
    """The state of the house forbids it."""


class Unavailable(OneMapError):
    """Something outside is missing or does not answer."""


class Away(Unavailable):
    """The database lets nobody in now, or not in time: nothing was asked of it, and it may be asked again."""


class Damaged(Unavailable):
    """The database has a fault of its own, which somebody must look at; it is no fault of what was sent.

    Parameters
    ----------
    sqlstate
        What PostgreSQL calls it, for example XX002 for a damaged index.
    """

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
