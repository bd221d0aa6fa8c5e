"""A fake shell that fails for a command without a prepared answer."""

import contextlib

from delivery.process.shell import Command, Result


class FakeKept:
    """A program that runs beside a command."""

    held = 7

    def __init__(self, said):
        self.said = said

    def announced(self, announcement):
        found = announcement.search(self.said)
        return found[1] if found else ""


class FakeShell:
    """Answers the commands it was given, by the start of their argv (`-chdir=...` left out).

    An answer is a text for stdout, a Result, an exception to raise, a function of the command, or a list, one a call.
    """

    busy = False  # no command takes any time

    def __init__(self, answers=None, variables=None):
        self.answers = answers or {}
        self.variables = variables or {}
        self.ran: list[Command] = []
        self.stops: list[bool] = []
        self.beside_now: list[Command] = []

    def with_variables(self, variables):
        other = FakeShell(self.answers, {**self.variables, **variables})
        other.ran, other.stops = self.ran, self.stops
        return other

    def with_credentials(self, credentials):
        assert credentials()["AWS_ACCESS_KEY_ID"]
        return self

    def unstopped(self):
        other = FakeShell(self.answers, self.variables)
        other.ran = self.ran
        return other

    def run(self, command, on_line=None):
        self.ran.append(command)
        result = self._answer(command)
        for line in result.stdout.splitlines() + result.stderr.splitlines():
            if on_line:
                on_line(line)
        return result

    @contextlib.contextmanager
    def beside(self, command):
        """A program that has announced what its answer says."""
        self.beside_now.append(command)
        try:
            yield FakeKept(self.run(command).stdout)
        finally:
            self.beside_now.remove(command)

    interrupted = False

    @property
    def stopped(self):
        return bool(self.stops)

    def stop(self):
        self.stops.append(True)

    def typed(self, start):
        """The commands that ran and start so, in order."""
        return [command for command in self.ran if _typed(command).startswith(start)]

    def _answer(self, command):
        known = [start for start in self.answers if _typed(command).startswith(start)]
        if not known:
            raise AssertionError(f"the fake shell has no answer for: {_typed(command)}")
        answer = self.answers[max(known, key=len)]
        if isinstance(answer, list):
            if not answer:
                raise AssertionError(f"the fake shell has no more answers for: {_typed(command)}")
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(command)
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Result) else Result(0, answer, "")


def _typed(command):
    words = [word for word in command.argv if not word.startswith("-chdir=")]
    return " ".join(words)
