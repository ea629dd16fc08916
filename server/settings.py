"""All settings, as small frozen models; names carry their units.

Sources of a value, the strongest first::

    command line  >  environment ONEMAP_<SECTION>_<NAME>  >  config/onemap.toml  >  the default below

`ONEMAP_HOME` sets `home`; unknown keys and variables are refused. `ONEMAP_TEST_…` and `ONEMAP_SECRET_…` are others'.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from layers.errors import BadInput
from server.installation import PROJECT, PROJECT_VARIABLE
from server.settings_sources import in_words, merge
from server.settings_values import FileInProject, Hosts, Origin, hosts, listed, networks

CONFIG_FILE = PROJECT / "config" / "onemap.toml"
ENVIRONMENT_PREFIX = "ONEMAP_"
OTHERS = ("ONEMAP_TEST_", "ONEMAP_SECRET_", PROJECT_VARIABLE, "ONEMAP_URL", "ONEMAP_TOKEN", "ONEMAP_DEBUG")
MIB = 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Section):
    """The web workers and their address."""

    host: Hosts = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    admin_host: Hosts | None = None
    admin_port: int | None = Field(default=None, ge=0, le=65535)
    tls_certificate: FileInProject | None = None
    tls_key: FileInProject | None = None
    workers: int = Field(default=2, ge=1, le=64)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^/]+(/.*)?$")
    origins: Annotated[tuple[Origin, ...], BeforeValidator(listed)] = ()
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(networks)] = ()
    proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    disk_free_min_mib: int = Field(default=256, ge=0)
    hung_s: float = Field(default=60.0, ge=2)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses to listen on."""
        return hosts(self.host)

    @property
    def admin_hosts(self) -> tuple[str, ...]:
        """The addresses of the operators' port."""
        return hosts(self.admin_host or self.host)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are given together or not at all")
        if self.admin_port and self.admin_port == self.port:
            raise ValueError(f"admin_port {self.admin_port} is the public port too; give it a number of its own")
        if self.admin_host is not None and self.admin_port is None:
            raise ValueError("admin_host needs admin_port")
        return self


class DatabaseSettings(_Section):
    """The PostGIS server: a private one (without `url`) or an existing one."""

    url: str | None = Field(default=None, repr=False)  # it may hold a password
    web_url: str | None = Field(default=None, repr=False)  # with the web workers' own login; `url` if None
    pool_size: int = Field(default=4, ge=1, le=64)
    statement_timeout_ms: int = Field(default=5000, ge=1)


class LimitSettings(_Section):
    """Limits of one request, and of the requests of one caller at one web process."""

    page_default: int = Field(default=10, ge=1)
    page_max: int = Field(default=10_000, ge=1)
    url_bytes: int = Field(default=65_536, ge=1024)
    body_bytes: int = Field(default=MIB, ge=1024)
    filter_bytes: int = Field(default=65_536, ge=256)
    filter_vertices: int = Field(default=100_000, ge=4)
    count_cap: int = Field(default=1_000_000, ge=1)
    tile_features: int = Field(default=50_000, ge=1)
    anonymous_per_s: float = Field(default=200.0, ge=0)
    anonymous_burst: int = Field(default=4000, ge=1)
    anonymous_at_once: int = Field(default=16, ge=1)
    known_per_s: float = Field(default=400.0, ge=0)
    known_burst: int = Field(default=8000, ge=1)
    reports_per_minute: float = Field(default=30.0, ge=0)
    reports_burst: int = Field(default=60, ge=1)


class LayerSettings(_Section):
    """Layers that the district defines, and the plane in which distances and areas are measured."""

    folder: FileInProject = Field(default=Path("config/layers"), validate_default=True)
    measuring_srid: int | None = Field(default=None, ge=4534, le=4554)
    crs: tuple[int, ...] = ()


class FeedSettings(_Section):
    """The feeds, and the process that fetches them."""

    folder: FileInProject = Field(default=Path("config/feeds"), validate_default=True)
    ingest: bool = True


