"""The seeder of faults: what it breaks, and what it leaves alone."""

import importlib.util
import pathlib

SPEC = importlib.util.spec_from_file_location("mutate", pathlib.Path(__file__).with_name("mutate.py"))
mutate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutate)

SOURCE = '''
def f(x, m, eps=1e-5):
    """Doc 1 + 1."""
    if x < 0:
        raise ValueError(f"{1 - 2}")
    y = x.sum(axis=-1) - 2.0 * x / eps
    return np.where(m <= 3, -y, y[0])
'''


def test_each_kind_of_fault_is_seeded_once():
    found = {what for _, what, _ in mutate.faults(SOURCE)}
    assert found == {
        "1e-05 → 2e-05", "axis=-1 → 0", "Sub → Add", "Mult → Div", "Div → Mult", "2.0 → 4.0",
        "where(m, a, b) → where(m, b, a)", "LtE → Lt", "−x → x", "3 → 6",
    }  # fmt: skip


def test_each_source_differs_in_one_place_and_is_python():
    plain = mutate.ast.unparse(mutate.ast.parse(SOURCE)).splitlines()
    for line, _, source in mutate.faults(SOURCE):
        compile(source, "x", "exec")
        other = source.splitlines()
        changed = [i for i, (a, b) in enumerate(zip(plain, other, strict=True)) if a != b]
        assert len(changed) == 1 and abs(changed[0] + 2 - line) <= 1, (line, changed)


def test_every_op_has_faults_to_seed():
    files = sorted((mutate.ROOT / "mmscratch" / "ops").glob("*.py"))
    total = 0
    for path in files:
        places = mutate.Faults()
        places.visit(mutate.ast.parse(path.read_text(encoding="utf-8")))
        total += len(places.found)
    assert total > 300
