"""The command line: ``mmscratch`` or ``python -m mmscratch``."""

import argparse
import sys

__all__ = ["main"]

DATA = """\
data specifications:
  scenes[:key=value,…]   the embedded world, e.g. scenes:train=6000,level=1,lang=en
  shapeworld:DIR         ShapeWorld example images and captions
  coco:DIR               a folder in the COCO captions format (as `mmscratch data scenes` writes)
  fsdd:PATH              spoken digits: recordings.zip, or a folder of DIGIT_SPEAKER_TAKE.wav (task digits)
  mnist:PATH             handwritten digits: MNIST's IDX files, or an npz file (task mnist)
  flickr8k:DIR           Flickr8k.token.txt, its split lists and Images/
"""


CAPTIONERS = ("caption", "self-critical")
SEARCH = {
    "nargs": "+",
    "action": "extend",
    "default": [],
    "metavar": "KEY=VALUE",
    "help": "how captions are searched for: method=greedy (default), beam, diverse or sample, with width=, "
    "length_penalty=, groups=, diversity=, temperature=, top_k=, top_p=, no_repeat_ngram=, min_length=",
}
CAPTIONS = """\
files:
  CANDIDATES   COCO's results, [{"image_id": 1, "caption": "a red ball"}, …]
  --references COCO's annotations, {"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": …}]}
  either       {"1": ["a red ball"], …}, or text, a sentence a line (references may be several such files)
  both in one  {"images": [{"image_id", "candidate", "references"}]}, {"hypotheses": {…}, "references": {…}},
               or a folder with hyp.txt and ref*.txt: then --references is left out

CIDEr is CIDEr-D, as the COCO tools print it. METEOR_lite is not METEOR 1.5.
"""


PRESETS = """\
presets (the first of each is taken when none is named; * needs --weights):
  text     bag tfidf tfidf-plain bert*
  image    scene-grid scene-regions detector vgg16* vgg16-keras* resnet18* resnet50* clip*
  audio    librosa htk kaldi whisper
  video    colours scene-frames c3d*
"""


