"""dpkg's database for packages that were unpacked."""

from sandbox.base_image import dpkg

CONTENTS = """\
drwxr-xr-x root/root         0 2025-01-01 00:00 ./
drwxr-xr-x root/root         0 2025-01-01 00:00 ./usr/bin/
-rwxr-xr-x root/root     12345 2025-01-01 00:00 ./usr/bin/a tool
lrwxrwxrwx root/root         0 2025-01-01 00:00 ./usr/bin/alias -> a tool
hrwxr-xr-x root/root         0 2025-01-01 00:00 ./usr/bin/same link to ./usr/bin/a tool
"""


def test_the_list_of_a_package_has_every_path_without_the_target_of_a_link() -> None:
    assert dpkg.paths(CONTENTS).splitlines() == [
        "/.",
        "/usr/bin",
        "/usr/bin/a tool",
        "/usr/bin/alias",
        "/usr/bin/same",
    ]


def test_the_entry_of_a_package_says_that_it_is_installed_and_which_files_a_user_may_change() -> None:
    control = "Package: a\nVersion: 1\nDescription: short\n long\n"
    assert (
        dpkg.stanza(control, []) == "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: short\n long\n"
    )
    assert dpkg.stanza(control, [("/etc/a", "0123")]).endswith(" long\nConffiles:\n /etc/a 0123\n")


def test_a_package_waits_for_named_triggers_and_for_paths() -> None:
    text = "# comment\ninterest-noawait ldconfig\ninterest /usr/share/fonts # a path\nactivate-noawait other\n"
    assert dpkg.interests(text, "a:amd64") == [
        ("ldconfig", "a:amd64/noawait"),
        ("File", "/usr/share/fonts a:amd64"),
    ]
