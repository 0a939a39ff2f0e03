"""Settings: defaults, then the environment, then flags; what cannot be read is refused in words."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import app
from sayo_app.errors import RunActiveError, SettingsError
from sayo_app.jobs.control import _environment
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


def test_a_value_out_of_bounds_is_told_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYO_PORT", "70000")
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert str(caught.value) == (
        "Expected port (SAYO_PORT) to be a whole number of at least 0 and at most 65535, got '70000'. "
        "Set it to that, or leave it out for the default."
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1", True), ("Yes", True), ("true", True), ("0", False), ("False", False), ("no", False)],
)
def test_a_switch_is_read_in_several_words(monkeypatch: pytest.MonkeyPatch, text: str, meant: bool) -> None:
    monkeypatch.setenv("SAYO_TRUST_REMOTE_CODE", text)
    assert Settings.from_environment().trust_remote_code is meant


@pytest.mark.parametrize(
    ("given", "tokens"),
    [({}, 110), ({"model": "Qwen/Qwen3-VL-8B-Instruct"}, 1_024), ({"model": "x", "max_new_tokens": 30}, 30)],
)
def test_an_answer_is_as_long_as_its_model_needs(given: dict[str, Any], tokens: int) -> None:
    assert Settings(**given).answer_tokens == tokens


def test_settings_travel_in_the_environment_to_the_process_of_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of them, changed from their defaults, and unset ones stay unset whatever this process was told."""
    monkeypatch.setenv("SAYO_DATABASE_URL", "sqlite:///other.db")
    changed = Settings(
        model="some/model",
        device="cpu",
        data_dir=tmp_path,
        import_dir=tmp_path / "in",
        host="0.0.0.0",
        trust_remote_code=True,
        sign_in="local",
        public_demo=True,
        guest_role="visitor",
        first_role="annotator",
        owners="Ada",
        sign_in_header="X-User",
        trusted_proxies="10.0.0.1",
        oidc_issuer="https://provider.example.org",
        oidc_client_id="sayo",
        oidc_client_secret="secret",
        session_secret="secret",
        allowed_hosts="sayo.example.org",
        metrics=True,
        log_format="json",
        public_url="https://sayo.example.org",
        **{name: 7 for name, it in Settings.options().items() if type(it.default) is int},
    )
    told = _environment(changed)
    assert "SAYO_DATABASE_URL" not in told
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SAYO_DATABASE_URL")
    assert Settings.from_environment() == changed != Settings()
    assert {name for name, value in changed if value == getattr(Settings(), name)} == {"database_url"}


def test_constructed_settings_ask_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYO_DATABASE_URL", "postgresql+psycopg://elsewhere")
    assert Settings().database_url is None


def test_flags_are_those_of_the_options_that_have_one(tmp_path: Path) -> None:
    words = f"--model m --device cpu --data-dir {tmp_path} --import-dir {tmp_path / 'in'} --host h --port 0"
    told = app.parse([*words.split(), "--max-new-tokens", "5", "--trust-remote-code"])
    settings = Settings.from_environment(**vars(told))
    assert (settings.model, settings.device, settings.data_dir) == ("m", "cpu", tmp_path)
    assert (settings.import_dir, settings.host, settings.port) == (tmp_path / "in", "h", 0)
    assert (settings.max_new_tokens, settings.trust_remote_code) == (5, True)
    assert set(vars(told)) == {it.name for it in Settings.options().values() if it.place == "flag"}
    assert Settings.from_environment(**vars(app.parse([]))) == Settings.from_environment()


def test_errors_say_all_three_things_and_cross_processes() -> None:
    error = RunActiveError(expected="no run", got="run 3", remedy="Wait for it.")
    assert str(error) == "Expected no run, got run 3. Wait for it."
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RunActiveError
    assert str(again) == str(error)
