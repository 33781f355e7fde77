"""The seeder of faults: what it breaks, what it leaves alone, and how it reaches what is imported already."""

import ast
import importlib.util
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def tool(name):
    """A module of the tool, whatever folder the tests are run from."""
    full = f"tests.{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, ROOT / "tests" / f"{name}.py")
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


mutate = tool("mutate")

SOURCE = '''
def f(x, m, eps=1e-5):
    """Doc 1 + 1."""
    if x < 0:
        raise ValueError(f"{1 - 2}")
    y = x.sum(axis=-1) - 2.0 * x / eps
    return np.where(m <= 3, -y, y[0])
'''


def test_each_kind_of_fault_is_seeded_once():
    found = {what: refusal for _, what, _, _, refusal in mutate.places(ast.parse(SOURCE))}
    assert {what for what, refusal in found.items() if refusal} == {"Lt → LtE", "0 → 1"}
    assert {what for what, refusal in found.items() if not refusal} == {
        "1e-05 → 2e-05", "axis=-1 → 0", "Sub → Add", "Mult → Div", "Div → Mult", "2.0 → 4.0",
        "where(m, a, b) → where(m, b, a)", "LtE → Lt", "−x → x", "3 → 6",
    }  # fmt: skip


def test_each_source_differs_in_one_place_and_is_python():
    tree = ast.parse(SOURCE)
    plain = ast.unparse(tree).splitlines()
    for line, _, path, change, _ in mutate.places(tree):
        changed = mutate.seed(tree, path, change)
        compile(changed, "x", "exec")
        other = ast.unparse(changed).splitlines()
        rows = [i for i, (a, b) in enumerate(zip(plain, other, strict=True)) if a != b]
        assert len(rows) == 1 and abs(rows[0] + 2 - line) <= 1, (line, rows)
    assert ast.unparse(tree).splitlines() == plain


def test_every_op_has_faults_to_seed():
    files = sorted((ROOT / "mmscratch" / "ops").glob("*.py"))
    assert sum(len(mutate.faults(str(path.relative_to(ROOT)))) for path in files) > 300


def test_a_draw_is_the_same_again_and_in_order():
    every = list(range(100))
    first, again = (mutate.draw(every, 10, mutate.random.Random(3)) for _ in range(2))
    assert first == again == sorted(first) and len(set(first)) == 10
    assert mutate.draw(every, None, None) is every


def test_a_table_counts_formulas_and_refusals_apart():
    faults = [
        mutate.Fault("a/b.py", i, 1, "", i == 2, v) for i, v in enumerate(["killed", "survived", "timeout"])
    ]
    assert "| a/b.py | 2 | 1 | 50.0% | 1 | 1 | 100.0% |" in mutate.table(faults)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A module with a fault in every kind of place, and what another module imported from it."""
    text = (
        "SCALE = 2.0\n"
        "def plain(x, *, eps=0.5):\n    return x + eps\n"
        "TABLE = {'square': lambda x: x * x}\n"
        "def outer(y):\n    def inner(x):\n        return x - y\n    return inner\n"
        "minus = outer(1)\n"
        "def scaled(x):\n    if x == 0:\n        raise ValueError\n    return SCALE * x\n"
    )
    server = tool("mutate_server")
    (tmp_path / "mmscratch").mkdir()
    path = tmp_path / "mmscratch" / "mutated.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("mmscratch.mutated", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mmscratch.mutated", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(server.mutate, "ROOT", tmp_path)
    made = server.Source("mmscratch/mutated.py")
    server.find_functions({made.file: made})
    return made


@pytest.mark.parametrize(
    "what, call, before, after",
    [
        ("0.5 → 1.0", "plain(1.0)", 1.5, 2.0),
        ("Add → Sub", "plain(1.0)", 1.5, 0.5),
        ("Mult → Div", "TABLE['square'](3.0)", 9.0, 1.0),
        ("Sub → Add", "minus(5)", 4, 6),
        ("2.0 → 4.0", "scaled(3.0)", 6.0, 12.0),
    ],
)
def test_a_fault_reaches_functions_that_others_hold(source, what, call, before, after):
    held = dict(vars(source.module))  # as `from .mutated import …` holds them
    number = next(i for i, place in enumerate(source.places) if place[1] == what)
    assert eval(call, held) == before
    tool("mutate_server").put(source, number)
    assert eval(call, held if what != "2.0 → 4.0" else vars(source.module)) == after


def test_the_lines_that_must_be_reached(source):
    span = tool("mutate_server").span
    lines = {place[1]: span(source.tree, place[2]) for place in source.places}
    assert lines["2.0 → 4.0"] is None  # the import runs it
    assert lines["0.5 → 1.0"] == (3, 3)  # a default matters where the function is called
    assert lines["Sub → Add"] == (7, 7) and lines["Eq → NotEq"] == (11, 11)


def test_reach_sees_the_lines_that_run(source):
    with tool("mutate_server").Reach([source.path]) as reach:
        source.module.minus(2)
    assert reach.lines[source.path] == {7}
