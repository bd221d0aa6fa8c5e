"""How daemons are recognised: by their arguments."""

import psutil

from sandbox import processes


def test_a_process_is_recognised_by_its_arguments():
    own = psutil.Process()
    running = processes.find(own.cmdline())
    assert running in [own, *own.parents()], "a wrapper of the tests may have the same arguments"
    assert processes.alive(own)


def test_arguments_that_no_process_has_give_none():
    assert processes.find(["--config-file", "/nowhere/daemon.json"]) is None
