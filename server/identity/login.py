"""The login with a local account: attempts are counted, passwords and codes checked, and a session is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import time
from typing import NoReturn

import asyncpg
import structlog
from anyio import CapacityLimiter, to_thread

from layers.database.connection import in_our_words
from layers.errors import BadInput, Conflict, Forbidden, NotFound, TooOften, Unauthenticated, Unavailable
from layers.identity.labels import NAME
from layers.identity.lockout import wait_s
from layers.identity.logins import (
    LoginAccount,
    LoginAttempt,
    begin_attempt,
    change_password,
    demo_account,
    demo_roles,
    find_account,
    forget_attempt,
    seal_totp,
    use_code,
)
from layers.identity.passwords import check_length, check_new, hash_password, is_password
from layers.identity.sessions import NewSession
from layers.identity.totp import step_of_code
from server.identity.sessions import Sessions
from server.identity.subject import AuthMethod, Subject
from server.identity.totp_seal import TotpSeal
from server.settings import IdentitySettings

_HASHES_AT_ONCE = 2
_WAITING_MAX = 32
_NAME_CHARS_MAX = 64
_WRONG = "账户、口令或动态口令有误 account, password or one-time code is wrong"
_log = structlog.get_logger(__name__)


class LockedOut(TooOften):
    """Too many attempts failed.

    Parameters
    ----------
    wait_s
        Seconds until the next attempt may be made.
    """

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, round(wait_s + 0.5))
        super().__init__(f"尝试过多 too many attempts failed; try again in {self.wait_s} s")


class CodeWanted(Unauthenticated):
    """Account and password are right, and a one-time code is needed too."""

    def __init__(self) -> None:
        super().__init__("请输入动态口令 a one-time code is needed too", parameter="code")


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What somebody typed, and where from.

    Attributes
    ----------
    is_near
        Whether a program of this machine sends it: accounts of the demo are for no other.
    """

    account: str
    password: str
    code: str
    address: str
    agent: str
    is_near: bool = False
    new_password: str | None = None
    purpose: str | None = None


