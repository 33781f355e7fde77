"""Words as the COCO caption evaluation counts them: the Penn Treebank's, in lower case, less punctuation.

The COCO caption tools (Chen et al., 2015) send every caption through Stanford's PTBTokenizer, and drop marks.
A caption's score depends on it, so here are its rules, written out:

1. Words     Letters and digits. A dot or mark *between* letters does not part them: "street.a". A hyphen or
             slash does not either: "close-up", "t-shirt", "tub/shower", "1/2", "10:30", "1,000", "3.5".
2. Clitics   stand alone: 's 'm 'd 're 've 'll n't ("isn't" → is n't, "Children's" → children 's). So do the
             halves of cannot, gonna, gotta, wanna, lemme, gimme, 'tis, 'twas.
3. Dots      stay with an abbreviation ("st." "ave." "mr." "etc." "u.s." "n."; `ABBREVIATIONS`), and with
             "no." before a number. Any other dot is a mark.
4. Brackets  become words: ( ) [ ] { } → -lrb- -rrb- -lsb- -rsb- -lcb- -rcb-.
5. Case      lower, at the very end: an abbreviation may ask for a capital ("Mass." but not "mass.").
6. Dropped   '' ' `` ` . ? ! , : - -- ... ;  and every quotation mark or dash that reads as one of them. Other
             marks stay as words: & $ % / * + =, and rows like "!!!" or "?!".

The tools' list also names -LRB- -RRB- -LCB- -RCB-, in capitals, after everything was put into lower case; so
it drops no bracket, and neither do we. Of smileys, telephone numbers and a lone letter that ends a sentence
the original makes something else. All captions of COCO that we could try (24,000) come out equal.
"""

from __future__ import annotations

import re

__all__ = ["ABBREVIATIONS", "DROPPED", "ptb_tokenize", "ptb_words"]

DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
"""Tokens that the COCO caption tools leave out."""

ABBREVIATIONS = {
    "title": "mr mrs ms dr drs prof profs sen sens rep reps atty attys lt col gen messrs gov govs adm rev maj"
    " sgt cpl pvt mt capt st ste ave pres lieut hon brig cmdr comdr pfc spc supt supts det",
    "behind a name": "jr sr bros blvd rd esq ph.d ed.d inc co cos corp pty ptys ltd plc bancorp dept bhd assn"
    " univ intl sys",
    "month, day": "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri",
    "state": "ala ariz calif colo conn ct dak fla ga ind kan kans ky md mich minn mo mont neb nev okla penn"
    " tenn va vt wis wisc wyo",
    "other": "tel est ext sq etc al seq ft bldg vs alex wm jos cie cf treas",
    "only with a capital": "Ark Del Ill La Mass Miss Ore Pa Tex Wash",
}
"""What keeps its dot, by kind; in any case, but for the last row."""

_ANY_CASE = "|".join(
    re.escape(word)
    for kind, row in ABBREVIATIONS.items()
    if kind != "only with a capital"
    for word in sorted(row.split(), key=len, reverse=True)
)
_CAPITAL = "|".join(w[0] + f"(?i:{w[1:]})" for w in ABBREVIATIONS["only with a capital"].split())

_APOSTROPHE = "['\u2019\u0092]"
_LETTER = r"[^\W\d_]"
_ALNUM = r"[^\W_]"
_END = rf"(?!{_ALNUM})"
_URL_END = r"""[^\s"<>|.!?(){},-]"""

