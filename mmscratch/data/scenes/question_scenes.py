"""Scenes for questions, answer first: form and answer are given, a scene is built in which the answer holds.

Why no shortcut works. Form and answer are drawn uniformly and independently, so the question alone says
nothing. Every scene also holds *rivals*: other questions of the same family that could have been asked
about it, answered in all the other ways equally often; the roles are exchangeable, so the scene alone says
nothing either. Words of the question are covered by distractors (an absent red circle has a red thing and
a circle around), so that each of its words is needed.
"""

import math
from collections.abc import Callable
from functools import cache
from itertools import accumulate, combinations, permutations, product

from .draws import Draws
from .graph import COLOURS, RADIUS, SHAPES, SIZES, Scene, SceneOptions
from .meaning import Noun
from .question_forms import NAMED_BY, Form
from .relations import INVERSE, SPATIAL, direction, holds
from .sample import assemble, place

# A look while it is built: attribute → value; what is missing is drawn at the end.
Look = dict[str, str]


def build_scene(form: Form, answer: str, seed: int, draws: Draws, options: SceneOptions) -> Scene | None:
    """One attempt at a scene in which the form has the answer; None where the attempt failed."""
    if form.family in ("relate", "query_relation"):
        return _spatial_scene(form, answer, seed, draws, options)
    looks = _BUILDERS[form.family](form, answer, draws, options)
    by_size = form.family == "query_size" or form.kind == "size"
    return looks and _finish(looks, seed, draws, options, room=RADIUS["big"] if by_size else None)


def acceptable(scene: Scene, options: SceneOptions) -> bool:
    """Whether a scene keeps to the held-out and the required pairs."""
    pairs = {(o.colour, o.shape) for o in scene.objects}
    return not pairs & options.heldout and (not options.required or bool(pairs & options.required))


def _complete(looks: list[Look], draws: Draws, options: SceneOptions) -> list[tuple[str, str, str, str]]:
    """Draw what the builder left open, keeping to allowed pairs where something is open."""
    out = []
    for look in looks:
        for _ in range(100):
            shape = look.get("shape") or draws.choice(SHAPES)
            colour = look.get("colour") or draws.choice(COLOURS)
            if (colour, shape) not in options.heldout or ("shape" in look and "colour" in look):
                break
        texture = draws.choice(("solid", "striped")) if options.striped else "solid"
        out.append((shape, colour, look.get("size") or draws.choice(SIZES), texture))
    return out


def _finish(looks, seed: int, draws: Draws, options: SceneOptions, room: float | None) -> Scene | None:
    """Place and assemble; `room` pixels around every centre, where sizes are asked for, so that the free
    space tells nothing about them and any object could as well be big. With `options.more` the objects beyond
    the four of the grid, which are never asked about, are small: more such places are hardly ever found."""
    tight = range(4, len(looks)) if options.more and room else ()
    looks = [look | {"size": "small"} if k in tight else look for k, look in enumerate(looks)]
    complete = _complete(looks, draws, options)
    order = draws.shuffled(range(len(complete)))
    full = [complete[k] for k in order]
    radii = [RADIUS[complete[k][2]] if k in tight or not room else room for k in order]
    centres = place(draws, radii, [look[1] for look in full], options)
    if centres is None:
        return None
    scene = assemble(seed, draws, full, centres, options)
    return scene if acceptable(scene, options) else None


def _other(values, taken, draws: Draws) -> str:
    return draws.choice([v for v in values if v not in taken])


def _extras(looks: list[Look], low: int, high: int, nouns: list[Noun], draws: Draws, more: int) -> list[Look]:
    """Add distinct (colour, shape) objects up to a size drawn from low..high (or to one beyond it with
    `more`), none of which fits the nouns."""
    names = {(look["colour"], look["shape"]) for look in looks if "colour" in look and "shape" in look}
    target = high + more if more else low + draws.integers(high - low + 1)
    while len(looks) < target:
        look = {"colour": draws.choice(COLOURS), "shape": draws.choice(SHAPES), "size": draws.choice(SIZES)}
        pair = look["colour"], look["shape"]
        if pair in names or any(all(look[k] == v for k, v in noun.items()) for noun in nouns):
            continue
        names.add(pair)
        looks.append(look)
    return looks


