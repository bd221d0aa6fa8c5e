"""Child processes: run, interrupt once, wait; lanes that run at the same time."""