class GeocodingSettings(_Section):
    """Events that come without a place: whether their addresses are searched, and how sure an address must be."""

    enabled: bool = True
    confidence: float = Field(default=0.9, gt=0, le=1)


class RuleSettings(_Section):
    """Rules: thresholds, limits, clusters, fences."""

    folder: FileInProject = Field(default=Path("config/rules"), validate_default=True)


class ThemeSettings(_Section):
    """Themes of the map: layers, filters and views by subject."""

    folder: FileInProject = Field(default=Path("config/themes"), validate_default=True)


class PolicySettings(_Section):
    """Roles and rules: who may see and do what."""

    folder: FileInProject = Field(default=Path("config/policy"), validate_default=True)


class OidcSettings(_Section):
    """Providers of identities (OpenID Connect)."""

    folder: FileInProject = Field(default=Path("config/oidc"), validate_default=True)
    skew_s: float = Field(default=30.0, ge=0, le=60)


class IdentitySettings(_Section):
    """Local accounts and the sessions of browsers."""

    idle_minutes: int = Field(default=30, ge=1, le=24 * 60)
    session_hours: int = Field(default=12, ge=1, le=7 * 24)
    totp_roles: Annotated[tuple[str, ...], BeforeValidator(listed)] = ("sysadmin", "security_admin", "auditor")
    plain_http: bool = False


class ExportSettings(_Section):
    """How many features somebody may take without an approval: in one answer, and of a layer within an hour."""

    answer_features: int = Field(default=1000, ge=0)
    hour_features: int = Field(default=5000, ge=0)
    sensitive_answer_features: int = Field(default=200, ge=0)
    sensitive_hour_features: int = Field(default=1000, ge=0)


class BulkSettings(_Section):
    """Whole layers at once: how many a web process sends at a time, and how long one may take."""

    at_once: int = Field(default=1, ge=1, le=16)
    time_max_s: int = Field(default=600, ge=1, le=86_400)


class ProcessSettings(_Section):
    """Jobs of OGC API Processes."""

    at_once: int = Field(default=2, ge=1, le=64)
    open_max: int = Field(default=64, ge=1)
    owner_max: int = Field(default=16, ge=1)
    timeout_s: float = Field(default=300.0, gt=0, le=86_400)
    results_s: float = Field(default=3600.0, gt=0, le=2_592_000)
    result_bytes: int = Field(default=32 * MIB, ge=1024)


class LiveSettings(_Section):
    """Streams of changes."""

    clients_max: int = Field(default=5000, ge=1)
    caller_max: int = Field(default=1000, ge=1)
    heartbeat_s: float = Field(default=15.0, gt=0, le=300)


class OutletSettings(_Section):
    """Webhooks and brokers that changes are sent to."""

    folder: FileInProject = Field(default=Path("config/outlets"), validate_default=True)


class TileSettings(_Section):
    """The caches of tiles: one in the memory of each worker, one on disk in the home folder for all workers."""

    memory_mib: int = Field(default=64, ge=0)
    disk_mib: int = Field(default=1024, ge=0)


class BasemapSettings(_Section):
    """The base map 天地图; off without a key."""

    tianditu_key: str | None = Field(default=None, repr=False, min_length=8, max_length=200)  # a secret
    tianditu_url: str = Field(default="https://t0.tianditu.gov.cn", pattern=r"^https?://[^/\s]+$")
    tianditu_attribution: str = "天地图 Tianditu"
    cache_mib: int = Field(default=32, ge=0)


class RetentionSettings(_Section):
    """Retention periods, in days. Only counts are kept for good."""

    positions_days: int = Field(default=90, ge=1)
    observations_days: int = Field(default=365, ge=1)
    layers_days: int = Field(default=1095, ge=1)
    log_days: int = Field(default=2, ge=1)
    receipts_days: int = Field(default=7, ge=1)
    refused_days: int = Field(default=90, ge=1)
    event_details_days: int = Field(default=1095, ge=1)
    events_days: int = Field(default=3650, ge=1)
    quarantine_days: int = Field(default=90, ge=1)
    drops_days: int = Field(default=30, ge=1)


