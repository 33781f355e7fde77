"""The house rules, as tests: what the reader may rely on without reading everything."""

import ast
import functools
import importlib
import inspect
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

from mmscratch.kernels import interface

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = {"mmscratch": ROOT / "mmscratch", "mmscratch.kernels": ROOT / "kernels"}

# A storey may import from any lower one. Longest matching prefix decides.
STOREYS = {
    "mmscratch.kernels": 0,
    "mmscratch.random": 1,
    "mmscratch.autograd": 1,
    "mmscratch.ops": 2,
    "mmscratch.tensor": 3,
    "mmscratch.gradcheck": 3,
    "mmscratch.nn": 4,
    "mmscratch.optim": 4,
    "mmscratch.train": 4,
    "mmscratch.alignment": 5,
    "mmscratch.decoding": 5,
    "mmscratch.representations": 5,
    "mmscratch.explain": 6,
    "mmscratch.models": 6,
    "mmscratch.ranking": 6,
    "mmscratch.search": 6,
    "mmscratch.tasks": 7,
    "mmscratch.commands": 8,
    "mmscratch.__main__": 9,
}
WINGS = {
    "mmscratch.data",
    "mmscratch.distributed",
    "mmscratch.lazy",
    "mmscratch.metrics",
    "mmscratch.weights",
}
WITHIN_FOUR = {"mmscratch.nn": 0, "mmscratch.optim": 1, "mmscratch.train": 2}
HEAVY = {"numba", "scipy", "matplotlib", "llvmlite"}


@functools.cache
def sources():
    """(module name, path, syntax tree) of every source file of the package."""
    return tuple(parsed())


def teardown_module():
    sources.cache_clear()  # a million nodes that every garbage collection would look through


def parsed():
    for prefix, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            if prefix == "mmscratch" and "kernels" in path.relative_to(folder).parts[:1]:
                continue
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([prefix, *(p for p in parts if p != "__init__")])
            yield name, path, ast.parse(path.read_text(encoding="utf-8"))


