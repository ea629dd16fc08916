"""The guide to identity providers is right: its files are read as they stand, and its tables are complete."""

from __future__ import annotations

import re

import pytest
import yaml

from layers.policy.read import read_policy
from server.identity.oidc.claims import ClaimsMapping
from server.identity.oidc.provider_file import ProviderFile, provider_folder
from server.installation import PROJECT

GUIDE = (PROJECT / "docs" / "operations" / "oidc.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
WHOLE = yaml.safe_load(BLOCKS[0])


@pytest.mark.parametrize("block", BLOCKS)
def test_the_files_of_the_guide_are_read(block, tmp_path):
    text = yaml.safe_dump(WHOLE | yaml.safe_load(block), allow_unicode=True)
    (tmp_path / "district.yaml").write_text(text, encoding="utf-8")
    folder = provider_folder(tmp_path)
    assert folder.faults == {}
    assert folder.by_name["district"].client_secret == "oidc_district"


def test_the_example_is_read_under_its_name(tmp_path):
    text = (PROJECT / "config" / "oidc" / "_example.yaml").read_text(encoding="utf-8")
    (tmp_path / "district.yaml").write_text(text, encoding="utf-8")
    assert provider_folder(tmp_path).faults == {}


def column(heading: str) -> set[str]:
    """Return the names in code in the first column of the table under a heading."""
    table = GUIDE.split(heading, 1)[1].split("\n\n", 1)[0]
    return {
        name
        for line in table.splitlines()
        for name in re.findall(r"`([^`]+)`", line.split("|")[1] if "|" in line else "")
    }


def test_the_tables_name_every_setting_and_every_target():
    assert column("| setting | meaning |") == set(ProviderFile.model_fields) - {
        "name",
        "title_zh",
        "title_en",
        "claims",
    }
    assert column("| target | what it decides | values |") == set(ClaimsMapping.model_fields)


def test_the_guide_names_every_role_that_a_provider_may_give():
    row = next(line for line in GUIDE.splitlines() if line.startswith("| `roles` |"))
    roles = read_policy(PROJECT / "config" / "policy").roles
    assert set(re.findall(r"`(\w+)`", row)) - {"roles"} == roles.keys() - {"operator", "anonymous"}
