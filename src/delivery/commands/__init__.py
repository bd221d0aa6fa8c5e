"""One file for each invoke task that takes several steps: `invoke deploy` is `commands/deploy.py`."""

from delivery.commands import bootstrap, deploy, diff, doctor, promote, prune, rollback, status, unlock

__all__ = ["bootstrap", "deploy", "diff", "doctor", "promote", "prune", "rollback", "status", "unlock"]
