"""The roles of `domain.md` 7.2 with their clearances, for accounts and tokens where no policy names other ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from layers.policy.definition import PolicyRole

_ROLES = (
    ("public_user", "公众用户", "Public user", 1),
    ("grid_worker", "网格员", "Grid worker", 3),
    ("community_officer", "社区工作人员", "Community officer", 3),
    ("street_dispatcher", "街道调度员", "Street dispatcher", 3),
    ("district_dispatcher", "区级调度员", "District dispatcher", 3),
    ("department_officer", "部门工作人员", "Department officer", 3),
    ("leader", "领导", "Leader", 3),
    ("analyst", "分析员", "Analyst", 2),
    ("data_steward", "数据管理员", "Data steward", 2),
    ("feed_client", "接入客户端", "Feed client", 1),
    ("sysadmin", "系统管理员", "System administrator", 1),
    ("security_admin", "安全管理员", "Security administrator", 1),
    ("auditor", "审计员", "Auditor", 1),
    ("operator", "操作员", "Operator", 4),
)

ROLES: Mapping[str, PolicyRole] = MappingProxyType(
    {
        name: PolicyRole(id=name, title_zh=title_zh, title_en=title_en, clearance=clearance)
        for name, title_zh, title_en, clearance in _ROLES
    }
)
