"""Files to features: what ``mmscratch features`` does. Each sense has presets; each preset says what it is.

text     every line that is not empty is an item; words and their rarity are those of the given files
image    PNG, JPEG, …; one item a file
audio    WAV, channels averaged; one item a file
video    an animation, a folder of pictures, or an npz file of frames; one item each

Presets of published networks need ``weights``: the file, or for BERT the folder, as its publisher has it.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable

from ...data.errors import DataError
from ...representations.features import Features
from ..run import RunError

__all__ = ["PRESETS", "Preset", "extract", "files_of"]


@dataclasses.dataclass(frozen=True)
class Preset:
    """One way from files to Features.

    about       one line for the reader
    make        files → Features; with kinds: files, kind, rate →; with weights: files, path of the weights →
    kinds       of audio: what it can give; the first unless another is asked for
    weights     what file of weights it needs; "" for none
    """

    about: str
    make: Callable
    kinds: tuple[str, ...] = ()
    weights: str = ""


def extract(sense, files, preset=None, kind=None, rate=None, weights=None) -> Features:
    """The features of files: one item a file, of text one a line.

    sense       text, image, audio or video
    preset      one of ``PRESETS[sense]``; None: the first
    kind        of audio: mfcc, log-mel, mel, spectrogram or log-spectrogram; None: the preset's first
    rate        of audio: Hz to which the files are brought; None: as the preset says
    weights     the path of a published network's weights, for the presets that are one
    Errors      RunError for a preset, kind, rate or weights that do not fit; DataError naming a file that
                cannot be read. All files are read before anything is computed.
    """
    presets = PRESETS[sense]
    chosen = presets.get(preset or next(iter(presets)))
    if chosen is None:
        raise RunError("--preset", f"{preset!r} is none of {sense}'s: {', '.join(presets)}")
    if bool(chosen.weights) != bool(weights):
        wanted = f"this preset needs {chosen.weights}" if chosen.weights else "this preset has its own"
        raise RunError("--weights", f"{wanted}, got {weights!r}")
    if not chosen.kinds:
        for option, given in (("--kind", kind), ("--rate", rate)):
            if given is not None:
                raise RunError(option, f"is for audio, got {given!r} for {sense}")
        return chosen.make(files, weights) if weights else chosen.make(files)
    kind = kind or chosen.kinds[0]
    if kind not in chosen.kinds:
        raise RunError("--kind", f"{kind!r} is none of this preset's: {', '.join(chosen.kinds)}")
    return chosen.make(files, kind, rate)


def files_of(sense, paths):
    """The files that paths stand for: of pictures, a folder stands for all in it, as ``find_pictures`` does.

    Errors     DataError where such a folder has no picture
    """
    from ...data.picture_folder import find_pictures

    files = []
    for path in map(pathlib.Path, paths):
        if sense == "image" and path.is_dir():
            files += [path / found.name for found in find_pictures(path)]
        else:
            files.append(path)
    return files


# ── text ─────────────────────────────────────────────────────────────────────────────────────────
def _lines(files):
    from ...data.files import read_text

    lines = []
    for file in files:
        found = [line for line in read_text(file).splitlines() if line.strip()]
        if not found:
            raise DataError(file, "holds no line of text")
        lines += found
    return lines


def _bag(files):
    from ...representations.text import BagOfWords

    lines = _lines(files)
    return BagOfWords().fit(lines).encode(lines)


def _tfidf(convention):
    def make(files):
        from ...representations.text import TFIDF

        lines = _lines(files)
        return TFIDF(convention).fit(lines).encode(lines)

    return make


def _bert(files, folder):
    from ...representations.text import SentenceEncoder

    return SentenceEncoder.from_folder(folder).encode(_lines(files))


# ── image ────────────────────────────────────────────────────────────────────────────────────────
def _read_pictures(files, side=None):
    from ...data.image import read_image

    return [read_image(file, size=side) for file in files]


def _pictures(files, side):
    import numpy as np

    from ...data.image import to_float

    return to_float(np.stack(_read_pictures(files, side)))


def _scene_grid(files):
    """The grid of the scenes' own network: (B, 64, 128), cells row by row."""
    from ...autograd import no_grad
    from ...models.scene_cnn import load_pretrained
    from ...tensor import Tensor

    pictures = _pictures(files, 64)
    with no_grad():
        grid = load_pretrained().features(Tensor(pictures)).numpy()
    return Features.stack(grid.reshape(*grid.shape[:2], -1).transpose(0, 2, 1))


def _scene_regions(files):
    """The eight cells most likely to hold an object, with their places: (B, 8, 130)."""
    from ...models.scene_cnn import load_pretrained

    return Features.stack(load_pretrained().regions(_pictures(files, 64))[0])


def _detector(files):
    """The objects that the scenes' detector finds: (B, N, C + 5)."""
    from ...representations.image import load_detector

    return load_detector().regions(_pictures(files, 64))


