"""A representation of features is one object and one line of a table: formats of this test alone are served."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from layers.database.admission import Cost
from server.formats import table
from server.formats.columnar import ColumnFormat
from server.formats.written import TextFormat
from server.http.cost import cost_of
from tests.ogc.service import Service

ITEMS = "collections/areas/items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piped(ColumnFormat):
    """Cells between bars."""

    def write(self, head, batches):
        yield "|".join(head.shape.schema.names).encode()
        for batch in batches:
            for row in batch.to_pylist():
                yield "\n{}".format("|".join(map(str, row.values()))).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Records(TextFormat):
    """JSON text sequences (RFC 8142)."""

    def page(self, features, head):
        return b"\x1e" + features + b"\n" if head.returned else b""


PIPED = Piped(f="piped", type="text/x-piped", title="Bars", ending="txt")
RECORDS = Records(f="records", type="application/geo+json-seq2", title="Records", separator="\n\x1e")


@pytest.fixture(scope="module")
def extended(things_url):
    """The application with two formats more in the table."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(table, "FORMATS", (*table.FORMATS, PIPED, RECORDS))
        running = Service(things_url)
        yield running
        running.close()


def test_a_new_table_is_served(extended):
    by_name = extended.ask(ITEMS, f="piped", limit=3)
    by_header = extended.ask(ITEMS, headers={"accept": "text/x-piped"}, limit=3)
    assert by_name.headers["content-type"] == "text/x-piped"
    assert by_name.text == by_header.text
    head, *rows = by_name.text.split("\n")
    assert (head.split("|")[0], len(rows), by_name.headers["ogc-numberreturned"]) == ("id", 3, "3")
    assert 'rel="next"' in by_name.headers["link"]
    assert extended.ask(ITEMS, f="piped", resulttype="hits").content == b""


def test_a_new_text_of_postgresql_is_served_with_the_single_feature(extended):
    page = extended.ask(ITEMS, f="records", limit=2).content
    assert page.count(b'\x1e{"type":"Feature"') == 2
    feature_id = extended.json(ITEMS, limit=1)["features"][0]["id"]
    assert extended.ask(f"{ITEMS}/{feature_id}", f="records").content.startswith(b'{"type":"Feature"')


def test_an_address_without_the_format_answers_as_for_any_other(extended):
    feature_id = extended.json(ITEMS, limit=1)["features"][0]["id"]
    assert extended.ask(f"{ITEMS}/{feature_id}", f="piped").status_code == 400
    assert "records" in extended.ask(ITEMS, f="nonsense").json()["description"]


def test_links_name_the_new_formats(extended):
    page = {link["type"] for link in extended.json(ITEMS, limit=1)["links"]}
    assert {"text/x-piped", RECORDS.type} <= page
    feature_id = extended.json(ITEMS, limit=1)["features"][0]["id"]
    single = {link["type"] for link in extended.json(f"{ITEMS}/{feature_id}")["links"]}
    assert RECORDS.type in single
    assert "text/x-piped" not in single
    collection = extended.json("collections/areas")["links"]
    assert {"items", "enclosure"} <= {link["rel"] for link in collection if link["type"] == "text/x-piped"}


def test_the_interface_describes_the_new_formats(extended):
    paths = extended.json("openapi")["paths"]
    page, single = (paths[f"/{ITEMS}{rest}"]["get"] for rest in ("", "/{featureId}"))
    assert {"text/x-piped", RECORDS.type} <= page["responses"]["200"]["content"].keys()
    assert "text/x-piped" not in single["responses"]["200"]["content"]
    names = next(p for p in page["parameters"] if p.get("name") == "f")["schema"]["enum"]
    assert {"piped", "records"} <= set(names)


def test_an_export_is_heavy_work(extended):
    def cost(f):
        return cost_of({"path": f"/ogc/{ITEMS}", "query_string": f"f={f}".encode(), "method": "GET"})

    assert [cost(f) for f in ("csv", "piped", "records")] == [Cost.HEAVY, Cost.HEAVY, Cost.CHEAP]
