"""How the sandbox fails.

SandboxError            3  a tool, a package or a part of the machine is missing
+-- BaseImageError      5  the Dockerfile's base image is not to be had
"""


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
        told = self.message.replace("\n", "\n  ")
        return f"{told}\n  try: {self.hint}" if self.hint else told


class BaseImageError(SandboxError):
    """An image that a Dockerfile starts from can be neither pulled nor made: nothing usable will be built."""

    exit_code = 5
