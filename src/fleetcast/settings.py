"""Every setting of the process, with its default and a sentence.

A setting comes from a flag, else from the environment (`FLEETCAST_HOST`), else from a TOML file (`host = "..."`), else
it has its default. How campaigns run is not set here: that belongs to subscribers and campaigns, in the database.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from fleetcast.errors import Invalid, NotFound

PREFIX: Final = "FLEETCAST_"
CONFIG: Final = "FLEETCAST_CONFIG"
"""Names the TOML file where no flag does."""

_NOT_SETTINGS: Final = frozenset(
    {CONFIG, "FLEETCAST_PASSWORD", "FLEETCAST_NEW_PASSWORD", "FLEETCAST_FUZZ", "FLEETCAST_COMMAND"}
)
"""Read elsewhere: by `login`, and by our own tests."""


class SettingWrong(Invalid):
    """A setting that can't be what it is, or that doesn't exist."""


class Role(StrEnum):
    """Which parts of a deployment a process is."""

    ALL = "all"
    API = "api"
    WORKER = "worker"


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def default_data_directory() -> Path:
    """`fleetcast` in the user's folder for data (XDG base directories)."""
    named = os.environ.get("XDG_DATA_HOME")
    return (Path(named) if named else Path.home() / ".local" / "share") / "fleetcast"


class Settings(BaseSettings):
    """The settings of `fleetcast serve` and `fleetcast database`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True)

    data_directory: Annotated[
        Path,
        Field(
            default_factory=default_data_directory,
            description="Folder for everything that a process keeps on its own disk: the SQLite file, the "
            "key-encryption key, the memory of simulated networks.",
        ),
    ]
    database: Annotated[
        SecretStr,
        Field(
            description="Where everything is kept: `sqlite:///path` or `postgresql://user:password@host/name`; empty: "
            "the SQLite file fleetcast.db in the data directory."
        ),
    ] = SecretStr("")
    database_connections: Annotated[
        int, Field(ge=2, le=200, description="Connections to the database that the process opens at most.")
    ] = 10
    host: Annotated[str, Field(min_length=1, description="Address to listen at; 0.0.0.0 lets other machines in.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port to listen at; 0: any free one.")] = 8080
    tls_certificate: Annotated[
        Path | None,
        Field(description="PEM file with the server's certificate, and those it was signed with: TLS is served then."),
    ] = None
    tls_key: Annotated[
        Path | None, Field(description="PEM file with the certificate's private key, not encrypted.")
    ] = None
    trusted_proxies: Annotated[
        str,
        Field(
            description="Addresses and networks of proxies in front, with commas between: what they say of a request's "
            "origin and TLS (X-Forwarded-For, X-Forwarded-Proto) is believed, nobody else's word is."
        ),
    ] = ""
    session_idle_minutes: Annotated[
        int, Field(ge=1, le=10_080, description="A browser's session ends when it wasn't used for so long.")
    ] = 60
    session_hours: Annotated[
        int, Field(ge=1, le=720, description="A browser's session ends after so long, used or not.")
    ] = 12
    role: Annotated[
        Role,
        Field(
            description="What this process is: `api` answers requests, `worker` runs campaigns and speaks with network "
            "servers, `all` is both. SQLite is for one process, so for `all`."
        ),
    ] = Role.ALL
    time_factor: Annotated[
        float,
        Field(
            gt=0,
            le=100_000,
            description="The fleet's time runs so many times as fast as the real one; other than 1 only where every "
            "connection is simulated, and in one process.",
        ),
    ] = 1.0
    key_file: Annotated[
        Path | None,
        Field(
            description="File with the key-encryption key, made at the first start, readable for its owner alone; "
            "left out: key-encryption-keys.json in the data directory. Processes that share a database share it."
        ),
    ] = None
    key_encryption_key: Annotated[
        SecretStr | None,
        Field(
            description="The key-encryption key itself, 64 hex digits, in place of the file; older ones may follow, "
            "with commas between."
        ),
    ] = None
    key_command: Annotated[
        str | None,
        Field(
            description="A command that prints the key-encryption key, in place of the file: 64 hex digits a line, the "
            "active one first. Run without a shell."
        ),
    ] = None
    most_body_bytes: Annotated[
        int, Field(ge=10_000, le=1_000_000_000, description="The largest body of an ordinary request.")
    ] = 2_000_000
    most_upload_bytes: Annotated[
        int, Field(ge=100_000, le=4_000_000_000, description="The largest file or table that may be uploaded.")
    ] = 64_000_000
    most_uploads_a_minute: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="Files and tables that one user may upload in a minute, to each process; 0: any number.",
        ),
    ] = 120
    most_uploaded_bytes_a_minute: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000_000_000,
            description="Bytes of them in a minute; one upload may go beyond, and the next one waits for it. 0: any "
            "number.",
        ),
    ] = 256_000_000
    keep_messages_days: Annotated[
        int,
        Field(ge=0, le=36_500, description="Days that messages of devices are kept, by the fleet's time; 0: for ever."),
    ] = 90
    keep_journal_days: Annotated[
        int,
        Field(
            ge=0,
            le=36_500,
            description="Days that lines of the journal are kept, by the fleet's time; 0: for ever. Those of campaigns "
            "that are not over, and those that webhooks have still to be told of, stay.",
        ),
    ] = 0
    keep_deliveries_days: Annotated[
        int,
        Field(
            ge=0, le=36_500, description="Days that deliveries to webhooks are kept once they are over; 0: for ever."
        ),
    ] = 30
    webhook_private_addresses: Annotated[
        bool,
        Field(
            description="Whether webhooks may lead to addresses that are not public, such as this machine or its "
            "network. Whoever may make webhooks can then make the server post to what only it can reach."
        ),
    ] = False
    stop_within_s: Annotated[
        int, Field(ge=1, le=600, description="How long requests under way may take when the process is to stop.")
    ] = 10
    log_level: Annotated[
        str, Field(pattern="^(debug|info|warning|error)$", description="What is logged: debug, info, warning or error.")
    ] = "info"
    log_format: Annotated[
        LogFormat,
        Field(
            description="`text` for people, `json` for programs: one object a line, on standard error; `auto`: text on "
            "a terminal, JSON elsewhere."
        ),
    ] = LogFormat.AUTO

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for each in text.split(","):
            if each.strip() and ipaddress.ip_network(each.strip()).prefixlen == 0:
                raise ValueError("this is everybody: name the proxies")
        return text

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both")
        return self

    def proxies(self) -> list[str]:
        """The proxies that are believed, in the form the HTTP server takes."""
        return [each.strip() for each in self.trusted_proxies.split(",") if each.strip()]

    def database_url(self) -> str:
        """The database's URL, with its password: for opening it only."""
        given = self.database.get_secret_value()
        return given or f"sqlite:///{self.data_directory / 'fleetcast.db'}"

    def key_path(self) -> Path:
        """The file of the key-encryption key."""
        return self.key_file or self.data_directory / "key-encryption-keys.json"


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting, as `fleetcast settings` and its reference page show it; secrets are not told."""

    name: str
    variable: str
    default: str
    value: str
    origin: str
    """Where the value comes from: flag, environment, file or default."""
    sentence: str


def load(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process; `flags` are those that were given. Raises SettingWrong, naming every wrong one."""
    file = _from_file(config)

    class Sources(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - its framework names the arguments
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=file))

    try:
        return Sources(**(flags or {}))
    except ValidationError as error:
        raise SettingWrong("; ".join(_said(each) for each in error.errors())) from None


