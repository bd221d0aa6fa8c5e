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


def test_without_the_name_of_a_table_there_is_none():
    assert settings.load({"AWS_REGION": "us-east-1"}).table is None


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_REGION": "eusc-de-east-1"}, "https://dynamodb.eusc-de-east-1.amazonaws.eu"),
        ({"AWS_ENDPOINT_URL": "http://a:1/"}, "http://a:1"),
        ({"AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_DYNAMODB": "https://b"}, "https://b"),
    ],
)
def test_the_endpoint_of_dynamodb_is_that_of_the_region_unless_a_variable_names_another(variables, endpoint):
    table = settings.load({"EVENTS_TABLE": "events", "AWS_REGION": "eu-west-1", **variables}).table
    assert (table.name, table.endpoint) == ("events", endpoint)


@pytest.mark.parametrize("endpoint", ["localhost:1", "ftp://a", "https://"])
def test_a_malformed_endpoint_is_refused(endpoint):
    with pytest.raises(settings.SettingsError, match=r"AWS_ENDPOINT_URL .*try: "):
        settings.load({"EVENTS_TABLE": "events", "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": endpoint})
