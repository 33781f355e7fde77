"""The judge of seeded faults: one process that has everything loaded, and a forked child for every fault.

A function imported elsewhere (``from .reduce import topk``) stays the object it was, whatever is put into the
module afterwards. So a child changes ``__code__`` and ``__kwdefaults__`` of the function objects themselves,
nested ones and lambdas in tables as well, found through the garbage collector.
"""

import ast
import functools
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import pathlib
import random
import resource
import select
import signal
import subprocess
import sys
import threading
import time
import types

import pytest
from _pytest.tmpdir import tmppath_result_key

from tests import mutate

OPTIONS = ["-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:timeout", "-p", "no:warnings"]
OPTIONS += ["-p", "no:randomly", "-p", "no:xdist", "--disable-warnings"]
SKIPPED = (pytest.skip.Exception,)


class CannotPut(Exception):
    """The fault has no place in functions that are there already."""


# ── what a fault touches ────────────────────────────────────────────────────────────────────────
def steps(tree, path):
    """(node, name of its field, place) from the root to the fault, and the node of the fault."""
    node, found = tree, []
    for name, place in path:
        found.append((node, name, place))
        node = getattr(node, name)
        node = node if place is None else node[place]
    return found, node


def span(tree, path):
    """First and last line that must be reached for the fault to matter; None: what runs at the import."""
    found, fault = steps(tree, path)
    found = [*found, (fault, None, None)]
    lines = None
    for i, (node, name, _) in enumerate(found):
        if isinstance(node, ast.FunctionDef):
            if name == "args":
                return first_line(node)
            if name == "decorator_list":
                return lines
            lines = ()
        elif isinstance(node, ast.Lambda):
            lines = (node.lineno, node.end_lineno)
        elif isinstance(node, ast.stmt) and lines is not None:
            inner = found[i + 1][0] if hasattr(node, "body") and i + 1 < len(found) else node
            inner = inner if hasattr(inner, "lineno") else node
            lines = (inner.lineno, inner.end_lineno)
    return lines or None


def first_line(function):
    """The line that runs first when the function is called."""
    body = function.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1
    return (body[documented].lineno,) * 2


def module_of(file):
    parts = pathlib.PurePath(file).with_suffix("").parts
    parts = parts if parts[0] == "mmscratch" else ("mmscratch", *parts)
    return importlib.import_module(".".join(parts).removesuffix(".__init__"))


class Source:
    """A file, its tree, its faults, and the functions that were made from it."""

    def __init__(self, file):
        self.file, self.module = file, module_of(file)
        self.path = self.module.__file__
        self.text = (mutate.ROOT / file).read_text(encoding="utf-8")
        if pathlib.Path(self.path).read_text(encoding="utf-8") != self.text:
            raise SystemExit(f"{self.module.__name__} is loaded from {self.path}, which is not {file}")
        self.tree = ast.parse(self.text)
        self.places = mutate.places(self.tree)
        self.code = compile(self.tree, self.path, "exec", dont_inherit=True)
        self.functions = {}

    def compiled(self, number):
        return compile(
            mutate.seed(self.tree, *self.places[number][2:4]), self.path, "exec", dont_inherit=True
        )


def key(code):
    return code.co_qualname, code.co_firstlineno, tuple(code.co_positions())


def pairs(old, new):
    """Code and code inside it, of two compilations of the same shape."""
    yield old, new
    inner = [[c for c in code.co_consts if isinstance(c, types.CodeType)] for code in (old, new)]
    if [c.co_qualname for c in inner[0]] != [c.co_qualname for c in inner[1]]:
        raise CannotPut("the compiler left a function out")
    for a, b in zip(*inner, strict=True):
        yield from pairs(a, b)


def find_functions(sources):
    """Which function objects were made from which code."""
    by_path = {source.path: source for source in sources.values()}
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType and thing.__code__.co_filename in by_path:
            kept = by_path[thing.__code__.co_filename].functions
            kept.setdefault(key(thing.__code__), []).append(thing)


def put(source, number):
    """Seed the fault into the functions that are there."""
    path = source.places[number][2]
    new = source.compiled(number)
    put_default(source, number, path)
    changed, found = False, False
    for old_code, new_code in pairs(source.code, new):
        if old_code is source.code or old_code == new_code:
            continue
        changed = True
        for function in source.functions.get(key(old_code), ()):
            if old_code.co_freevars != new_code.co_freevars:
                raise CannotPut("other variables are enclosed")
            function.__code__ = new_code
            found = True
    if changed and not found:
        raise CannotPut("no function that was made from this code")
    if span(source.tree, path) is None:
        put_constants(source, new)


