"""HTML pages: all there, in two languages, and without anything from another host."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest

PAGES = [
    "/ogc",
    "/ogc/",
    "conformance",
    "openapi",
    "collections",
    "collections/points",
    "collections/points/schema",
    "collections/points/queryables",
    "collections/points/sortables",
    "collections/points/items",
    "collections/points/items/r0001",
    "collections/points/tiles",
    "collections/points/tiles/WebMercatorQuad",
    "collections/areas/items",
    "collections/plain_list",
    "collections/plain_list/items",
    "collections/plain_list/items/r0001",
    "TileMatrixSets",
    "TileMatrixSets/WebMercatorQuad",
]
LOADING = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest", "prefetch"}


class Reader(HTMLParser):
    """Collects the addresses that a browser loads, the links, and the text."""

    def __init__(self, page) -> None:
        super().__init__()
        self.loaded, self.followed, self.text = [], [], []
        self.language = self.next_page = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "html":
            self.language = given["lang"]
        if tag == "link" and LOADING & set((given.get("rel") or "").split()):
            self.loaded.append(given["href"])
        self.loaded += [given[name] for name in ("src", "data", "poster", "action") if given.get(name)]
        if tag == "a" and given.get("href"):
            self.followed.append(given["href"])
            if given.get("rel") == "next":
                self.next_page = given["href"]

    def handle_data(self, text):
        self.text.append(text)


def read(service, path, **how):
    answer = service.ask(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, **how)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return Reader(answer.text), answer


@pytest.mark.requirement("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_another_host(service, path, language):
    page, answer = read(service, path, lang=language)
    assert page.language == language == answer.headers["content-language"]
    assert page.loaded
    for address in page.loaded:
        assert urlsplit(urljoin("http://map.test/ogc/x", address)).netloc == "map.test", address
    assert "url(http" not in answer.text
    assert "import" not in answer.text.partition("<body")[0]


@pytest.mark.parametrize("path", PAGES)
def test_links_of_a_page_that_stay_here_lead_somewhere(service, path):
    page, _ = read(service, path)
    here = {address for address in page.followed if urlsplit(urljoin("http://map.test/", address)).netloc == "map.test"}
    for address in sorted(here):
        target = urljoin("http://map.test/", address)
        if "/ogc" in target:
            answer = service.ask(target, headers={"accept": "text/html"})
            assert answer.status_code == 200, (path, address, answer.text[:200])


def test_a_page_shows_titles_labels_and_escapes_what_strangers_wrote(service):
    page, answer = read(service, "collections/points/items/r0001")
    text = " ".join(page.text)
    assert "高度" in text
    assert 'a<b & "c" 1' in text
    assert "a<b" not in answer.text
    english, _ = read(service, "collections/points/items/r0001", lang="en")
    assert "Height" in " ".join(english.text)


def test_pages_follow_one_another(service):
    seen, target = set(), "collections/points/items?limit=30&f=html"
    for _ in range(10):
        page, _ = read(service, target)
        seen |= {part.split("/items/")[1].split("?")[0] for part in page.followed if "/items/r" in part}
        target = page.next_page
        if target is None:
            break
    assert len(seen) == 100


@pytest.mark.parametrize(
    ("path", "status"),
    [("collections/nothing", 404), ("collections/points/items?limit=x", 400), ("collections?x=1", 400)],
)
def test_an_error_is_a_page_too(service, path, status):
    answer = service.ask(path, headers={"accept": "text/html"}, lang="en")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html" in answer.text


def test_json_ld_is_linked_data(service):
    landing = service.json("/ogc", f="jsonld")
    assert landing["@type"] == "DataCatalog"
    feature = service.ask("collections/points/items/r0001", f="jsonld")
    assert feature.headers["content-type"] == "application/ld+json"
    assert feature.json()["@id"] == "http://map.test/ogc/collections/points/items/r0001"
    assert feature.json()["name"] == 'a<b & "c" 1'
    page = service.json("collections/points/items", f="jsonld", limit="3")
    assert len(page["features"]) == 3
    assert page["features"][0]["@id"].endswith("/items/r0000")


def test_a_page_shows_at_most_a_thousand_features(own_service):
    insert = "INSERT INTO layer.points (id, geom, data_grade) SELECT 'm' || i, ST_Point(113.3, 23.1, 4490), 1"
    own_service.execute(f"{insert} FROM generate_series(1, 1000) AS i")
    page, _ = read(own_service, "collections/points/items", limit="10000")
    shown = {part for part in page.followed if "/items/" in part and "f=html" in part}
    assert len(shown) == 1000
    assert page.next_page is not None