def main(arguments=None):
    """Run one command; returns the exit code: 0, or 2 after a one-line error."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    if not hasattr(args, "run"):
        parser.print_help()
        return 0
    try:
        return args.run(args) or 0
    except KeyboardInterrupt:
        print("mmscratch: interrupted", file=sys.stderr)
        return 130
    except Exception as e:
        if not _is_users(e):
            raise
        print(f"mmscratch: {_one_line(e)}", file=sys.stderr)
        return 2


def _is_users(error):
    """Is it about what the user gave (a file, a run, an option), not about our code?"""
    from .data.errors import DataError
    from .tasks.run import RunError
    from .train import CheckpointError, TrainingError

    return isinstance(error, DataError | RunError | CheckpointError | TrainingError | OSError)


def _one_line(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def build_parser():
    """All commands and their options, each with an example."""
    parser = argparse.ArgumentParser(
        prog="mmscratch",
        description="Multimodal learning from scratch.",
        epilog="example: mmscratch demo",
    )
    from . import __version__
    from .tasks import TASKS

    parser.add_argument("--version", action="version", version=f"mmscratch {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(name, run, text, example, **kwargs):
        p = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example: mmscratch {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **kwargs,
        )
        p.set_defaults(run=run)
        return p

    p = command("demo", _demo, "train a captioner on the scenes world and show what it learned", "demo")
    p.add_argument("--out", default="demo", metavar="DIR", help="where figure and page go (default: demo)")
    p.add_argument("--seed", type=int, default=0)

    p = command(
        "train",
        _train,
        "train a model",
        "train caption --data scenes:level=1 --out runs/caption --set steps=400\n\n" + DATA,
    )
    p.add_argument("task", metavar="TASK", choices=list(TASKS), help=" | ".join(TASKS))
    p.add_argument("--data", metavar="SPEC", help="what to train on (with --resume: as the run says)")
    p.add_argument("--out", required=True, metavar="RUN", help="the run's folder")
    p.add_argument("--seed", type=int, default=None)
    p.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="settings of the task"
    )
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint of RUN")
    p.add_argument("--quiet", action="store_true", help="no progress bar")

    p = command(
        "evaluate", _evaluate, "judge a run on held-out data", "evaluate runs/caption --split test\n\n" + DATA
    )
    p.add_argument("folder", metavar="RUN")
    p.add_argument("--data", metavar="SPEC", help="other data than the run was trained on")
    p.add_argument("--split", default="val", metavar="NAME", help="val (default), test, or one of the data's")
    p.add_argument("--search", **SEARCH)
    p.add_argument("--json", metavar="FILE", help="write the figures there too")

    p = command("predict", _predict, "caption PNG or JPEG files", "predict runs/caption picture.png")
    p.add_argument("folder", metavar="RUN")
    p.add_argument("images", nargs="+", metavar="FILE")
    p.add_argument("--search", **SEARCH)
    p.add_argument("--json", metavar="FILE", help="write captions, probabilities and attention there too")

    p = command("plot", _plot, "draw a run's journal", "plot runs/caption")
    p.add_argument("folder", metavar="RUN")
    p.add_argument("--out", metavar="PNG", help="default: journal.png in the run's folder")

    _add_score(
        command("score", None, "score texts against references", "score captions c.json --references r.json")
    )

    example = 'search query pictures.idx "a red circle" --sheet found.png'
    _add_search(command("search", None, "find pictures by words, a picture, or a changed one", example))

    p = command("data", None, "make data sets", "data scenes --out scenes_data")
    sets = p.add_subparsers(metavar="SET", required=True)
    s = sets.add_parser(
        "scenes",
        help="export the scenes world",
        description="Export the scenes world as PNG and JSON in the COCO captions and VQA formats.",
        epilog="example: mmscratch data scenes --out scenes_data --options train=100,val=20,test=20",
    )
    s.add_argument("--out", required=True, metavar="DIR")
    s.add_argument("--options", default="", metavar="KEY=VALUE,…", help="as in the specification scenes:…")
    s.add_argument("--force", action="store_true", help="replace what DIR holds")
    s.set_defaults(run=_data_scenes)

    p = command(
        "features",
        _features,
        "turn files into features (B, N, D) with a mask, as an npz file",
        "features audio one.wav two.wav --preset kaldi --out sounds.npz\n\n" + PRESETS,
    )
    senses = ["text", "image", "audio", "video"]
    p.add_argument("sense", metavar="SENSE", choices=senses, help=" | ".join(senses))
    p.add_argument("files", nargs="+", metavar="FILE", help="an item each; of text, each line is one")
    p.add_argument("--preset", metavar="NAME")
    p.add_argument("--weights", metavar="FILE", help="of a published network, as its publisher has it")
    p.add_argument(
        "--kind", metavar="NAME", help="of audio: mfcc (default), log-mel, mel, spectrogram, log-spectrogram"
    )
    p.add_argument("--rate", type=int, metavar="HZ", help="of audio: bring the files to this sample rate")
    p.add_argument("--out", required=True, metavar="NPZ")

    p = command("weights", None, "look into files of weights, and fetch published ones", "weights list")
    actions = p.add_subparsers(metavar="ACTION", required=True)

    def action(name, run, text, example):
        a = actions.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example: mmscratch weights {example}",
        )
        a.set_defaults(run=run)
        return a

    a = action("inspect", _weights_inspect, "list the arrays of a file", "inspect vgg16.pth")
    a.add_argument("file", metavar="FILE", help="safetensors, npz, or PyTorch's .pth, .pt, .bin")
    action("list", _weights_list, "list the weights known by name", "list")
    a = action("download", _weights_download, "fetch weights, checked by their sha256", "download resnet18")
    a.add_argument("name", metavar="NAME", help="one of mmscratch weights list")
    a.add_argument("--out", metavar="DIR", help="where to (default: the cache, MMSCRATCH_WEIGHTS_DIR)")
    a.add_argument("--quiet", action="store_true", help="no progress bar")

    command("warmup", _warmup, "compile the kernels now rather than at first use", "warmup")
    return parser


def _add_score(parser):
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


def _add_search(parser):
    what = parser.add_subparsers(metavar="WHAT", required=True)
    p = what.add_parser(
        "build",
        help="encode the pictures of a folder and index them",
        description="Encode the pictures of a folder by a trained retrieval run, and index them. Pictures "
        "and captions are those of captions_SPLIT.json (COCO's format) if the folder has one, else all "
        "pictures in it, with the captions in NAME.txt beside NAME.png.",
        epilog="example: mmscratch search build scenes_data --model runs/retrieval --out pictures.idx",
    )
    p.add_argument("folder", metavar="FOLDER")
    p.add_argument("--model", required=True, metavar="RUN", help="of mmscratch train retrieval")
    p.add_argument("--out", required=True, metavar="INDEX", help="the index's folder")
    p.add_argument("--method", choices=["exact", "lsh", "ivfpq", "hnsw"], default="exact")
    p.add_argument("--force", action="store_true", help="replace the index that is there")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
    p.set_defaults(run=_search_build)

    p = what.add_parser(
        "query",
        help="ask an index",
        description="Ask an index by words, by a picture, or by a picture and what is to be different.",
        epilog="example: mmscratch search query pictures.idx --like one.png --but green --sheet found.png",
    )
    p.add_argument("index", metavar="INDEX")
    p.add_argument("text", nargs="?", metavar="TEXT")
    p.add_argument("--image", metavar="FILE", help="ask for pictures near this one")
    p.add_argument("--like", metavar="FILE", help="ask for pictures like this one, but …")
    p.add_argument("--but", metavar="WORDS", help="… green; or red=green")
    p.add_argument("--model", metavar="RUN", help="the run, if it is not where it was at building")
    p.add_argument("--k", type=int, default=10, metavar="N", help="how many (default: 10)")
    p.add_argument("--json", metavar="FILE", help="write what was found there too")
    p.add_argument("--sheet", metavar="PNG", help="draw the pictures with their captions")
    p.set_defaults(run=_search_query)


def _demo(args):
    print("mmscratch demo: learning to caption pictures of an exact little world", flush=True)
    from .tasks import demo

    return demo.run(args.out, seed=args.seed)


def _train(args):
    from .tasks import TASKS

    task = TASKS[args.task]()
    task.train(args.data, args.out, args.seed, args.set, resume=args.resume, progress=not args.quiet)


def _evaluate(args):
    from .tasks import TASKS
    from .tasks.run import Run, RunError, write_json

    run = Run.open(args.folder)
    if run.task not in TASKS:
        raise RunError(args.folder, f"has task {run.task!r}; known: {', '.join(TASKS)}")
    options = {"search": args.search} if args.search else {}
    if options and run.task not in CAPTIONERS:
        raise RunError("--search", f"is for runs that say captions, {args.folder} is of task {run.task!r}")
    figures = TASKS[run.task]().evaluate(run, args.data, args.split, **options)
    for name, value in figures.items():
        print(f"{name:42} {value:.4f}" if isinstance(value, float) else f"{name:42} {value}")
    if args.json:
        write_json(args.json, figures)


def _predict(args):
    from .tasks import captioning
    from .tasks.run import Run, RunError, write_json

    run = Run.open(args.folder)
    if run.task not in CAPTIONERS:
        raise RunError(args.folder, f"is a run of task {run.task!r}, expected {' or '.join(CAPTIONERS)}")
    results = captioning.predict(run, args.images, args.search)
    for r in results:
        print(f"{r['file']}: {r['caption']}")
    if args.json:
        write_json(args.json, results)


def _plot(args):
    import pathlib

    from .tasks.run import Run
    from .train import plot_journal

    folder = Run.open(args.folder).folder
    print(plot_journal(folder, pathlib.Path(args.out) if args.out else folder / "journal.png"))


def _score_captions(args):
    from .tasks.run import write_json
    from .tasks.score import score_files

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
    from .tasks.run import write_json
    from .tasks.score import score_ranking

    found = score_ranking(args.qrels, args.ranking, args.per_query)
    for query, measures in [*found.get("per_query", {}).items(), ("all", found)]:
        for name, value in measures.items():
            if name != "per_query":
                print(f"{name:24} {query:8} {value if isinstance(value, int) else format(value, '.4f')}")
    if args.json:
        write_json(args.json, found)


def _search_build(args):
    from .tasks.search import build

    found = build(args.folder, args.model, args.out, args.method, force=args.force, progress=not args.quiet)
    print(f"{args.out}: {len(found.names):,} pictures, {args.method}, vectors of {found.index.dimension}")


def _search_query(args):
    from .tasks.search import query

    found = query(
        args.index, text=args.text, image=args.image, like=args.like, but=args.but, run=args.model, k=args.k,
        json=args.json, sheet=args.sheet,
    )  # fmt: skip
    for change in found.get("changes", ()):
        print(f"{change['new']} for {change['old']}")
    for hit in found["found"]:
        print(f"{hit['rank']:3}  {hit['score']:.4f}  {hit['file']}  {' | '.join(hit['captions'][:2])}")


def _data_scenes(args):
    from .data.scenes import export_scenes, format_priors, parse_options
    from .tasks.run import RunError

    try:
        options = parse_options(args.options)
    except ValueError as e:
        raise RunError("--options", str(e)) from None
    summary = export_scenes(options, args.out, force=args.force)
    for name, split in summary["splits"].items():
        counts = ", ".join(f"{split[what]} {what}" for what in ("images", "captions", "questions"))
        print(f"{name}: {counts}\n{format_priors(split['priors'])}\n{format_priors(split['answers'])}")
    print(f"written to {args.out}")


def _features(args):
    from .tasks.extract import extract

    features = extract(args.sense, args.files, args.preset, args.kind, args.rate, args.weights)
    features.save(args.out)
    n, d = features.values.shape[1:]
    print(f"{args.out}: values ({len(features)}, {n}, {d}), mask ({len(features)}, {n})")


def _weights_inspect(args):
    from .weights import describe

    print(describe(args.file))


def _weights_list(args):
    from .weights import list_zoo

    print(list_zoo())


def _weights_download(args):
    from .weights import download

    print(download(args.name, args.out, progress=not args.quiet))


def _warmup(args):
    from .tasks import warmup

    return warmup.run()


if __name__ == "__main__":
    sys.exit(main())
