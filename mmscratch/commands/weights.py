"""Published weights, and our compiled kernels: ``weights``, ``warmup``."""

__all__ = ["add"]


def add(command):
    """Their options."""
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


def _weights_inspect(args):
    from ..weights import describe

    print(describe(args.file))


def _weights_list(args):
    from ..weights import list_zoo

    print(list_zoo())


def _weights_download(args):
    from ..weights import download

    print(download(args.name, args.out, progress=not args.quiet))


def _warmup(args):
    from ..tasks import warmup

    return warmup.run()
