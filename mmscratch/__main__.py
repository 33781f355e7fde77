"""The command line: ``mmscratch`` or ``python -m mmscratch``."""

import argparse
import logging
import sys

__all__ = ["main"]


def main(arguments=None):
    """Run one command; returns the exit code: 0, or 2 after a one-line error."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    if not hasattr(args, "run"):
        parser.print_help()
        return 0
    logging.getLogger("matplotlib").addFilter(_not_twice)
    try:
        return args.run(args) or 0
    except KeyboardInterrupt as e:
        if not getattr(e, "told", False):
            print("mmscratch: interrupted", file=sys.stderr)
        return 130
    except Exception as e:
        if not _is_users(e):
            raise
        if not getattr(e, "told", False):  # by another rank
            print(f"mmscratch: {_one_line(e)}", file=sys.stderr)
        return 2


def _not_twice(record):
    """Of a home that cannot be written Matplotlib tells twice; the second line says what to do about it."""
    return not str(record.msg).startswith("mkdir -p failed")


def _is_users(error):
    """Is it about what the user gave (a file, a run, an option), not about our code?"""
    from .data.errors import DataError
    from .distributed import DistributedError
    from .tasks.run import RunError
    from .train import CheckpointError, TrainingError

    kinds = DataError | DistributedError | RunError | CheckpointError | TrainingError | OSError
    return isinstance(error, kinds)


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
    from .commands import COMMANDS

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

    for module in COMMANDS:
        module.add(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
