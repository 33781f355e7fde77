"""Tokenizers: published tokenisations, what other libraries make of odd strings, round trips, errors.

The goldens are from tests/goldens/make_text_goldens.py; vocabularies are read from ../shared/data.
"""

import gzip
import json
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmscratch.data import DataError, Vocabulary
from mmscratch.data.scenes import parse
from mmscratch.data.tokenizers import CLIPBPE, GPT2BPE, WordPiece, WordTokenizer
from mmscratch.data.tokenizers.byte_pairs import BYTE_OF, CHARACTER_OF, merge
from mmscratch.data.tokenizers.characters import class_of, is_punctuation

GOLDEN = Path(__file__).parents[1] / "goldens" / "text.npz"
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "tokenizers"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/tokenizers")

UNCASED = REAL / "bert_base_uncased_vocab.txt"
CHINESE = REAL / "bert_base_chinese_vocab.txt"


@cache
def tokenizer(name):
    if name == "gpt2":
        return GPT2BPE.from_files(REAL / "gpt2_vocab.json", REAL / "gpt2_merges.txt")
    if name == "clip":
        return CLIPBPE.from_file(REAL / "clip_bpe_simple_vocab_16e6.txt.gz")
    return WordPiece.from_vocab(CHINESE if name == "chinese" else UNCASED, lowercase=name != "cased")


@cache
def golden():
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return json.loads(arrays["text"].tobytes())["tokens"]


SMALL = "[PAD] [UNK] [CLS] [SEP] [MASK] un ##aff ##able ##a ##ff want ##ed , run ##ning 中 σας".split()


# ── published cases ──────────────────────────────────────────────────────────────────────────────
@needs_real
def test_wordpiece_equals_bert_on_7000_questions():
    with gzip.open(REAL / "bert_squad_questions_0_7000.json.gz") as file:
        records = json.load(file)
    assert len(records) == 7000
    w = tokenizer("uncased")
    for r in records:
        assert w.words(r["original"]) == r["basic"]
        assert w.tokenize(r["original"]) == r["wordpiece"]
        assert w.encode(r["original"], special_tokens=False) == r["ids"]


@needs_real
@pytest.mark.parametrize("name", ["uncased", "cased", "chinese", "gpt2", "clip"])
def test_odd_strings_as_other_libraries_tokenise_them(name):
    strings, ids = golden()[name]
    assert len(strings) > 400
    wrong = [s for s, i in zip(strings, ids, strict=True) if tokenizer(name).encode(s) != i]
    assert not wrong, wrong[:3]


@needs_real
def test_clip_published_case():
    (case,) = json.loads((REAL / "clip_expected.json").read_text())["cases"]
    clip = tokenizer("clip")
    assert clip.encode(case["text"], special_tokens=True) == case["ids"]
    ids, mask = clip.encode_batch([case["text"], ""])
    assert ids.shape == (2, case["context_length"]) and ids.dtype == np.int64
    assert ids[0, :5].tolist() == case["ids"] and not ids[0, 5:].any()
    assert mask.sum(axis=1).tolist() == [5, 2]


@needs_real
def test_sizes_of_published_vocabularies():
    sizes = {"uncased": 30522, "chinese": 21128, "gpt2": 50257, "clip": 49408}
    assert {name: len(tokenizer(name)) for name in sizes} == sizes


@needs_real
def test_gpt2_published_examples():
    """ "Hello world" and the mark of an end of text, as in the documentation of GPT-2's tokenizers."""
    gpt2 = tokenizer("gpt2")
    assert gpt2.encode("Hello world") == [15496, 995] and gpt2.encode(" Hello world") == [18435, 995]
    assert gpt2.end == 50256 and gpt2.encode("x", special_tokens=True)[0] == 50256
    assert gpt2.tokenize("Hello world") == ["Hello", "Ġworld"]
    assert 50256 not in gpt2.encode("<|endoftext|>")


