"""The judge of what leaves: every answer says what it took (`server.audit.touched`), and `server.front` asks here.

::

    grade of the data    one answer                within an hour, of one layer
    1                    any number                any number
    2                    export.answer_features    export.hour_features
    3 and above          export.sensitive_…        export.sensitive_…

More needs the operation ``export`` of the policy on the layer, and an approval, unless the policy lets a role export
without one. What everybody may see needs neither. Tiles, and changes of streams, are not counted here: maps are made of
them; the audit has them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from layers.actor import OPERATOR, Actor
from layers.audit.record import SENSITIVE_GRADE, AuditAction
from layers.errors import Forbidden
from layers.layer_rights import rights_of
from layers.policy.policy import Policy
from server.audit.touched import LayerTaken, Touched
from server.audit.watermark import Watermark
from server.exports.allowance import Allowance
from server.exports.approval_number import HEADER
from server.identity.approvals import Approvals
from server.identity.subject import OPERATOR_ROLE
from server.request_id import request_id
from server.settings import ExportSettings


class Exports:
    """Judges answers of one worker; what is taken within an hour is counted for all of them.

    Parameters
    ----------
    policy
        Returns the policy in force.
    """

    def __init__(
        self, settings: ExportSettings, approvals: Approvals, allowance: Allowance, policy: Callable[[], Policy]
    ) -> None:
        self.approvals, self._settings, self._policy = approvals, settings, policy
        self._allowance = allowance

    async def judge(self, note: Touched) -> Watermark | None:
        """Judge what an answer took, once, before it leaves; return its watermark, None when it needs none.

        Raises
        ------
        Forbidden
            When it is more than the reader may take.
        Unavailable
            When the database cannot count what is taken, or tell whether an approval counts.
        """
        actor = note.actor
        if actor is None or actor.is_anonymous or note.is_judged:
            return note.watermark
        note.is_judged = True
        graded = [taken for taken in note.taken.values() if taken.grade > 1 and taken.features]
        is_free = self._is_free(actor)
        if is_free:
            much = [taken for taken in graded if taken.features > self._most(taken)[0]]
        elif note.approval is not None:
            much = graded
        else:
            much = [taken for taken in graded if not await self._is_allowed(actor, note, taken)]
        if much:
            number = "" if is_free else await self._approved(actor, note, much)
            note.action, note.watermark = AuditAction.EXPORT, Watermark(actor.subject, number, request_id())
        return note.watermark

    def most_at_once(self, actor: Actor, grade: int) -> int | None:
        """Return how many features up to a grade an actor may take in one answer without approval; None is any number.

        What he may take within an hour may be less.
        """
        if actor.is_anonymous or grade <= 1 or self._is_free(actor):
            return None
        return self._settings.sensitive_answer_features if grade >= SENSITIVE_GRADE else self._settings.answer_features

    def _is_free(self, actor: Actor) -> bool:
        is_operator = actor.subject == OPERATOR.subject and actor.policy is None
        roles = (OPERATOR_ROLE,) if is_operator else actor.roles
        return (actor.policy or self._policy()).exports_freely(roles)

    def _most(self, taken: LayerTaken) -> tuple[int, int]:
        """Return the features of an answer and of an hour."""
        limits = self._settings
        if taken.grade >= SENSITIVE_GRADE:
            return limits.sensitive_answer_features, limits.sensitive_hour_features
        return limits.answer_features, limits.hour_features

    async def _is_allowed(self, actor: Actor, note: Touched, taken: LayerTaken) -> bool:
        answer, hour = self._most(taken)
        if taken.features > answer:
            return False
        return await self._allowance.take(actor.subject, taken.layer.id, note.asked, taken.features, hour)

    async def _approved(self, actor: Actor, note: Touched, much: Collection[LayerTaken]) -> str:
        """Return the number of the approval that lets an actor take much.

        Raises
        ------
        Forbidden
            When a role lacks the operation, or there is no approval that is enough.
        """
        for taken in much:
            if not rights_of(taken.layer.definition, actor).may_export:
                raise Forbidden(f"您的角色不得导出 your roles may not export '{taken.layer.id}': {self._words(taken)}")
        if note.approval is None:
            (first, *_) = much
            raise Forbidden(
                f"导出须批准 this is an export of '{first.layer.id}' (grade {first.grade}) and needs an approval, named"
                f" in the header {HEADER} or the parameter approval: {self._words(first)}",
                parameter="approval",
            )
        grades = {taken.layer.id: taken.grade for taken in much}
        found = await self.approvals.find(note.approval)
        fault = "does not exist" if found is None else found.fault(actor.subject, grades, datetime.now(UTC))
        if fault is not None:
            raise Forbidden(f"批准无效 the approval '{note.approval[:20]}' {fault}", parameter="approval")
        return note.approval

    def _words(self, taken: LayerTaken) -> str:
        answer, hour = self._most(taken)
        return (
            f"{answer:,} features an answer and {hour:,} an hour are allowed without; "
            f"this answer holds {taken.features:,}"
        )
