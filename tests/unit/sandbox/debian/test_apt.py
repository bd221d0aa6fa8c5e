"""Which archives packages come from, and which options the private apt copies from the machine's."""

from pathlib import Path

import pytest
from packaging.version import Version

from sandbox.debian import apt
from sandbox.errors import SandboxError

BOOKWORM = apt.Machine("debian", "bookworm", "amd64", Version("2.36"))
TRIXIE = apt.Machine("debian", "trixie", "amd64", Version("2.41"))
NOBLE = apt.Machine("ubuntu", "noble", "amd64", Version("2.39"))

DEBIAN = """'http://other.test/docker/dists/bookworm/InRelease' other 0
'http://mirror.test/debian/dists/bookworm/InRelease' a 0
'http://mirror.test/debian/dists/bookworm-updates/InRelease' b 0
'http://mirror.test/debian/dists/bookworm/main/binary-amd64/Packages.xz' c 0
'http://mirror.test/debian-security/dists/bookworm-security/InRelease' d 0
"""
UBUNTU = """'http://mirror.test/ubuntu/dists/noble/InRelease' a 0
'http://mirror.test/ubuntu/dists/noble-updates/InRelease' b 0
'http://safe.test/ubuntu/dists/noble-security/InRelease' c 0
"""


def entries(machine, listing):
    return "".join(source.lines for source in apt.sources(machine, listing)).splitlines()


def test_debian_packages_come_from_the_machines_own_mirror_and_are_signed():
    lines = entries(TRIXIE, DEBIAN.replace("bookworm", "trixie"))
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert lines == [
        f"deb {key} http://mirror.test/debian trixie main",
        f"deb {key} http://mirror.test/debian-security trixie-security main",
    ]


def test_an_older_debian_uses_the_same_release_and_takes_only_runc_from_its_own():
    lines = entries(BOOKWORM, DEBIAN)
    assert any(line.endswith("/debian trixie main") for line in lines)
    assert any(line.endswith("/debian-security bookworm-security main") for line in lines)
    pins = apt.preferences(BOOKWORM).split("\n\n")
    # A machine without the security archive in its sources has runc in its release all the same.
    for own, suite in ((pins[:2], "bookworm"), (pins[2:], "bookworm-security")):
        assert own[0].split("\n")[:3] == ["Package: runc", f"Pin: release n={suite}", "Pin-Priority: 1001"]
        assert own[1].split("\n")[:3] == ["Package: *", f"Pin: release n={suite}", "Pin-Priority: -1"]


def test_a_machine_new_enough_pins_nothing():
    assert apt.preferences(TRIXIE) == ""
    assert apt.preferences(NOBLE) == ""


def test_a_debian_without_a_security_archive_uses_only_the_main_archive():
    listing = "\n".join(line for line in DEBIAN.splitlines() if "security" not in line)
    assert [line.split()[-2] for line in entries(TRIXIE, listing.replace("bookworm", "trixie"))] == ["trixie"]


def test_ubuntu_uses_its_own_release_with_universe():
    key = "[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]"
    assert entries(NOBLE, UBUNTU) == [
        f"deb {key} http://mirror.test/ubuntu noble main universe",
        f"deb {key} http://mirror.test/ubuntu noble-updates main universe",
        f"deb {key} http://safe.test/ubuntu noble-security main universe",
    ]


@pytest.mark.parametrize("suite", ["stable", "sid"])
def test_a_debian_may_name_its_suite_by_its_role(suite):
    listing = f"'http://mirror.test/debian/dists/{suite}/InRelease' a 0\n"
    assert entries(TRIXIE, listing)[0].endswith("http://mirror.test/debian trixie main")


def test_a_machine_whose_apt_names_no_archive_of_its_own_gets_a_hint():
    with pytest.raises(SandboxError, match=r"(?s)no debian archive.*try: .*/etc/apt/sources\.list"):
        apt.sources(BOOKWORM, "'http://other.test/dists/nodistro/InRelease' a 0\n")


def test_the_private_apt_uses_only_its_folder_and_copies_only_the_options_of_the_network():
    dump = (
        'Acquire::http::Proxy "http://proxy.test:3128";',
        'Acquire::Check-Valid-Until "false";',
        'Acquire::AllowInsecureRepositories "1";',
        'Acquire::GzipIndexes "true";',
        'Dir::State "/var/lib/apt";',
        'DPkg::Post-Invoke:: "rm -rf /";',
    )
    text = apt.configuration(Path("/home/apt"), dump)
    assert text.startswith("\n".join(dump[:2]))
    for refused in dump[2:]:
        assert refused not in text
    assert 'Dir::State "/home/apt/state";' in text
    assert 'Acquire::AllowInsecureRepositories "false";' in text
    assert 'Dir::Etc::trusted "/dev/null";' in text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ID=debian\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian"\n', ("debian", "trixie")),
        ('NAME="Fedora"\nID="fedora"\nID_LIKE="debian"\n', ("fedora", "")),
        ("", ("unknown", "")),
    ],
)
def test_the_distribution_has_the_name_in_os_release(text, name):
    assert apt.distribution(text) == name


def test_on_ubuntu_debians_archive_has_the_address_in_debootstrap_and_its_own_keys():
    sources = apt.debian_elsewhere('x=1\nDEF_MIRROR="http://mirror.test/debian"\n', Path("/cache"))
    key = "[signed-by=/cache/usr/share/keyrings/debian-archive-keyring.gpg]"
    assert "".join(source.lines for source in sources).splitlines() == [
        f"deb {key} http://mirror.test/debian trixie main",
        f"deb {key} http://mirror.test/debian-security trixie-security main",
    ]
    with pytest.raises(SandboxError, match="address of Debian's archive is unknown"):
        apt.debian_elsewhere("", Path("/cache"))


def test_apt_in_an_image_uses_the_archives_of_its_own_release_and_no_login() -> None:
    keyring = apt.KEYRINGS["debian"]
    text = apt.sources_of_image(
        (
            apt.Source("https://me:secret@mirror.test/debian", ("trixie", "bookworm"), "main", "other.gpg"),
            apt.Source("http://mirror.test/updates", ("trixie-security",), "main", "other.gpg"),
        )
    )
    assert text.split("\n\n") == [
        f"Types: deb\nURIs: https://mirror.test/debian\nSuites: trixie\nComponents: main\nSigned-By: {keyring}",
        "Types: deb\nURIs: http://mirror.test/updates\nSuites: trixie-security\nComponents: main\n"
        f"Signed-By: {keyring}\n",
    ]


def test_apt_in_an_image_has_the_machines_options_for_the_network_without_passwords() -> None:
    options = (
        'Acquire::http::Proxy "http://proxy.test:3128";',
        'Acquire::https::Proxy "http://me:secret@proxy.test:3128";',
        'Acquire::Check-Valid-Until "false";',
        'APT::Install-Recommends "true";',
    )
    assert apt.options_of_image(options).splitlines() == [options[0], options[2]]
