"""Data: ``data scenes``, ``features``."""

__all__ = ["add"]

PRESETS = """\
presets (the first of each is taken when none is named; * needs --weights):
  text     bag tfidf tfidf-plain bert*
  image    scene-grid scene-regions detector vgg16* vgg16-keras* resnet18* resnet50* clip*
  audio    librosa htk kaldi whisper
  video    colours scene-frames c3d*
"""


def add(command):
    """Their options."""
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
    p.add_argument(
        "files", nargs="+", metavar="FILE",
        help="an item each; of text, each line is one; of pictures, a folder stands for all in it",
    )  # fmt: skip
    p.add_argument("--preset", metavar="NAME")
    p.add_argument("--weights", metavar="FILE", help="of a published network, as its publisher has it")
    p.add_argument(
        "--kind", metavar="NAME", help="of audio: mfcc (default), log-mel, mel, spectrogram, log-spectrogram"
    )
    p.add_argument("--rate", type=int, metavar="HZ", help="of audio: bring the files to this sample rate")
    p.add_argument("--out", required=True, metavar="NPZ")
    p.add_argument(
        "--distributed", choices=["mpi", "serial"], help="files shared out among the processes of mpiexec"
    )


def _data_scenes(args):
    from ..data.scenes import export_scenes, format_priors, parse_options
    from ..tasks.run import RunError

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
    from ..tasks.features.extract import extract, files_of

    given = args.preset, args.kind, args.rate, args.weights
    if args.distributed:
        return _features_distributed(args, given)
    features = extract(args.sense, files_of(args.sense, args.files), *given)
    _save(features, args.out)


def _features_distributed(args, given):
    from ..distributed import connect
    from ..tasks.features.sharded import extract_sharded

    with connect(args.distributed) as comm:
        features = extract_sharded(comm, args.sense, args.files, *given)
        comm.first(lambda: _save(features, args.out))


def _save(features, path):
    features.save(path)
    n, d = features.values.shape[1:]
    print(f"{path}: values ({len(features)}, {n}, {d}), mask ({len(features)}, {n})")
