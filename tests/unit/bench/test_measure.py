"""The peak memory of a process."""

from bench.measure import high_water_mark

STATUS = "Name:\tpython3\nVmPeak:\t  200000 kB\nVmHWM:\t   80000 kB\nVmRSS:\t   60000 kB\n"


def test_the_peak_is_that_of_resident_memory_in_megabytes():
    assert high_water_mark(STATUS) == 81.92


def test_a_zombie_has_no_memory():
    assert high_water_mark("Name:\tpython3\nState:\tZ (zombie)\n") == 0
