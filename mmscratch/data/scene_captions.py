"""The embedded scenes as a `CaptionSet`, so that they can stand wherever a captioned folder can."""

from __future__ import annotations

from dataclasses import replace

from .captions import CaptionSet
from .image import resize_images


def load_scene_captions(
    options: str = "",
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    seed: int | None = None,
    progress: bool = False,
) -> CaptionSet:
    """Draw one split of `scenes:options` with its true captions.

    split      a split of the scenes; "test" means "test-iid"
    seed       of the world; an option seed=… wins over it
    Note       word → object links and graphs are in `mmscratch.data.scenes`; this is what a folder has, too
    """
    from .scenes import load, parse_options

    wanted = parse_options(options)
    if seed is not None and "seed" not in {part.partition("=")[0].strip() for part in options.split(",")}:
        wanted = replace(wanted, seed=seed)
    scenes = load(wanted, progress).split("test-iid" if split == "test" else split)
    images = scenes.images if size is None else resize_images(scenes.images, size)
    captions = tuple(tuple(c.text for c in said) for said in scenes.captions)
    return CaptionSet("scenes", wanted.lang, images, captions, tuple(range(len(captions))))