_RULES = (
    r"</?[A-Za-z!?][^<>]*>",  # a tag
    rf"""https?://[^\s"<>|(){{}}]+{_URL_END}""",
    rf"""(?:www\.(?:[^\s"<>|.!?(){{}},]+\.)+[a-zA-Z]{{2,4}}|(?:[^\W_][^\s"`'<>|.!?(){{}},_$/:;]*\.)+"""
    rf"""(?:com|net|org|edu)(?!{_ALNUM}))(?:/[^\s"<>|()]+{_URL_END})?""",
    r"""[a-zA-Z0-9][^\s"<>|(){}]*@(?:[^\s"<>|(){}.]+\.)*[^\s"<>|(){}\[\].,;:]+""",  # an address
    r"@[a-zA-Z_][a-zA-Z_0-9]*|#[^\W\d]\w*",
    # halves of words, and words with an apostrophe
    rf"(?i:can(?=not{_END})|(?<=can)not{_END}|gon(?=na{_END})|(?<=gon)na{_END}|got(?=ta{_END})|(?<=got)ta{_END})",
    rf"(?i:wan(?=na{_END})|(?<=wan)na{_END}|lem(?=me{_END})|(?<=lem)me{_END}|gim(?=me{_END})|(?<=gim)me{_END})",
    rf"(?i:{_APOSTROPHE}t(?=(?:is|was){_END}))",
    rf"(?i:o{_APOSTROPHE}clock|{_APOSTROPHE}n{_APOSTROPHE}|{_APOSTROPHE}[2-9]0s|{_APOSTROPHE}(?:em|till?|cause){_END})",
    rf"(?i:(?:c{_APOSTROPHE}mon|s{_APOSTROPHE}mores|ev{_APOSTROPHE}ry|li{_APOSTROPHE}l|nor{_APOSTROPHE}easter){_END})",
    rf"(?i:(?:ol|dunkin|somethin){_APOSTROPHE}{_END})",
    rf"(?i:{_APOSTROPHE}(?:[smd]|re|ve|ll)|n{_APOSTROPHE}t){_END}",
    rf"[A-Za-z]*[A-MO-Za-mo-z](?=[nN]{_APOSTROPHE}[tT]{_END})",
    rf"(?i:y{_APOSTROPHE}(?=all{_END})|{_APOSTROPHE}n{_END})",
    rf"(?:[A-HJ-XZn]{_APOSTROPHE}(?={_LETTER}{{2}})|{_LETTER}*[aeiouyAEIOUY]{_APOSTROPHE}(?=[aeiouA-Z]))"
    rf"(?!(?i:[smd]|re|ve|ll){_END}){_LETTER}+(?:-{_ALNUM}+)*",
    # what keeps its dot
    rf"(?:(?i:{_ANY_CASE})|{_CAPITAL})\.(?!{_ALNUM})",
    rf"[A-Za-z](?:\.[A-Za-z])+(?:\.?(?!{_ALNUM})(?:-{_ALNUM}+)*)|[A-Za-z]\.(?![A-Za-z])",
    r"[Nn]o\.(?=\s*\d)",
    # numbers and words
    r"\d{1,4}/\d{1,4}(?![\w/])",
    rf"{_ALNUM}+(?:[-_]{_ALNUM}+)*/{_ALNUM}+(?:-{_ALNUM}+)*(?:/{_ALNUM}+)?",
    rf"\d+(?:[.,:]\d+)*-{_LETTER}+(?:-{_ALNUM}+)*|\d+(?:[.,:]\d+)+(?={_LETTER})",
    r"[-+]?(?:\d+(?:[.,:]\d+)*|(?:[.,:]\d+)+)(?![\w-])",
    r"[A-Z]+(?:&[A-Z]+)+|(?i:c\+\+|[cf]#)",
    rf"{_ALNUM}+(?:[-_]{_ALNUM}+)+",
    rf"{_LETTER}{_ALNUM}*(?:[.!?]{_LETTER}{_ALNUM}*)*",
    rf"\d+(?:[.,:]\d+)+|{_ALNUM}+",
    # marks
    r"\.{3,}|…|[!?]+|-{2,}|'{2}|`{2}|\*+|~+|_+",
    r"[^\s]",
)
_TOKEN = re.compile("|".join(_RULES))
_WRITTEN = {
    "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-", "…": "...",
    '"': "''", "“": "``", "”": "''", "‘": "`", "’": "'", "«": "``", "»": "''", "\u2013": "--", "\u2014": "--",
    "\u2015": "--", "€": "$", "£": "#", "¢": "cents", "½": "1/2", "¼": "1/4", "¾": "3/4", "\u0092": "'",
}  # fmt: skip


def ptb_words(text: str) -> list[str]:
    """All tokens of a text, in lower case, marks among them."""
    if not isinstance(text, str):
        raise TypeError(f"ptb_words: text: expected str, got {type(text).__name__}")
    text = text.replace("&amp;", "&").replace("\u00ad", "")
    found = []
    for token in _TOKEN.findall(text):
        if re.fullmatch(r"\.{3,}", token):
            token = "..."
        elif re.fullmatch(r"-{2,}", token):
            token = "--"
        found.append(_WRITTEN.get(token, token).lower())
    return found


def ptb_tokenize(text: str) -> list[str]:
    """The words of a caption, as COCO scores them: `ptb_words` less `DROPPED`."""
    return [token for token in ptb_words(text) if token not in DROPPED]