@cache
def _rivals(heldout: frozenset[tuple[str, str]]) -> dict[tuple[str, str], dict[tuple[str, str], float]]:
    """How likely each rival of each pair is, so that which of the two was asked for stays open.

    Forward    P(rival | pair) = d_pair · d_rival where the two share no word and neither they nor their
               crosses are held out, else 0, with d such that each row sums to one
    Source     Sinkhorn, 1964, of a symmetric matrix: d ← √(d / (A d))
    Note       P is symmetric. Drawn evenly among its rivals instead, a pair with few of them would be theirs
               more often than they are its. Plain floats in a fixed order: the same bits everywhere
    """
    pairs = [p for p in product(COLOURS, SHAPES) if p not in heldout]
    rivals = {
        (c, s): [
            (k, f) for k, f in pairs if k != c and f != s and not {(c, f), (k, s)} & heldout
        ]
        for c, s in pairs
    }  # fmt: skip
    d = dict.fromkeys(pairs, 1.0)
    for _ in range(100):
        d = {p: math.sqrt(d[p] / sum(d[r] for r in rivals[p])) for p in pairs}
    return {p: {r: d[p] * d[r] for r in rivals[p]} for p in pairs}


def _weighted(weights: dict, draws: Draws):
    """A key drawn by its weight; the weights sum to one."""
    at = draws.random()
    ends = zip(weights, accumulate(weights.values()), strict=True)
    return next((key for key, end in ends if at < end), max(weights, key=weights.get))


