"""Freeze what the COCO caption tools and NLTK make of captions: tokens, scores, stems.

    python tests/goldens/make_caption_goldens.py ../shared/data
        (needs pycocoevalcap, nltk and Java; writes captions.npz beside itself)

 * tokens: Stanford's PTBTokenizer with the options of the COCO tools, of the sentences below; and the
   sha256 of its tokens, one caption a line, of the captions of text_corpora (which are not ours to hand on);
 * scores: BLEU by each rule for r, ROUGE-L and CIDEr of random sentences by pycocoevalcap, of the corpus and
   of each sentence;
 * stems: NLTK's PorterStemmer with ORIGINAL_ALGORITHM, of the words of Tiny Shakespeare (every fifth).
All is JSON in one array of bytes, ``text``.
"""

import gzip
import hashlib
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy as np
import pycocoevalcap
from nltk.stem import PorterStemmer
from pycocoevalcap.bleu.bleu_scorer import BleuScorer
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

OUT = pathlib.Path(__file__).with_name("captions.npz")
JAR = pathlib.Path(pycocoevalcap.__path__[0]) / "tokenizer" / "stanford-corenlp-3.4.1.jar"

SENTENCES = """\
It's a dog, isn't it? Don't, can't, won't, cannot, gonna wanna gotta lemme gimme 'tis 'twas
(round) [square] {curly} "double" 'single' ``ticks'' “curly” ‘single’ «gui»
5'10" tall, 3.5 1,000 10% $5 #3 @home a&b R&B AT&T U.S. U.K. Mr. Smith vs. Dr. No. etc. e.g. i.e. a.m. p.m.
the dog... the cat.. the end... . ? ! ?! !!! -- --- - – —
a-b t-shirt well-known and/or 1/2 3/4 12:30 5:00pm 10-20
e-mail me at foo@bar.com or http://www.example.com/a?b=c www.example.com example.com #hashtag @user
café naïve 日本語テスト 中文句子。 红色圆形，蓝色。 … € £ ¥ ½ ¼ ° 5°C
the dogs' bowl rock 'n' roll '90s 1990's mother-in-law's o'clock
ma'am y'all should've I'd I'll I'm they're we've
A man,who is tall;and a woman:both. Toothpaste,toothbrush,mouth rinse.He ate.The end.Yes
a man * star ** x+y x=y a_b ~ ^ | \\ / // back\\slash <br> </p> &amp; a & b 100,000.50 .5 -5 +5 1st 2nd
no. 5 No.5 St. Louis Jan. 5 approx. 5 ft. tall 6 in. wide 2 lbs. of. Inc. Co. Ltd. jr. Jr.
He said "hello." She said 'bye.' “quoted.” ''two'' it''s a "b"c
wow!!!! what??? really?!? hmm...ok a....b .. . ,, ;; :: "" '' ''' ' `
4x4 4' x 8' 6" 5-year-old 2-3 A+ .NET 80's 80s '80s C++ C#
Ph.D. B.C. A.D. T.V. t.v. TV. o.k. O.K. x-ray
rock'n'roll music at McDonald's o' clock shop 'n' go
a 2-story house, a 3D tv, a 12" pizza and 1/2 of it; 7UP, 3-D, 50's diner, #1 fan, $5.00 bill, 100% wool
A man w/ a dog w/o leash. Men's/women's room, his/her phone & more, he/she is 20-something
the bus no. 12 at St. James Park, bus #12, U.S.A. flag, U.S. Navy, Dr. Pepper bottle
people's umbrellas, the boys' bikes, it's James's, James' and she'd've gone I'm you're
a man eating at 5p.m. or 5pm, 5 p.m. and 10:30am 7AM 11am
TV's, DVD's, CD/DVD player, wi-fi, i-phone, iPhone5, x2, 2x, 4x4's, B&W photo, black&white , PB&J, a&b
one - two -three- four--five ---six a -b- c
$20, 20$, £3, 5¢, 20°F, 98.6°, 5 ft. 6 in. tall, 5'6" man, 6ft tall
an A. and a B. C. Penney, J.C. Penney, J. C. Penney, a D.J., DJ's, a PhD
<UNK> a <unk> man <end> on a <b> chair
Ms. Pac-Man vs. Mr. T, no. no.5 No. five No.
a tic-tac-toe board w/1 piece 1-2-3 2012-05-03 10/12/2013 1,2,3
half-and-half, mother-in-law, x-mas, merry-go-round; up/down/left/right
the U.S.-based firm, U.K.'s, L.A., L.A.'s N.Y.C D.C
the Qur'an, D'Olier street, o'er, ne'er, know't, speak'st, overta'en, 'till 'til c'mon ol' man""".split("\n")


def tokens_of(lines):
    """The official tokens of each line, marks dropped as the tools do."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(line.replace("\n", " ") for line in lines) + "\n")
        file.flush()
        command = ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", JAR]
        command += ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", file.name]
        out = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    rows = out.split("\n")[: len(lines)]
    return [[w for w in row.rstrip().split(" ") if w and w not in PUNCTUATIONS] for row in rows]


def corpora(count=3, images=12):
    """Random sentences of few words, so that n-grams meet; some words repeated, some sentences empty."""
    rng = random.Random(0)
    words = "a man dog red ball on the of is left".split()
    for _ in range(count):
        candidates = [" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(images)]
        references = [
            [" ".join(rng.choices(words, k=rng.randint(1, 14))) for _ in range(rng.randint(1, 5))]
            for _ in range(images)
        ]
        yield candidates, references


def scores_of(candidates, references):
    found = {}
    for rule in ("closest", "shortest", "average"):
        scorer = BleuScorer(n=4)
        for pair in zip(candidates, references, strict=True):
            scorer += pair
        found[rule] = scorer.compute_score(option=rule)
    said = {i: [c] for i, c in enumerate(candidates)}
    meant = dict(enumerate(references))
    for name, scorer in (("ROUGE_L", Rouge()), ("CIDEr", Cider())):
        mean, each = scorer.compute_score(meant, said)
        found[name] = float(mean), [float(v) for v in each]
    return {"candidates": candidates, "references": references, **found}


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) / "text_corpora"
    with gzip.open(folder / "coco_val2014_captions_4733.jsonl.gz", "rt", encoding="utf-8") as file:
        captions = [c for line in file for c in json.loads(line)["captions"]]
    rows = [" ".join(row) for row in tokens_of(captions)]
    text = (folder / "tinyshakespeare.txt").read_text(encoding="utf-8").lower()
    words = sorted(set(re.findall("[a-z]+", text)))[::5]
    stemmer = PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
    record = {
        "tokens": list(zip(SENTENCES, tokens_of(SENTENCES), strict=True)),
        "captions": [
            {"count": n, "sha256": hashlib.sha256("\n".join(rows[:n]).encode()).hexdigest()}
            for n in (3000, len(rows))
        ],
        "scores": [scores_of(*corpus) for corpus in corpora()],
        "stems": {word: stemmer.stem(word) for word in words},
    }
    data = json.dumps(record, ensure_ascii=False).encode()
    np.savez_compressed(OUT, text=np.frombuffer(data, np.uint8))
    print(OUT, OUT.stat().st_size, len(words), "words")
