"""The one way the sandbox fails."""


class SandboxError(Exception):
    """A part of the sandbox cannot be made ready.

    Args:
        message: what happened and why, one line or a few.
        hint: what to type or change next, shown after ``try:``.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\ntry: {self.hint}" if self.hint else self.message
