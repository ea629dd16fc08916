"""Readers of tests that ask below HTTP."""

from __future__ import annotations

from layers.actor import Actor

INSIDER = Actor("anonymous", clearance=2)
"""Everybody, in a district that opens what is internal: most tests are about other things than rights."""
