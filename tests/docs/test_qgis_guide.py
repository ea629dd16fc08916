"""QGIS itself, Debian's: what its guide says runs as printed, finds what is stored, and draws it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from server.cli import app, command
from server.installation import PROJECT
from tests.databases import temporary_database
from tests.readers import SHIPPED_POLICY
from tests.running_app import OPERATOR, OPERATOR_TOKEN, running_for_operator

GUIDE = (PROJECT / "docs" / "guide" / "qgis.md").read_text(encoding="utf-8")
PYTHON = "/usr/bin/python3"  # Debian's: QGIS is built for it
READER = "sql_qgis"
SESSION = """
import json, os, sys
from qgis.core import QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsSettings, QgsVectorLayer
from qgis.gui import QgsManageConnectionsDialog
from qgis.PyQt.QtCore import QCoreApplication, QMetaObject, QSize

QCoreApplication.setOrganizationName("OneMap")
QCoreApplication.setApplicationName("test")
application = QgsApplication([], True)
application.initQgis()
QgsApplication.authManager().setMasterPassword("of this session", True)
guide, connections, server = sys.argv[1:]
names = {}
exec(compile(open(guide, encoding="utf-8").read(), guide, "exec"), names)

def differs(layer):
    settings = QgsMapSettings(names["settings"])
    settings.setLayers([layer])
    settings.setOutputSize(QSize(300, 240))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return sum(image.pixel(x, y) != image.pixel(0, 239) for x in range(0, 300, 2) for y in range(0, 240, 2))

picture = names["drawing"].renderedImage()
colours = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
Dialog = QgsManageConnectionsDialog
dialog = Dialog(None, Dialog.Import, Dialog.WFS, connections)
dialog.selectAll()
QMetaObject.invokeMethod(dialog, "doExportImport")
stored = QgsSettings()
asked = "url='{}/ogc' typename='{}' pagingEnabled='true'"
styled = QgsVectorLayer("Point?field=online_status", "other", "memory")
styled.loadNamedStyle("cameras.qml")
layers = {name: names[name] for name in ("cameras", "resources", "waterways", "roads", "grids", "streets")}
print(json.dumps({
    "drawn": {name: layer.isValid() and differs(layer) for name, layer in layers.items()},
    "errors": [error.message for error in names["drawing"].errors()],
    "colours": sorted(colours & {"#1b8a5a", "#c62828"}),
    "offline": names["offline"],
    "ids": {name: [one["id"] for one in layers[name].getFeatures()] for name in ("cameras", "roads", "resources")},
    "style": [one.symbol().color().name() for one in styled.renderer().categories()],
    "connections": {key.rpartition("/")[2]: stored.value(key) for key in stored.allKeys() if "connections-wfs" in key},
    "public": QgsVectorLayer(asked.format(server, "streets"), "streets", "OAPIF").featureCount(),
    "hidden": QgsVectorLayer(asked.format(server, "grids"), "grids", "OAPIF").isValid(),
    "wrong": QgsVectorLayer(
        asked.format(server, "streets") + " username='qgis' password='om_wrong'", "streets", "OAPIF"
    ).isValid(),
}))
sys.stdout.flush()
os._exit(0)  # Qt destroys in an order of its own what Python still holds
"""


@pytest.fixture
def district(cluster, district_template, tmp_path):
    """Serve the small district under the shipped policy; return the address, and the database's URL."""
    home = tmp_path / "home"
    home.mkdir()
    with temporary_database(cluster, district_template) as url:
        environment = {"ONEMAP_DATABASE_URL": url, "ONEMAP_POLICY_FOLDER": str(SHIPPED_POLICY)}
        command()

        def role(*words):
            done = CliRunner().invoke(app, ["sql-role", *words], env=environment, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            return done.stdout.strip().splitlines()[-1]

        password = role("add", READER.removeprefix("sql_"), "--role", "analyst")
        with running_for_operator(home, url, policy={"folder": SHIPPED_POLICY}) as address:
            yield address, url, password
        role("remove", READER.removeprefix("sql_"))


def printed_for(address, url):
    """Return the code of the guide for a server and a database of this machine."""
    parts = urlsplit(url)
    host = parts.hostname or dict(pair.split("=") for pair in parts.query.split("&"))["host"]
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL))
    for told, here in (
        ("http://127.0.0.1:8000", address),
        ('"db.example", "5432", "onemap"', f'"{host}", "{parts.port or 5432}", "{parts.path[1:]}"'),
        ("sql_li", READER),
    ):
        assert told in code
        code = code.replace(told, here)
    return code


def test_qgis_reads_filters_styles_and_draws_as_the_guide_says(district, tmp_path):
    address, url, password = district
    assert shutil.which(PYTHON), "QGIS is missing: apt-get install --no-install-recommends python3-qgis"
    (tmp_path / "guide.py").write_text(printed_for(address, url), encoding="utf-8")
    connections = httpx.get(f"{address}/catalog/qgis.xml", timeout=60).raise_for_status()
    (tmp_path / "connections.xml").write_bytes(connections.content)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ONEMAP_"))}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    environment |= {"ONEMAP_TOKEN": OPERATOR_TOKEN, "PGPASSWORD": password, "LANG": "C.UTF-8"}
    done = subprocess.run(
        [PYTHON, "-c", SESSION, "guide.py", "connections.xml", address],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    def stored(layer, **asked):
        items = f"{address}/ogc/collections/{layer}/items"
        answer = httpx.get(items, params={"limit": "all", **asked}, headers=OPERATOR, timeout=120).raise_for_status()
        return [one["id"] for one in answer.json()["features"]]

    assert found["errors"] == []
    assert {name: drawn > 20 for name, drawn in found["drawn"].items()} == dict.fromkeys(found["drawn"], True)
    assert found["colours"] == ["#1b8a5a", "#c62828"]
    assert found["style"] == found["colours"]
    offline = stored("video_points", filter="online_status = 'offline'")
    assert sorted(found["offline"]) == sorted(offline)
    assert 0 < len(offline) < len(found["ids"]["cameras"])
    for name, layer in (("cameras", "video_points"), ("roads", "roads"), ("resources", "emergency_resources")):
        assert sorted(found["ids"][name]) == sorted(stored(layer)), name
    assert found["connections"]["url"] == f"{address}/ogc"
    assert found["connections"]["version"] == "OGC_API_FEATURES"
    assert found["connections"]["pagingenabled"] == "true"
    assert (found["public"], found["hidden"], found["wrong"]) == (len(stored("streets")), False, False)
