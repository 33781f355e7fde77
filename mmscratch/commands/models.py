"""Models: ``demo``, ``train``, ``evaluate``, ``predict``, ``ask``, ``plot``."""

import pathlib

__all__ = ["add"]

DATA = """\
data specifications:
  scenes[:key=value,…]   the embedded world, e.g. scenes:train=6000,level=1,lang=en
  shapeworld:DIR         ShapeWorld example images and captions
  coco:DIR               a folder in the COCO captions format (as `mmscratch data scenes` writes)
  fsdd:PATH              spoken digits: recordings.zip, or a folder of DIGIT_SPEAKER_TAKE.wav (task digits)
  mnist:PATH             handwritten digits: MNIST's IDX files, or an npz file (task mnist)
  easy-vqa:DIR           questions of easy-VQA: NAME_questions.json and NAME_images.npz (task vqa)
  vader:DIR              texts with ratings, and a lexicon: the files of VADER (task sentiment)
  vqa:DIR                questions in the VQA v2 format (task vqa)
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


def add(command):
    """Their options."""
    from ..tasks import TASKS

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
    p.add_argument(
        "--distributed", choices=["mpi", "serial"], help="mpi: on all processes that mpiexec or srun started"
    )
    p.add_argument(
        "--shards", type=int, default=None, metavar="N",
        help="with --distributed: pieces of a batch (default: 12), at least as many as processes",
    )  # fmt: skip
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

    p = command("ask", _ask, "ask about a picture", 'ask runs/vqa picture.png "what color is the shape?"')
    p.add_argument("folder", metavar="RUN", help="of mmscratch train vqa")
    p.add_argument("image", metavar="IMAGE")
    p.add_argument("question", metavar="QUESTION")
    p.add_argument("--json", metavar="FILE", help="write the likeliest answers there too")

    p = command("plot", _plot, "draw a run's journal", "plot runs/caption")
    p.add_argument("folder", metavar="RUN")
    p.add_argument("--out", metavar="PNG", help="default: journal.png in the run's folder")


def _demo(args):
    print("mmscratch demo: learning to caption pictures of an exact little world", flush=True)
    from ..tasks.captioning import demo

    return demo.run(args.out, seed=args.seed)


def _train(args):
    from ..tasks import TASKS
    from ..tasks.run import RunError

    given = {"resume": args.resume, "progress": not args.quiet}
    if args.distributed:
        return _train_distributed(args, given)
    if args.shards is not None:
        raise RunError("--shards", f"goes with --distributed, got {args.shards} without it")
    TASKS[args.task]().train(args.data, args.out, args.seed, args.set, **given)


def _train_distributed(args, given):
    from ..distributed import connect
    from ..tasks import ALONE, TASKS
    from ..tasks.run import RunError

    with connect(args.distributed) as comm:
        if args.task in ALONE:
            can = ", ".join(sorted(set(TASKS) - set(ALONE)))
            why = f"not for train {args.task}: {ALONE[args.task]}; for {can}"
            raise comm.agreed(RunError("--distributed", why))
        from ..train import Checkpoints, Parallel, digest

        try:
            parallel = Parallel(comm, 12 if args.shards is None else args.shards)
        except RuntimeError as error:
            raise comm.agreed(error) from None
        given["progress"] = given["progress"] and comm.rank == 0
        task = TASKS[args.task]()
        run = task.train(args.data, args.out, args.seed, args.set, **given, parallel=parallel)
        received = comm.gather(comm.received)
        if comm.rank == 0:
            _, state = Checkpoints(run.folder / "checkpoints").load()
            print(f"sha256 of the weights  {digest(state['model'])}")
            print(
                f"{state['step']} steps, {comm.size} ranks, {parallel.shards} shards; received by a rank:",
                end=" ",
            )
            print(*(f"{sum(r[kind] for r in received) / comm.size:,.0f} bytes of {kind}"
                    for kind in ("arrays", "objects")), sep=", ")  # fmt: skip


def _evaluate(args):
    from ..tasks import TASKS
    from ..tasks.run import Run, RunError, write_json

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
    from ..tasks.captioning import task as captioning
    from ..tasks.run import Run, RunError, write_json

    run = Run.open(args.folder)
    if run.task not in CAPTIONERS:
        raise RunError(args.folder, f"is a run of task {run.task!r}, expected {' or '.join(CAPTIONERS)}")
    results = captioning.predict(run, args.images, args.search)
    for r in results:
        print(f"{r['file']}: {r['caption']}")
    if args.json:
        write_json(args.json, results)


def _ask(args):
    from ..tasks.run import Run, write_json
    from ..tasks.vqa import task as vqa

    found = vqa.ask(Run.open(args.folder), args.image, args.question)
    for row in found:
        print(f"{row['answer']:20} {row['probability']:.4f}")
    if args.json:
        write_json(args.json, found)


def _plot(args):
    from ..tasks.run import Run
    from ..train import plot_journal

    folder = Run.open(args.folder).folder
    print(plot_journal(folder, pathlib.Path(args.out) if args.out else folder / "journal.png"))
