"""Caption metrics against values of the COCO caption tools, and against cases worked by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch.data.text import tokenize
from mmscratch.metrics import (
    DocumentFrequency,
    bleu_per_image,
    cider_d_per_image,
    cider_per_image,
    corpus_bleu,
    corpus_cider,
    corpus_cider_d,
    corpus_rouge_l,
    rouge_l_per_image,
    score_captions,
    score_captions_per_image,
    sentence_bleu,
)
from mmscratch.metrics.captions import METRICS
from mmscratch.metrics.rouge import lcs_length

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "caption_metrics"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/caption_metrics")
GOLDEN = json.loads(
    bytes(np.load(Path(__file__).parents[1] / "goldens" / "captions.npz", allow_pickle=False)["text"])
)
NAMES = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr")


def close(have, want, tolerance=1e-12):
    assert have == pytest.approx(want, rel=0, abs=tolerance)


@needs_data
def test_coco_subset_agrees_with_reference_code():
    data = json.loads((DATA / "coco_fakecap_subset.json").read_text())
    images = data["images"]
    candidates = [i["candidate_tokenized"] for i in images]
    references = [i["references_tokenized"] for i in images]
    want = data["corpus_scores_reference_code_on_this_subset"]
    close(score_captions(candidates, references, NAMES), want)
    close(score_captions(candidates, references, NAMES, tokenizer="space"), want)
    raw = [i["candidate"] for i in images], [i["references"] for i in images]
    close(score_captions(*raw, NAMES), want)
    each = score_captions_per_image(*raw)
    for name in NAMES[:5]:
        for tokenizer in ("words", "ptb"):
            each = score_captions_per_image(*raw, [name], tokenizer=tokenizer)
            close([round(s[name], 3) for s in each], [i["published_per_image"][name] for i in images])
    close(
        cider_d_per_image(candidates, references), [i["CIDEr_reference_code_on_this_subset"] for i in images]
    )
    for n in range(4):
        have = [round(b[n], 3) for b in bleu_per_image(candidates, references)]
        close(have, [i["published_per_image"][f"Bleu_{n + 1}"] for i in images])
    have = [round(r, 3) for r in rouge_l_per_image(candidates, references)]
    close(have, [i["published_per_image"]["ROUGE_L"] for i in images])


@needs_data
def test_coco_debug_agrees_with_reference_code_from_raw_text():
    data = json.loads((DATA / "coco_debug10.json").read_text())
    keys = list(data["hypotheses"])
    candidates = [tokenize(data["hypotheses"][k][0], punctuation=False) for k in keys]
    references = [[tokenize(r, punctuation=False) for r in data["references"][k]] for k in keys]
    close(score_captions(candidates, references, NAMES), data["corpus_scores_reference_code"])
    raw = [data["hypotheses"][k][0] for k in keys], [data["references"][k] for k in keys]
    close(score_captions(*raw, NAMES), data["corpus_scores_reference_code"])
    close(
        cider_d_per_image(candidates, references), [data["CIDEr_per_image_reference_code"][k] for k in keys]
    )


@needs_data
def test_nlg_eval_agrees_with_its_own_tests():
    folder = DATA / "nlg_eval"
    expected = json.loads((folder / "expected.json").read_text())

    def lines(name):
        return (folder / name).read_text().splitlines()

    references = list(zip(lines("ref1.txt"), lines("ref2.txt"), strict=True))
    scores = score_captions(lines("hyp.txt"), references, tokenizer="space")
    for name in NAMES:
        close(scores[name], expected["corpus hyp/ref1/ref2"][name], 5e-6)
    for case in expected["individual"]:
        for tokenizer in ("words", "space"):
            scores = score_captions([case["hyp"]], [case["refs"]], tokenizer=tokenizer)
            for name in set(NAMES) & case.keys():
                close(scores[name], case[name], 5e-6)


@pytest.mark.parametrize("corpus", GOLDEN["scores"])
def test_random_corpora_agree_with_pycocoevalcap(corpus):
    pair = corpus["candidates"], corpus["references"]
    for rule in ("closest", "shortest", "average"):
        whole, each = corpus[rule]
        close(corpus_bleu(*pair, reference_length=rule), whole)
        close(np.array(bleu_per_image(*pair, reference_length=rule)).T, np.array(each))
    close(corpus_rouge_l(*pair), corpus["ROUGE_L"][0])
    close(rouge_l_per_image(*pair), corpus["ROUGE_L"][1])
    close(corpus_cider_d(*pair), corpus["CIDEr"][0])
    close(cider_d_per_image(*pair), corpus["CIDEr"][1])


def test_the_door_takes_strings_and_tokens_and_some_of_the_metrics():
    said, meant = ["A red ball.", "two dogs"], [["a red ball", "the ball"], ["Two dogs!"]]
    scores = score_captions(said, meant)
    assert list(scores) == ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "METEOR_lite", "ROUGE_L", "CIDEr"]
    assert scores["ROUGE_L"] == 1 and scores["Bleu_1"] == pytest.approx(1)
    tokens = (
        [["a", "red", "ball"], ["two", "dogs"]],
        [[["a", "red", "ball"], ["the", "ball"]], [["two", "dogs"]]],
    )
    assert score_captions(*tokens) == scores
    assert score_captions(said, meant, tokenizer="space")["ROUGE_L"] < 1
    assert list(score_captions(said, meant, ["CIDEr", "Bleu_2"])) == ["Bleu_2", "CIDEr"]
    assert list(score_captions(said, meant, "Bleu")) == ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]
    everything = score_captions(said, meant, METRICS)
    assert everything["CIDEr_plain"] == pytest.approx(corpus_cider(*tokens))
    df = DocumentFrequency.of([["a", "b"], ["red ball"], ["dogs"]])
    assert score_captions(said, meant, ["CIDEr"], frequency=df)["CIDEr"] == corpus_cider_d(*tokens, df)
    each = score_captions_per_image(said, meant, METRICS)
    assert [e["CIDEr"] for e in each] == cider_d_per_image(*tokens)
    assert np.mean([e["ROUGE_L"] for e in each]) == scores["ROUGE_L"]
    assert [list(e) for e in each] == [list(METRICS)] * 2
    assert score_captions(["一个红色圆形。"], [["一个红色正方形"]])["Bleu_1"] == pytest.approx(
        5 / 6 * math.exp(1 - 7 / 6)
    )


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["METEOR"], "METEOR_lite does without"),
        (["SPICE"], "scene graphs"),
        (["CIDEr_D"], "goes by the name CIDEr"),
        (["Rouge"], "expected some of Bleu_1"),
        ([], "at least one"),
    ],
)
def test_the_door_refuses_what_it_does_not_know(metrics, message):
    with pytest.raises(ValueError, match=message):
        score_captions(["a"], [["a"]], metrics)


def test_bleu_of_the_papers_first_example():
    """Papineni 2002, §2.1: seven times "the" matches twice, since one reference has it twice."""
    references = [["the cat is on the mat".split(), "there is a cat on the mat".split()]]
    close(corpus_bleu(["the the the the the the the"], references, smoothing="none")[0], 2 / 7)


def test_bleu_adds_counts_before_it_divides():
    candidates, references = ["a b", "c d e f"], [["a x"], ["c d e f"]]
    want = [5 / 6, math.sqrt(5 / 6 * 3 / 4)]
    close(corpus_bleu(candidates, references, max_n=2, smoothing="none"), want)


@pytest.mark.parametrize(
    ("lengths", "r"), [((3, 9), 3), ((4, 6), 4), ((7, 6), 6), ((1, 30), 1), ((9, 30), 9)]
)
def test_bleu_takes_the_closest_reference_length_and_of_two_the_shorter(lengths, r):
    references = [["w"] * n for n in lengths]
    want = 1.0 if r <= 5 else math.exp(1 - r / 5)
    close(
        corpus_bleu([["w"] * 5], [references], max_n=1, smoothing="none")[0] / want, min(1, max(lengths) / 5)
    )


def test_bleu_smoothing():
    candidate, reference = "a b c d", ["a b x y"]
    assert sentence_bleu(candidate, reference, smoothing="none") == 0
    close(sentence_bleu(candidate, reference), (2 / 4 * 2 / 4 * 1 / 3 * 1 / 2) ** 0.25)
    assert 0 < sentence_bleu(candidate, reference, smoothing="coco") < 1e-3
    for smoothing in ("none", "coco", "add-one"):
        assert corpus_bleu([""], [["a b"]], smoothing=smoothing)[0] == 0


def test_rouge_by_hand_with_maxima_from_different_references():
    """P = 3/3 from the long reference, R = 2/2 from the short one."""
    close(rouge_l_per_image(["a b c"], [["a x b y c z", "b c"]]), [1.0])
    precision, recall = 2 / 4, 2 / 3
    want = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    close(rouge_l_per_image(["a b c d"], [["a d e"]]), [want])
    assert rouge_l_per_image(["", "x", "x"], [["a"], ["a"], [""]]) == [0, 0, 0]


@pytest.mark.parametrize(
    ("a", "b", "n"), [("abcbdab", "bdcaba", 4), ("", "abc", 0), ("abc", "cba", 1), ("axbycz", "abc", 3)]
)
def test_longest_common_subsequence(a, b, n):
    assert lcs_length(a, b) == lcs_length(b, a) == n


def test_cider_by_hand():
    """Two images; "a" is in both, so its idf is 0; "b" and "c" have idf ln 2 and n-grams with them, too."""
    candidates, references = ["a b", "a c"], [["a b", "b b"], ["a c"]]
    # against "a b" n = 1, 2 give cosine 1; against "b b" n = 1 gives min(1, 2)·2/(1·2) = 1, n = 2 nothing
    close(cider_per_image(candidates, references)[0], 10 * (2 / 4 + 1 / 4) / 2)
    close(cider_d_per_image(candidates, references)[0], 10 * (2 / 4 + 1 / 4) / 2)
    # saying "b" three times: plain cosine still 1, clipped min(3, 1)·1/(3·1) = 1/3; bigrams differ by 2 − 0
    candidates, references = ["b b b", "c"], [["b"], ["c"]]
    close(cider_per_image(candidates, references)[0], 10 / 4)
    close(cider_d_per_image(candidates, references)[0], 10 / 4 / 3 * math.exp(-(2**2) / 72))


def test_cider_of_one_image_is_zero_unless_frequencies_are_given():
    assert corpus_cider_d(["a b c d"], [["a b c d"]]) == 0
    df = DocumentFrequency.of([["a b c d"], ["e"], ["f"]])
    close(corpus_cider_d(["a b c d"], [["a b c d"]], df), 10.0)
    close(corpus_cider(["a b c d"], [["a b c d"]], df), 10.0)


def test_cider_counts_images_and_not_sentences():
    assert DocumentFrequency.of([["a", "a a"], ["b"]]).counts[("a",)] == 1


WORDS = st.lists(st.sampled_from("abcde"), min_size=0, max_size=9)
CORPUS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=4)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_scores_stay_in_range_and_ignore_the_order_of_references(corpus):
    candidates, references = [c for c, _ in corpus], [r for _, r in corpus]
    scores = score_captions(candidates, references)
    flipped = score_captions(candidates[::-1], [r[::-1] for r in references[::-1]])
    for name, value in scores.items():
        assert -1e-12 <= value <= (10 if name == "CIDEr" else 1) + 1e-9
        close(flipped[name], value, 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), min_size=4, max_size=9), min_size=1, max_size=5))
def test_a_copied_reference_is_perfect(sentences):
    references = [[s, ["z"]] for s in sentences]
    assert corpus_bleu(sentences, references, smoothing="none") == pytest.approx([1, 1, 1, 1])
    assert corpus_rouge_l(sentences, references) == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(CORPUS)
def test_strings_and_token_lists_score_alike(corpus):
    candidates, references = [c for c, _ in corpus], [r for _, r in corpus]
    texts = [" ".join(c) for c in candidates], [[" ".join(s) for s in r] for r in references]
    assert score_captions(candidates, references) == score_captions(*texts)


@settings(max_examples=40, deadline=None)
@given(CORPUS)
def test_the_penalty_and_the_clip_only_lower_cider(corpus):
    candidates, references = [c for c, _ in corpus], [r for _, r in corpus]
    d = np.array(cider_d_per_image(candidates, references))
    assert (d <= np.array(cider_per_image(candidates, references)) + 1e-9).all()


def test_errors_name_what_came():
    with pytest.raises(ValueError, match="2 candidates but references for 1"):
        corpus_bleu(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match=r"references\[0\]: expected at least one"):
        corpus_rouge_l(["a"], [[]])
    with pytest.raises(TypeError, match="list of captions"):
        corpus_cider_d(["a"], ["a"])
    with pytest.raises(TypeError, match="one entry per image"):
        corpus_bleu("a", [["a"]])
    with pytest.raises(ValueError, match="at least one, got none"):
        corpus_bleu([], [])
    with pytest.raises(ValueError, match="reference_length: expected one of closest"):
        corpus_bleu(["a"], [["a"]], reference_length="longest")
    with pytest.raises(ValueError, match="tokenizer: expected one of words, ptb, space"):
        score_captions(["a"], [["a"]], tokenizer="coco")
    with pytest.raises(ValueError, match="smoothing"):
        corpus_bleu(["a"], [["a"]], smoothing="exp")
    with pytest.raises(ValueError, match="max_n"):
        corpus_bleu(["a"], [["a"]], max_n=0)
    with pytest.raises(TypeError, match="token of int"):
        corpus_bleu([[1, 2]], [["a"]])
    with pytest.raises(ValueError, match="sigma"):
        corpus_cider_d(["a"], [["a"]], sigma=0)
    with pytest.raises(ValueError, match="beta"):
        corpus_rouge_l(["a"], [["a"]], beta=0)
