"""Settings: defaults, then the environment, then flags; what cannot be read is refused in words."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from sayo_app.errors import RunActiveError, SettingsError
from sayo_app.settings import Settings


def test_flags_win_over_the_environment_and_that_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYO_PORT", "9000")
    monkeypatch.setenv("SAYO_MODEL", "from-environment")
    settings = Settings.from_environment(model="from-flag", device=None)
    assert (settings.port, settings.model, settings.device) == (9000, "from-flag", "auto")


def test_the_address_of_a_hosted_space_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    assert Settings.from_environment().host == "0.0.0.0"
    monkeypatch.setenv("SAYO_HOST", "127.0.0.2")
    assert Settings.from_environment().host == "127.0.0.2"


def test_everything_that_is_written_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings.from_environment(data_dir=tmp_path / "elsewhere")
    for folder in (settings.pictures_dir, settings.traces_dir, settings.adapters_dir, settings.runs_dir):
        assert folder.is_relative_to(settings.data_dir)
    assert str(settings.data_dir) in settings.url


@pytest.mark.parametrize(("name", "value"), [("SAYO_PORT", "many"), ("SAYO_TRUST_REMOTE_CODE", "perhaps")])
def test_a_value_of_the_wrong_type_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}.*{value}"):
        Settings.from_environment()


def test_errors_say_all_three_things_and_cross_processes() -> None:
    error = RunActiveError(expected="no run", got="run 3", remedy="Wait for it.")
    assert str(error) == "Expected no run, got run 3. Wait for it."
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RunActiveError
    assert str(again) == str(error)
