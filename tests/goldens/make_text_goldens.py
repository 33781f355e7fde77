"""Freeze what other libraries make of text: their tokens of odd strings, and scikit-learn's TF-IDF.

    python tests/goldens/make_text_goldens.py ../shared/data/tokenizers
        (needs tokenizers, open_clip_torch, ftfy, regex, scikit-learn; writes text.npz beside itself)

Strings: some chosen by hand, more drawn from blocks of Unicode that tokenizers stumble over, without
characters that are unassigned (their treatment changes with every Unicode). Not among them:
 * for BERT, a capital sigma at the end of a word: Google's own code writes ς, as Python does, tokenizers σ;
 * for CLIP, text that ftfy takes for wrongly decoded and repairs, and marks (open_clip has others).
All is JSON in one array of bytes, ``text``; numbers stand in arrays of their own.
"""

import importlib.util
import json
import pathlib
import random
import sys
import unicodedata

import ftfy
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer

OUT = pathlib.Path(__file__).with_name("text.npz")

CHOSEN = [
    "",
    " ",
    "\t\n\r ",
    "Hello World!",
    "it's we'll I'M they'VE x'd",
    "  two  spaces   after\n\nlines\t.",
    "Cafe\u0301 café CAFÉ naïve Ångström İstanbul ß ẞ ﬁne Ĳssel",
    "don’t “quote” ‘me’ — ok… …",
    "e\u0301\u0301\u0327 a\u0300\u0301\u0302b \u0301lone",
    "👩‍👩‍👧 👍🏽 🇨🇳🇩🇪 ❤️ ✈ ☃",
    "你好，世界。中文abc混排123",
    "漢字かなカナ한국어 한글",
    "สวัสดีครับ ภาษาไทย",
    "مرحبا بالعالم ١٢٣ بِسْمِ",
    "שלום עולם",
    "हिन्दी क्षत्रिय १२३",
    "Ελληνικά γλώσσα Ωμέγα",
    "Привет, мир! ёЁ",
    "½ ² ³ Ⅷ ⅷ ① ㊗ ௧ 𝟙 𝔘𝔫𝔦",
    "a\u200bb\u200dc\ufeffd\u00ade",
    "a\x00b\x01c\x7fd\x85e\x1cf\x0bg\x0ch",
    "\ufffd \ue000 \uf8ff private",
    "line\u2028para\u2029end\u00a0nbsp\u3000wide\u1680ogham",
    "ﾊﾝｶｸ Ｆｕｌｌ　ｗｉｄｔｈ！ ￥",
    "&lt;b&gt; &amp;amp; &eacute; &#x41; &nbsp;",
    "$100 + 50% = 3^2 `code` ~x~ |y| <z>",
    "http://a.b/c?d=e&f=g#h user@x.org",
    "<|endoftext|>",
    "<|startoftext|> [CLS] [MASK] ##ing",
    "supercalifragilisticexpialidocious" * 2,
    "x" * 101,
    "y" * 100,
    "ſ'ſ ʼn ŉ ͅ ᾳ",
    "≠ ≮ Å K Ω",
    "٪ ؟ ۔ 。、·",
    "\U00020000\U0002f800\uf900",
    "1234567890 12,345.67 3rd 4th",
    "ΑΣΒ",
    "ÀÈÌ\u0338=",
    "--- ... !!! ?! ;)",
    "\u0915\u094d\u200d\u0937",
    "\ufe0f\u20e3 1\ufe0f\u20e3",
]

BLOCKS = [
    *[(0x20, 0x7E)] * 6, (0x00, 0x1F), (0x7F, 0xFF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF),
    (0x590, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2070, 0x22FF),
    (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xACFF), (0xF900, 0xFAFF), (0xFE00, 0xFFEF),
    (0x1F300, 0x1F6FF), (0x20000, 0x20100), (0x1D400, 0x1D7FF), (0xE000, 0xE010), (0xFFF0, 0xFFFD),
]  # fmt: skip

SENTENCES = [
    "a red circle is left of a blue square",
    "there is a red circle",
    "a blue square",
    "a a a square square",
    "the small cross is above the big circle",
    "there is no triangle in the picture",
    "exactly two red crosses",
]


def drawn(count, seed=0):
    draw = random.Random(seed)
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(1, 5)):
            low, high = draw.choice(BLOCKS)
            parts += [chr(draw.randint(low, high)) for _ in range(draw.randint(1, 4))]
            parts.append(draw.choice(["", " ", "  ", "\t", "'s ", "'LL "]))
        yield "".join(parts)


def open_clip(path):
    """The tokenizer of open_clip, OpenAI's own, without the rest of that package."""
    (place,) = importlib.util.find_spec("open_clip").submodule_search_locations
    spec = importlib.util.spec_from_file_location("open_clip_tokenizer", f"{place}/tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer(str(path))


def final_sigma(text):
    return any(c != d for c, d in zip(text.lower(), "".join(c.lower() for c in text), strict=False))


def in_order(text):
    return "<|" not in text and ftfy.fix_text(text) == ftfy.fix_text(text, fix_encoding=False)


def tokens(folder, strings):
    """name → strings and their numbers."""
    found = {}
    for name, file, lowercase in (
        ("uncased", "bert_base_uncased_vocab.txt", True),
        ("cased", "bert_base_uncased_vocab.txt", False),
        ("chinese", "bert_base_chinese_vocab.txt", True),
    ):
        bert = BertWordPieceTokenizer(str(folder / file), lowercase=lowercase, strip_accents=lowercase)
        # [CLS] in a text is a mark to tokenizers, three words to BERT's own code
        chosen = [s for s in strings if not final_sigma(s) and "[CLS]" not in s]
        found[name] = {s: bert.encode(s, add_special_tokens=False).ids for s in chosen}
    gpt2 = ByteLevelBPETokenizer(str(folder / "gpt2_vocab.json"), str(folder / "gpt2_merges.txt"))
    found["gpt2"] = {s: gpt2.encode(s).ids for s in strings}
    clip = open_clip(folder / "clip_bpe_simple_vocab_16e6.txt.gz")
    found["clip"] = {s: clip.encode(s) for s in strings if in_order(s)}
    return found


def main(folder):
    strings = [*CHOSEN, *drawn(500)]
    strings = [s for s in strings if all(unicodedata.category(c) != "Cn" for c in s)]
    counter = CountVectorizer(token_pattern=r"\S+")
    counts = counter.fit_transform(SENTENCES)
    arrays = {
        "counts": counts.toarray(),
        "smooth": TfidfTransformer(norm="l2", smooth_idf=True).fit_transform(counts).toarray(),
        "unsmoothed_idf": TfidfTransformer(norm=None, smooth_idf=False).fit(counts).idf_,
    }
    text = {
        "sentences": SENTENCES,
        "words": list(counter.get_feature_names_out()),
        "tokens": {k: [[*v.keys()], [*v.values()]] for k, v in tokens(pathlib.Path(folder), strings).items()},
    }
    np.savez_compressed(OUT, text=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes, {[len(v[0]) for v in text['tokens'].values()]} strings")


if __name__ == "__main__":
    main(sys.argv[1])
