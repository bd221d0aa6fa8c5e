"""The function reads its settings from the environment."""

import pytest

from sse_streaming import settings


def test_a_missing_version_is_unknown():
    assert settings.load({}).identity.version == "unknown"


def test_the_heartbeat_is_fifteen_seconds_unless_it_is_set():
    assert settings.load({}).heartbeat_seconds == 15
    assert settings.load({"HEARTBEAT_SECONDS": "2.5"}).heartbeat_seconds == 2.5


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "0", "61", "-1"])
def test_an_impossible_heartbeat_is_refused_with_the_name_of_its_variable(value):
    with pytest.raises(settings.SettingsError, match=r"HEARTBEAT_SECONDS .*try: HEARTBEAT_SECONDS=15"):
        settings.load({"HEARTBEAT_SECONDS": value})
