"""Do the tests notice a wrong formula? One small fault at a time, seeded into the running library.

python -m tests.mutate mmscratch/ops kernels/reference --most 450 --report mutation.json    (from the root)

Faults, in the syntax tree of a file: a sign (+ and −), a factor (· and /, a number twice as large), an
axis (axis=−1 and 0), a constant (eps, 0, 1), a comparison (< and ≤, = and ≠), a mask (a where's
branches, not, and, or). Left alone: docstrings, the text of errors, imports, whole numbers inside an
index. The conditions under which an error is raised are counted by themselves ("refusals"), beside the
formulas.

The library and the tests are imported once, and run once, to see which test reaches which line; then a
child is forked for every fault. The child changes the code of the functions where they stand
(``mutate_server.py``) and runs the tests that reach the line, the shortest first, until one fails. A
fault that cannot be put in place (a default of a positional parameter, a closure of other variables)
gets a fresh process that imports the file with the fault in it; ``--fresh N`` judges N of the faults in
this second way too, and compares.

Numba is blocked unless ``--numba``: the tests that need no compiled floor judge. A fault is killed where
a test fails, crashes, or needs ten times as long; one that no test reaches has survived. Rates are
printed by file; the exit code is 1 if that of the formulas is below ``--least``.
"""

import argparse
import ast
import copy
import json
import pathlib
import random
import sys
from dataclasses import asdict, dataclass

ROOT = pathlib.Path(__file__).resolve().parents[1]
JUDGES = ["tests/ops", "tests/kernels", "tests/formulas", "tests/test_gradcheck.py"]
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


class Faults(ast.NodeVisitor):
    """Every place where a fault can be seeded: (line, what, path, what is done there, of a refusal?)."""

    def __init__(self):
        self.found, self.path, self.refusals = [], [], 0

    def add(self, node, what, change):
        self.found.append((node.lineno, what, tuple(self.path), change, self.refusals > 0))

    def generic_visit(self, node):
        for name, value in ast.iter_fields(node):
            several = value if isinstance(value, list) else [value]
            for place, inner in enumerate(several):
                if isinstance(inner, ast.AST):
                    self.path.append((name, place if isinstance(value, list) else None))
                    self.visit(inner)
                    self.path.pop()

    def visit_Raise(self, node):
        """The text of an error is no formula."""

    def visit_If(self, node):
        """Under what condition an error is raised is counted by itself."""
        refusal = any(isinstance(inner, ast.Raise) for inner in node.body)
        self.refusals += refusal
        self.path.append(("test", None))
        self.visit(node.test)
        self.path.pop()
        self.refusals -= refusal
        for name in ("body", "orelse"):
            for place, inner in enumerate(getattr(node, name)):
                self.path.append((name, place))
                self.visit(inner)
                self.path.pop()

    def visit_Expr(self, node):
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.generic_visit(node)

    def visit_Import(self, node):
        """Nothing to break."""

    visit_ImportFrom = visit_JoinedStr = visit_Import

    def visit_BinOp(self, node):
        if type(node.op) in SWAPS and not isinstance(node.left, ast.JoinedStr):
            other = SWAPS[type(node.op)]
            self.add(
                node, f"{type(node.op).__name__} → {other.__name__}", lambda n: setattr(n, "op", other())
            )
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            self.add(node, "−x → x", lambda n: setattr(n, "op", ast.UAdd()))
        if isinstance(node.op, ast.Not):
            self.add(
                node, "not x → bool(x)", lambda n: setattr(n, "operand", ast.UnaryOp(ast.Not(), n.operand))
            )
        self.generic_visit(node)

    def visit_Compare(self, node):
        if len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
            other = SWAPS[type(node.ops[0])]
            self.add(
                node,
                f"{type(node.ops[0]).__name__} → {other.__name__}",
                lambda n: n.ops.__setitem__(0, other()),
            )
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        other = SWAPS[type(node.op)]
        self.add(node, f"{type(node.op).__name__} → {other.__name__}", lambda n: setattr(n, "op", other()))
        self.generic_visit(node)

    def visit_keyword(self, node):
        if node.arg == "axis" and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            axis = ast.Constant(0)
            if isinstance(node.value, ast.Constant) and node.value.value == 0:
                axis = ast.UnaryOp(ast.USub(), ast.Constant(1))
            self.add(node.value, f"axis={ast.unparse(node.value)} → {ast.unparse(axis)}",
                     lambda n: None if not hasattr(n, "value") else setattr(n, "value", axis))  # fmt: skip
            return
        self.generic_visit(node)

    def visit_Constant(self, node):
        if type(node.value) is float or (type(node.value) is int and not self._is_place()):
            new = 2 * node.value if node.value else type(node.value)(1)
            self.add(node, f"{node.value} → {new}", lambda n: setattr(n, "value", new))

    def _is_place(self):
        """A whole number inside an index says where, which the axis and shape tests look at."""
        return any(name == "slice" for name, _ in self.path[-3:])

    def visit_Call(self, node):
        if ast.unparse(node.func).endswith("where") and len(node.args) == 3:
            self.add(
                node,
                "where(m, a, b) → where(m, b, a)",
                lambda n: n.args.__setitem__(slice(1, 3), n.args[:0:-1]),
            )
        self.generic_visit(node)


