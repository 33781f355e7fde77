"""The map of the survey: no section without lesson, module and test; all that it names is there."""

import importlib.util
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT.parent / "shared" / "document.md"


def survey_map():
    spec = importlib.util.spec_from_file_location("survey_map", ROOT / "notebooks" / "survey_map.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


MAP = survey_map()
LESSONS = {p.stem for p in (ROOT / "notebooks").glob("*_*.py") if p.with_suffix(".zh.py").exists()}
WHERE = {"lesson": 2, "module": 3, "test": 4}


def named(kind):
    return sorted({name for row in MAP.ROWS for name in row[WHERE[kind]].split()})


def missing(section, rows):
    """The kinds that no row of a section, or of one below it, has."""
    return [kind for kind, k in WHERE.items() if not any(row[k] for row in MAP.kin(section, rows))]


@pytest.mark.parametrize("section", MAP.SECTIONS)
def test_no_section_is_without_lesson_module_and_test(section):
    assert missing(section, MAP.ROWS) == []


def test_a_section_without_one_is_found():
    gone = [row for row in MAP.ROWS if row[0] != "4.2"]
    assert missing("4.2", gone) == ["lesson", "module", "test"] and missing("4", gone) == []
    bare = [(*row[:2], "", *row[3:]) if row[0] == "2.3" else row for row in MAP.ROWS]
    assert missing("2.3", bare) == ["lesson"] and missing("2", bare) == []


def test_rows_are_of_sections_that_there_are_and_have_module_and_test():
    for row in MAP.ROWS:
        assert len(row) == 5 and row[0] in MAP.SECTIONS, row
        assert row[1] and row[3] and row[4], row
    assert len({row[:2] for row in MAP.ROWS}) == len(MAP.ROWS)


def test_every_lesson_named_is_there():
    assert set(named("lesson")) <= LESSONS


@pytest.mark.parametrize("kind, folder", [("module", "mmscratch"), ("test", "tests")])
def test_every_module_and_test_named_is_there(kind, folder):
    gone = [name for name in named(kind) if not (ROOT / folder / name).exists()]
    assert gone == []
    if kind == "test":
        assert all(re.search(r"(^|/)test_\w+\.py$", name) for name in named(kind))


def test_every_lesson_but_the_map_is_on_the_map():
    assert set(named("lesson")) == set(MAP.NEEDS) == LESSONS - {"00_map"}


def test_lessons_build_on_lessons_that_come_before_them():
    order = list(MAP.NEEDS)
    for lesson, needs in MAP.NEEDS.items():
        assert all(order.index(n) < order.index(lesson) for n in needs.split()), lesson


def test_headings_are_read_as_markdown_has_them():
    text = "# 1. One\ntext\n```python\n# 2. not a heading\n```\n## 1.1  Two words\n### no number\n"
    assert MAP.headings(text) == [("1", "One"), ("1.1", "Two words")]
    with pytest.raises(ValueError, match="not closed"):
        MAP.headings("```\n# 1. One")


def test_the_sections_are_the_documents():
    if not DOCUMENT.exists():
        pytest.skip("the survey (../shared/document.md) is not there: its headings are not compared")
    titles = {number: chinese for number, (chinese, _) in MAP.SECTIONS.items()}
    assert MAP.headings(DOCUMENT.read_text(encoding="utf-8")) == list(titles.items())