def put_default(source, number, path):
    """A default that is changed, in every function of that definition."""
    found, _ = steps(source.tree, path)
    for i, (node, name, _) in enumerate(found):
        if name == "args" and isinstance(node, ast.FunctionDef) and i + 1 < len(found):
            where, place = found[i + 1][1:]
            if where != "kw_defaults" or any(
                isinstance(n, ast.FunctionDef | ast.Lambda) for n, *_ in found[:i]
            ):
                raise CannotPut("a default that may have been copied")
            tree = mutate.seed(source.tree, path, source.places[number][3])
            changed, _ = steps(tree, path)
            default = ast.Expression(changed[i + 1][0].kw_defaults[place])
            value = eval(compile(default, source.path, "eval"), vars(source.module))
            for functions in source.functions.values():
                for f in functions:
                    if f.__qualname__ == node.name and f.__kwdefaults__:
                        f.__kwdefaults__ = {**f.__kwdefaults__, node.args.kwonlyargs[place].arg: value}
            return


def put_constants(source, new):
    """What the module computes at its import: there, and wherever it was imported under its name."""
    made = {**{k: v for k, v in vars(source.module).items() if k.startswith("__")}}
    exec(new, made)
    for name, value in made.items():
        old = vars(source.module).get(name)
        plain = not isinstance(value, types.FunctionType | types.ModuleType | type | dict | list | tuple)
        if name.startswith("__") or not plain or callable(value) or old == value:
            continue
        for other in list(sys.modules.values()):
            if getattr(other, "__name__", "").startswith("mmscratch") and vars(other).get(name) is old:
                setattr(other, name, value)


def forget(sources):
    """Nothing that the library or the tests remember may come from before the fault."""
    ours = {source.module.__name__ for source in sources.values()}
    tests = str(mutate.ROOT / "tests")
    for thing in gc.get_objects():
        if type(thing) is functools._lru_cache_wrapper and hasattr(thing, "__wrapped__"):
            code = getattr(thing.__wrapped__, "__code__", None)
            if thing.__module__ in ours or (code is not None and code.co_filename.startswith(tests)):
                yield thing


# ── the tests ───────────────────────────────────────────────────────────────────────────────────
def run_item(item, after):
    """Run one test; its exception is the caller's. False: it was skipped."""
    if hasattr(item, "_request") and not item._request:
        item._initrequest()
    item.stash[tmppath_result_key] = {}  # what pytest's own loop writes, and tmp_path's end asks for
    try:
        item.ihook.pytest_runtest_setup(item=item)
        item.ihook.pytest_runtest_call(item=item)
    except SKIPPED:
        return False
    finally:
        item.ihook.pytest_runtest_teardown(item=item, nextitem=after)
        if hasattr(item, "_request"):
            item._request = False
            item.funcargs = None
    return True


class Reach:
    """Which lines of some files are run between ``with`` and its end.

    A function that ran ``ENOUGH`` times without a new line is not looked at again: a numerical gradient runs
    the same lines thousands of times. A line missed so makes a fault harder to kill, never easier.
    """

    ENOUGH = 20

    def __init__(self, paths):
        self.lines = {path: set() for path in paths}
        self.quiet = {}

    def __enter__(self):
        lines, quiet = self.lines, self.quiet

        def enter(frame, event, _):
            seen = lines.get(frame.f_code.co_filename)
            if seen is None:
                return None
            code, count = frame.f_code, len(seen)
            before, calls = quiet.get(code, (-1, 0))
            if before == count and calls > self.ENOUGH:
                return None
            quiet[code] = (count, calls + 1 if before == count else 0)

            def line(frame, event, _):
                if event == "line":
                    seen.add(frame.f_lineno)
                return line

            return line

        threading.settrace(enter)
        sys.settrace(enter)
        return self

    def __exit__(self, *exception):
        sys.settrace(None)
        threading.settrace(None)


