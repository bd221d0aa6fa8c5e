"""How the sandbox fails.

SandboxError            3  a tool, a package or a part of the machine is missing
+-- BaseImageError      5  the Dockerfile's base image can be neither pulled nor made
"""


class SandboxError(Exception):
    """A part of the sandbox cannot be made ready.

    Args:
        what: what happened, one line.
        why: the reason, one line or a few; often the last lines that a tool wrote.
        hint: what to type or change next, shown after ``try:``.
    """

    exit_code = 3

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.what, *(f"  {line}" for line in self.why.splitlines())]
        if self.hint:
            parts.append(f"  try: {self.hint}")
        return "\n".join(parts)


class BaseImageError(SandboxError):
    """An image that a Dockerfile starts from can be neither pulled nor made, so nothing can be built."""

    exit_code = 5
