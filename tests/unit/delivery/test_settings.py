"""The settings of one environment: what is accepted, and what each refusal names."""

import pytest

from delivery.errors import ConfigurationError
from delivery.settings import Canary, Deadlines, Environment, Requires, Settings, chosen, load, started

GOOD = {"account": "111111111111", "region": "eu-west-1"}


def config(**changes):
    """A configuration with `changes` to a section or to preprod; a key whose value is `...` is left out."""
    sections = {name: changes.pop(name) for name in ("build", "git", "terraform", "verify") if name in changes}
    raw = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return {"environments": {"preprod": raw, "prod": {**GOOD}}, **sections}


def test_an_environment_needs_only_an_account_and_a_region(tmp_path):
    loaded = load(tmp_path, "preprod", config())
    bucket = "preprod-111111111111-eu-west-1-terraform-state"
    environment = Environment("preprod", "111111111111", "eu-west-1", "", False, state_bucket=bucket)
    assert loaded == Settings(tmp_path, environment, neighbours=("prod",))
    assert (loaded.platform, loaded.cache, loaded.bootstraps, loaded.started_by) == (
        "linux/amd64",
        "registry",
        False,
        "",
    )
    assert loaded.deadlines == Deadlines(first_event=60, between=10)


def test_every_setting_reaches_its_place(tmp_path):
    more = {"registry": "127.0.0.1:5000", "protected": True, "bootstraps": True, "started_by": "some.where:start"}
    more["state_bucket"] = "of-our-own"
    build = {"platform": "linux/arm64", "cache": "none"}
    verify = {"first_event": 90, "between": 0.5}
    loaded = load(
        tmp_path,
        "preprod",
        config(build=build, verify=verify, **more, variables={"AWS_PROFILE": "preprod", "PORT": 4566}),
    )
    assert loaded.environment == Environment(
        "preprod", "111111111111", "eu-west-1", "127.0.0.1:5000", True, state_bucket="of-our-own"
    )
    assert (loaded.platform, loaded.cache) == ("linux/arm64", "none")
    assert (loaded.bootstraps, loaded.started_by) == (True, "some.where:start")
    assert loaded.variables == {"AWS_PROFILE": "preprod", "PORT": "4566"}
    assert loaded.deadlines == Deadlines(first_event=90, between=0.5)


def test_a_time_of_waiting_is_written_with_its_unit(tmp_path):
    assert load(tmp_path, "preprod", config()).lock_wait == 0
    assert load(tmp_path, "preprod", config(terraform={"lock_wait": "5m"})).lock_wait == 300


@pytest.mark.parametrize("absent", [{}, {"variables": None, "registry": None, "state_bucket": None, "started_by": ""}])
def test_a_key_without_a_value_is_as_good_as_no_key(tmp_path, absent):
    assert load(tmp_path, "preprod", config(**absent, build=None, git={})) == load(tmp_path, "preprod", config())


@pytest.mark.parametrize("name", ["preprod", "prod"])
def test_two_environments_of_one_account_have_two_state_buckets(tmp_path, name):
    bucket = load(tmp_path, name, config()).environment.state_bucket
    assert bucket == f"{name}-111111111111-eu-west-1-terraform-state"


@pytest.mark.parametrize("name", ["Prod", "prod_eu", "prod--eu", "1prod", "prod-", "a" * 17])
def test_a_name_that_no_bucket_and_no_role_can_have_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="Malformed name of an environment") as caught:
        load(tmp_path, name, {"environments": {name: GOOD}})
    assert repr(name) in caught.value.what


def test_environments_of_any_name_in_several_regions_of_one_account_share_no_bucket(tmp_path):
    regions = {"prod": "eu-west-1", "prod-us": "us-east-1", "blue": "us-east-1", "a1-b2-c3": "cn-northwest-1"}
    every = {"environments": {name: {**GOOD, "region": region} for name, region in regions.items()}}
    loaded = [load(tmp_path, name, every) for name in regions]
    assert len({each.environment.state_bucket for each in loaded}) == len(regions)
    assert loaded[1].neighbours == ("prod", "blue", "a1-b2-c3")


def test_the_neighbours_of_an_environment_are_those_of_its_account(tmp_path):
    others = {"x": {"account": "222222222222", "region": "eu-west-1"}, "broken": None}
    assert load(tmp_path, "preprod", {"environments": {**config()["environments"], **others}}).neighbours == ("prod",)


