"""The packages of an image, from the files in which dpkg and Python's installers record them.

dpkg: https://manpages.debian.org/trixie/dpkg/dpkg.1#FILES, the form in deb822(5); `status.d` is that of distroless
images. Python: https://packaging.python.org/en/latest/specifications/recording-installed-packages/. Whatever else an
image may have is no package here but a *gap*, so that a list of packages never looks complete when it is not.
"""

import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import IO

from packaging.utils import canonicalize_name

from delivery.image.layers import File

LARGEST = 32 << 20  # bytes of a file that is read; the status of a whole Debian desktop has 5 MB
_PIECE = 1 << 20
_DPKG = re.compile(r"var/lib/dpkg/(status|status\.d/(?!.*\.md5sums$)[^/]+)")
_PYTHON = re.compile(r"(.*/)?[^/]+\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info)")
_DIST_INFO = re.compile(r"(?P<folder>(.*/)?[^/]+\.dist-info)/[^/]+")
_SYSTEM = ("etc/os-release", "usr/lib/os-release")  # os-release(5): the first, and then the second
_OTHERS = {
    "apk": re.compile(r"(usr/)?lib/apk/db/installed"),
    "conda": re.compile(r"(.*/)?conda-meta/[^/]+\.json"),
    "Java": re.compile(r".*\.(jar|war|ear)", re.IGNORECASE),
    ".NET": re.compile(r".*\.deps\.json"),
    "npm": re.compile(r"(.*/)?node_modules/(@[^/]+/)?[^/]+/package\.json"),
    "pacman": re.compile(r"var/lib/pacman/local/[^/]+/desc"),
    "PHP": re.compile(r"(.*/)?composer/installed\.json"),
    "rpm": re.compile(r"(var/lib|usr/lib/sysimage|usr/share)/rpm/(Packages(\.db)?|rpmdb\.sqlite)"),
    "Ruby": re.compile(r".*/specifications/[^/]+\.gemspec"),
}
_GO = b"\xff Go buildinf:"  # https://github.com/golang/go/blob/master/src/debug/buildinfo/buildinfo.go
# https://www.debian.org/doc/debian-policy/ch-controlfields.html#source; deb-version(7)
_DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,200}")
_DEBIAN_VERSION = re.compile(r"[A-Za-z0-9.+~:-]{1,200}")
_DEBIAN_SOURCE = re.compile(rf"({_DEBIAN_NAME.pattern})(?: \(({_DEBIAN_VERSION.pattern})\))?")
# https://packaging.python.org/en/latest/specifications/name-normalization/, /version-specifiers/
_PYTHON_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,200}[A-Za-z0-9])?")
_PYTHON_VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,200}")
_ABSENT = ("config-files", "not-installed")  # dpkg(1), "Package states": those without the package's files


@dataclass(frozen=True, order=True)
class Package:
    """A package. `kind`: the type of its purl, `deb`, `pypi` or `generic`. `source`: of a Debian package, `name` or
    `name@version`. `path`: the file that records it.
    """

    kind: str
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    path: str = ""


@dataclass(frozen=True)
class Inventory:
    """The packages of an image, its operating system as os-release(5) names it, and what may be missing, for people."""

    packages: tuple[Package, ...]
    system: Mapping[str, str]
    gaps: tuple[str, ...]


def choose(path: str, member: tarfile.TarInfo, opened: Callable[[], IO[bytes]]) -> File | None:
    """The file, if it records a package or a gap: the reader that `layers.read` needs."""
    if _DPKG.fullmatch(path) or _PYTHON.fullmatch(path) or path in _SYSTEM:
        if not member.isreg():
            return None if path in _SYSTEM else File(gap="links")
        return _text(member, opened)
    if _DIST_INFO.fullmatch(path):
        return File()
    if kind := next((kind for kind, pattern in _OTHERS.items() if pattern.fullmatch(path)), ""):
        return File(gap=kind)
    return File(gap="Go") if member.isreg() and member.mode & 0o111 and _is_go(opened()) else None


def inventory(files: Mapping[str, File], environment: Mapping[str, str]) -> Inventory:
    """The packages in the files that `choose` chose. `environment`: that of the image's configuration."""
    problems = list[str]()
    packages = [*_debian(files, problems), *_python(files, problems)]
    # The official image makes its interpreter from source, and names its version only here.
    if version := environment.get("PYTHON_VERSION", ""):
        if _PYTHON_VERSION.fullmatch(version):
            packages.append(Package("generic", "python", version))
        else:
            problems.append(f"PYTHON_VERSION of the image is no version: {version[:60]!r}")
    return Inventory(tuple(sorted(set(packages))), _system(files), (*_unread(files), *problems))


