"""Readers of tests that ask below HTTP."""

from __future__ import annotations

from pathlib import Path

from layers.actor import Actor, anonymous_under
from layers.policy.read import read_policy

SHIPPED_POLICY = Path(__file__).parent.parent / "config" / "policy"
"""The policy that a district starts with; most tests use an open one."""

INSIDER = Actor("anonymous", clearance=2)
"""Everybody, in a district that opens what is internal: most tests are about other things than rights."""

OPENED = anonymous_under(read_policy(Path(__file__).parent / "policies" / "open"))
"""Everybody, under the policy of most tests: also where cameras are, and who is a worker, but not where."""
