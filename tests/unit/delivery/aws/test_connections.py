"""The proxy and the certificates of each request to a registry, as boto3 would choose them."""

import pytest
import urllib3

from delivery.aws.connections import Connections
from delivery.errors import ConfigurationError


def proxy(url, **proxies):
    """The proxy of a request, as a URL; None without one."""
    pool = Connections(proxies).pool(url)
    return pool.proxy.url if isinstance(pool, urllib3.ProxyManager) else None


def test_without_variables_a_request_goes_directly():
    assert proxy("https://r.test/v2/") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://r.test/v2/", "http://a.test:1"),
        ("http://r.test/v2/", "http://b.test:2"),
        ("https://x.direct.test/", None),
        ("http://127.0.0.1:4566/v2/", None),
    ],
)
def test_each_scheme_has_its_proxy_and_no_proxy_names_the_hosts_without_one(url, expected):
    proxies = {"https": "http://a.test:1", "http": "b.test:2", "no": "127.0.0.1,.direct.test"}
    assert proxy(url, **proxies) == expected


def test_all_proxy_is_for_every_scheme():
    assert proxy("https://r.test/v2/", all="http://a.test:1") == "http://a.test:1"


def test_a_login_for_the_proxy_is_sent_to_it_and_is_not_shown():
    connections = Connections({"https": "http://me:hu%40sh@a.test:1"})
    pool = connections.pool("https://r.test/v2/")
    assert pool.proxy_headers == urllib3.make_headers(proxy_basic_auth="me:hu@sh")
    assert "hu%40sh" not in repr(connections)


@pytest.mark.parametrize("address", ["socks5://hush@a.test:1", "http://hush@a.test:port", "hush://a"])
def test_a_malformed_proxy_is_a_wrong_setting_and_is_not_shown(address):
    with pytest.raises(ConfigurationError, match="proxy is malformed") as caught:
        proxy("https://r.test/", https=address)
    assert "hush" not in str(caught.value)


def test_a_private_authority_is_trusted():
    pool = Connections(certificates="/ca.pem").pool("https://r.test/v2/")
    assert pool.connection_pool_kw["ca_certs"] == "/ca.pem"
