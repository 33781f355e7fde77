"""What the table of operations holds and what is checked with it, counted without running anything.

python tests/ops/report.py      (from the checkout's root)

A case is one input of one row under one check, dtype and floor. What a row is excused from it says itself
(``Row``'s options), and is counted below: nothing is left out in silence.
"""

import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
import table  # noqa: E402
from table_errors import NO_ERRORS  # noqa: E402


def count():
    """→ (Counter of cases by check, Counter of what is excused and why, Counter of shape classes)."""
    checked, excused, classes = collections.Counter(), collections.Counter(), collections.Counter()
    for row in table.rows():
        for case in row.cases:
            inputs = table.make_inputs(row, case, np.float64)
            small = sum(x.size for x in inputs if isinstance(x, np.ndarray)) <= table.SMALL
            floats = any(table.is_float(x) for x in inputs)
            classes[case[0]] += 1
            if not row.smooth:
                excused["gradients: the result is of integers, or level"] += 1
            elif small:
                checked["gradient: full Jacobian, float64"] += 1
            else:
                excused["full Jacobian: too large (HIPS and the floors judge its gradient)"] += 1
            if row.twin is None:
                excused["values: no twin (identities and goldens judge it elsewhere)"] += 1
            else:
                checked["values: a twin in NumPy × float64, float32 × reference, cpu"] += 4
                if row.smooth and row.hips and floats:
                    checked["gradient: HIPS autograd"] += 1
                elif row.smooth:
                    excused["HIPS: it cannot differentiate the twin, or no input is a float"] += 1
            if row.floors:
                checked["floors: cpu beside reference, values and gradients × float64, float32"] += 2
            else:
                excused["floors: the result is allowed to differ"] += 1
            if small:
                checked["arrays in, arrays out"] += 1
    checked["errors: the message names the op and what came × arrays, tensors"] = 2 * sum(
        len(row.errors) for row in table.rows()
    )
    return checked, excused, classes


def main():
    checked, excused, classes = count()
    ops, rows = table.by_op(), [row for row in table.rows() if row.cases]
    print(f"{len(ops)} operations, {len(rows)} rows, {classes.total():,} inputs, {checked.total():,} cases\n")
    for title, counter in (("checked", checked), ("excused, by the row's own word", excused)):
        print(title)
        for what, number in counter.most_common():
            print(f"{number:8,}  {what}")
    common = ", ".join(f"{name} {number}" for name, number in classes.most_common(8))
    print(f"shape classes: {common}, and {len(classes) - 8} more")
    errors = {op: sum(len(row.errors) for row in of_op) for op, of_op in ops.items()}
    errors = dict(sorted(errors.items(), key=lambda item: (item[1], item[0])))
    print(f"\nerror inputs: {sum(errors.values()):,} of {sum(map(bool, errors.values()))} operations")
    for number in sorted(set(errors.values())):
        print(f"{number:8,}  {', '.join(op for op, n in errors.items() if n == number)}")
    print(f"operations without an error input: {len(NO_ERRORS)}")
    for op, why in NO_ERRORS.items():
        print(f"{op:>8}  {why}")
    return int(len(ops) < 100 or checked.total() < 7000)


if __name__ == "__main__":
    sys.exit(main())
