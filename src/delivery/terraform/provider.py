"""Gives Terraform providers that run already.

Terraform starts each provider three times in a plan, and reads the whole program to compare its checksum: together half
of its time. A provider that runs already is used as it is:
https://developer.hashicorp.com/terraform/plugin/debugging, "Starting a provider in debug mode". Three things are ours
then:

checksum        Terraform compares none. `init` does, and runs again as soon as `fingerprint` differs from what it left
configuration   Terraform starts a process for each configuration of a provider (`alias`), and a process has only one;
                so a root module with another configuration gets none that runs already
one command     the AWS provider cannot be configured twice with AWS_CA_BUNDLE; each command has a process of its own
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from delivery.process.shell import Command, Shell
from delivery.terraform import mirror
from delivery.terraform.plan import Stack

_ATTACH = "TF_REATTACH_PROVIDERS"
_ANNOUNCEMENT = re.compile(rf"{_ATTACH}='(\{{.*\}})'")
# https://developer.hashicorp.com/terraform/language/providers/configuration
_BLOCK = re.compile(r'^[ \t]*provider[ \t]+"?([\w-]+)"?', re.MULTILINE)
_ALIAS = re.compile(r"^[ \t]*alias[ \t]*=", re.MULTILINE)


@contextlib.contextmanager
def running(stack: Stack, command: Command, shell: Shell) -> Iterator[Command]:
    """The command of a root module that is initialised, which configures a provider at most once, with its providers.

    They end with the block. Terraform starts those itself that have no debug mode, and all if one has two
    configurations.
    """
    attached: dict[str, Any] = {}
    held: list[int] = []
    with contextlib.ExitStack() as processes:
        for address, program in _programs(stack) if stack.starts_providers and _configured_once(stack) else ():
            kept = processes.enter_context(shell.beside(replace(command, argv=(str(program), "-debug"))))
            announced = json.loads(kept.announced(_ANNOUNCEMENT) or "{}")
            attached.update({name: how for name, how in announced.items() if name == address})
            held.append(kept.held)
        variables = {_ATTACH: json.dumps(attached)} if attached else {}
        yield replace(command, variables={**command.variables, **variables}, holds=tuple(held))


def fingerprint(stack: Stack) -> str:
    """What changes with each change of an installed provider: its path, size, file number and time of change."""
    found = [(program, program.stat()) for _, program in _programs(stack)]
    return "".join(f"\n{program} {stat.st_size} {stat.st_ino} {stat.st_mtime_ns}" for program, stat in found)


def _programs(stack: Stack) -> tuple[tuple[str, Path], ...]:
    """The installed providers, each with its address: the layout of TF_DATA_DIR is that of a mirror, unpacked."""
    locked = mirror.locked(stack.folder / mirror.LOCK)
    folders = [(address, stack.data / "providers" / address / version) for address, version in locked]
    return tuple(
        (address, program) for address, folder in folders for program in sorted(folder.glob("*/terraform-provider-*"))
    )


def _configured_once(stack: Stack) -> bool:
    """Whether no provider has two configurations: none in a module, one at most in the root module, and no alias there.

    False where a search of the text cannot tell.
    """
    modules = _modules(stack)
    if any(list(folder.glob("*.tf.json")) or not folder.is_dir() for folder in (stack.folder, *modules)):
        return False
    if any(_BLOCK.search(text) for folder in modules for text in _texts(folder)):
        return False
    configuring = [text for text in _texts(stack.folder) if _BLOCK.search(text)]
    names = [name for text in configuring for name in _BLOCK.findall(text)]
    return len(names) == len(set(names)) and not any(_ALIAS.search(text) for text in configuring)


def _texts(folder: Path) -> list[str]:
    return [file.read_text() for file in sorted(folder.glob("*.tf"))]


def _modules(stack: Stack) -> tuple[Path, ...]:
    """The folders of the modules that `init` has found, without the root module."""
    record = stack.data / "modules" / "modules.json"
    found = json.loads(record.read_text())["Modules"] if record.exists() else []
    return tuple(stack.folder / module["Dir"] for module in found if module["Key"])