class Server:
    """The plugin of pytest whose loop over the tests is a loop over faults."""

    def __init__(self, todo, files, args, keep):
        self.todo, self.files, self.args, self.keep = todo, files, args, keep
        self.out = os.fdopen(os.dup(1), "w")
        self.began = time.monotonic()

    def say(self, text):
        print(text, file=self.out, flush=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed:
            raise session.Interrupted("a file of tests cannot be collected")
        sources = {file: Source(file) for file in self.files}
        items = [i for i in session.items if not i.get_closest_marker("xfail")]
        reach = self.reached(items, sources)
        items = {i.nodeid: i for i in items if i.nodeid in reach}
        gc.unfreeze()  # what is frozen (tests/conftest.py) is not among gc.get_objects()
        find_functions(sources)
        self.caches = list(forget(sources))
        lines = {
            file: {name: set(r["lines"].get(file, ())) for name, r in reach.items()} for file in self.files
        }
        gc.collect()
        gc.freeze()
        random.Random(0).shuffle(self.todo)  # a run that is cut off is a sample too
        for count, fault in enumerate(self.todo):
            if self.args.minutes and time.monotonic() - self.began > 60 * self.args.minutes:
                break
            source = sources[fault.file]
            where = span(source.tree, source.places[fault.number][2])
            able = [
                name
                for name, seen in lines[fault.file].items()
                if (seen if where is None else seen.intersection(range(where[0], where[1] + 1)))
            ]
            able.sort(key=lambda name: reach[name]["seconds"])
            self.one(fault, source, [items[n] for n in able if n in items], reach)
            self.say(f"{count + 1}/{len(self.todo)} {fault.verdict:9} {fault.name}  {fault.by}")
            if count % 20 == 19:
                self.keep()
        return True

    def reached(self, items, sources):
        """{test: {seconds, lines: {file: […]}}} of a run without any fault, or as ``--reach`` kept it."""
        digest = hashlib.sha256("".join(s.text for s in sources.values()).encode()).hexdigest()
        digest += " numba" if self.args.numba else ""
        kept, path = {}, self.args.reach
        if path and path.exists():
            stored = json.loads(path.read_text("utf-8"))
            kept = stored["tests"] if stored["of"] == digest else {}
        name_of = {source.path: file for file, source in sources.items()}
        todo = [item for item in items if item.nodeid not in kept]
        for i, item in enumerate(todo):
            began = time.process_time()
            after = todo[i + 1] if i + 1 < len(todo) else None
            if path and i % 25 == 24:
                self.remember(path, digest, kept)
            with Reach(name_of) as reach:
                try:
                    ran = run_item(item, after)
                except Exception as error:
                    if isinstance(error, ImportError) and not self.args.numba:
                        continue  # it asks for the compiled floor: no judge here
                    raise SystemExit(f"fails without any fault: {item.nodeid}: {error!r:.300}") from error
            lines = {name_of[p]: sorted(s) for p, s in reach.lines.items() if s} if ran else {}
            kept[item.nodeid] = {"seconds": round(time.process_time() - began, 4), "lines": lines}
            if i % 50 == 49:
                self.say(f"{i + 1} of {len(todo)} tests run without a fault")
        if path and todo:
            self.remember(path, digest, kept)
        here = {item.nodeid for item in items}
        kept = {name: r for name, r in kept.items() if r["lines"] and name in here}
        total = sum(r["seconds"] for r in kept.values())
        self.say(f"{len(kept)} tests reach the files, {total:.0f} s of processor time with tracing")
        return kept

    @staticmethod
    def remember(path, digest, kept):
        path.write_text(json.dumps({"of": digest, "tests": kept}), "utf-8")

    def one(self, fault, source, items, reach):
        """Fork, seed, run, and write down the verdict."""
        fault.by, fault.tests, fault.seconds = "", len(items), 0.0
        if not items:
            fault.verdict = "unreached"
            return
        end, start = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(end)
            code = 1
            try:
                code = self.child(fault, source, items, reach, start)
            except BaseException as error:
                os.write(start, f"killed {type(error).__name__} outside a test".encode()[:400])
            finally:
                os._exit(code)
        os.close(start)
        said = b""
        if select.select([end], [], [], 40 * self.args.seconds + 600)[0]:
            said = os.read(end, 4000)
        else:
            os.kill(child, signal.SIGKILL)
        os.close(end)
        _, status, used = os.wait4(child, 0)
        fault.seconds = round(used.ru_utime + used.ru_stime, 2)
        verdict, _, fault.by = said.decode(errors="replace").partition(" ")
        if not verdict:
            ended = os.waitstatus_to_exitcode(status)
            verdict = "timeout" if ended in (-signal.SIGXCPU, -signal.SIGKILL) else "crash"
            fault.by = f"signal {-ended}"
        fault.verdict = verdict
        if verdict == "elsewhere":
            fresh(fault, [item.nodeid for item in items], self.args)

    def child(self, fault, source, items, reach, start):
        memory = 4 << 30
        with open("/proc/self/statm") as statm:
            memory += int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            put(source, fault.number)
        except CannotPut as why:
            os.write(start, f"elsewhere {why}".encode())
            return 0
        for cached in self.caches:
            cached.cache_clear()
        verdict = run_until_failure(items, [reach[i.nodeid]["seconds"] for i in items], self.args.seconds)
        os.write(start, verdict.encode()[:400])
        return 0


def run_until_failure(items, seconds, most):
    """ "killed TEST: ERROR", or "survived"; "unfinished" if the time was not enough for all tests."""
    began = time.process_time()
    for i, item in enumerate(items):
        now = time.process_time()
        if now - began > most:
            return f"unfinished after {i} of {len(items)} tests"
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(now + 10 * seconds[i]) + 10, hard))
        try:
            run_item(item, items[i + 1] if i + 1 < len(items) else None)
        except BaseException as error:
            return f"killed {item.nodeid}: {type(error).__name__}"
    return "survived"


