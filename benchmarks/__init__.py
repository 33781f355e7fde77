"""Every hot path beside what a user would pick instead: ``python -m benchmarks`` from the repository's root.

case.py      what a row of the table is          rows/     the rows, by topic
place.py     which libraries, which device       twins/    models written in torch, for comparison
timing.py    how two calls are timed fairly      memory.py what a call needs besides its inputs
machine.py   the machine, and its measured peaks run.py    a row measured, and judged by its targets
store.py     results.json, RESULTS.md's source   report.py, figures.py    tables and pictures
growth.py    time and memory against size        __main__.py              the command line
"""