def test_the_settings_of_another_environment_are_not_checked(tmp_path):
    assert load(tmp_path, "prod", config(account="wrong")).environment.name == "prod"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account": ...}, "Missing setting environments.preprod.account in invoke.yaml."),
        ({"account": 111111111111}, "Malformed setting environments.preprod.account in invoke.yaml: 111111111111"),
        ({"account": "11111111111"}, "Malformed setting environments.preprod.account in invoke.yaml: '11111111111'"),
        ({"region": ...}, "Missing setting environments.preprod.region in invoke.yaml."),
        ({"region": None}, "Missing setting environments.preprod.region in invoke.yaml."),
        ({"region": "eu-wst-1"}, "Malformed setting environments.preprod.region in invoke.yaml: 'eu-wst-1'"),
        ({"region": "Ireland"}, "Malformed setting environments.preprod.region in invoke.yaml: 'Ireland'"),
        ({"registry": "https://x/y"}, "Malformed setting environments.preprod.registry in invoke.yaml: 'https://x/y'"),
        ({"state_bucket": "a.b"}, "Malformed setting environments.preprod.state_bucket in invoke.yaml: 'a.b'"),
        ({"protected": "yes"}, "Malformed setting environments.preprod.protected in invoke.yaml: 'yes'"),
        (
            {"requires_acceptance": "yes"},
            "Malformed setting environments.preprod.requires_acceptance in invoke.yaml: 'yes'",
        ),
        ({"bootstraps": 1}, "Malformed setting environments.preprod.bootstraps in invoke.yaml: 1"),
        ({"started_by": "start"}, "Malformed setting environments.preprod.started_by in invoke.yaml: 'start'"),
        ({"variables": ["A=1"]}, "Malformed setting environments.preprod.variables in invoke.yaml."),
        ({"build": {"platform": "linux/s390x"}}, "Malformed setting build.platform in invoke.yaml: 'linux/s390x'"),
        ({"build": {"cache": "s3"}}, "Malformed setting build.cache in invoke.yaml: 's3'"),
        ({"verify": {"between": "5"}}, "Malformed setting verify.between in invoke.yaml: '5'"),
        ({"verify": {"between": 0}}, "Malformed setting verify.between in invoke.yaml: 0"),
        ({"verify": {"between": True}}, "Malformed setting verify.between in invoke.yaml: True"),
        ({"verify": {"first": 5}}, "Unknown setting verify.first in invoke.yaml."),
        ({"git": {"default_branch": "a b"}}, "Malformed setting git.default_branch in invoke.yaml: 'a b'"),
        ({"terraform": {"lock_wait": "5"}}, "Malformed setting terraform.lock_wait in invoke.yaml: '5'"),
        ({"terraform": {"lock_wait": 5}}, "Malformed setting terraform.lock_wait in invoke.yaml: 5"),
        ({"regoin": "eu-west-1"}, "Unknown setting environments.preprod.regoin in invoke.yaml."),
        ({"region": ..., "regoin": "eu-west-1"}, "Unknown setting environments.preprod.regoin in invoke.yaml."),
    ],
)
def test_a_wrong_setting_is_refused_by_key_and_file(tmp_path, changes, words):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "preprod", config(**changes))
    assert caught.value.what == words
    assert caught.value.why
    assert "invoke.yaml" in caught.value.hint
    assert "pydantic" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_malformed_account_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigurationError, match=r"try: correct it in invoke.yaml") as caught:
        load(tmp_path, "preprod", config(account=1))
    assert caught.value.why == 'It must be 12 digits in quotes, such as "123456789012".'


def test_a_missing_setting_says_what_to_add(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "preprod", config(region=...))
    assert (caught.value.why, caught.value.hint) == (
        "It is an AWS region, such as eu-west-1.",
        "add `region:` in invoke.yaml",
    )


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("qa", "Unknown environment: qa", "--env preprod"),
        ("prdo", "Unknown environment: prdo", "--env prod"),
        (None, "No environment was named.", "--env with one of: preprod, prod"),
        ("", "No environment was named.", "--env with one of: preprod, prod"),
    ],
)
def test_an_unknown_environment_is_answered_with_the_known_ones(tmp_path, name, what, hint):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, name, config())
    assert (caught.value.what, caught.value.hint) == (what, hint)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("broken", [{}, {"environments": None}, {"environments": {}}, {"environments": ["prod"]}])
def test_a_file_without_environments_is_named(tmp_path, broken):
    with pytest.raises(ConfigurationError, match=r"^invoke\.yaml names no environments\."):
        load(tmp_path, "prod", broken)
    with pytest.raises(ConfigurationError, match=r"^invoke\.yaml names no environments\."):
        chosen(broken, ())


def test_an_environment_that_is_no_map_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^Malformed setting environments\.prod in invoke\.yaml: 'x'"):
        load(tmp_path, "prod", {"environments": {"prod": "x"}})


