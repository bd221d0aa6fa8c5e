"""The two throwaway environments: refused, made, and removed whatever happened."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.deploys.checkout import PROJECT, Checkout
from support.real import accounts, emulated, removal
from support.real.accounts import Account, Refused
from support.real.recorder import answers
from support.real.throwaway import Throwaway

ANSWERS = Path(__file__).parent / "answers"


@pytest.fixture(scope="session")
def throwaway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Throwaway]:
    """Both environments, declared and not bootstrapped. At the end they are removed, and what is left is an error."""
    target = os.environ.get("REAL", "aws")
    with _refusals():
        if target not in ("aws", "sandbox"):
            raise Refused(f"REAL is {target!r}. It is aws (the default) or sandbox.")
        if target == "aws":
            accounts.require(os.environ)
    settings: dict[str, Any] = {}
    patch, folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("real")
    checkout = Checkout.make(tmp_path_factory.mktemp("clone"))
    try:
        if target == "sandbox":
            variables, settings = emulated.start(checkout, folder)
            for name, value in variables.items():
                patch.setenv(name, value)
        patch.setenv(answers.FOLDER, str(ANSWERS / target / time.strftime("%Y%m%dT%H%M%S")))
        with _refusals(), _alone():
            yield from _environments(checkout, folder, settings)
    finally:
        checkout.stop()
        patch.undo()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """A refusal is shown without a traceback."""
    try:
        yield
    except Refused as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _environments(checkout: Checkout, folder: Path, settings: dict[str, Any]) -> Iterator[Throwaway]:
    answers.install(os.environ)  # before the first session
    both = accounts.read(os.environ)
    remains = {account: accounts.inspect(account, os.environ) for account in both}
    for account, environments in remains.items():
        for environment in environments:
            print(f"\nremoving what a killed run left: {environment} in account {account.number}")
            _remove(account, environment)
    print("", *(f"{account.environment}: account {account.number}, {account.region}" for account in both), sep="\n")
    made = Throwaway(checkout, *both, folder, settings)
    made.declare(os.environ)
    try:
        yield made
    finally:
        left = [line for account in both for line in removal.remove(account, account.environment)]
        print("\n" + "\n".join(("left in the accounts:", *left) if left else ("removed everything",)))
        assert not left


def _remove(account: Account, environment: str) -> None:
    if left := removal.remove(account, environment):
        raise Refused("\n".join((f"A killed run left in account {account.number}, and AWS does not remove:", *left)))


class _alone:
    """One run at a time from this checkout: the remains that a run removes must not be those of a run that lives."""

    def __enter__(self) -> None:
        path = PROJECT / ".deploy" / "real.lock"
        path.parent.mkdir(exist_ok=True)
        self._file = path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Refused("Another `nox -s real` runs in this checkout.") from None

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.fixture
def stored(throwaway: Throwaway) -> list[Path]:
    """The files of the answers that this run was given."""
    del throwaway
    return sorted(Path(os.environ[answers.FOLDER]).glob("*.json"))
