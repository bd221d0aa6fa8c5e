"""Keeps the providers of a root module running between Terraform's commands.

Terraform starts each provider three times in a plan and four times in an apply, and each time it runs, it reads the
whole program to compare its checksum: together half of its time. A provider that runs already is used as it is, and its
checksum is not compared: https://developer.hashicorp.com/terraform/plugin/debugging, "Starting a provider in debug
mode". `init` compares it, and runs again as soon as `fingerprint` differs from what it left.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from delivery.process.shell import Command, Shell
from delivery.terraform import mirror
from delivery.terraform.plan import Stack

_ATTACH = "TF_REATTACH_PROVIDERS"
_ANNOUNCEMENT = re.compile(rf"{_ATTACH}='(\{{.*\}})'")


def with_providers(stack: Stack, command: Command, shell: Shell) -> Command:
    """A command of a root module that is initialised, with the running providers; they are started if needed.

    Terraform starts those itself that cannot be kept, because they were built without the plugin SDK.
    """
    attached: dict[str, Any] = {}
    for address, program in _programs(stack) if stack.keeps_providers else ():
        announced = shell.keep(replace(command, argv=(str(program), "-debug")), _ANNOUNCEMENT)
        found = json.loads(announced) if announced else {}
        attached.update({name: how for name, how in found.items() if name == address})
    return replace(command, variables={**command.variables, _ATTACH: json.dumps(attached)}) if attached else command


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
