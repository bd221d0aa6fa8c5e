"""`nox -s bench`: this project against the tools themselves and against the pipeline that it replaces, in one run.

__main__    the options; runs the scenarios and writes the results
scenarios   the sides of each scenario: how each is prepared, and the commands that are measured
many        the scenarios with 1, 5 and 15 functions
function    the scenarios of the function itself; servers/ has the programs that it is compared with
place       a clone with a sandbox, its environments, and the commands of both sides
raw/        the commands of the tools, typed one after the other
relay       delays each call of AWS's API
measure     wall seconds, CPU seconds and peak memory of commands
samples     medians, ranges and ratios
goals       the ratios of the report, each with its goal
report      the table, the machine, and docs/performance.md
chart       the picture
"""
