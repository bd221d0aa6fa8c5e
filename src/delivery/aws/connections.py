"""Connections to a registry, with the proxies and the certificates that boto3 uses for AWS.

boto3 takes the proxy of a request from the environment, and asks the standard library whether NO_PROXY names its host:
https://docs.aws.amazon.com/boto3/latest/guide/configuration.html#using-proxies
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import urllib3

from delivery.errors import ConfigurationError


@dataclass(frozen=True)
class Connections:
    """`proxies`: as `urllib.request.getproxies_environment` returns them: by scheme, with NO_PROXY as `no`.

    `certificates`: a file of CA certificates; "" for those of this machine.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold passwords
    certificates: str = ""

    def pool(self, url: str, **options: Any) -> urllib3.PoolManager:
        """The pool for requests to the host of this URL. Raises ConfigurationError for a malformed proxy."""
        address = urlsplit(url)
        if self.certificates:
            options["ca_certs"] = self.certificates
        proxy = self.proxies.get(address.scheme) or self.proxies.get("all")
        if not proxy or proxy_bypass_environment(address.netloc, dict(self.proxies)):
            return urllib3.PoolManager(**options)
        return _through(proxy if "://" in proxy else f"http://{proxy}", options)


def _through(proxy: str, options: Mapping[str, Any]) -> urllib3.PoolManager:
    try:
        login = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    except (urllib3.exceptions.HTTPError, AssertionError):
        # The address is not shown, because it may hold a password.
        hint = "correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY: http://HOST:PORT"
        raise ConfigurationError("The address of the proxy is malformed.", "", hint) from None
