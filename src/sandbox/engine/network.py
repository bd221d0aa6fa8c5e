"""The private engine's bridge, made with the kernel's ioctls: a bare machine has no `ip` command.

Source of the numbers: linux/sockios.h, linux/if.h, netdevice(7), bridge ioctls SIOCBRADDBR and SIOCBRDELBR.
"""

import contextlib
import errno
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from sandbox.errors import SandboxError

_ADD_BRIDGE, _DELETE_BRIDGE = 0x89A0, 0x89A1
_SET_FLAGS = 0x8914
_SET_ADDRESS, _SET_NETMASK = 0x8916, 0x891C
_SET_HARDWARE_ADDRESS = 0x8924
_UP = 0x1
_ETHERNET = 1

Network = ipaddress.IPv4Network


def ensure_bridge(name: str, seed: int) -> str:
    """Make the bridge if it is missing; returns its address, which is the gateway of the containers on it.

    Args:
        name: at most 15 characters.
        seed: where the search for a free /24 begins, so that two sandboxes choose different networks.

    Raises:
        SandboxError: not permitted, or every private /24 is already routed.
    """
    if gateway := address(name):
        return gateway
    delete_bridge(name)
    network = free_network(seed, routes(Path("/proc/net/route").read_text()))
    gateway = str(network[1])
    try:
        with _socket() as control:
            fcntl.ioctl(control, _ADD_BRIDGE, name.encode() + b"\0")
            # Without a fixed hardware address the bridge takes a new one whenever a container starts or ends.
            mac = b"\x02\x42" + network[1].packed
            fcntl.ioctl(control, _SET_HARDWARE_ADDRESS, struct.pack("16sH6s8x", name.encode(), _ETHERNET, mac))
            fcntl.ioctl(control, _SET_ADDRESS, _request(name, network[1]))
            fcntl.ioctl(control, _SET_NETMASK, _request(name, network.netmask))
            fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", name.encode(), _UP))
    except OSError as error:
        raise SandboxError(f"cannot make the network bridge {name}", error.strerror or "") from error
    return gateway


def delete_bridge(name: str) -> None:
    """Remove the bridge; does nothing when there is none. Raises SandboxError when it cannot be removed."""
    with _socket() as control:
        try:
            fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", name.encode(), 0))
            fcntl.ioctl(control, _DELETE_BRIDGE, name.encode() + b"\0")
        except OSError as error:
            if error.errno not in (errno.ENODEV, errno.ENXIO):
                raise SandboxError(f"cannot remove the network bridge {name}", error.strerror or "") from error


def exists(name: str) -> bool:
    """Whether there is an interface of that name."""
    return name in psutil.net_if_stats()


def address(name: str) -> str:
    """The interface's IPv4 address; "" when there is no such interface, or it is down or has no address."""
    state = psutil.net_if_stats().get(name)
    # Not `isup`: it is false while no container is connected to the bridge.
    if state is None or "up" not in state.flags.split(","):
        return ""
    addresses = psutil.net_if_addrs().get(name, [])
    return next((entry.address for entry in addresses if entry.family == socket.AF_INET), "")


def bindable(host: str) -> bool:
    """Whether a server on this machine can listen on that address."""
    with contextlib.suppress(OSError), socket.create_server((host, 0)):
        return True
    return False


def free_network(seed: int, taken: Iterable[Network]) -> Network:
    """The first private /24 (RFC 1918) from `seed` on that overlaps no network in `taken`.

    Raises:
        SandboxError: there is none.
    """
    taken = tuple(taken)
    for network in _candidates(seed):
        if not any(network.overlaps(other) for other in taken):
            return network
    raise SandboxError(
        "no private network is free for the containers",
        "10/8, 172.16/12 and 192.168/16 are all routed on this machine",
        "disconnect the VPN while the sandbox starts",
    )


def routes(table: str) -> list[Network]:
    """The networks in the text of /proc/net/route (little-endian hex), without the default route."""
    rows = [line.split() for line in table.splitlines()[1:]]
    pairs = [(int(row[1], 16), int(row[7], 16)) for row in rows if len(row) > 7 and int(row[7], 16)]
    return [Network((struct.pack("<I", place), bin(mask).count("1"))) for place, mask in pairs]


def _candidates(seed: int) -> Iterator[Network]:
    for block in (Network("10.0.0.0/8"), Network("172.16.0.0/12"), Network("192.168.0.0/16")):
        count = 2 ** (24 - block.prefixlen)
        for step in range(min(count, 256)):
            # An odd stride visits networks that are far apart, so a VPN with one 10.x.0.0/16 blocks few of them.
            place = (seed + step * 257) % count
            yield Network((int(block.network_address) + place * 256, 24))


def _request(name: str, value: ipaddress.IPv4Address) -> bytes:
    return struct.pack("16sH2x4s16x", name.encode(), socket.AF_INET, value.packed)


def _socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
