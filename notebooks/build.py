"""Build the lessons: ``NN_topic.py`` (the source, cells marked ``# %%``) → ``NN_topic.ipynb`` with outputs;
appendices are ``A_topic.py`` …

    python notebooks/build.py                  build all, outputs included
    python notebooks/build.py 02               those whose name begins with 02, in both languages
    python notebooks/build.py --check          run them, compare with the notebooks that are there
    python notebooks/build.py --student DIR    write them without solutions and without outputs

Two builds give the same bytes: cell ids are counted, timings dropped, figures drawn by one backend. Both
languages of a lesson have one code: it is run once, and its outputs are shown in both.
"""

import argparse
import base64
import io
import os
import pathlib
import re
import sys

import numpy as np

try:
    import jupytext
    import nbformat
except ImportError as error:
    raise SystemExit(f"build.py: {error}: pip install 'mmscratch[lessons]'") from None

FOLDER = pathlib.Path(__file__).resolve().parent
SOLUTION = re.compile(r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION\n?", re.M | re.S)


def sources(prefixes=()):
    """The lessons' source files, in their order: numbers, then the letters of the appendices."""
    found = sorted(p for pattern in ("[0-9][0-9]_*.py", "[A-Z]_*.py") for p in FOLDER.glob(pattern))
    chosen = [p for p in found if not prefixes or any(p.name.startswith(x) for x in prefixes)]
    if not chosen:
        raise SystemExit(f"no lesson begins with {' or '.join(prefixes)}; there are: "
                         + ", ".join(p.stem for p in found))  # fmt: skip
    return chosen


def read(path):
    """A lesson's source as a notebook without outputs; cell ids are the cells' numbers."""
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i:03d}"
        cell.metadata = nbformat.from_dict({})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook, timeout=600):
    """Run all cells in a fresh kernel, in the lessons' folder."""
    from nbclient import NotebookClient

    # One host floor for both languages and all machines; figures by the inline backend.
    os.environ.setdefault("PYTHONHASHSEED", "0")
    NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", record_timing=False,
        resources={"metadata": {"path": str(FOLDER)}},
    ).execute()  # fmt: skip
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", ()):
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = nbformat.from_dict({})
        _join_streams(cell)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def code(notebook):
    """The sources of its code cells, in their order."""
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def take_outputs(notebook, executed):
    """A lesson with the outputs of its twin, whose code is the same."""
    theirs = iter([c for c in executed.cells if c.cell_type == "code"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            twin = next(theirs)
            cell.outputs, cell.execution_count = twin.outputs, twin.execution_count
    return notebook


def _join_streams(cell):
    """How a print is cut into messages depends on time; the text does not."""
    joined = []
    for output in cell.get("outputs", ()):
        last = joined[-1] if joined else None
        if last is not None and output.output_type == last.output_type == "stream":
            if output.name == last.name:
                last.text += output.text
                continue
        joined.append(output)
    if "outputs" in cell:
        cell.outputs = joined


def write(notebook, path):
    """As JSON with sorted keys, by a temporary file renamed into place."""
    text = nbformat.writes(notebook, version=4)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    temporary.replace(path)


def without_solutions(notebook):
    """The student's version: solutions give way to a line that says where to write."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(r"\g<indent>raise NotImplementedError('write your answer here')\n",
                                       cell.source + "\n").rstrip("\n")  # fmt: skip
            cell.outputs, cell.execution_count = [], None
    return notebook


CHAOTIC = "# chaotic: "
"""A cell that begins so says that its pictures belong to the kind of processor; what it prints does not."""


def differences(built, stored):
    """Where two executions of a lesson differ: text exactly, pictures by their pixels (see ``CHAOTIC``)."""
    if code(built) != code(stored) or len(built.cells) != len(stored.cells):
        return ["the code is not that of the source: build it again"]
    found = []
    for i, (a, b) in enumerate(zip(built.cells, stored.cells, strict=True)):
        ours, theirs = a.get("outputs", []), b.get("outputs", [])
        if len(ours) != len(theirs):
            found.append(f"cell {i}: {len(ours)} outputs, stored {len(theirs)}")
            continue
        for x, y in zip(ours, theirs, strict=True):
            if x.output_type != y.output_type:
                found.append(f"cell {i}: {x.output_type}, stored {y.output_type}")
            elif x.output_type == "stream" and x.text != y.text:
                found.append(f"cell {i}: prints\n{x.text}\nstored\n{y.text}")
            elif a.source.startswith(CHAOTIC) and "image/png" in x.get("data", {}):
                continue
            elif x.output_type in ("display_data", "execute_result"):
                found += [f"cell {i}: {m}" for m in _compare_data(x.data, y.data)]
    return found


def _compare_data(a, b):
    if set(a) != set(b):
        return [f"shows {sorted(a)}, stored {sorted(b)}"]
    out = []
    for kind in a:
        if kind == "image/png":
            out += _compare_pictures(_pixels(a[kind]), _pixels(b[kind]))
        elif a[kind] != b[kind] and "object at 0x" not in str(a[kind]):
            out.append(f"shows\n{a[kind]}\nstored\n{b[kind]}")
    return out


def _compare_pictures(a, b):
    """Other fonts shift an edge by a few pixels, and change the rest by less than 3 of 255 a pixel.

    Trained on another processor, curves differ in last digits, and an axis may show one digit more.
    """
    if (np.abs(np.subtract(a.shape, b.shape)) > np.maximum(8, 0.02 * np.asarray(b.shape))).any():
        return [f"a picture of {a.shape}, stored {b.shape}"]
    allowed = 8 if a.shape == b.shape else 16
    height, width = np.minimum(a.shape, b.shape)[:2]
    difference = np.abs(a[:height, :width] - b[:height, :width]).mean()
    return [f"a picture that differs by {difference:.1f} of 255 a pixel"] if difference > allowed else []


def _pixels(text):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"), float)


def main(arguments=None):
    """Build, check or strip; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lessons", nargs="*", metavar="NN")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--student", metavar="DIR")
    args = parser.parse_args(arguments)
    status, last = 0, None
    for path in sources(args.lessons):
        target = path.with_suffix(".ipynb")
        notebook = read(path)
        if args.student:
            folder = pathlib.Path(args.student)
            folder.mkdir(parents=True, exist_ok=True)
            write(without_solutions(notebook), folder / target.name)
            continue
        twin = last is not None and code(last) == code(notebook)
        last = take_outputs(notebook, last) if twin else execute(notebook)
        if args.check:
            wrong = differences(last, nbformat.read(target, as_version=4))
            print(f"{target.name}: {'as stored' if not wrong else '; '.join(wrong)}", flush=True)
            status |= bool(wrong)
        else:
            write(last, target)
            print(f"{target.name}: built, {target.stat().st_size / 1e3:.0f} kB", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