def test_what_started_the_environment_lays_its_settings_over_the_file(tmp_path):
    before = config()
    more = {"registry": "127.0.0.1:5000", "variables": {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}}
    loaded = load(tmp_path, "preprod", started(before, "preprod", more))
    assert loaded.environment.registry == "127.0.0.1:5000"
    assert loaded.environment.account == "111111111111"
    assert loaded.variables == more["variables"]
    assert before == config(), "the configuration itself is left as it was"


@pytest.mark.parametrize("section", ["build", "verify"])
def test_a_section_that_is_no_map_is_named(tmp_path, section):
    with pytest.raises(ConfigurationError, match=section):
        load(tmp_path, "preprod", config(**{section: "registry"}))


def test_an_unknown_build_setting_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"build\.platfrom"):
        load(tmp_path, "preprod", config(build={"platfrom": "linux/arm64"}))


def test_a_variable_without_a_value_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"variables"):
        load(tmp_path, "preprod", config(variables={"AWS_PROFILE": None}))


def test_without_names_every_environment_that_needs_no_start_is_chosen():
    whole = config(started_by="some.where:start")
    assert chosen(whole, ()) == ("prod",)
    assert chosen(whole, ("preprod",)) == ("preprod",)
    with pytest.raises(ConfigurationError, match="Unknown environment: qa"):
        chosen(whole, ("qa",))


def test_the_repr_of_settings_shows_no_secret(tmp_path):
    assert "hush" not in repr(load(tmp_path, "preprod", config(variables={"AWS_SECRET_ACCESS_KEY": "hush"})))


PROJECT = ("invoke.yaml", config())


@pytest.mark.parametrize(
    ("sources", "changes", "what"),
    [
        ([("/etc/invoke.yaml", {"build": {"cash": 1}})], {"build": {"cash": 1}}, "Unknown setting build.cash in /etc/"),
        ([("~/.invoke.yaml", {"build": "x"}), PROJECT], {"build": "x"}, "Malformed setting build in ~/.invoke.yaml"),
        (
            [("INVOKE_", {"build": {"cache": "s3"}}), ("my.yaml", {"build": {"cache": "s2"}})],
            {"build": {"cache": "s3"}},
            "Malformed setting build.cache in INVOKE_BUILD_CACHE",
        ),
        (
            [("--lock-wait", {"terraform": {"lock_wait": "x"}}), ("my.yaml", {"terraform": {"lock_wait": "5m"}})],
            {"terraform": {"lock_wait": "x"}},
            "Malformed setting terraform.lock_wait in --lock-wait",
        ),
        (
            [("my.yaml", {"environments": {"preprod": {}}}), PROJECT],
            {"region": ...},
            "Missing setting environments.preprod.region in invoke.yaml",
        ),
        (
            [("my.yaml", {"environments": {"preprod": {}}})],
            {"region": ...},
            "Missing setting environments.preprod.region in my.yaml",
        ),
    ],
)
def test_a_wrong_setting_is_refused_by_the_file_variable_or_option_that_gave_it(tmp_path, sources, changes, what):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "preprod", config(**changes), sources)
    assert caught.value.what.startswith(what)
    assert "invoke.yaml" in f"{what} {sources}" or "invoke.yaml" not in str(caught.value)


def test_a_canary_is_judged_by_the_settings_of_its_environment(tmp_path):
    canary = {"steps": "10%/5m", "minimum_requests": 20, "alarms": ["orders-5xx"], "slower": 2}
    loaded = load(tmp_path, "preprod", config(canary=canary)).canary
    assert loaded == Canary(steps="10%/5m", minimum_requests=20, alarms=["orders-5xx"], slower=2.0)
    assert load(tmp_path, "prod", config(canary=canary)).canary == Canary()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", 10),
        ("minimum_requests", -1),
        ("minimum_requests", "many"),
        ("alarms", "orders-5xx"),
        ("alarms", [1]),
        ("slower", 1),
        ("step", "10%/5m"),
    ],
)
def test_a_wrong_setting_of_a_canary_is_named(tmp_path, key, value):
    with pytest.raises(ConfigurationError, match=rf"environments\.preprod\.canary\.{key}"):
        load(tmp_path, "preprod", config(canary={key: value}))


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_an_environment_may_require_that_nothing_severe_is_known_of_an_image(tmp_path, severity):
    loaded = load(tmp_path, "preprod", config(requires={"vulnerabilities": severity}))
    assert loaded.requires == Requires(vulnerabilities=severity)
    assert load(tmp_path, "preprod", config(requires=None)).requires == Requires(vulnerabilities="")


