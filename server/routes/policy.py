"""`/policy`: the policy in force in this worker, for those who keep it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from layers.policy.definition import PolicyRole, PolicyRule
from layers.review.check import check_policy
from server.dependencies import StateHere, require_duty
from server.identity.identity import Identity

router = APIRouter(tags=["policy"])


class PolicyInForce(BaseModel):
    """The policy in force, and what a review finds."""

    digest: str = Field(
        description="策略指纹；所有进程相同即已生效 fingerprint; the same in every worker once in force"
    )
    fault: str | None = Field(
        description="文件有误时的原因，原策略继续有效 why the files are not in force; null while they are"
    )
    warnings: list[str] = Field(description="检查提醒 findings of a review that do not refuse it")
    roles: list[PolicyRole]
    rules: list[PolicyRule]


@router.get("/policy")
async def policy_in_force(state: StateHere, _: Annotated[Identity, Depends(require_duty("policy"))]) -> PolicyInForce:
    """Return roles and rules as this worker applies them, and why changed files are not in force."""
    policy = state.policy.policy
    definitions = {layer.id: layer.definition for layer in state.catalog.current.values()}
    return PolicyInForce(
        digest=policy.digest,
        fault=state.policy.fault,
        warnings=[str(finding) for finding in check_policy(policy, definitions)],
        roles=list(policy.roles.values()),
        rules=list(policy.rules),
    )
