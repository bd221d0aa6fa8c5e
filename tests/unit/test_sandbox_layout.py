"""Where the sandbox keeps its things, and how it chooses what is global to the machine."""

from pathlib import Path

import pytest

from sandbox.engine import choice, network
from sandbox.errors import SandboxError
from sandbox.layout import Layout

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
"""


def test_a_checkout_has_the_same_names_however_its_path_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert Layout.of(tmp_path / "link" / ".." / tmp_path.name) == Layout.of(tmp_path)


def test_two_checkouts_share_no_name_of_the_machine(tmp_path):
    one, other = Layout.of(tmp_path / "one"), Layout.of(tmp_path / "other")
    assert one.bridge != other.bridge
    assert one.run != other.run


def test_names_fit_into_what_the_kernel_allows(tmp_path):
    layout = Layout.of(tmp_path / ("long" * 40))
    assert len(layout.bridge) <= 15
    assert len(str(layout.run / "exec/containerd/containerd.sock.ttrpc")) <= 107


def test_everything_but_the_sockets_is_below_one_folder_of_the_checkout(tmp_path):
    layout = Layout.of(tmp_path)
    for place in (layout.cache, layout.logs, layout.state, layout.engine):
        assert place.is_relative_to(tmp_path / ".sandbox")


def test_routes_are_read_without_the_default_route():
    assert [str(network) for network in network.routes(ROUTES)] == ["192.168.1.0/24", "10.0.0.0/8"]


@pytest.mark.parametrize("seed", [0, 1, 0xFFFFFFFF])
def test_the_bridge_avoids_networks_that_are_already_routed(seed):
    taken = network.routes(ROUTES)
    chosen = network.free_network(seed, taken)
    assert chosen.is_private
    assert chosen.prefixlen == 24
    assert not any(chosen.overlaps(other) for other in taken)


def test_different_checkouts_begin_their_search_in_different_networks():
    assert network.free_network(1, []) != network.free_network(2, [])


def test_a_machine_with_every_private_network_routed_is_told_what_to_do():
    everything = [network.Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    with pytest.raises(SandboxError, match="try: disconnect the VPN"):
        network.free_network(7, everything)


@pytest.mark.parametrize(
    ("system", "user", "said"),
    [
        ("fedora", 0, "on Debian and Ubuntu only; this is fedora"),
        ("debian without apt-get", 0, "this is debian without apt-get"),
        ("debian", 1000, "by root only; you are user 1000"),
    ],
)
def test_where_no_engine_can_be_made_two_lines_say_why_and_what_to_do(system, user, said):
    error = choice.refusal(system, user)
    assert error is not None
    assert error.exit_code == 3
    why, what = str(error).splitlines()
    assert said in why
    assert what.startswith("  try: ")
    assert "install Docker" in what


@pytest.mark.parametrize("system", ["debian", "ubuntu"])
def test_root_on_debian_and_ubuntu_gets_an_engine(system):
    assert choice.refusal(system, user=0) is None


def test_the_bridge_is_looked_up_by_its_name_only():
    assert network.exists("lo")
    assert not network.exists(Layout.of(Path("/nowhere")).bridge)