def shown(config: Path | None = None, flags: Mapping[str, Any] | None = None) -> list[Shown]:
    """Every setting with its default and present value; secrets hidden. Raises SettingWrong."""
    flags = flags or {}
    settings, file = load(config, flags), _from_file(config)
    found = []
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        origin = (
            "flag" if name in flags
            else "environment" if variable in {each.upper() for each in os.environ}
            else "file" if name in file
            else "default"
        )  # fmt: skip
        value = _written(getattr(settings, name))
        found.append(Shown(name, variable, _default(field), value, origin, field.description or ""))
    return found


def unknown_variables() -> list[str]:
    """Variables that look like settings and are none: most likely misspelt."""
    known = {f"{PREFIX}{name.upper()}" for name in (*Settings.model_fields, *ClientSettings.model_fields)}
    return sorted(each for each in os.environ if each.startswith(PREFIX) and each not in known | _NOT_SETTINGS)


class ClientSettings(BaseSettings):
    """What commands that speak with a running server take from the environment, in place of what `login` kept."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    server: Annotated[str | None, Field(description="The server that commands speak with, as an URL.")] = None
    token: Annotated[SecretStr | None, Field(description="The token that commands identify themselves with.")] = None


def settings_markdown() -> str:
    """The reference page."""
    parts = ["# Settings", "", _INTRODUCTION, ""]
    for heading, model in (("The server", Settings), ("Commands that speak with a server", ClientSettings)):
        parts += [f"## {heading}", "", "| setting | variable | default | |", "| --- | --- | --- | --- |"]
        for name, field in model.model_fields.items():
            sentence = (field.description or "").replace("|", "\\|")
            default = _default(field, on_page=True)
            parts.append(f"| `{name}` | `{PREFIX}{name.upper()}` | {default} | {sentence} |")
        parts.append("")
    return "\n".join(parts)


_INTRODUCTION: Final = (
    "A setting comes from a flag of `fleetcast serve` (`--host`), else from the environment (`FLEETCAST_HOST`), else "
    'from a TOML file (`host = "127.0.0.1"`) that `--config` or `FLEETCAST_CONFIG` names, else it has its default. '
    "`fleetcast settings` lists what holds just now."
)


def _from_file(config: Path | None) -> dict[str, Any]:
    named = os.environ.get(CONFIG)
    path = config or (Path(named) if named else None)
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such settings file") from None
    except OSError as error:
        raise SettingWrong(f"{path}: can't be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingWrong(f"{path}: this is no TOML ({error})") from None
    wrong = sorted(found.keys() - Settings.model_fields.keys())
    if wrong:
        raise SettingWrong(f"{path}: {wrong[0]}: there is no such setting; `fleetcast settings` lists them all")
    return found


def _default(field: FieldInfo, *, on_page: bool = False) -> str:
    if field.default_factory is not None:
        return "`~/.local/share/fleetcast`" if on_page else str(default_data_directory())
    value = None if field.default is PydanticUndefined else field.default
    text = value.get_secret_value() if isinstance(value, SecretStr) else _written(value)
    return f"`{text}`" if on_page and text else text


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return _without_password(value.get_secret_value())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_password(text: str) -> str:
    """An URL stays readable but for its password; any other secret shows nothing."""
    if "://" not in text:
        return "***" if text else ""
    scheme, _, rest = text.partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{':***' if ':' in login else ''}{at}{place.partition('?')[0]}"


def _said(error: Any) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    secret = name in Settings.model_fields and SecretStr in (
        Settings.model_fields[name].annotation, *get_args(Settings.model_fields[name].annotation)
    )  # fmt: skip
    # What concerns several settings comes with all of them, secret ones too.
    given = "" if secret or not error["loc"] or error["type"] == "missing" else f" {error['input']!r}"
    return f"{name}{given}: {str(error['msg']).removeprefix('Value error, ')}"
