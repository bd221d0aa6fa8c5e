import pytest

from sse_streaming import settings


def test_what_was_not_told_is_unknown():
    identity = settings.load({}).identity
    assert (identity.version, identity.commit, identity.digest) == ("unknown", "unknown", "unknown")


def test_the_heartbeat_is_fifteen_seconds_unless_set():
    assert settings.load({}).heartbeat_seconds == 15
    assert settings.load({"HEARTBEAT_SECONDS": "2.5"}).heartbeat_seconds == 2.5


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "0", "61", "-1"])
def test_an_impossible_heartbeat_is_refused_by_name(value):
    with pytest.raises(settings.SettingsError, match=r"HEARTBEAT_SECONDS .*try: HEARTBEAT_SECONDS=15"):
        settings.load({"HEARTBEAT_SECONDS": value})
