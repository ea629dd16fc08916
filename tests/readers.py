"""Readers of tests that ask below HTTP."""

from __future__ import annotations

from layers.actor import Actor

INSIDER = Actor("insider", clearance=2)
"""Somebody who sees what is internal, everywhere: most tests are about other things than rights."""