# ── a fresh process ─────────────────────────────────────────────────────────────────────────────
class Fresh:
    """The plugin that runs the named tests in their order, in a process that imported the fault."""

    def __init__(self, names, seconds):
        self.names, self.seconds, self.said = names, seconds, "killed collection"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed:
            return True
        items = {item.nodeid: item for item in session.items}
        chosen = [items[name] for name in self.names if name in items]
        self.said = run_until_failure(chosen, [20.0] * len(chosen), self.seconds)
        return True


def fresh(fault, names, args):
    """Judge in a process of its own, whose import of the file has the fault."""
    task = {"file": fault.file, "number": fault.number, "tests": names, "seconds": 4 * args.seconds,
            "numba": args.numba}  # fmt: skip
    command = [sys.executable, "-m", "tests.mutate_server"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, input=json.dumps(task), cwd=mutate.ROOT, env=environment, capture_output=True, text=True
    )
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if not last.startswith("verdict "):
        last = f"verdict crash exit code {done.returncode}"
    fault.verdict, _, fault.by = last.removeprefix("verdict ").partition(" ")


def judge_alone(task):
    """What the fresh process does."""
    block(task["numba"])
    text = (mutate.ROOT / task["file"]).read_text(encoding="utf-8")
    tree = ast.parse(text)
    changed = mutate.seed(tree, *mutate.places(tree)[task["number"]][2:4])
    get_code = importlib.machinery.SourceFileLoader.get_code

    def with_fault(loader, name):
        path = pathlib.Path(loader.path)
        wanted = str(path).endswith("/" + task["file"]) and name.startswith("mmscratch")
        if wanted and path.read_text("utf-8") == text:
            return compile(changed, str(path), "exec", dont_inherit=True)
        return get_code(loader, name)

    importlib.machinery.SourceFileLoader.get_code = with_fault
    plugin = Fresh(task["tests"], task["seconds"])
    files = sorted({name.partition("::")[0] for name in task["tests"]})
    pytest.main([*OPTIONS, *files], plugins=[plugin])
    print(f"\nverdict {plugin.said}")


def compare(some, args):
    """Judge faults in a fresh process too; how many verdicts differ, and which way is slower."""
    wrong, times = 0, [0.0, 0.0]
    stored = json.loads(args.reach.read_text("utf-8"))["tests"]
    for fault in some:
        tree = ast.parse((mutate.ROOT / fault.file).read_text("utf-8"))
        where = span(tree, mutate.places(tree)[fault.number][2])
        names = [
            name
            for name, r in sorted(stored.items(), key=lambda pair: pair[1]["seconds"])
            if any(where is None or where[0] <= n <= where[1] for n in r["lines"].get(fault.file, ()))
        ]
        other = mutate.Fault(fault.file, fault.number, fault.line, fault.what, fault.refusal)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        fresh(other, names, args)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times[0] += fault.seconds
        times[1] += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        same = fault.killed == other.killed
        wrong += not same
        print(f"{'same' if same else 'DIFFERENT'}: {fault.name}: {fault.verdict}, afresh {other.verdict}")
    print(f"{len(some) - wrong} of {len(some)} verdicts are those of a fresh process; "
          f"{times[0]:.1f} s of processor time in children, {times[1]:.1f} s afresh")  # fmt: skip
    return wrong


def block(numba):
    """Without Numba the reference floor serves, and nothing has to be compiled or loaded."""
    if not numba:
        sys.modules["numba"] = sys.modules["llvmlite"] = None


def judge(todo, files, args, keep):
    """Give every fault its verdict; pytest's exit code if that failed."""
    if not todo:
        return 0
    block(args.numba)
    plugin = Server(todo, files, args, keep)
    ended = pytest.main([*OPTIONS, "-k", args.keyword, *args.tests], plugins=[plugin])
    return 0 if ended == pytest.ExitCode.OK else int(ended)


if __name__ == "__main__":
    judge_alone(json.load(sys.stdin))
