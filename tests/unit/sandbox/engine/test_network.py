"""The network of the private engine's bridge."""

from pathlib import Path

import pytest

from sandbox.engine import network
from sandbox.errors import SandboxError
from sandbox.layout import Layout

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_route():
    assert [str(routed) for routed in network.routes(ROUTES)] == ["192.168.1.0/24", "10.0.0.0/8"]


@pytest.mark.parametrize("seed", [0, 1, 0xFFFFFFFF])
def test_the_bridge_avoids_networks_that_are_already_routed(seed):
    taken = network.routes(ROUTES)
    chosen = network.free_network(seed, taken)
    assert chosen.is_private
    assert chosen.prefixlen == 24
    assert not any(chosen.overlaps(other) for other in taken)


def test_different_checkouts_begin_their_search_in_different_networks():
    assert network.free_network(1, []) != network.free_network(2, [])


def test_a_machine_on_which_every_private_network_is_routed_gets_a_hint():
    everything = [network.Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    with pytest.raises(SandboxError, match="try: disconnect the VPN"):
        network.free_network(7, everything)


def test_an_interface_exists_or_does_not():
    assert network.exists("lo")
    assert not network.exists(Layout.of(Path("/nowhere")).bridge)


def test_only_an_interface_that_is_up_has_an_address():
    assert network.address("lo") == "127.0.0.1"
    assert network.address(Layout.of(Path("/nowhere")).bridge) == ""
