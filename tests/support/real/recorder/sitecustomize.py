"""Python imports this module at its start when its folder is on PYTHONPATH: a task then stores AWS's answers."""

import os

import answers  # type: ignore[import-not-found]  # beside this file, which is on the path

answers.install(os.environ)
