"""Fakes that refuse what they were not told about."""

from delivery.shell import Command, Result


class FakeShell:
    """Answers the commands it was given, by the start of their argv; anything else fails the test."""

    def __init__(self, answers=None, variables=None):
        self.answers = answers or {}
        self.variables = variables or {}
        self.ran: list[Command] = []

    def with_variables(self, variables):
        other = FakeShell(self.answers, {**self.variables, **variables})
        other.ran = self.ran
        return other

    def run(self, command, on_line=None):
        self.ran.append(command)
        for start, answer in self.answers.items():
            if " ".join(command.argv).startswith(start):
                result = answer if isinstance(answer, Result) else Result(0, answer, "")
                for line in result.stdout.splitlines() + result.stderr.splitlines():
                    if on_line:
                        on_line(line)
                return result
        raise AssertionError(f"the fake shell was not told about: {' '.join(command.argv)}")
