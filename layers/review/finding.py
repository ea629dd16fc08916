"""What a review of the policy finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PolicyFault(Enum):
    """A kind of finding: its titles, and whether a policy with it is refused."""

    UNKNOWN_LAYER = ("图层不存在", "no such layer", True)
    UNKNOWN_FIELD = ("字段不存在", "no such field", True)
    WRONG_MASK = ("掩码不合字段类型", "the mask does not fit the field's type", True)
    BAD_ROWS = ("行条件有误", "the condition on rows has a fault", True)
    NO_AREA_LAYER = ("不是区域图层", "counts are by areas: districts, streets, communities, grids", True)
    JOINT_DUTIES = ("系统、安全、审计三权未分立", "one role has duties of two of the three administrators", True)
    ROLE_WITHOUT_RULES = (
        "角色没有规则也没有职责",
        "the role has neither rules nor duties, and sees what everybody sees",
        False,
    )
    UNREACHABLE_RULE = ("规则永不生效", "the rule can never give anything", False)
    UNSEEN_FIELD = ("字段无人可见", "no role but the operator's is shown the field", False)
    TOLD_PLACE = ("位置被其他字段泄露", "a field in full beside the masked place tells the place", False)

    def __init__(self, title_zh: str, title_en: str, is_error: bool) -> None:
        self.title_zh = title_zh
        self.title_en = title_en
        self.is_error = is_error


@dataclass(frozen=True, slots=True)
class PolicyFinding:
    """A fault of the policy.

    Attributes
    ----------
    subject
        The rule, the role, or the layer and field that it is about.
    detail
        What exactly; empty where the kind says it all.
    """

    kind: PolicyFault
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.subject}: {self.kind.title_zh} {self.kind.title_en}{detail}"
