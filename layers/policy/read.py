"""The files of the policy: roles and rules of a folder, read as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from layers.errors import BadInput
from layers.file_stamps import file_stamps
from layers.policy.definition import PolicyRole, PolicyRule
from layers.policy.policy import Policy
from layers.yaml_file import explain, read_yaml

FILES_MAX = 200
RULES_MAX = 5_000
PARAMETER = "policy"
_FAULTS_MAX = 10


class PolicyFile(BaseModel):
    """One file: any number of roles and rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: tuple[PolicyRole, ...] = ()
    rules: tuple[PolicyRule, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """What the files hold, and what is wrong with them."""

    roles: list[tuple[str, PolicyRole]]
    rules: list[tuple[str, PolicyRule]]
    faults: list[str]


def read_policy(folder: Path) -> Policy:
    """Read the policy of a folder: the roles and rules of all its YAML files, in the order of their names.

    Raises
    ------
    BadInput
        When the folder is missing or has no role, or any file has a fault: one that is no YAML of roles and rules, an
        id that is given twice, a rule of a role that no file defines. The message names files and faults, ten at most.
    """
    if not folder.is_dir():
        raise BadInput(
            f"the policy's folder '{folder.name}' is missing; without it nobody may see anything. Copy config/policy of"
            " this release there, or name another folder by [policy] folder",
            parameter=PARAMETER,
        )
    names = list(file_stamps(folder))
    if len(names) > FILES_MAX:
        raise BadInput(f"the policy has {len(names)} files; at most {FILES_MAX} are read", parameter=PARAMETER)
    found = _read_files([folder / name for name in names])
    faults = found.faults or _faults(found)
    if faults:
        raise BadInput(list_faults(faults), parameter=PARAMETER)
    return Policy((role for _, role in found.roles), (rule for _, rule in found.rules))


def list_faults(faults: Sequence[str]) -> str:
    """Put faults into one line: the first ten, and how many more there are."""
    more = f"; and {len(faults) - _FAULTS_MAX} more" if len(faults) > _FAULTS_MAX else ""
    return "; ".join(faults[:_FAULTS_MAX]) + more


def _read_files(paths: Iterable[Path]) -> _Read:
    found = _Read([], [], [])
    for path in paths:
        try:
            file = PolicyFile.model_validate(read_yaml(path) or {})
        except ValidationError as error:
            found.faults.append(f"{path.name} is no file of a policy: {explain(error)}")
        except BadInput as error:
            found.faults.append(error.message)
        else:
            found.roles.extend((path.name, role) for role in file.roles)
            found.rules.extend((path.name, rule) for rule in file.rules)
    return found


def _faults(found: _Read) -> list[str]:
    """Return what is wrong between files that are right by themselves."""
    if not found.roles:
        return ["the policy defines no role; every rule gives something to roles"]
    if len(found.rules) > RULES_MAX:
        return [f"the policy has {len(found.rules)} rules; at most {RULES_MAX} are allowed"]
    roles = {role.id for _, role in found.roles}
    faults = _twice("role", [(file, role.id) for file, role in found.roles])
    faults += _twice("rule", [(file, rule.id) for file, rule in found.rules])
    for file, rule in found.rules:
        unknown = sorted(set(rule.roles) - roles)
        if unknown:
            faults.append(f"{file}: rule '{rule.id}' names roles that are not defined: {', '.join(unknown)}")
    return faults


def _twice(what: str, ids: Sequence[tuple[str, str]]) -> list[str]:
    number = Counter(one for _, one in ids)
    files = {one: sorted({file for file, other in ids if other == one}) for one, n in number.items() if n > 1}
    return [f"{what} '{one}' is defined {number[one]} times, in {' and '.join(where)}" for one, where in files.items()]
