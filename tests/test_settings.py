"""Settings: where they come from, what they show, and that each is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetcast import settings
from fleetcast.errors import NotFound
from fleetcast.settings import ClientSettings, Role, Settings, SettingWrong, load, settings_markdown, shown


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FLEETCAST_{name.upper()}", raising=False)
    monkeypatch.delenv("FLEETCAST_CONFIG", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleetcast.toml"
    path.write_text('host = "10.0.0.1"\nport = 1000\nrole = "api"\n')
    return path


def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEETCAST_PORT", "2000")
    monkeypatch.setenv("FLEETCAST_ROLE", "worker")
    found = load(file, {"role": "all"})
    assert (found.host, found.port, found.role) == ("10.0.0.1", 2000, Role.ALL)
    origins = {each.name: each.origin for each in shown(file, {"role": "all"})}
    assert (origins["host"], origins["port"], origins["role"], origins["log_level"]) == (
        "file",
        "environment",
        "flag",
        "default",
    )


def test_the_environment_may_name_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETCAST_CONFIG", str(file))
    assert load().port == 1000


def test_the_database_is_a_file_in_the_data_directory_unless_it_is_named(tmp_path: Path) -> None:
    assert load(None, {"data_directory": tmp_path}).database_url() == f"sqlite:///{tmp_path}/fleetcast.db"
    assert load(None, {"database": "postgresql://h/x"}).database_url() == "postgresql://h/x"


def test_every_wrong_setting_is_named_and_secrets_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETCAST_PORT", "99999")
    with pytest.raises(SettingWrong, match=r"port '99999': .*less than or equal to 65535"):
        load()
    monkeypatch.delenv("FLEETCAST_PORT")
    with pytest.raises(SettingWrong, match=r"role 'both'.*; time_factor 0") as raised:
        load(None, {"role": "both", "time_factor": 0, "key_encryption_key": 1234})
    assert "1234" not in str(raised.value)


def test_a_file_that_is_absent_or_no_toml_or_has_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such settings file"):
        load(tmp_path / "absent.toml")
    path = tmp_path / "bad.toml"
    path.write_text("host = ")
    with pytest.raises(SettingWrong, match="this is no TOML"):
        load(path)
    path.write_text('hosst = "x"\n')
    with pytest.raises(SettingWrong, match="hosst: there is no such setting"):
        load(path)


def test_what_is_shown_holds_no_secret() -> None:
    flags = {"database": "postgresql://ada:sesame@db.example/fleet?password=sesame", "key_encryption_key": "ab" * 32}
    values = {each.name: each.value for each in shown(None, flags)}
    assert values["database"] == "postgresql://ada:***@db.example/fleet"
    assert values["key_encryption_key"] == "***"
    assert "sesame" not in repr(load(None, flags))


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETCAST_PROT", "1")
    assert "FLEETCAST_PROT" in settings.unknown_variables()
    assert "FLEETCAST_PORT" not in settings.unknown_variables()


def test_every_setting_has_a_sentence_and_stands_on_the_page() -> None:
    page = settings_markdown()
    for model in (Settings, ClientSettings):
        for name, field in model.model_fields.items():
            assert field.description, name
            assert field.description.endswith("."), name
            assert f"| `{name}` | `FLEETCAST_{name.upper()}` |" in page