@needs_real
def test_chinese_vocabulary():
    w = tokenizer("chinese")
    assert w.tokenize("使用语言模型来预测下一个词。") == list("使用语言模型来预测下一个词。")
    assert w.tokenize("图像abc123") == ["图", "像", "abc", "##123"]
    assert w.decode(w.encode("红色 的 圆")) == "红 色 的 圆"


# ── WordPiece by hand ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("unaffable", ["un", "##aff", "##able"]),  # the longest piece first, not ##a ##ff
        ("UNwanted, running", ["un", "[UNK]", ",", "run", "##ning"][1:]),
        ("Wa\u0301nted", ["want", "##ed"]),
        ("un\x0baff\x1c", ["un", "##aff"]),  # control characters are no spaces
        ("want\u2028run", ["want", "run"]),
        ("中run中", ["中", "run", "中"]),
        ("ΣΑΣ", ["σας"]),  # the last sigma of a word is another letter
        ("[MASK]", ["[UNK]"] * 3),
        ("a" * 101, ["[UNK]"]),
        ("", []),
    ],
)
def test_wordpiece(text, tokens):
    assert WordPiece(SMALL).tokenize(text) == tokens


def test_wordpiece_marks_pairs_and_batches():
    w = WordPiece(SMALL)
    assert w.encode("want run", special_tokens=True) == [2, 10, 13, 3]
    assert w.encode_pair("want run", "un") == ([2, 10, 13, 3, 5, 3], [0, 0, 0, 0, 1, 1])
    assert w.encode_pair("want run", "un", length=5) == ([2, 10, 3, 5, 3], [0, 0, 0, 1, 1])
    assert w.encode_pair("un", "want run", length=3) == ([2, 3, 3], [0, 0, 1])
    ids, mask = w.encode_batch(["want", "", "unaffable run"], special_tokens=True, length=5, truncate=True)
    assert ids.tolist() == [[2, 10, 3, 0, 0], [2, 3, 0, 0, 0], [2, 5, 6, 7, 3]]
    assert mask.tolist() == [[True] * 3 + [False] * 2, [True] * 2 + [False] * 3, [True] * 5]
    assert w.decode(ids[2]) == "unaffable" and w.decode(ids[2], True) == "[CLS] unaffable [SEP]"
    assert w.encode_batch([])[0].shape == (0, 0)


def test_cased_keeps_case_and_accents():
    cased = WordPiece(["[UNK]", "É", "E", "e"], lowercase=False)
    assert cased.tokenize("É E e é") == ["É", "E", "e", "[UNK]"]
    assert WordPiece(["[UNK]", "é", "e"], strip_accents=False).tokenize("É") == ["é"]


def test_memory_of_words_changes_nothing():
    w = WordPiece(SMALL)
    w._chunk_pieces._memory = w._word_pieces._memory = 2
    text = "unaffable wanted, running un want"
    assert [w.encode(text) for _ in range(3)] == [WordPiece(SMALL).encode(text)] * 3
    assert len(w._chunk_pieces) <= 2
    w.forget()
    assert not w._chunk_pieces


@needs_real
@given(st.text())
def test_wordpiece_words_hold_no_space_or_capital(text):
    words = tokenizer("uncased").words(text)
    for word in words:
        assert word and not any(c.isspace() for c in word)
        assert len(word) == 1 or not any(map(is_punctuation, word))
        assert not any(unicodedata.category(c) in ("Mn", "Cc", "Cf") for c in word)
    assert tokenizer("uncased").words(" ".join(words)) == words


# ── byte pairs ───────────────────────────────────────────────────────────────────────────────────
def test_bytes_have_characters():
    assert len(set(CHARACTER_OF)) == 256 and CHARACTER_OF[ord("A")] == "A" and CHARACTER_OF[32] == "Ġ"
    assert all(BYTE_OF[c] == b and not c.isspace() for b, c in enumerate(CHARACTER_OF))