class BackupSettings(_Section):
    """Backups: their folder, how many are kept, how often they are made, and how long the log may stay outside."""

    folder: FileInProject | None = None
    keep: int = Field(default=7, ge=1, le=1000)
    every_h: float = Field(default=24.0, ge=0, le=24 * 31)
    archive_timeout_s: int = Field(default=300, ge=1, le=900)


class AuditSettings(_Section):
    """The audit, its forwarding, and how long it is kept: by law half a year at least."""

    enabled: bool = True
    general_days: int = Field(default=180, ge=180)
    sensitive_days: int = Field(default=1095, ge=180)
    anchor_hours: float = Field(default=24.0, gt=0, le=168)
    syslog: str | None = Field(default=None, pattern=r"^(udp|tcp|tls)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._\-]+):\d{1,5}$")
    syslog_ca: Path | None = None


class DemoSettings(_Section):
    """The synthetic district that is loaded into an empty database, and whether its city is simulated."""

    enabled: bool = True
    scale: float = Field(default=1.0, gt=0, le=100)
    seed: int = 440_106
    live: bool = True
    live_rate: float = Field(default=1.0, gt=0, le=100)


class Settings(_Section):
    """All sections.

    Attributes
    ----------
    home
        Folder of the private database, the operator's token and caches. A relative path is relative to the project
        folder, so that `onemap stop` means the same in every working directory.
    """

    home: FileInProject = Field(default=Path(".onemap"), validate_default=True)
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    limits: LimitSettings = LimitSettings()
    layers: LayerSettings = LayerSettings()
    feeds: FeedSettings = FeedSettings()
    geocoding: GeocodingSettings = GeocodingSettings()
    rules: RuleSettings = RuleSettings()
    themes: ThemeSettings = ThemeSettings()
    policy: PolicySettings = PolicySettings()
    oidc: OidcSettings = OidcSettings()
    identity: IdentitySettings = IdentitySettings()
    export: ExportSettings = ExportSettings()
    bulk: BulkSettings = BulkSettings()
    processes: ProcessSettings = ProcessSettings()
    live: LiveSettings = LiveSettings()
    outlets: OutletSettings = OutletSettings()
    tiles: TileSettings = TileSettings()
    basemap: BasemapSettings = BasemapSettings()
    retention: RetentionSettings = RetentionSettings()
    backup: BackupSettings = BackupSettings()
    audit: AuditSettings = AuditSettings()
    demo: DemoSettings = DemoSettings()


def load_settings(path: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings from file, environment and overrides.

    Parameters
    ----------
    path
        A TOML file; None means `config/onemap.toml`, which may be absent.
    **overrides
        Values that override the others: a section as a dict (`server={"port": 9000}`), or `home`. None is "not given".

    Raises
    ------
    BadInput
        For an unreadable file, an unknown key or a value that is not allowed; the message names all of them.
    """
    merged: dict[str, Any] = {}
    for layer in (_from_file(path), _from_environment(os.environ), overrides):
        merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise BadInput(in_words(error)) from error


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None and not CONFIG_FILE.exists():
        return {}
    try:
        return tomllib.loads((path or CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"cannot read the settings in {path or CONFIG_FILE}: {error}", parameter="config") from error


def environment_names() -> dict[str, tuple[str, ...]]:
    """Return the path of the setting by variable name: ``("database", "url")`` by ``ONEMAP_DATABASE_URL``."""
    names: dict[str, tuple[str, ...]] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        inner = section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else None
        for path in [(name, key) for key in inner] if inner else [(name,)]:
            names[ENVIRONMENT_PREFIX + "_".join(path).upper()] = path
    return names


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = environment_names()
    found: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable.startswith(OTHERS) or text == "":
            continue
        if variable not in known:
            raise BadInput(f"{variable} is not a setting; known: {', '.join(sorted(known))}", parameter=variable)
        path = known[variable]
        merge(found, {path[0]: {path[1]: text}} if len(path) == 2 else {path[0]: text})
    return found
