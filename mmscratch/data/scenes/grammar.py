"""The words of both languages, as tables: one semantics, two surfaces.

A template is a row of words and slots. The same tables are read forwards by `realise` and backwards by
`parse`, so the two cannot drift apart. The last template of each level is held out: no training caption
uses it, and every word of it is known from the others of its level.

Slots: {a} {b} a noun phrase · {rel} / {pre} {post} the relation's words (English {long}: its long form)
       {list} noun phrases joined · {clause} a quantified clause
"""

LANGUAGES = ("en", "zh")

TEMPLATES = {
    "en": {
        1: (
            "{a}",
            "there is {a}",
            "i see {a}",
            "{a} is in the picture",
            "there is {a} in the picture",
        ),
        2: (
            "{a} is {rel} {b}",
            "{a} {rel} {b}",
            "there is {a} {long} {b}",
            "{long} {b} is {a}",
            "{rel} {b} there is {a}",
        ),
        3: (
            "the picture shows {list}",
            "the objects are {list}",
            "there is only {list}",
            "i see only {list}",
            "the picture shows only {list}",
        ),
        4: (
            "{clause}",
            "in the picture {clause}",
            "i see that {clause}",
            "i see that in the picture {clause}",
        ),
    },
    "zh": {
        1: ("{a}", "有 {a}", "我 看到 {a}", "{a} 在 图中", "图中 有 {a}"),
        2: (
            "{a} {pre} {b} {post}",
            "图中 {a} {pre} {b} {post}",
            "有 {a} {pre} {b} {post}",
            "{pre} {b} {post} 的 是 {a}",
            "图中 有 {a} {pre} {b} {post}",
        ),
        3: (
            "图中 只有 {list}",
            "图中 的 物体 是 {list}",
            "只有 {list}",
            "我 只 看到 {list}",
            "图中 的 物体 只有 {list}",
        ),
        4: ("{clause}", "图中 {clause}", "我 看到 {clause}", "我 看到 图中 {clause}"),
    },
}

# English: words before the second noun phrase, short and long.
RELATION_EN = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "above": ("above", "above"),
    "below": ("below", "below"),
    "bigger": ("bigger than", "bigger than"),
    "smaller": ("smaller than", "smaller than"),
    "same_colour": ("of the same colour as", "of the same colour as"),
    "same_shape": ("of the same shape as", "of the same shape as"),
    "nearest": ("nearest to", "nearest to"),
}
# Chinese: words before and after the second noun phrase.
RELATION_ZH = {
    "left": ("在", "的 左边"),
    "right": ("在", "的 右边"),
    "above": ("在", "的 上面"),
    "below": ("在", "的 下面"),
    "bigger": ("比", "更大"),
    "smaller": ("比", "更小"),
    "same_colour": ("与", "颜色 相同"),
    "same_shape": ("与", "形状 相同"),
    "nearest": ("离", "最近"),
}

SHAPE_EN = {
    "circle": ("circle", "circles"),
    "square": ("square", "squares"),
    "triangle": ("triangle", "triangles"),
    "cross": ("cross", "crosses"),
    None: ("object", "objects"),
}
SHAPE_ZH = {"circle": "圆形", "square": "正方形", "triangle": "三角形", "cross": "十字形", None: "物体"}
# Adjectives in the order in which they stand before the shape.
ADJECTIVES_EN = {
    "size": {"small": "small", "big": "big"},
    "texture": {"solid": "solid", "striped": "striped"},
    "colour": {c: c for c in ("red", "green", "blue", "yellow", "purple", "cyan")},
}
ADJECTIVES_ZH = {
    "size": {"small": "小的", "big": "大的"},
    "colour": {
        "red": "红色",
        "green": "绿色",
        "blue": "蓝色",
        "yellow": "黄色",
        "purple": "紫色",
        "cyan": "青色",
    },
    "texture": {"solid": "实心", "striped": "条纹"},
}
NUMBER_EN = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
NUMBER_ZH = {1: "一个", 2: "两个", 3: "三个", 4: "四个", 5: "五个", 6: "六个"}
QUANTIFIER_EN = {
    "exactly": "exactly",
    "at_least": "at least",
    "at_most": "at most",
    "all": "all",
    "none": "no",
    "not_all": "not all",
}
QUANTIFIER_ZH = {
    "exactly": "恰好 有",
    "at_least": "至少 有",
    "at_most": "最多 有",
    "all": "所有",
    "none": "没有",
    "not_all": "并非 所有",
}


def templates(level: int, lang: str, which: str = "train") -> tuple[int, ...]:
    """Numbers of the templates of a level: "train" (all but the last), "heldout" (the last) or "all"."""
    check_level(level)
    n = len(TEMPLATES[check_language(lang)][level])
    chosen = {"train": range(n - 1), "heldout": range(n - 1, n), "all": range(n)}
    if which not in chosen:
        raise ValueError(f"templates must be train, heldout or all, got {which!r}")
    return tuple(chosen[which])


def check_level(level: int) -> int:
    """The level itself, or a ValueError unless it is 1 to 4."""
    if isinstance(level, bool) or level not in (1, 2, 3, 4):
        raise ValueError(f"level must be 1, 2, 3 or 4, got {level!r}")
    return level


def check_language(lang: str) -> str:
    """The language itself, or a ValueError unless it is en or zh."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be en or zh, got {lang!r}")
    return lang


def vocabulary(lang: str) -> list[str]:
    """Every word that a caption of any level may hold, sorted."""
    words: set[str] = set()
    for rows in TEMPLATES[check_language(lang)].values():
        words.update(w for row in rows for w in row.split() if not w.startswith("{"))
    if lang == "en":
        phrases = [p for pair in (*RELATION_EN.values(), *SHAPE_EN.values()) for p in pair]
        phrases += [*NUMBER_EN.values(), *QUANTIFIER_EN.values(), "a", "is", "are", "there", "and", ","]
        adjectives = ADJECTIVES_EN
    else:
        phrases = [p for pair in RELATION_ZH.values() for p in pair]
        phrases += [
            *SHAPE_ZH.values(),
            *NUMBER_ZH.values(),
            *QUANTIFIER_ZH.values(),
            "是",
            "都",
            "的",
            "、",
            "和",
        ]
        adjectives = ADJECTIVES_ZH
    phrases += [word for table in adjectives.values() for word in table.values()]
    words.update(w for phrase in phrases for w in phrase.split())
    return sorted(words)