def test_merge_by_rank_from_the_left():
    ranks = {("b", "c"): 0, ("a", "b"): 1, ("a", "a"): 2, ("a", "bc"): 3}
    assert merge(list("abc"), ranks) == ["abc"]
    assert merge(list("ab"), ranks) == ["ab"]
    assert merge(list("aaa"), ranks) == ["aa", "a"]
    assert merge(["x"], ranks) == ["x"] and merge([], ranks) == []


def test_classes_of_characters():
    letters, numbers = class_of("L"), class_of("N")
    import re

    for character in "aÉ中ʰ" + "ª":
        assert re.fullmatch(f"[{letters}]", character) and not re.fullmatch(f"[{numbers}]", character)
    for character in "1²Ⅷ½〇":
        assert re.fullmatch(f"[{numbers}]", character) and not re.fullmatch(f"[{letters}]", character)


@needs_real
@given(st.text())
@example("\x1c \x85\u2028  'll 'LL\n\n\n x")
@example("\x00\U0010ffff\ufffe")
def test_gpt2_gives_any_text_back(text):
    gpt2 = tokenizer("gpt2")
    ids = gpt2.encode(text)
    assert gpt2.decode(ids) == text
    assert "".join(gpt2.tokenize(text)) == "".join(CHARACTER_OF[b] for b in text.encode())
    assert gpt2.decode([gpt2.end, *ids, gpt2.end], special_tokens=True) == f"<|endoftext|>{text}<|endoftext|>"


@needs_real
@given(st.lists(st.text("abcdefghij", min_size=1)))
def test_clip_gives_plain_words_back(words):
    clip = tokenizer("clip")
    ids = clip.encode("  ".join(words).upper(), special_tokens=True)
    assert ids[0] == clip.start and ids[-1] == clip.end
    assert clip.decode(ids) == " ".join(words)


@needs_real
def test_clip_puts_text_in_order():
    clip = tokenizer("clip")
    assert (
        clip.clean("  It\u2019s\u00a0a &amp;lt;DOG&amp;gt;\n\ufb01ne\u3000Ｘ\x07 ") == "it's a <dog> fine x"
    )
    assert clip.encode("a photo of a DOG.") == clip.encode(" A photo of a dog.\n")
    with pytest.raises(ValueError, match=r"texts\[1\] has 102 tokens, more than length=77"):
        clip.encode_batch(["a", "a " * 100])
    ids, mask = clip.encode_batch(["a " * 100], truncate=True)
    assert ids[0, -1] == clip.end and ids[0, 0] == clip.start and mask.all()


def test_a_cut_character_is_shown():
    gpt2 = GPT2BPE([*CHARACTER_OF, "<|endoftext|>"], [])
    assert gpt2.decode(gpt2.encode("é")[:1]) == "\ufffd"
    ids, mask = gpt2.encode_batch(["abc", ""], special_tokens=True, length=3, truncate=True)
    assert ids.tolist() == [[256, 97, 98], [256, 256, 256]]
    assert mask.sum(axis=1).tolist() == [3, 1]


# ── words ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("lang", "text"),
    [("en", "a red circle is left of a blue square"), ("zh", "一个红色圆形在一个蓝色正方形的左边")],
)
def test_scene_words(lang, text):
    words = WordTokenizer.of_scenes(lang)
    ids = words.encode(text)
    assert Vocabulary.unk not in ids and words.decode(ids) == text
    assert parse(words.tokenize(text), lang) == parse(text, lang)
    assert words.encode(text, special_tokens=True) == [Vocabulary.start, *ids, Vocabulary.end]
    batch, mask = words.encode_batch([text, ""], special_tokens=True)
    assert words.decode(batch[0]) == text and mask.sum(axis=1).tolist() == [len(ids) + 2, 2]


def test_words_of_texts():
    words = WordTokenizer.from_texts(["a red dog.", "a cat"], min_count=2)
    assert words.tokens[4:] == ("a",) and words.decode(words.encode("a zebra")) == "a <unk>"
    assert words.decode([1, 4, 2], special_tokens=True) == "<start> a <end>"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────