def _text(member: tarfile.TarInfo, opened: Callable[[], IO[bytes]]) -> File:
    if member.size > LARGEST:
        return File(gap="large files")
    return File(opened().read().decode(errors="replace"))


def _is_go(content: IO[bytes]) -> bool:
    piece = content.read(_PIECE)
    if not piece.startswith(b"\x7fELF"):
        return False
    end = b""
    while piece:
        if _GO in end + piece[: len(_GO)] or _GO in piece:
            return True
        end, piece = piece[-len(_GO) :], content.read(_PIECE)
    return False


def _unread(files: Mapping[str, File]) -> Iterator[str]:
    """A gap for each kind of files that were not read, with the first of them."""
    kinds: dict[str, list[str]] = {}
    for path, file in sorted(files.items()):
        if file.gap:
            kinds.setdefault(file.gap, []).append(path)
    for kind, paths in sorted(kinds.items()):
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield f"{kind}: /{_printable(paths[0])}{others} not read"


def _debian(files: Mapping[str, File], problems: list[str]) -> Iterator[Package]:
    for path, text in _texts(files, _DPKG):
        for number, paragraph in enumerate(re.split(r"\n(?:[ \t]*\n)+", text.strip("\n")), start=1):
            fields = _fields(paragraph)
            if fields is None:
                problems.append(f"dpkg: /{path}, paragraph {number} is malformed")
            elif fields and fields.get("status", "installed").split()[-1:] not in [[state] for state in _ABSENT]:
                if package := _debian_package(fields, path):
                    yield package
                else:
                    problems.append(f"dpkg: /{path}, paragraph {number} names no package: {_named(fields)}")


def _debian_package(fields: Mapping[str, str], path: str) -> Package | None:
    name, version = fields.get("package", ""), fields.get("version", "")
    if not (_DEBIAN_NAME.fullmatch(name) and _DEBIAN_VERSION.fullmatch(version)):
        return None
    source = _DEBIAN_SOURCE.fullmatch(fields.get("source", ""))
    architecture = fields.get("architecture", "")
    architecture = architecture if _DEBIAN_NAME.fullmatch(architecture) else ""
    return Package("deb", name, version, architecture, "@".join(filter(None, source.groups())) if source else "", path)


def _fields(paragraph: str) -> dict[str, str] | None:
    """The first line of each field, by its name in lower case; None if the paragraph breaks deb822(5)."""
    fields = dict[str, str]()
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if line.startswith((" ", "\t")):
            if not fields:
                return None
        elif colon and name and " " not in name:
            fields.setdefault(name.lower(), value.strip())
        elif line.strip():
            return None
    return fields


def _python(files: Mapping[str, File], problems: list[str]) -> Iterator[Package]:
    for path, text in _texts(files, _PYTHON):
        about = HeaderParser().parsestr(text)
        name, version = (str(about[field] or "").strip() for field in ("Name", "Version"))
        if _PYTHON_NAME.fullmatch(name) and _PYTHON_VERSION.fullmatch(version):
            yield Package("pypi", canonicalize_name(name), version, path=path)
        else:
            named = _named({"package": name, "version": version})
            problems.append(f"Python: /{_printable(path)} names no package: {named}")
    folders = {match["folder"] for path in files if (match := _DIST_INFO.fullmatch(path))}
    for folder in sorted(folder for folder in folders if f"{folder}/METADATA" not in files):
        problems.append(f"Python: /{_printable(folder)} has no METADATA")


def _texts(files: Mapping[str, File], pattern: re.Pattern[str]) -> Iterable[tuple[str, str]]:
    return [
        (path, file.text) for path, file in sorted(files.items()) if pattern.fullmatch(path) and file.text is not None
    ]


def _system(files: Mapping[str, File]) -> dict[str, str]:
    """ID and VERSION_ID of os-release(5); empty without it."""
    text = next((file.text for path in _SYSTEM if (file := files.get(path)) and file.text), "")
    found = re.findall(r"""^(ID|VERSION_ID)=["']?([a-z0-9._-]{1,60})["']?[ \t]*$""", text, re.MULTILINE)
    return dict(found)


def _named(fields: Mapping[str, str]) -> str:
    return (
        f"name {_printable(fields.get('package', ''))[:60]!r}, version {_printable(fields.get('version', ''))[:60]!r}"
    )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
