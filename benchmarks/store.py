"""benchmarks/results.json: the measurements that RESULTS.md and the pictures are made from.

    {"format": 1, "cpu": SECTION, "cuda": SECTION or null}
    SECTION = {"machine": …, "peaks": {"flops", "copy"}, "rows": {name: record}, "growth": {series: …}}

A row measured anew replaces the one before. Rows of another machine or other versions are not kept beside
new ones: one table, one machine.
"""

import json
import pathlib

from mmscratch.data.files import write_whole

__all__ = ["FILE", "empty", "load", "merged", "save"]

FILE = pathlib.Path(__file__).parent / "results.json"
FORMAT = 1


def empty():
    """Results without any measurement."""
    return {"format": FORMAT, "cpu": None, "cuda": None}


def load(path=FILE):
    """What the file holds; nothing where there is none. ValueError for one that this version cannot read."""
    path = pathlib.Path(path)
    if not path.exists():
        return empty()
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        known = results["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as e:
        raise ValueError(f"{path}: is no benchmark result ({type(e).__name__}: {e})") from None
    if not known:
        raise ValueError(f"{path}: has format {results['format']!r}, expected {FORMAT}")
    return results


def merged(results, device, machine, *, peaks=None, records=(), growth=None):
    """The results with new measurements of a device put in; the given ones stay as they were."""
    old = results[device]
    keep = old is not None and old["machine"] == machine
    section = {
        "machine": machine,
        "peaks": {**(old["peaks"] if keep else {}), **(peaks or {})},
        "rows": {**(old["rows"] if keep else {}), **{r["name"]: r for r in records}},
        "growth": {**(old["growth"] if keep else {}), **(growth or {})},
    }
    return {**results, device: section}


def save(path, results):
    """Write the results, whole or not at all."""
    write_whole(path, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