@dataclass
class Fault:
    """One fault: where it is, and what the judges said."""

    file: str
    number: int
    line: int
    what: str
    refusal: bool
    verdict: str = ""
    by: str = ""
    tests: int = 0
    seconds: float = 0.0

    @property
    def name(self):
        return f"{self.file}:{self.line}: {self.what}"

    @property
    def killed(self):
        return self.verdict in ("killed", "timeout", "crash")


def reached(tree, path):
    """The node at the end of a path."""
    for name, place in path:
        tree = getattr(tree, name)
        tree = tree if place is None else tree[place]
    return tree


def seed(tree, path, change):
    """A copy of the tree with one fault in it, its lines as they were."""
    tree = copy.deepcopy(tree)
    change(reached(tree, path))
    return ast.fix_missing_locations(tree)


def places(tree):
    """All (line, what, path, change, refusal) of a tree; those that change nothing are left out."""
    visitor = Faults()
    visitor.visit(tree)

    def differs(path, change):
        plain = reached(tree, path)
        other = copy.deepcopy(plain)
        change(other)
        return ast.dump(other) != ast.dump(plain)

    return [place for place in visitor.found if differs(*place[2:4])]


def faults(file):
    """All faults of a file below the root."""
    found = places(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    return [Fault(file, number, line, what, bad) for number, (line, what, _, _, bad) in enumerate(found)]


def draw(every, most, generator):
    """So many of them, in the order of files and lines."""
    if most is None or most >= len(every):
        return every
    return [every[i] for i in sorted(generator.sample(range(len(every)), most))]


def table(todo):
    """Killed of seeded, by file and in all, as lines of Markdown."""
    lines = ["| file | formulas | killed | | refusals | killed | |", "|---|---|---|---|---|---|---|"]
    rows = [(file, [f for f in todo if f.file == file]) for file in sorted({f.file for f in todo})]
    for folder in sorted({str(pathlib.PurePath(f.file).parent) for f in todo}):
        rows.append((f"all of {folder}", [f for f in todo if str(pathlib.PurePath(f.file).parent) == folder]))
    for name, some in [*rows, ("**all**", todo)]:
        cells = []
        for refusal in (False, True):
            kind = [f for f in some if f.refusal == refusal]
            dead = sum(f.killed for f in kind)
            share = f"{dead / len(kind):.1%}" if kind else ""
            cells += [str(len(kind)), str(dead), share]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", help="files or folders below the root, such as mmscratch/ops")
    parser.add_argument("--tests", nargs="+", default=JUDGES, help="the judges: files, folders, node ids")
    parser.add_argument("-k", dest="keyword", default="", help="pytest's -k: which of them")
    parser.add_argument("--minutes", type=float, help="stop after so long; what was judged is a sample still")
    parser.add_argument("--most", type=int, help="so many formula faults, drawn by --seed; all if not given")
    parser.add_argument("--refusals", type=int, default=0, help="and so many faults in conditions of errors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="processor time of the tests of one fault"
    )
    parser.add_argument("--numba", action="store_true", help="let the compiled floor judge too")
    parser.add_argument(
        "--report", type=pathlib.Path, help="a JSON of all verdicts; what is in it is not redone"
    )
    parser.add_argument(
        "--again", action="store_true", help="of the report's faults, judge the survivors anew"
    )
    parser.add_argument("--reach", type=pathlib.Path, help="keep here which test reaches what (JSON)")
    parser.add_argument(
        "--fresh", type=int, default=0, help="judge so many of the faults in a fresh process too"
    )
    parser.add_argument("--least", type=float, default=0.0, help="the rate below which the exit code is 1")
    args = parser.parse_args(argv)

    from tests import mutate_server as server

    files = []
    for name in args.files:
        below = sorted((ROOT / name).glob("*.py")) if (ROOT / name).is_dir() else [ROOT / name]
        files += [str(path.relative_to(ROOT)) for path in below]
    every = [fault for file in files for fault in faults(file)]
    generator = random.Random(args.seed)
    todo = draw([f for f in every if not f.refusal], args.most, generator)
    todo += draw([f for f in every if f.refusal], args.refusals, generator)
    before = {}
    if args.report and args.report.exists():
        before = {(f["file"], f["number"]): Fault(**f) for f in json.loads(args.report.read_text("utf-8"))}
    todo = [before.get((f.file, f.number), f) for f in todo]

    def keep():
        if args.report:
            args.report.write_text(
                json.dumps([asdict(f) for f in todo], indent=0, ensure_ascii=False), "utf-8"
            )

    def wanted(fault):
        return bool(fault.verdict) and not fault.killed if args.again else not fault.verdict

    try:
        ended = server.judge([f for f in todo if wanted(f)], files, args, keep)
    finally:
        keep()
    if ended:
        return ended
    drawn, todo = len(todo), [f for f in todo if f.verdict]
    print(f"{len(todo)} judged of {drawn} drawn; {len(every)} places in {len(files)} files\n")
    print(table(todo))
    for fault in todo:
        if not fault.killed:
            print(f"{fault.verdict:9} {fault.name}  ({fault.tests} tests)")
    formulas = [f for f in todo if not f.refusal]
    rate = sum(f.killed for f in formulas) / max(len(formulas), 1)
    print(f"{rate:.1%} of {len(formulas)} faults in formulas killed")
    wrong = (
        server.compare(draw([f for f in todo if f.tests], args.fresh, generator), args) if args.fresh else 0
    )
    return int(rate < args.least or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
