"""Tokenizer and vocabulary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmscratch.data import Vocabulary, tokenize
from mmscratch.data.text import language_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A red circle.", ["a", "red", "circle", "."]),
        ("children's t-shirt, 3.5 m", ["children", "'", "s", "t-shirt", ",", "3.5", "m"]),
        ("wait...what?!", ["wait", ".", ".", ".", "what", "?", "!"]),
        ("Cafe\u0301 ÉTÉ", ["café", "été"]),
        ("snake_case - x", ["snake", "_", "case", "-", "x"]),
        (" \n\t", []),
    ],
)
def test_english(text, tokens):
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("有 某 一 个 红色 形状", ["有", "某", "一", "个", "红色", "形状"]),
        ("一个 大 的 圆形。", ["一个", "大", "的", "圆形", "。"]),
        ("红色圆形", ["红", "色", "圆", "形"]),
        ("有一个红色的大圆形。 它在左边，", list("有一个红色的大圆形。它在左边，")),
        ("图像ABC有12个", ["图", "像", "abc", "有", "12", "个"]),
        ("", []),
    ],
)
def test_chinese(text, tokens):
    assert tokenize(text, "zh") == tokens


def test_without_punctuation():
    assert tokenize("It's a dog, isn't it?", punctuation=False) == ["it", "s", "a", "dog", "isn", "t", "it"]
    assert tokenize("红 圆 。", "zh", punctuation=False) == ["红", "圆"]


@given(st.text(), st.sampled_from(["en", "zh"]))
def test_tokens_hold_every_letter_once(text, lang):
    tokens = tokenize(text, lang)
    assert all(token and not any(c.isspace() for c in token) for token in tokens)
    again = tokenize(" ".join(tokens), "en") if lang == "en" else None
    assert again is None or again == tokens


def test_language():
    assert language_of("a cat") == "en" and language_of("a 猫") == "zh"


def test_tokenize_refuses():
    with pytest.raises(TypeError, match="bytes"):
        tokenize(b"a")
    with pytest.raises(ValueError, match="en, zh, got 'de'"):
        tokenize("a", "de")


def test_order_is_by_count_then_alphabet():
    words = Vocabulary.from_tokens([["b", "a"], ["c", "b"], ["<pad>", "d"]]).words
    assert words == ("<pad>", "<start>", "<end>", "<unk>", "b", "a", "c", "d")
    assert Vocabulary.from_tokens([["b", "a", "b"]], min_count=2).words[4:] == ("b",)
    assert Vocabulary.from_tokens([["b", "a", "b", "c"]], max_size=6).words[4:] == ("b", "a")


SENTENCES = st.lists(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)), max_size=8)


@given(SENTENCES)
def test_encode_decode_and_json_round_trips(sentences):
    vocabulary = Vocabulary.from_tokens(sentences)
    assert vocabulary == Vocabulary.from_tokens(sentences[::-1])
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary and hash(again) == hash(vocabulary)
    for sentence in sentences:
        ids = again.encode(sentence)
        assert ids[0] == Vocabulary.start and ids[-1] == Vocabulary.end and len(ids) == len(sentence) + 2
        if not set(sentence) & set(vocabulary.words[:4]):
            assert vocabulary.decode([*ids, vocabulary.pad, 5]) == sentence


def test_unknown_words_and_special_marks():
    vocabulary = Vocabulary(["a"])
    assert vocabulary.encode(["a", "zebra"]) == [1, 4, 3, 2]
    assert vocabulary.encode(["a"], add_ends=False) == [4]
    assert vocabulary.decode([1, 4, 3, 2, 4]) == ["a", "<unk>"]
    assert vocabulary.decode([1, 4, 2, 0], keep_special=True) == ["<start>", "a", "<end>", "<pad>"]
    assert len(vocabulary) == 5 and "a" in vocabulary and "b" not in vocabulary


def test_vocabulary_refuses():
    with pytest.raises(ValueError, match="more than once: a"):
        Vocabulary(["a", "a"])
    with pytest.raises(ValueError, match=r"words\[1\]"):
        Vocabulary(["a", ""])
    with pytest.raises(TypeError, match="tokenize"):
        Vocabulary.from_tokens(["a b"])
    with pytest.raises(TypeError, match="tokenize"):
        Vocabulary().encode("a b")
    with pytest.raises(IndexError, match="7 is outside 0…3"):
        Vocabulary().decode([7])
    with pytest.raises(ValueError, match="min_count"):
        Vocabulary.from_tokens([], min_count=0)
    for text in ("", "[]", "{}", '{"words": ["a"]}', '{"words": [1], "special": []}', "[" * 100_000):
        with pytest.raises(ValueError, match="Vocabulary"):
            Vocabulary.from_json(text)
