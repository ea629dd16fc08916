"""The policy in force in a process, read again when its files change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from layers.errors import BadInput
from layers.file_stamps import Stamp, file_stamps
from layers.policy.policy import Policy
from layers.policy.read import PARAMETER, list_faults, read_policy

POLL_SECONDS = 0.5
type PolicyCheck = Callable[[Policy], Sequence[str]]
_log = logging.getLogger(__name__)


class PolicyHolder:
    """The policy of a folder; a change with a fault leaves the policy before it in force.

    Parameters
    ----------
    check
        Returns the faults of a policy that its files alone do not show: layers and fields that do not exist.
    check_first
        The same for the first policy, before which there is none to stay in force; by default `check`.

    Attributes
    ----------
    policy
        In force.
    fault
        What is wrong with the files, and mostly why they are not in force; None while nothing is.
    is_refused
        Whether the files are not in force for their fault, but the policy before them.
    on_change
        Called, in the event loop, after another policy has come into force.

    Raises
    ------
    BadInput
        When the folder has no policy that can be read: a server does not start without one.
    """

    def __init__(self, folder: Path, check: PolicyCheck = lambda _: (), check_first: PolicyCheck | None = None) -> None:
        self._folder = folder
        self._check = check
        self._stamps: dict[str, Stamp] = file_stamps(folder)
        self._watching: asyncio.Task[None] | None = None
        self.policy = read_policy(folder)
        self.fault: str | None = None
        self.is_refused = False
        self.on_change: list[Callable[[], None]] = []
        faults = (check_first or check)(self.policy)
        if faults:
            raise BadInput(list_faults(faults), parameter=PARAMETER)
        if forgiven := check(self.policy):
            self.fault = list_faults(forgiven)
            _log.warning("the policy is in force, and has a fault: %s", self.fault)

    def renew(self) -> bool:
        """Read the files again if one has changed; whether another policy is in force now."""
        stamps = file_stamps(self._folder)
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            policy = read_policy(self._folder)
            faults = self._check(policy)
        except BadInput as error:
            faults = [error.message]
        if faults:
            self.fault, self.is_refused = list_faults(faults), True
            _log.error("the policy's files have a fault, the policy before them stays in force: %s", self.fault)
            return False
        changed, self.policy, self.fault, self.is_refused = policy != self.policy, policy, None, False
        _log.warning("the policy was read again: %s", self.policy.digest)
        return changed

    def start(self) -> None:
        """Look at the files twice a second, in a task of the running loop."""
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look at the files no more."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                changed = await asyncio.to_thread(self.renew)
            except Exception:  # noqa: BLE001  # whatever happens to the folder, the policy in force stays, and is looked after
                _log.exception("the policy's files could not be looked at")
                continue
            for notice in self.on_change if changed else ():
                notice()
