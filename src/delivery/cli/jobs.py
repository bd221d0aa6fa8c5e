"""`invoke job-summary`, and the last job of the workflow: `python3 -m delivery.cli.jobs`.

It imports the standard library only, so that the job need not install the environment.
"""

import os
import sys
from collections.abc import Mapping

from delivery.cli import github, summary
from delivery.errors import DeliveryError


def write(environ: Mapping[str, str]) -> str:
    """Write how the jobs of NEEDS ended to the page of this job, and return it. Raises ConfigurationError."""
    page = summary.jobs(environ.get("NEEDS", ""))
    summary.write(environ, page, {})
    return page


def main(environ: Mapping[str, str]) -> int:
    """Print the page, or the error; return the exit code."""
    with github.commands_stopped(environ):
        try:
            print(write(environ))
        except DeliveryError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
