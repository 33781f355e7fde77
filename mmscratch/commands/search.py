"""Search among pictures: ``search build``, ``search query``."""

import sys

__all__ = ["add"]


def add(command):
    """Their options."""
    example = 'search query pictures.idx "a green circle" --sheet found.png'
    parser = command("search", None, "find pictures by words, a picture, or a changed one", example)
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
    p.add_argument(
        "--distributed", choices=["mpi", "serial"], help="pictures shared out among the processes of mpiexec"
    )
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


def _search_build(args):
    from ..distributed import connect

    with connect(args.distributed or "serial") as comm:
        from ..tasks.search.folder import build

        found = build(
            args.folder,
            args.model,
            args.out,
            args.method,
            comm=comm,
            force=args.force,
            progress=not args.quiet,
        )
        if found is not None:
            size = found.index.dimension
            print(f"{args.out}: {len(found.names):,} pictures, {args.method}, vectors of {size}")


def _search_query(args):
    from ..tasks.search.folder import query

    found = query(
        args.index, text=args.text, image=args.image, like=args.like, but=args.but, run=args.model, k=args.k,
        json=args.json, sheet=args.sheet,
    )  # fmt: skip
    if found.get("unknown"):
        print(f"mmscratch: not in the training captions: {', '.join(found['unknown'])}", file=sys.stderr)
    for change in found.get("changes", ()):
        print(f"{change['new']} for {change['old']}")
    for hit in found["found"]:
        print(f"{hit['rank']:3}  {hit['score']:.4f}  {hit['file']}  {' | '.join(hit['captions'][:2])}")