def _exist(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """The asked noun and a rival that shares no word with it: one is there, and both are covered word by
    word. Both could have been asked for: of a held-out pair as rival, what is missing tells the answer."""
    colour, shape = form.nouns[0].colour, form.nouns[0].shape
    rival = _weighted(_rivals(options.heldout)[colour, shape], draws)
    here = (colour, shape) if answer == "yes" else rival
    looks = [_look(*here), _look(colour, rival[1]), _look(rival[0], shape)]
    return _extras(looks, 3, 5, [form.nouns[0], Noun(rival[1], rival[0])], draws, options.more)


def _look(colour: str, shape: str) -> Look:
    return {"colour": colour, "shape": shape}


def _count(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """A permutation scene: the counts of four values are 0, 1, 2, 3 in some order; `options.more` of colours
    only."""
    ((name, value),) = form.nouns[0].items()
    values = draws.shuffled([v for v in (SHAPES if name == "shape" else COLOURS) if v != value])[:3]
    counts = draws.shuffled([n for n in range(4) if n != int(answer)])
    looks = [{name: value} for _ in range(int(answer))]
    for other, n in zip(values, counts, strict=True):
        looks += [{name: other} for _ in range(n)]
    if options.more:  # of a colour outside the permutation
        looks.append({name: _other(COLOURS, (value, *values), draws)})
    return looks


def _query_colour(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """Three shapes in both sizes, in the six colours: every colour is the answer to one question."""
    asked = form.nouns[0]
    shapes = [asked.shape, *draws.shuffled([s for s in SHAPES if s != asked.shape])[:2]]
    slots = [
        (size, shape) for size, shape in product(SIZES, shapes) if (size, shape) != (asked.size, asked.shape)
    ]
    colours = draws.shuffled([c for c in COLOURS if c != answer])
    looks = [{"size": asked.size, "shape": asked.shape, "colour": answer}]
    looks += [{"shape": _other(SHAPES, shapes, draws)} for _ in range(options.more)]
    return looks + [{"size": s, "shape": f, "colour": c} for (s, f), c in zip(slots, colours, strict=True)]


def _query_shape(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """Four objects of four shapes, told apart by colour, or by colour and size."""
    asked = form.nouns[0]
    shapes = draws.shuffled([s for s in SHAPES if s != answer])
    if asked.size is None:
        rest = [{"colour": c} for c in draws.shuffled([c for c in COLOURS if c != asked.colour])[:3]]
    else:
        colours = (asked.colour, _other(COLOURS, (asked.colour,), draws))
        rest = [
            {"colour": c, "size": s}
            for c, s in product(colours, SIZES)
            if (c, s) != (asked.colour, asked.size)
        ]
    looks = [dict(asked.items()) | {"shape": answer}]
    taken = {asked.colour, *(look["colour"] for look in rest)}
    looks += [{"colour": _other(COLOURS, taken, draws)} for _ in range(options.more)]
    return looks + [look | {"shape": s} for look, s in zip(rest, shapes, strict=True)]


def grid(nouns: tuple[Noun, ...], names: tuple[str, str], draws: Draws) -> list[Noun]:
    """Two values of one attribute × two of another, the given nouns among them: each noun needs both its
    words."""
    values = {"colour": COLOURS, "shape": SHAPES, "size": SIZES}
    axes = []
    for name in names:
        said = list(dict.fromkeys(getattr(noun, name) for noun in nouns))
        while len(said) < 2:
            said.append(_other(values[name], said, draws))
        axes.append(said)
    return [Noun(**dict(zip(names, pair, strict=True))) for pair in product(*axes)]


def _query_size(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """Two big, two small, named by a grid of colours and shapes."""
    nouns = grid(form.nouns, ("colour", "shape"), draws)
    other = SIZES[1 - SIZES.index(answer)]
    sizes = draws.shuffled([answer, other, other])
    looks = [dict(form.nouns[0].items()) | {"size": answer}]
    rest = [noun for noun in nouns if noun != form.nouns[0]]
    looks += [dict(noun.items()) | {"size": size} for noun, size in zip(rest, sizes, strict=True)]
    return _extras(looks, 4, 5, nouns, draws, options.more)


def _compare_count(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """Two values, both there, one more of one than of the other: one edit turns the answer without a tie."""
    ((name, first),), ((_, second),) = form.nouns[0].items(), form.nouns[1].items()
    many, few = draws.choice(((2, 1), (3, 2)))
    if (answer == "yes") != (form.kind == "more"):
        first, second = second, first
    looks = [{name: first} for _ in range(many)] + [{name: second} for _ in range(few)]
    others = [v for v in (SHAPES if name == "shape" else COLOURS) if v not in (first, second)]
    rest = 6 - len(looks) if options.more else draws.integers(6 - len(looks))
    return looks + [{name: draws.choice(others)} for _ in range(rest)]


def _compare_attribute(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """Four objects of a grid, some pairs alike in the compared attribute and some not; the pair asked is
    one of them."""
    values = {"colour": COLOURS, "shape": SHAPES, "size": SIZES}[form.kind]
    a, b, *rest = draws.shuffled(values)
    dealt = draws.shuffled([a, a, b, b] if form.kind == "size" or draws.integers(2) else [a, a, b, rest[0]])
    pairs = [p for p in permutations(range(4), 2) if (dealt[p[0]] == dealt[p[1]]) == (answer == "yes")]
    nouns = grid(form.nouns, NAMED_BY[form.kind], draws)
    named = _dress(draws.choice(pairs), form.nouns, nouns, draws)
    looks = [dict(noun.items()) | {form.kind: value} for noun, value in zip(named, dealt, strict=True)]
    return _extras(looks, 4, 5, nouns, draws, options.more)


def _dress(pair: tuple[int, int], asked: tuple[Noun, Noun], nouns: list[Noun], draws: Draws) -> list[Noun]:
    """Hand out four nouns to four slots: the asked ones to the pair, the other two at random."""
    rest = draws.shuffled([noun for noun in nouns if noun not in asked])
    out = [asked[pair.index(k)] if k in pair else rest.pop() for k in range(4)]
    return out


def _logic(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    if form.kind == "not":
        return _but_not(form, answer, draws, options)
    # Three nouns without a common word, of which two (and) or one (or) are there; the asked two are among
    # them.
    first, second = form.nouns
    third = Noun(
        _other(SHAPES, (first.shape, second.shape), draws),
        _other(COLOURS, (first.colour, second.colour), draws),
    )
    three = [first, second, third]
    present = {
        ("and", "yes"): [first, second],
        ("and", "no"): [third, draws.choice((first, second))],
        ("or", "yes"): [draws.choice((first, second))],
        ("or", "no"): [third],
    }[form.kind, answer]
    looks = [_look(noun.colour, noun.shape) for noun in present]
    turn = 1 + draws.integers(2)  # the three colours on each other's shapes
    looks += [_look(three[k].colour, three[(k + turn) % 3].shape) for k in range(3)]
    return _extras(looks, len(looks), 5, three, draws, options.more)


def _but_not(form: Form, answer: str, draws: Draws, options: SceneOptions) -> list[Look]:
    """Two objects of the asked colour and two of a rival's: one pair is all of its shape, the other is
    not."""
    asked = form.nouns[0].colour, form.nouns[1].shape
    rival = _other(COLOURS, (asked[0],), draws), _other(SHAPES, (asked[1],), draws)
    mixed, pure = (asked, rival) if answer == "yes" else (rival, asked)
    odd = _other(SHAPES, (mixed[1],), draws)
    looks = [_look(*mixed), _look(mixed[0], odd), _look(*pure), _look(*pure)]
    return _extras(looks, 4, 5, [Noun(colour=asked[0]), Noun(colour=rival[0])], draws, options.more)


def _spatial_scene(form: Form, answer: str, seed: int, draws: Draws, options: SceneOptions) -> Scene | None:
    """A layout first; then a pair of places with the wanted answer is dressed in the asked nouns.

    The layout must offer a pair for every answer, so it tells nothing; a fifth object is never asked about.
    """
    nouns = grid(form.nouns, ("colour", "shape"), draws)
    looks = _extras([dict(noun.items()) for noun in nouns], 4, 5, nouns, draws, options.more)
    full = _complete(looks, draws, options)
    centres = place(draws, [RADIUS[look[2]] for look in full], [look[1] for look in full], options)
    if centres is None:
        return None
    layout = assemble(seed, draws, full, centres, options)
    offered = _offered(form, layout)
    if not all(offered.values()):
        return None
    named = _dress(draws.choice(offered[answer]), form.nouns, nouns, draws)
    dressed = [(noun.shape, noun.colour, *look[2:]) for noun, look in zip(named, full, strict=False)] + full[
        4:
    ]
    order = draws.shuffled(range(len(full)))
    scene = assemble(seed, draws, [dressed[k] for k in order], [centres[k] for k in order], options)
    return scene if acceptable(scene, options) else None


def _offered(form: Form, layout: Scene) -> dict[str, list[tuple[int, int]]]:
    """Answer → the ordered pairs of the first four objects that have it."""
    pairs = [(i, j) for a, b in combinations(range(4), 2) for i, j in ((a, b), (b, a))]
    if form.family == "query_relation":
        return {r: [p for p in pairs if direction(layout, *p) == r] for r in SPATIAL}
    return {
        "yes": [p for p in pairs if holds(layout, form.kind, *p)],
        "no": [p for p in pairs if holds(layout, INVERSE[form.kind], *p)],
    }


_BUILDERS: dict[str, Callable[[Form, str, Draws, SceneOptions], list[Look]]] = {
    "exist": _exist,
    "count": _count,
    "query_colour": _query_colour,
    "query_shape": _query_shape,
    "query_size": _query_size,
    "compare_count": _compare_count,
    "compare_attribute": _compare_attribute,
    "logic": _logic,
}
