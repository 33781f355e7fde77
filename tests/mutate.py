"""Do the tests notice a wrong formula? One small fault at a time, in a copy of the tree.

python -m tests.mutate mmscratch/ops/softmax.py --tests tests/ops -k softmax --most 20      (from the root)

Faults, in the syntax tree of the file: a sign (+ and −), a factor (· and /, a number twice as large), an axis
(axis=−1 and 0), a constant (eps, 0, 1), a comparison (< and ≤, = and ≠), a mask (a where's branches, not).
Docstrings, error branches and defaults of keywords that nobody passes are left alone. A fault is killed where
the tests then fail, or take more than three times as long; what survives is listed with its line. The kill
rate is printed; exit code 1 if it is below ``--least``.
"""

import argparse
import ast
import copy
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


class Faults(ast.NodeVisitor):
    """Every place where a fault can be seeded: (line, what it becomes, function that seeds it in a copy)."""

    def __init__(self):
        self.found, self.path = [], []

    def add(self, node, what, change):
        self.found.append((node.lineno, what, tuple(self.path), change))

    def generic_visit(self, node):
        for name, value in ast.iter_fields(node):
            several = value if isinstance(value, list) else [value]
            for place, inner in enumerate(several):
                if isinstance(inner, ast.AST):
                    self.path.append((name, place if isinstance(value, list) else None))
                    self.visit(inner)
                    self.path.pop()

    def visit_Raise(self, node):
        """Errors are the business of the error table, not of formulas."""

    def visit_If(self, node):
        if any(isinstance(inner, ast.Raise) for inner in node.body):
            return
        self.generic_visit(node)

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
            self.found[-1] = (*self.found[-1][:2], tuple(self.path), self.found[-1][3])
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


def seed(tree, path, change):
    """The tree with one fault in it, as source."""
    tree = copy.deepcopy(tree)
    node = tree
    for name, place in path:
        node = getattr(node, name)
        node = node if place is None else node[place]
    change(node)
    return ast.unparse(ast.fix_missing_locations(tree))


def faults(source):
    """All (line, what, mutated source) of a file, those that change nothing left out."""
    tree = ast.parse(source)
    visitor = Faults()
    visitor.visit(tree)
    plain = ast.unparse(tree)
    made = [(line, what, seed(tree, path, change)) for line, what, path, change in visitor.found]
    return [m for m in made if m[2] != plain]


def run_tests(copy_of, tests, keyword, seconds):
    """Do the tests pass in the copy? None: longer than ``seconds``."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    command += ["-k", keyword] if keyword else []
    environment = {**os.environ, "PYTHONPATH": str(copy_of), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy_of, env=environment, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"pytest ended with {done.returncode}: {done.stdout.decode()[-500:]}")
    return done.returncode == 0


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", help="below the root, such as mmscratch/ops/softmax.py")
    parser.add_argument("--tests", nargs="+", default=["tests/ops"])
    parser.add_argument("-k", dest="keyword", default="", help="pytest's -k: which tests judge")
    parser.add_argument("--most", type=int, help="so many faults, drawn by --seed; all of them if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--least", type=float, default=0.0, help="the kill rate below which the exit code is 1"
    )
    args = parser.parse_args(argv)
    todo = [
        (file, *fault) for file in args.files for fault in faults((ROOT / file).read_text(encoding="utf-8"))
    ]
    every = len(todo)
    if args.most is not None and args.most < every:
        todo = sorted(random.Random(args.seed).sample(todo, args.most), key=lambda f: f[:3])
    with tempfile.TemporaryDirectory() as folder:
        copy_of = pathlib.Path(folder) / "tree"
        skip = shutil.ignore_patterns(
            ".git", ".venv", "runs", "docs", "notebooks", "__pycache__", "benchmarks"
        )
        shutil.copytree(ROOT, copy_of, ignore=skip)
        began = time.monotonic()
        if not run_tests(copy_of, args.tests, args.keyword, None):
            raise SystemExit("the tests fail without any fault; nothing can be said")
        patience = 3 * (time.monotonic() - began) + 30
        survivors = []
        for file, line, what, source in todo:
            kept = (copy_of / file).read_text(encoding="utf-8")
            (copy_of / file).write_text(source, encoding="utf-8")
            if run_tests(copy_of, args.tests, args.keyword, patience):
                survivors.append(f"{file}:{line}: {what}")
                print(f"survived  {survivors[-1]}", flush=True)
            (copy_of / file).write_text(kept, encoding="utf-8")
    killed = len(todo) - len(survivors)
    rate = killed / max(len(todo), 1)
    print(f"{killed} of {len(todo)} faults killed ({rate:.1%}); of {every} in {len(args.files)} files")
    return int(rate < args.least)


if __name__ == "__main__":
    sys.exit(main())
