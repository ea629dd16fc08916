"""The streets of the district as published: codes are given, never counted up (440106005 does not exist)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from layers.tiers import DISTRICT, STREET

STREETS = Path(__file__).parent / "definitions" / "standards" / "streets.yaml"


class Street(BaseModel):
    """A street (街道) with its 9-digit code and its residents of the census of 2020-11-01."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    street_code: str = Field(pattern=r"^\d{9}$")
    name: str
    name_en: str
    population_resident: int = Field(gt=0)

    @property
    def area_code(self) -> str:
        """The 12-digit code: no community."""
        return f"{self.street_code}000"

    @property
    def district_code(self) -> str:
        """The 6-digit code of the district."""
        return self.street_code[: DISTRICT.digits]


@cache
def read_streets(path: Path = STREETS) -> tuple[Street, ...]:
    """Read the published streets, in the order of their codes."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))["rows"]
    return tuple(sorted((Street.model_validate(row) for row in rows), key=lambda street: street.street_code))


def is_published_street(area_code: str) -> bool:
    """Whether a code of 9 or more digits begins with a published street's code.

    Examples
    --------
    >>> is_published_street("440106011001"), is_published_street("440106005001")
    (True, False)
    """
    return area_code[: STREET.digits] in {street.street_code for street in read_streets()}
