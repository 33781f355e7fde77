"""Posts with a mood: what each modality tells, counted, and that the posts are what their labels say."""

from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from mmscratch.data.moods import (
    BAD,
    GOOD,
    MODALITIES,
    PHRASES,
    REGIMES,
    best_sign,
    make_moods,
    text_polarity,
)


def given(cells, seen):
    """{what is seen: Counter of scores}."""
    table = {}
    for cell in cells:
        table.setdefault(tuple(cell[m] for m in seen), Counter())[cell[3]] += 1
    return table


def test_in_synergy_a_modality_alone_says_nothing():
    """Text and picture each say nothing at all; sound, and any pair but one, nothing of the sign."""
    cells = REGIMES["synergy"]
    whole = Counter(c[3] for c in cells)
    for m in (0, 1):
        for counts in given(cells, (m,)).values():
            share = Fraction(sum(counts.values()), len(cells))
            assert all(counts[s] == share * n for s, n in whole.items())
    for seen in ((0,), (1,), (2,), (0, 2), (1, 2)):
        assert best_sign("synergy", seen) == (48, 96)
        for counts in given(cells, seen).values():
            assert sum(n for s, n in counts.items() if s > 0) * 2 == sum(counts.values())
    assert best_sign("synergy", (0, 1)) == (96, 96)
    assert all(len(counts) == 1 for counts in given(cells, (0, 1, 2)).values())


def test_no_sum_of_scores_tells_more_than_three_quarters_of_synergy():
    """f(t) + g(v) > 0 for signs: of every way to order four sums, none has all cells; three can be had."""
    signs = [(-1, -1, 1), (-1, 1, -1), (1, -1, -1), (1, 1, 1)]
    best = 0
    for f0, f1, g0, g1 in product((-2, -1, 0, 1, 2), repeat=4):
        f, g = {-1: f0, 1: f1}, {-1: g0, 1: g1}
        best = max(best, sum((f[t] + g[v] > 0) == (s > 0) for t, v, s in signs))
    assert (
        best == 3
    )  # all four would ask for f₁ + g₁ > 0, f₀ + g₀ > 0, f₀ + g₁ ≤ 0, f₁ + g₀ ≤ 0: their sums differ


def test_what_the_other_regimes_tell():
    assert all(best_sign("redundant", (m,)) == (6, 6) for m in range(3))
    assert [best_sign("unique", (m,)) for m in range(3)] == [(54, 54), (27, 54), (27, 54)]
    assert [best_sign("additive", (m,)) for m in range(3)] == [(15, 20)] * 3
    assert all(c[3] == sum(c[:3]) for c in REGIMES["additive"])
    for cells in REGIMES.values():
        assert {abs(s) for c in cells for s in c} <= set(range(4)) and len(set(cells)) == len(cells)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_cell_as_often(regime):
    cells = REGIMES[regime]
    moods = make_moods(regime, 2 * len(cells), seed=1, scenes=2, lang="both")
    found = Counter((*p, s) for p, s in zip(moods.polarity.tolist(), moods.score.tolist(), strict=True))
    assert found == Counter({cell: 2 for cell in cells})
    assert [text_polarity(t) for t in moods.tokens] == moods.polarity[:, 0].tolist()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_phrase_is_read_as_what_it_says(lang):
    join = {"en": ("and", "it", "is"), "zh": ("，", "它")}[lang]
    for polarity in range(-3, 4):
        up, down = (GOOD, BAD) if polarity >= 0 else (BAD, GOOD)
        for pattern, one, other in product(PHRASES[lang][abs(polarity)], up[lang], down[lang]):
            words = [{"+": one, "-": other}.get(w, w) for w in pattern.split()]
            assert text_polarity(("x", *join, *words)) == polarity, words


def test_pictures_and_sounds_show_their_polarity():
    """The mouth's middle lies lower in a smile; a major third is heard above 0, a minor one below."""
    moods = make_moods("redundant", 70, seed=0, scenes=4)
    middle = []
    for picture in moods.pictures.astype(int):
        face = picture[:, 12:20]
        red = (face[:, :, 0] - face[:, :, 1] > 60) & (np.arange(32)[:, None] > 16)
        middle.append(np.nonzero(red)[0].mean())
    assert np.corrcoef(middle, moods.score)[0, 1] > 0.85
    power = np.abs(np.fft.rfft(moods.sounds, axis=1)) ** 2
    major, minor = (power[:, f - 8 : f + 8].sum(1) for f in (1109, 1047))
    some = moods.score != 0
    assert ((major > minor) == (moods.score > 0))[some].all()


def test_a_seed_is_its_posts_and_bad_input_is_refused():
    one, same, other = (make_moods("unique", 63, seed=s, scenes=2) for s in (5, 5, 6))
    assert one.tokens == same.tokens and (one.pictures == same.pictures).all()
    assert one.tokens != other.tokens and not (one.sounds == other.sounds).all()
    assert MODALITIES == ("text", "picture", "sound")
    for wrong, told in (
        ({"regime": "irony"}, "regime: expected one of"),
        ({"count": 62}, "count: expected a multiple of the 63 cells of unique, got 62"),
        ({"lang": "fr"}, "lang: expected en, zh or both"),
        ({"scenes": 0}, "scenes: expected at least 1"),
    ):
        with pytest.raises(ValueError, match=told):
            make_moods(**({"regime": "unique", "count": 63} | wrong))
    with pytest.raises(ValueError, match="expected a sentence of this world"):
        text_polarity(("hello",))
