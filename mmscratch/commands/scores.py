"""Scores of what is in files: ``score captions``, ``score ranking``."""

import argparse
import sys

__all__ = ["add"]

CAPTIONS = """\
files:
  CANDIDATES   COCO's results, [{"image_id": 1, "caption": "a red ball"}, …]
  --references COCO's annotations, {"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": …}]}
  either       {"1": ["a red ball"], …}, or text, a sentence a line (references may be several such files)
  both in one  {"images": [{"image_id", "candidate", "references"}]}, {"hypotheses": {…}, "references": {…}},
               or a folder with hyp.txt and ref*.txt: then --references is left out

CIDEr is CIDEr-D, as the COCO tools print it. METEOR_lite is not METEOR 1.5.
"""


def add(command):
    """Their options."""
    parser = command(
        "score", None, "score texts against references", "score captions c.json --references r.json"
    )
    what = parser.add_subparsers(metavar="WHAT", required=True)
    p = what.add_parser(
        "captions",
        help="BLEU, METEOR-lite, ROUGE-L and CIDEr of captions",
        description="Score captions against references.\n\n" + CAPTIONS,
        epilog="example: mmscratch score captions results.json --references captions_val2014.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("candidates", metavar="CANDIDATES")
    p.add_argument("--references", nargs="+", action="extend", default=[], metavar="FILE")
    p.add_argument(
        "--metrics",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="some of Bleu (all four), Bleu_1 … Bleu_4, METEOR_lite, ROUGE_L, CIDEr, CIDEr_plain "
        "(default: all but the last)",
    )
    p.add_argument(
        "--tokenizer",
        choices=["words", "ptb", "space"],
        help="words (default): lower case, no marks; ptb: to the letter as the COCO tools; "
        "space (default of .txt): as it stands",
    )
    p.add_argument("--per-image", action="store_true", help="print (and write) every image's scores too")
    p.add_argument("--json", metavar="FILE", help="write the scores there too")
    p.set_defaults(run=_score_captions)

    p = what.add_parser(
        "ranking",
        help="judge ranked documents: trec_eval's measures, from its files",
        description="MAP, NDCG, precision, recall and the rest, as trec_eval has them of the same two files.",
        epilog="example: mmscratch score ranking qrels.test results.test --json measures.json",
    )
    p.add_argument("qrels", metavar="QRELS", help='lines of "query iteration document judgement"')
    p.add_argument("ranking", metavar="RUN", help='lines of "query Q0 document rank score name"')
    p.add_argument("--per-query", action="store_true", help="print (and write) every query's measures too")
    p.add_argument("--json", metavar="FILE", help="write the measures there too")
    p.set_defaults(run=_score_ranking)


def _score_captions(args):
    from ..tasks.run import write_json
    from ..tasks.score import score_files

    found = score_files(args.candidates, args.references, args.metrics, args.tokenizer, args.per_image)
    for row in found.per_image or ():
        values = "  ".join(f"{name} {value:.3f}" for name, value in row.items() if name != "image_id")
        print(f"{row['image_id']}: {values}")
    for name, value in found.scores.items():
        print(f"{name:12} {value:.6f}")
    for note in found.notes:
        print(f"mmscratch: {note}", file=sys.stderr)
    if args.json:
        write_json(args.json, found.to_dict())


def _score_ranking(args):
    from ..tasks.run import write_json
    from ..tasks.score import score_ranking

    found = score_ranking(args.qrels, args.ranking, args.per_query)
    for query, measures in [*found.get("per_query", {}).items(), ("all", found)]:
        for name, value in measures.items():
            if name != "per_query":
                print(f"{name:24} {query:8} {value if isinstance(value, int) else format(value, '.4f')}")
    if args.json:
        write_json(args.json, found)