class Login:
    """Logs people in.

    Parameters
    ----------
    pool
        Connections in the identity role.
    totp
        Opens the secrets of one-time codes.
    takes_demo
        Whether accounts of the demo may log in: on loopback alone.
    clock
        Returns the Unix time in seconds.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        sessions: Sessions,
        settings: IdentitySettings,
        totp: TotpSeal,
        *,
        takes_demo: bool = False,
        clock: Callable[[], float] = time,
    ) -> None:
        self._pool, self._sessions, self._settings = pool, sessions, settings
        self._takes_demo, self._clock, self._totp = takes_demo, clock, totp
        self._hashing = CapacityLimiter(_HASHES_AT_ONCE)

    async def log_in(self, request: LoginRequest) -> NewSession:
        """Check what somebody typed, and open a session.

        Raises
        ------
        BadInput
            For a password that is too long, and for a new one that is too simple.
        LockedOut
            When too many attempts failed.
        Unauthenticated
            When anything is wrong; the message is the same whatever it is.
        CodeWanted
            When the password is right, and a one-time code is needed too.
        Conflict
            When everything is right, and the password must be changed.
        Forbidden
            When the role needs one-time codes, and the account has none.
        Unavailable
            When the database does not answer, or too many passwords wait to be checked.
        """
        check_length(request.password)
        name = request.account.strip().lower()[:_NAME_CHARS_MAX]
        attempt = await self._begin(name, request.address)
        account = await self._account(name)
        near = request.is_near and self._takes_demo
        is_right = await self._is_password(account, request.password)
        if account is None or not is_right or account.disabled or (account.demo and not near):
            self._refuse(name, request.address)
        try:
            method = await self._check_code(account, request)
        except (CodeWanted, Forbidden):
            await self._forget(attempt)
            raise
        await self._forget(attempt)
        if account.must_change or request.new_password is not None:
            await self._change_password(account, request)
        _log.info("login", account=name, address=request.address, method=method)
        return await self._open(account.id, name, method, request)

    async def log_in_demo(self, role: str, address: str, agent: str, purpose: str | None = None) -> NewSession:
        """Open a session of the demo's account of a role.

        Raises
        ------
        NotFound
            When there is none, or the demo's accounts are not open here.
        """
        async with self._connection() as connection:
            found = await demo_account(connection, role) if self._takes_demo else None
        if found is None:
            raise NotFound("there is no such address")
        request = LoginRequest(found[1], "", "", address, agent, purpose=purpose)
        return await self._open(found[0], found[1], AuthMethod.DEMO, request)

    async def demo_roles(self) -> list[str]:
        """Return the roles of the demo that may be chosen here; empty elsewhere."""
        if not self._takes_demo:
            return []
        async with self._connection() as connection:
            return await demo_roles(connection)

    async def _begin(self, name: str, address: str) -> LoginAttempt:
        now = self._clock()
        async with self._connection() as connection:
            attempt = await begin_attempt(connection, name, address, now)
            wait = wait_s(attempt.failures, name, address, now, known_address=attempt.known_address)
            if wait > 0:
                await forget_attempt(connection, attempt.id)
                _log.warning("login refused, too many attempts", account=_shown(name), address=address)
                raise LockedOut(wait)
        return attempt

    async def _account(self, name: str) -> LoginAccount | None:
        if not NAME.fullmatch(name):
            return None
        async with self._connection() as connection:
            return await find_account(connection, name)

    async def _is_password(self, account: LoginAccount | None, password: str) -> bool:
        if self._hashing.statistics().tasks_waiting >= _WAITING_MAX:
            raise Unavailable("too many passwords wait to be checked; come again")
        stored = account.password_hash if account else None
        return await to_thread.run_sync(is_password, stored, password, limiter=self._hashing)

    async def _check_code(self, account: LoginAccount, request: LoginRequest) -> AuthMethod:
        if account.totp_secret is None:
            if set(account.roles) & set(self._settings.totp_roles) and not account.demo:
                raise Forbidden(f"角色须用动态口令 the role needs a one-time code: ./onemap user totp {account.name}")
            return AuthMethod.PASSWORD
        if not request.code:
            raise CodeWanted
        stored, secret = account.totp_secret, self._totp.open(account.name, account.totp_secret)
        step = step_of_code(secret, request.code, self._clock())
        async with self._connection() as connection:
            if step is None or not await use_code(connection, account.id, step):
                self._refuse(account.name, request.address)
            if not self._totp.is_sealed(stored):
                await seal_totp(connection, account.id, stored, self._totp.seal(account.name, secret))
        return AuthMethod.PASSWORD_AND_CODE

    @staticmethod
    def _refuse(name: str, address: str) -> NoReturn:
        _log.warning("login failed", account=_shown(name), address=address)
        raise Unauthenticated(_WRONG)

    async def _change_password(self, account: LoginAccount, request: LoginRequest) -> None:
        if request.new_password is None:
            raise Conflict("须先修改口令 the password must be changed: send new_password too", parameter="new_password")
        if request.new_password == request.password:
            raise BadInput("the new password is the present one", parameter="new_password")
        check_new(request.new_password, account.name)
        hashed = await to_thread.run_sync(hash_password, request.new_password, limiter=self._hashing)
        async with self._connection() as connection:
            if not await change_password(connection, account.id, str(account.password_hash), hashed):
                raise Unauthenticated(_WRONG)  # somebody else changed it meanwhile

    async def _forget(self, attempt: LoginAttempt) -> None:
        async with self._connection() as connection:
            await forget_attempt(connection, attempt.id)

    async def _open(self, account_id: int, name: str, method: AuthMethod, request: LoginRequest) -> NewSession:
        subject = Subject(f"account:{name}", name, method=method, purpose=request.purpose)
        return await self._sessions.open(subject, address=request.address, agent=request.agent, account_id=account_id)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        with in_our_words():
            async with self._pool.acquire() as connection:
                yield connection


def _shown(name: str) -> str:
    """Return a typed name for the log: somebody may have typed a password into the wrong field."""
    return name if NAME.fullmatch(name) else "(no name)"
