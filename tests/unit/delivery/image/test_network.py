"""The network of RUN steps: what a person's variables say about proxies, a private index and certificates."""

from delivery.image import network
from delivery.image.network import Network


def test_without_variables_a_build_has_the_default_network():
    assert network.inherited({}) == Network("default", "", {}, "")


def test_proxies_reach_the_steps_in_capitals_and_in_small_letters():
    found = network.inherited({"https_proxy": "http://a:1", "HTTP_PROXY": "http://b:2", "NO_PROXY": "10.0.0.1"}).proxies
    assert found == {
        "HTTP_PROXY": "http://b:2",
        "http_proxy": "http://b:2",
        "HTTPS_PROXY": "http://a:1",
        "https_proxy": "http://a:1",
        "NO_PROXY": "10.0.0.1",
        "no_proxy": "10.0.0.1",
    }


def test_a_list_of_direct_hosts_alone_is_no_proxy():
    assert network.inherited({"NO_PROXY": "127.0.0.1"}).proxies == {}


def test_proxies_of_docker_s_own_settings_win():
    assert network.inherited({"HTTP_PROXY": "http://b:2"}, proxied=True).proxies == {}


def test_a_private_index_becomes_a_pip_conf_that_shows_in_no_message():
    variables = {
        "PIP_INDEX_URL": "https://me:hush@index/simple",
        "PIP_EXTRA_INDEX_URL": "https://a/simple\nhttps://b/simple",
        "PIP_TRUSTED_HOST": "index",
    }
    made = network.inherited(variables)
    assert made.pip.splitlines() == [
        "[global]",
        "index-url = https://me:hush@index/simple",
        "extra-index-url = https://a/simple https://b/simple",
        "trusted-host = index",
    ]
    assert "hush" not in repr(made)


def test_the_first_file_of_certificates_that_exists_is_used(tmp_path):
    there = tmp_path / "ca.pem"
    there.write_text("certificate")
    variables = {"REQUESTS_CA_BUNDLE": str(tmp_path / "absent.pem"), "AWS_CA_BUNDLE": str(there)}
    assert network.inherited(variables).certificates == str(there)
    assert network.inherited({**variables, "CA_BUNDLE": "/mine.pem"}).certificates == "/mine.pem"
