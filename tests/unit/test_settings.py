"""Settings: a function says at once what it was not told."""

import pytest

from filegate.settings import SettingMissing, Settings

ENVIRONMENT = {
    "TABLE_NAME": "filegate",
    "SESSION_KEYS_SECRET": "stack/session-keys",
    "PROJECT_SECRET_PREFIX": "stack/projects/",
    "UPSTREAM_URL": "https://upstream.test/",
    "PUBLIC_BASE_URL": "https://files.example.com/gemini/",
}


def test_settings_are_read() -> None:
    assert Settings.read({**ENVIRONMENT, "OTHER": "x"}) == Settings(
        table_name="filegate",
        session_keys_secret="stack/session-keys",
        project_secret_prefix="stack/projects/",
        upstream_url="https://upstream.test",
        public_base_url="https://files.example.com/gemini",
    )


@pytest.mark.parametrize("name", sorted(ENVIRONMENT.keys() - {"PUBLIC_BASE_URL"}))
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(name: str, value: str | None) -> None:
    environment = {key: text for key, text in ENVIRONMENT.items() if key != name}
    if value is not None:
        environment[name] = value

    with pytest.raises(SettingMissing, match=name):
        Settings.read(environment)


def test_the_public_url_may_be_left_to_the_request() -> None:
    environment = {key: text for key, text in ENVIRONMENT.items() if key != "PUBLIC_BASE_URL"}

    assert Settings.read(environment).public_base_url == ""


def test_a_bus_and_how_often_requests_are_counted_may_be_set() -> None:
    usual = Settings.read(ENVIRONMENT)
    assert (usual.event_bus, usual.requests_counted_every) == ("", 5.0)
    more = {"EVENT_BUS": "billing", "REQUESTS_COUNTED_EVERY": "0"}
    chosen = Settings.read({**ENVIRONMENT, **more})
    assert (chosen.event_bus, chosen.requests_counted_every) == ("billing", 0.0)