def _grid_of(family, size, layout="torchvision"):
    """A published network's last grid, under the names and preprocessing of one publisher."""

    def make(files, path):
        from ...representations import image

        pictures = _read_pictures(files)
        names = image.keras_vgg if layout == "keras" else None
        network = getattr(image, family).published(size, path, names)
        return image.grid_features(network, pictures, layout)

    return make


def _clip(files, path):
    from ...representations.image import CLIP
    from ...weights import read_weights

    pictures = _read_pictures(files)
    return CLIP.from_state_dict(read_weights(path)).features(pictures)


# ── video ────────────────────────────────────────────────────────────────────────────────────────
def _clips_of(files):
    from ...data.video import read_video

    return [read_video(file).frames for file in files]


def _colours(files):
    from ...representations.video import grid_features

    return grid_features(_clips_of(files))


def _scene_frames(files):
    """Each frame by the scenes' own network, its grid averaged: (B, T, 128)."""
    from ...models.scene_cnn import load_pretrained
    from ...representations.video import frame_features

    clips = _clips_of(files)
    return frame_features(clips, load_pretrained().features, size=64)


def _c3d(files, path):
    """fc6 of each 16 frames: (B, N, 4096)."""
    from ...representations.blank import Blank
    from ...representations.video import C3D, clip_features
    from ...weights import load_into, read_weights

    clips, network = _clips_of(files), C3D(generator=Blank())
    load_into(network, read_weights(path))
    return clip_features(clips, network.eval())


# ── audio ────────────────────────────────────────────────────────────────────────────────────────
def _clips(files, sample_rate=None):
    """The samples of all files, and their rate; RunError where it is not one, and none was asked for."""
    from ...data.audio import read_wav

    sounds = [read_wav(file, sample_rate) for file in files]
    for file, sound in zip(files, sounds, strict=True):
        if sound.sample_rate != sounds[0].sample_rate:
            came, first = f"{sound.sample_rate} Hz", f"{files[0]} {sounds[0].sample_rate} Hz"
            raise RunError(file, f"has {came}, {first}; --rate brings them to one")
    return [sound.samples for sound in sounds], sounds[0].sample_rate


def _toolkit(name, own_rate=None):
    def make(files, kind, rate):
        from ...representations import audio

        clips, rate = _clips(files, rate or own_rate)
        kinds = {
            "mfcc": audio.mfcc,
            "log-mel": audio.log_mel,
            "mel": audio.mel_spectrogram,
            "spectrogram": audio.spectrogram,
            "log-spectrogram": functools.partial(audio.spectrogram, log=True),
        }
        return kinds[kind](clips, audio.preset(name, rate))

    return make


def _whisper(files, kind, rate):
    from ...representations import audio

    if rate not in (None, audio.WHISPER.sample_rate):
        raise RunError("--rate", f"Whisper hears {audio.WHISPER.sample_rate} Hz, not {rate}")
    return audio.whisper_log_mel(_clips(files, audio.WHISPER.sample_rate)[0])


_KINDS = ("mfcc", "log-mel", "mel", "spectrogram", "log-spectrogram")

_A_FILE = "a file of its weights"

PRESETS = {
    "text": {
        "bag": Preset("bag of words: counts", _bag),
        "tfidf": Preset("counts by rarity, scikit-learn's convention", _tfidf("smooth")),
        "tfidf-plain": Preset("counts by rarity, the papers' ln(N / df)", _tfidf("plain")),
        "bert": Preset("a vector a token", _bert, weights="the folder of a published BERT"),
    },
    "image": {
        "scene-grid": Preset("the scenes' own network, 8 × 8 cells", _scene_grid),
        "scene-regions": Preset("its eight likeliest objects, with their places", _scene_regions),
        "detector": Preset("the objects that the scenes' detector finds", _detector),
        "vgg16": Preset("torchvision's VGG16", _grid_of("VGG", 16), weights=_A_FILE),
        "vgg16-keras": Preset("Keras's VGG16", _grid_of("VGG", 16, "keras"), weights=_A_FILE),
        "resnet18": Preset("torchvision's ResNet-18", _grid_of("ResNet", 18), weights=_A_FILE),
        "resnet50": Preset("torchvision's ResNet-50", _grid_of("ResNet", 50), weights=_A_FILE),
        "clip": Preset("patches of OpenAI's CLIP with a ViT", _clip, weights=_A_FILE),
    },
    "audio": {
        "librosa": Preset(
            "brought to 22,050 Hz; Slaney's bands, decibels", _toolkit("librosa", 22050), _KINDS
        ),
        "htk": Preset("HTK's mel bands and cosine transform", _toolkit("htk"), _KINDS),
        "kaldi": Preset("Kaldi's frames, windows and bands", _toolkit("kaldi"), _KINDS),
        "whisper": Preset("30 s as Whisper's encoder hears them", _whisper, ("log-mel",)),
    },
    "video": {
        "colours": Preset("each frame's mean colours on 8 × 8 cells", _colours),
        "scene-frames": Preset("each frame by the scenes' own network", _scene_frames),
        "c3d": Preset("C3D's fc6 of each 16 frames", _c3d, weights=_A_FILE),
    },
}
"""Sense → name → preset; the first of each is the one taken when none is named."""
