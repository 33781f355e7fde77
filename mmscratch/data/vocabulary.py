"""Words ↔ numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

PAD, START, END, UNK = "<pad>", "<start>", "<end>", "<unk>"
SPECIAL = (PAD, START, END, UNK)


class Vocabulary:
    """A fixed list of words; the first four are <pad> 0, <start> 1, <end> 2, <unk> 3.

    `Vocabulary(words)` takes the words in the order given (without the special ones);
    `Vocabulary.from_tokens(sentences)` counts them and orders them by falling count, then alphabetically,
    so the same corpus always gives the same numbers.
    """

    pad, start, end, unk = 0, 1, 2, 3

    def __init__(self, words: Iterable[str] = ()):
        self.words: tuple[str, ...] = (*SPECIAL, *words)
        for position, word in enumerate(self.words):
            if not isinstance(word, str) or not word:
                raise ValueError(f"Vocabulary: words[{position - 4}]: expected a non-empty str, got {word!r}")
        self._index = {word: i for i, word in enumerate(self.words)}
        if len(self._index) != len(self.words):
            twice = sorted(word for word, n in Counter(self.words).items() if n > 1)
            raise ValueError(f"Vocabulary: words: named more than once: {', '.join(twice[:5])}")

    @classmethod
    def from_tokens(
        cls, sentences: Iterable[Sequence[str]], min_count: int = 1, max_size: int | None = None
    ) -> Vocabulary:
        """Every word that occurs at least `min_count` times, at most `max_size` entries in all."""
        if min_count < 1:
            raise ValueError(f"Vocabulary.from_tokens: min_count: expected at least 1, got {min_count}")
        if max_size is not None and max_size < len(SPECIAL):
            raise ValueError(f"Vocabulary.from_tokens: max_size: expected at least 4, got {max_size}")
        counts: Counter[str] = Counter()
        for number, sentence in enumerate(sentences):
            if isinstance(sentence, str):
                raise TypeError(
                    f"Vocabulary.from_tokens: sentences[{number}]: expected a list of tokens, got the str "
                    f"{sentence[:30]!r}; use tokenize() first"
                )
            counts.update(sentence)
        kept = [w for w, n in counts.items() if n >= min_count and w not in SPECIAL]
        kept.sort(key=lambda word: (-counts[word], word))
        return cls(kept if max_size is None else kept[: max_size - len(SPECIAL)])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words)"

    def index(self, word: str) -> int:
        """The number of a word, or that of <unk>."""
        return self._index.get(word, self.unk)

    def encode(self, tokens: Sequence[str], add_ends: bool = True) -> list[int]:
        """Tokens → numbers, between <start> and <end> unless `add_ends=False`."""
        if isinstance(tokens, str):
            raise TypeError(
                f"Vocabulary.encode: tokens: expected a list of tokens, got the str {tokens[:30]!r}; "
                "use tokenize() first"
            )
        ids = [self.index(token) for token in tokens]
        return [self.start, *ids, self.end] if add_ends else ids

    def decode(self, ids: Iterable[int], keep_special: bool = False) -> list[str]:
        """Numbers → tokens, up to the first <end>; <pad> and <start> are dropped, <unk> is shown.

        With `keep_special=True` everything is shown and nothing stops at <end>.
        """
        tokens = []
        for number in ids:
            i = int(number)
            if not 0 <= i < len(self.words):
                raise IndexError(f"Vocabulary.decode: ids: {i} is outside 0…{len(self.words) - 1}")
            if not keep_special and i == self.end:
                break
            if keep_special or i not in (self.pad, self.start):
                tokens.append(self.words[i])
        return tokens

    def to_json(self) -> str:
        return json.dumps({"special": list(SPECIAL), "words": list(self.words[4:])}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """The inverse of `to_json`; ValueError when the text is something else."""
        try:
            record = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"Vocabulary.from_json: not JSON ({error})") from None
        if not isinstance(record, dict) or not isinstance(record.get("words"), list):
            raise ValueError("Vocabulary.from_json: expected an object with a list 'words'")
        if record.get("special") != list(SPECIAL):
            raise ValueError(
                f"Vocabulary.from_json: special: expected {list(SPECIAL)}, got {record.get('special')!r}"
            )
        return cls(record["words"])