def imports_of(name, path, tree):
    """Absolute names of the modules of ours that a file imports, wherever in the file."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "mmscratch")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base] if base else parent)
            if base.split(".")[0] == "mmscratch":
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    yield full if storey(full) != storey(base) or is_module(full) else base


def is_module(name):
    path = ROOT / "kernels" if name.startswith("mmscratch.kernels") else ROOT / "mmscratch"
    parts = name.split(".")[2 if name.startswith("mmscratch.kernels") else 1 :]
    return (
        path.joinpath(*parts).with_suffix(".py").exists() or (path.joinpath(*parts) / "__init__.py").exists()
    )


def prefix_of(name, table):
    found = [p for p in table if name == p or name.startswith(p + ".")]
    return max(found, key=len) if found else None


def storey(name):
    p = prefix_of(name, STOREYS)
    return STOREYS[p] if p else None


def test_imports_point_down():
    wrong = []
    for name, path, tree in sources():
        if name == "mmscratch":
            continue
        wing = prefix_of(name, WINGS)
        for other in imports_of(name, path, tree):
            if other == "mmscratch":
                # ``from mmscratch import x`` hides from whom x comes; only the top floor may.
                ok = (storey(name) or 0) >= 7
            elif wing:
                ok = prefix_of(other, WINGS) is not None
            elif prefix_of(other, WINGS):
                ok = (storey(name) or 0) >= 4
            elif storey(other) is None or storey(name) is None:
                ok = False
            elif storey(name) == storey(other) == 4:
                ok = WITHIN_FOUR[prefix_of(name, WITHIN_FOUR)] >= WITHIN_FOUR[prefix_of(other, WITHIN_FOUR)]
            else:
                ok = storey(name) >= storey(other)
            if not ok:
                wrong.append(f"{name} imports {other}")
    assert not wrong, "imports must point down:\n" + "\n".join(wrong)


def test_no_import_cycles_between_modules():
    """Within a storey too: at import time, no module needs one that needs it."""
    graph = {}
    for name, path, tree in sources():
        top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        graph[name] = {o for o in imports_of(name, path, ast.Module(top, [])) if is_module(o) and o != name}
    done, open_ = set(), []

    def visit(name):
        if name in done or name not in graph:
            return
        assert name not in open_, f"import cycle: {' → '.join([*open_[open_.index(name) :], name])}"
        open_.append(name)
        for other in sorted(graph[name]):
            if not other.startswith(name + ".") and not name.startswith(other + "."):
                visit(other)
        open_.pop()
        done.add(name)

    for name in graph:
        visit(name)


def test_kernels_import_relatively_and_know_nothing_of_us():
    for name, path, tree in sources():
        if not name.startswith("mmscratch.kernels"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert all(a.name.split(".")[0] not in ("mmscratch", "kernels") for a in node.names), path
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.split(".")[0] not in ("mmscratch", "kernels"), path
        assert all(o.startswith("mmscratch.kernels") for o in imports_of(name, path, tree)), name


def test_only_the_cuda_floor_says_numba_cuda():
    for _, path, _ in sources():
        if path.is_relative_to(ROOT / "kernels" / "cuda"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"numba\.cuda|from numba import .*\bcuda\b", text), path


def signature(function):
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("floor", ["reference", "cpu", "cuda"])
def test_floors_offer_exactly_the_interface(floor):
    """Same names, same arguments, on every floor; read from the source, so no GPU is needed."""
    wanted = {n for names in interface.FILES.values() for n in names}
    declared = {
        n: f
        for n, f in vars(interface).items()
        if inspect.isfunction(f) and f.__module__ == interface.__name__
    }
    assert wanted == set(declared)
    for file, names in interface.FILES.items():
        path = ROOT / "kernels" / floor / f"{file}.py"
        assert path.exists(), f"{floor} has no {file}.py"
        found = {
            n.name: [*(a.arg for a in n.args.args), *([n.args.vararg.arg] if n.args.vararg else [])]
            for n in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(n, ast.FunctionDef)
        }
        if floor == "cpu":  # where NumPy is the best there is, cpu hands on the reference kernel
            handed_on = {
                alias.name
                for n in ast.parse(path.read_text(encoding="utf-8")).body
                if isinstance(n, ast.ImportFrom) and (n.level, n.module) == (2, "reference")
                for alias in n.names
            }
            found |= {name: signature(declared[name]) for name in handed_on & wanted}
        for name in names:
            assert name in found, f"{floor}/{file}.py lacks {name}"
            assert found[name] == signature(declared[name]), f"{floor}/{file}.py: {name}{found[name]}"


def primitives():
    ops = importlib.import_module("mmscratch.ops")
    return {n: f for n, f in vars(ops).items() if hasattr(f, "rule")}


def test_every_primitive_states_its_formula():
    found = primitives()
    assert len(found) >= 60
    for name, function in found.items():
        doc = inspect.getdoc(function) or ""
        for heading in ("Forward", "Backward", "Shapes"):
            assert re.search(rf"^{heading}\b", doc, re.M), f"{name}: its docstring has no {heading}"


def test_every_public_function_and_class_has_a_docstring():
    missing = []
    for name, _, tree in sources():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if not ast.get_docstring(node) and not _says_itself(node, name):
                    missing.append(f"{name}.{node.name}")
    assert not missing, "\n".join(missing)


def _says_itself(node, module):
    """Kernels are documented in interface.py, scalar formulas say themselves; a class may build its own."""
    if module == "mmscratch.kernels.scalar":
        return True
    if module.startswith("mmscratch.kernels.") and hasattr(interface, node.name):
        return True
    assigned = [t.id for n in node.body if isinstance(n, ast.Assign) for t in n.targets if hasattr(t, "id")]
    return "__doc__" in assigned


def test_package_list_is_complete():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "packages"
    ]
    there = set()
    for prefix, folder in PACKAGES.items():
        for init in folder.rglob("__init__.py"):
            parts = init.parent.relative_to(folder).parts
            if not (prefix == "mmscratch" and parts[:1] == ("kernels",)):
                there.add(".".join([prefix, *parts]))
    assert set(listed) == there
    assert listed == sorted(listed)


def test_import_is_light():
    code = (
        "import sys, time; t = time.perf_counter(); import mmscratch; t = time.perf_counter() - t;"
        "import mmscratch.ops, mmscratch.nn;"
        f"print("
        f"sorted(set({sorted(HEAVY)!r}) & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]", f"import mmscratch pulls in {out}"


def test_a_foreign_name_for_kernels_is_refused():
    out = subprocess.run(
        [sys.executable, "-c", "import kernels"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert out.returncode != 0 and "mmscratch.kernels" in out.stderr


def test_no_two_test_files_have_one_name():
    """pytest imports them by it; tests have no packages."""
    names = [p.name for p in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
