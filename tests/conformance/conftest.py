"""The option that names the folder of cases, and the report by operator at the end."""

from collections import defaultdict

from onnx_cases import OPTION

_results = defaultdict(lambda: defaultdict(set))


def pytest_addoption(parser):
    parser.addoption(
        OPTION, metavar="DIR", default=None,
        help="folder with *_cases.json and *_arrays.npz (default: ../shared/data/onnx_conformance)",
    )  # fmt: skip


def pytest_runtest_logreport(report):
    facts = dict(report.user_properties)
    if "onnx_operators" not in facts or (report.when != "call" and report.passed):
        return
    outcome = "not ours" if report.skipped else report.outcome
    for operator in facts["onnx_operators"]:
        _results[operator][outcome].add(report.nodeid)


def pytest_terminal_summary(terminalreporter):
    if not _results:
        return
    from onnx_adapters import NOT_OURS

    terminalreporter.section("ONNX operator cases (each on every floor)")
    terminalreporter.write_line(f"{'operator':30}{'passed':>8}{'failed':>8}{'not ours':>10}")
    sums = defaultdict(set)
    for operator in sorted(_results):
        row = _results[operator]
        terminalreporter.write_line(
            f"{operator:30}{len(row['passed']):8}{len(row['failed']):8}{len(row['not ours']):10}"
        )
        for outcome, cases in row.items():
            sums[outcome] |= cases
    counts = [len(sums[outcome]) for outcome in ("passed", "failed", "not ours")]
    terminalreporter.write_line("{:30}{:8}{:8}{:10}".format("all (a case may use several)", *counts))
    for operator in sorted(NOT_OURS):
        if _results.get(operator):
            terminalreporter.write_line(f"not ours: {operator}: {NOT_OURS[operator]}")
