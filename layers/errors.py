"""The tree of errors, without HTTP; `server/errors.py` has the table of status codes.

::

    OneMapError
    ├── BadInput                the input is wrong; the message says what was given and what is allowed
    │   ├── BadFilter           a CQL2 expression that cannot be parsed, typed or allowed
    │   ├── BadGeometry         a geometry that cannot be read or is too large
    │   ├── BadCrs              a coordinate reference system that is not offered
    │   └── BadFile             a file that cannot be loaded at all (a bad row goes to quarantine instead)
    │       └── TooLargeFile    a file that is, or would become, larger than is allowed
    ├── Unauthenticated         the token is not valid
    ├── Forbidden               the actor is known and lacks the right
    ├── NotFound                no such layer, feature or tile, or none that this actor may see
    ├── TooMuch                 a limit was exceeded (page, vertices, area, statement time)
    ├── TooOften                too many attempts in a while
    ├── Conflict                the state of the service forbids it (home in use, newer database)
    └── Unavailable             something outside is missing (database, extension, program)
        ├── Away                the database admits no connection now, or not in time
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
        Name of the wrong parameter, field or file, when there is one.
    """

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter


class BadInput(OneMapError):
    """The input is wrong."""


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
    """The token is not valid."""


class Forbidden(OneMapError):
    """The actor is known and lacks the right."""


class NotFound(OneMapError):
    """No such thing, or none that this actor may see."""


class TooMuch(OneMapError):
    """A limit was exceeded."""


class TooOften(OneMapError):
    """There were too many attempts in a while.

    Parameters
    ----------
    retry_after_s
        Seconds after which the next attempt is answered.
    """

    def __init__(self, message: str, *, parameter: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(message, parameter=parameter)
        self.retry_after_s = retry_after_s


class Conflict(OneMapError):
    """The state of the service forbids it."""


class Unavailable(OneMapError):
    """Something outside is missing or does not respond."""


class Away(Unavailable):
    """The database admits no connection now, or not in time: no statement was sent, and a retry is safe."""


class Damaged(Unavailable):
    """The database has a fault of its own, which an administrator must repair; the input is not at fault.

    Parameters
    ----------
    sqlstate
        PostgreSQL's code of the fault, for example XX002 for a damaged index.
    """

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
