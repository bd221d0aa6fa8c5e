"""The private engine's dockerd: its programs, configuration, command line and environment."""

import contextlib
import json
import os
import shutil
from pathlib import Path

from sandbox.debian import packages
from sandbox.layout import Layout

_PACKAGES = ("containerd", "docker-buildx", "docker.io", "runc", "tini")
_BESIDE = {
    "debian": ("docker-cli",),
    "ubuntu": ("libgmp10", "libjansson4", "libmnl0", "libnftables1", "libnftnl11", "libxtables12"),
}
"""Debian has the client in a package of its own; Ubuntu's dockerd needs libraries that a small system lacks."""

_ENTER = """
set -e
top="$1"; shift
mkdir -p "$top"
mount -n -t tmpfs -o mode=755 sandbox "$top"
for entry in /run/*/; do
    entry="${entry%/}"
    [ "$entry" = /run/containerd ] && continue
    [ -L "$entry" ] && continue
    mkdir "$top/${entry##*/}"
    mount -n --bind "$entry" "$top/${entry##*/}" || [ ! -d "$entry" ]
done
mount -n --move "$top" /run
mount -n --bind "$top.ports" /proc/sys/net/ipv4/ip_local_port_range
exec "$@"
"""
"""The script that prepares the namespace, then executes dockerd.

A /run of its own: containerd always puts its shims' sockets into /run/containerd. Our own socket stays visible
outside, because its folder is bind-mounted from the machine, like all the others.
-n: without it, mount(8) writes to the machine's /run/mount.
A folder that has gone meanwhile is left out: another sandbox may stop while this one starts.
A range of ports of its own: dockerd publishes on the first port of the machine's range that it has not given away
itself, and gives up after ten ports that another engine has (libnetwork/portallocator in moby/moby)."""
_PORTS, _SHARE = (33_000, 60_000), 500
"""The ports of the machine's usual range, and how many of them one engine gets."""


def install(layout: Layout) -> None:
    """Unpack the programs once, completely or not at all. Raises SandboxError when they cannot be fetched."""
    folder = programs(layout)
    if not folder.exists():
        fresh = folder.with_suffix(".part")
        shutil.rmtree(fresh, ignore_errors=True)
        wanted = packages.PackageSet("engine", (*_PACKAGES, *_BESIDE[packages.system()]))
        packages.unpack(packages.fetch(layout, wanted), fresh)
        fresh.rename(folder)
    # Only the client goes on the PATH of every tool, not the daemons beside it.
    client = layout.engine / "bin" / "docker"
    client.parent.mkdir(parents=True, exist_ok=True)
    client.unlink(missing_ok=True)
    client.symlink_to(folder / "usr/bin/docker")


def configure(layout: Layout) -> None:
    """Write dockerd's configuration, and remove files of a killed dockerd that would stop a new one."""
    for stale in (layout.run, layout.engine / "data/network"):
        shutil.rmtree(stale, ignore_errors=True)
    for folder in (layout.run, layout.engine / "top"):
        folder.mkdir(parents=True, exist_ok=True)
    layout.run.chmod(0o700)
    (layout.engine / "top.ports").write_text(ports(layout))
    settings = {
        "features": {"containerd-snapshotter": True},
        "hosts": [socket(layout)],
        "data-root": str(layout.engine / "data"),
        "exec-root": str(layout.run / "exec"),
        "pidfile": str(layout.run / "docker.pid"),
        # Never "none": dockerd would then delete another engine's docker0.
        "bridge": layout.bridge,
        "ip": "127.0.0.1",
        # The machine's firewall and forwarding stay as they are; published ports go through the proxy.
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "ip-masq": False,
        "userland-proxy-path": _program(layout, "docker-proxy"),
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": f"/{layout.bridge}",
        # An error message quotes the end of the log.
        "log-level": "warn",
    }
    Path(marker(layout)[1]).write_text(json.dumps(settings, indent=2))


def ports(layout: Layout) -> str:
    """This engine's range of ports, in the form of ip_local_port_range; two checkouts rarely share a range."""
    first, last = _PORTS
    begin = first + int(layout.id, 16) % ((last - first) // _SHARE) * _SHARE
    return f"{begin}\t{begin + _SHARE - 1}\n"


def command(layout: Layout) -> list[str]:
    """The argv: unshare, an init, dockerd. When any of the three dies, the kernel ends the whole namespace."""
    separate = ["--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc"]
    own_run = ["sh", "-c", _ENTER, "sh", str(layout.engine / "top")]
    init = [_program(layout, "tini-static"), "--"]
    daemon = [_program(layout, "dockerd"), *marker(layout)]
    return ["unshare", *separate, "--", *own_run, *init, *daemon]


def environment(layout: Layout) -> dict[str, str]:
    """Our environment (proxies, certificates) without the variables of docker's client; its own programs come first."""
    path = f"{_path(layout)}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "BUILDX_"))}
    libraries = [str(folder) for folder in programs(layout).glob("usr/lib/*-linux-gnu*")]
    return {**inherited, "PATH": path, **({"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})}


def remove_cgroups(layout: Layout) -> bool:
    """Remove the empty cgroups that dockerd leaves: one tree (version 2), or one for each controller (version 1).

    Returns whether all are gone; a cgroup whose processes were just killed is busy for another moment.
    """
    hierarchies = Path("/sys/fs/cgroup")
    tops = (hierarchies / layout.bridge, *hierarchies.glob(f"*/{layout.bridge}"))
    for top in tops:
        for folder in sorted((entry for entry in (top, *top.rglob("*")) if entry.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
    return not any(top.exists() for top in tops)


def programs(layout: Layout) -> Path:
    """The folder that the packages are unpacked into."""
    return layout.engine / "programs"


def socket(layout: Layout) -> str:
    """The socket that dockerd listens on, in the form of DOCKER_HOST."""
    return f"unix://{layout.run}/docker.sock"


def _path(layout: Layout) -> str:
    return f"{programs(layout)}/usr/sbin:{programs(layout)}/usr/bin"


def _program(layout: Layout, name: str) -> str:
    """The program's path: dockerd is in /usr/sbin on Debian and in /usr/bin on Ubuntu."""
    return shutil.which(name, path=_path(layout)) or name


def marker(layout: Layout) -> list[str]:
    """The arguments that only this checkout's dockerd has, and the processes that started it."""
    return ["--config-file", str(layout.engine / "daemon.json")]