def all_small():
    merges = [("a", "b")]
    return [
        WordPiece(SMALL),
        GPT2BPE([*CHARACTER_OF, "ab", "<|endoftext|>"], merges),
        WordTokenizer.of_scenes(),
    ]


@pytest.mark.parametrize("t", all_small(), ids=lambda t: type(t).__name__)
def test_every_tokenizer_refuses(t):
    with pytest.raises(TypeError, match="expected str, got bytes"):
        t.encode(b"a")
    with pytest.raises(TypeError, match="put it in a list"):
        t.encode_batch("a")
    with pytest.raises(IndexError, match=f"{len(t)} is outside"):
        t.decode([len(t)])
    with pytest.raises(ValueError, match="at least 1, got 0"):
        t.encode_batch(["a"], length=0)
    assert repr(t).endswith(f"({len(t)} tokens)")


@pytest.mark.parametrize("t", all_small()[:2], ids=lambda t: type(t).__name__)
def test_half_a_surrogate_pair_is_refused(t):
    with pytest.raises(ValueError, match=r"character 2 is U\+D800, half of a surrogate pair"):
        t.encode("ab\ud800")


def test_bad_vocabularies(tmp_path):
    with pytest.raises(ValueError, match=r"\[UNK\] is not"):
        WordPiece(["a"])
    file = tmp_path / "vocab.txt"
    file.write_text("[UNK]\na\na\n")
    with pytest.raises(DataError, match="vocab.txt.*'a' is there more than once"):
        WordPiece.from_vocab(file)
    file.write_bytes(b"[UNK]\r\na\r\n\xe2\x80\xa8\r\n")
    assert WordPiece.from_vocab(file).tokens == ("[UNK]", "a", "\u2028")
    with pytest.raises(ValueError, match=r"the vocabulary has no \[CLS\]"):
        WordPiece.from_vocab(file).encode("a", special_tokens=True)
    with pytest.raises(DataError, match="no such file"):
        WordPiece.from_vocab(tmp_path / "none.txt")
    with pytest.raises(ValueError, match="at least 3, got 2"):
        WordPiece(SMALL).encode_pair("a", "b", length=2)


def test_bad_byte_pairs(tmp_path):
    base = [*CHARACTER_OF, "<|endoftext|>"]
    with pytest.raises(ValueError, match="'<|endoftext|>' is not among them"):
        GPT2BPE(CHARACTER_OF, [])
    with pytest.raises(ValueError, match="is no token"):
        GPT2BPE(base, [("a", "b")])
    with pytest.raises(ValueError, match="stands for no byte"):
        GPT2BPE([*base, "中"], [])
    vocab, merges = tmp_path / "vocab.json", tmp_path / "merges.txt"
    vocab.write_text(json.dumps({t: i for i, t in enumerate([*base, "ab"])}))
    merges.write_text("#version: 0.2\na b\n")
    assert GPT2BPE.from_files(vocab, merges).encode("ab") == [257]
    merges.write_text("a b c\n")
    with pytest.raises(DataError, match="line 1: expected two tokens"):
        GPT2BPE.from_files(vocab, merges)
    merges.write_text("a c\n")
    with pytest.raises(DataError, match="does not fit"):
        GPT2BPE.from_files(vocab, merges)
    vocab.write_text('{"a": 1, "b": "x"}')
    with pytest.raises(DataError, match="does not number its 2 tokens"):
        GPT2BPE.from_files(vocab, merges)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x1f\x8bnot gzip", "gzip"),
        (gzip.compress(b"#v\na b\n"), "has 2 merges|has 1 merges"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_bad_clip_files(tmp_path, data, reason):
    file = tmp_path / "bpe.txt.gz"
    file.write_bytes(data)
    with pytest.raises(DataError, match=reason):
        CLIPBPE.from_file(file)