@pytest.mark.parametrize("value", ["critical", "MEDIUM", "LOW", True, ["CRITICAL"]])
def test_another_severity_is_refused(tmp_path, value):
    with pytest.raises(ConfigurationError, match=r"environments\.preprod\.requires\.vulnerabilities") as caught:
        load(tmp_path, "preprod", config(requires={"vulnerabilities": value}))
    assert caught.value.why == "It must be CRITICAL or HIGH."


@pytest.mark.parametrize(
    ("value", "urls"),
    [(None, ()), ("", ()), ("json://a.test", ("json://a.test",)), (["${A}", "${B}"], ("${A}", "${B}"))],
)
def test_notify_is_one_url_or_several(tmp_path, value, urls):
    loaded = load(tmp_path, "preprod", config(notify=value))
    assert loaded.notify == urls
    assert "a.test" not in repr(loaded)


def test_an_environment_may_have_a_builder_of_its_own(tmp_path):
    assert load(tmp_path, "preprod", config()).builder == ""
    assert load(tmp_path, "preprod", config(build={"builder": "team"})).builder == "team"
    assert load(tmp_path, "preprod", config(build={"builder": "team"}, builder="arm")).builder == "arm"
    assert load(tmp_path, "preprod", config(build={"builder": "team"}, builder="")).builder == ""


@pytest.mark.parametrize("name", ["--help", "a b", 7])
def test_a_malformed_name_of_a_builder_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match=r"Malformed setting build\.builder"):
        load(tmp_path, "preprod", config(build={"builder": name}))


KEY = "awskms:///arn:aws:kms:us-east-1:222222222222:alias/images"
ALIAS = "awskms:///alias/images"
ID = "awskms:///1234abcd-12ab-34cd-56ef-1234567890ab"
WORKFLOW = "https://github.com/o/n/.github/workflows/deploy.yml@refs/heads/main"


@pytest.mark.parametrize(
    "key", [KEY, ALIAS, ID, "awskms:///arn:aws-cn:kms:cn-north-1:222222222222:key/mrk-" + "1" * 32]
)
def test_a_key_is_named_in_the_notation_of_cosign(tmp_path, key):
    loaded = load(
        tmp_path, "preprod", config(build={"sign_with": key}, requires={"signed_by": [key], "builder": WORKFLOW})
    )
    assert (loaded.sign_with, loaded.requires) == (key, Requires(signed_by=[key], builder=WORKFLOW))


def test_without_these_settings_nothing_is_signed_and_nothing_is_required(tmp_path):
    loaded = load(tmp_path, "preprod", config(requires=None))
    assert (loaded.sign_with, loaded.requires) == ("", Requires())


def test_a_workflow_signs_without_a_key_and_is_named_as_a_builder_is(tmp_path):
    loaded = load(tmp_path, "preprod", config(build={"sign_with": "keyless"}, requires={"signed_by": [WORKFLOW]}))
    assert (loaded.sign_with, loaded.requires.signed_by) == ("keyless", [WORKFLOW])


@pytest.mark.parametrize(
    "value",
    ["alias/images", "awskms://alias/images", "awskms://localhost:4566/alias/images", "awskms:///images", "Keyless", 7],
)
def test_a_signer_in_another_notation_is_refused(tmp_path, value):
    with pytest.raises(ConfigurationError, match=r"build\.sign_with") as caught:
        load(tmp_path, "preprod", config(build={"sign_with": value}))
    assert "awskms:///alias/NAME" in caught.value.why


@pytest.mark.parametrize(
    ("requires", "key"),
    [
        ({"signed_by": "awskms:///alias/images"}, "signed_by"),
        ({"signed_by": ["alias/images"]}, "signed_by.0"),
        ({"signed_by": ["keyless"]}, "signed_by.0"),
        ({"signed_by": ["https://github.com/o/n"]}, "signed_by.0"),
        ({"signed_by": [ALIAS], "builder": "https://github.com/o/n/.github/workflows/deploy.yml"}, "builder"),
        ({"signd_by": [ALIAS]}, "signd_by"),
        (["awskms:///alias/images"], ""),
    ],
)
def test_a_malformed_requirement_is_named(tmp_path, requires, key):
    with pytest.raises(ConfigurationError, match=rf"environments\.preprod\.requires\.?{key}"):
        load(tmp_path, "preprod", config(requires=requires))


def test_a_builder_that_nobody_signs_for_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"requires\.builder .* needs .*requires\.signed_by"):
        load(tmp_path, "preprod", config(requires={"builder": WORKFLOW}))
