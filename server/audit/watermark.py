"""The watermark of an answer that holds much: who took it, by which approval, when, in which request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

HEADER = "OneMap-Watermark"
_PLAIN = ":@.,+ "


@dataclass(frozen=True, slots=True)
class Watermark:
    """What an answer says of who took it.

    Attributes
    ----------
    approval
        Empty for a role that the policy lets export without one.
    request_id
        Empty for a file that a command makes.
    """

    subject: str
    approval: str
    request_id: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def members(self) -> Mapping[str, str]:
        """The watermark as a member of a JSON document."""
        approval = {"approval": self.approval} if self.approval else {}
        at = self.at.isoformat(timespec="seconds").replace("+00:00", "Z")
        request = {"request_id": self.request_id} if self.request_id else {}
        return {"subject": self.subject, **approval, "at": at, **request}

    @property
    def text(self) -> str:
        """The watermark as the value of a header: parameters as structured fields have them, percent-encoded UTF-8."""
        return "; ".join(f'{name}="{quote(value, safe=_PLAIN)}"' for name, value in self.members.items())

    def file_name(self, layer: str, ending: str) -> str:
        """Return the name of a file that has no place for metadata inside."""
        parts = [layer, *([self.approval] if self.approval else []), f"{self.at:%Y%m%dT%H%M%SZ}", self.request_id]
        return f"{'_'.join(parts)}.{ending}"
