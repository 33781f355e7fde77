"""The scenes world: small pictures of coloured shapes about which everything is known.

One integer seed gives one exact scene graph (`sample_scene`). Image, masks, captions in two languages, their
truth, questions and their answers are all derived from the graph, each in its own module:

graph, sample              what a scene is, and how one is drawn
render, relations          image, masks, boxes; left, above, bigger, nearest …
sound                      every object a note: shape → timbre, colour → pitch, size → level, x → onset
meaning, truth             what a caption says, and whether it holds
truth_matrix               the same for all pairs of captions and scenes at once
tuples                     scene graphs of sentences and of scenes, and SPICE
grammar, realise, parse    both languages, forwards and back
captions, foils            true captions with word → object links, and their nearest lies
programs, questions        questions with answers, minimal pairs, annotators (forms and scenes in their own
files)
gates                      proof that nothing is answered blindly
options, splits, dataset   train and test splits from a line of text
targets                    training targets on a grid
events, clips              something happens: a scene a frame, and its time reversal under the opposite label
export                     PNG + COCO captions + VQA v2 files
"""

from .captions import Caption, captions, make_caption
from .clips import (
    Clip,
    ClipOptions,
    Clips,
    ClipSplit,
    clip_boxes,
    clip_masks,
    clip_split_of,
    load_clips,
    make_clip,
    parse_clip_options,
    render_clip,
)
from .dataset import Pair, Scenes, Split, answer_priors, format_priors, load, priors, render_all
from .draws import Draws
from .events import ANTONYM, EVENTS
from .export import export_scenes
from .foils import FOILS, read_caption, relation_foil
from .gates import gates
from .grammar import LANGUAGES, templates, vocabulary
from .graph import (
    COLOURS,
    HELDOUT_PAIRS,
    HELDOUT_QUADRANT,
    SHAPES,
    SIDE,
    SIZES,
    TEXTURES,
    Object,
    Scene,
    SceneOptions,
    colour_rgb,
)
from .meaning import AllOf, Exists, Meaning, Noun, Quantified, Related, is_true, relevance
from .options import LoadOptions, parse_options
from .parse import ParseError, parse, tokenise
from .programs import ProgramError, execute, is_degenerate
from .question_forms import ANSWERS, FAMILIES, answer_text, ask
from .questions import (
    Question,
    annotators,
    counterfactual,
    make_pair,
    make_question,
    pair_consistency,
    soft_scores,
)
from .relations import DEAD_ZONE, RELATIONS, direction, holds, nearest, reading_order, relation_matrix
from .render import boxes, masks, object_rgb, render
from .sample import sample_scene
from .sound import LEVELS, PITCHES, export_sounds, harmonics, note, onset, render_sound
from .splits import SPLITS, split_of
from .targets import box_cells, cell_targets, link_cells, mask_grid, object_cells
from .truth import Truth, mentioned, truth, truth_rate
from .truth_matrix import relevance_matrix
from .tuples import caption_tuples, meaning_tuples, scene_tuples, spice, spice_per_sentence

__all__ = [
    "ANSWERS",
    "ANTONYM",
    "AllOf",
    "COLOURS",
    "Caption",
    "Clip",
    "ClipOptions",
    "ClipSplit",
    "Clips",
    "DEAD_ZONE",
    "Draws",
    "EVENTS",
    "Exists",
    "FAMILIES",
    "FOILS",
    "HELDOUT_PAIRS",
    "HELDOUT_QUADRANT",
    "LANGUAGES",
    "LEVELS",
    "LoadOptions",
    "Meaning",
    "Noun",
    "Object",
    "PITCHES",
    "Pair",
    "ParseError",
    "ProgramError",
    "Quantified",
    "Question",
    "RELATIONS",
    "Related",
    "SHAPES",
    "SIDE",
    "SIZES",
    "SPLITS",
    "Scene",
    "SceneOptions",
    "Scenes",
    "Split",
    "TEXTURES",
    "Truth",
    "annotators",
    "answer_priors",
    "answer_text",
    "ask",
    "box_cells",
    "boxes",
    "caption_tuples",
    "captions",
    "cell_targets",
    "clip_boxes",
    "clip_masks",
    "clip_split_of",
    "colour_rgb",
    "counterfactual",
    "direction",
    "execute",
    "export_scenes",
    "export_sounds",
    "format_priors",
    "gates",
    "harmonics",
    "holds",
    "is_degenerate",
    "is_true",
    "link_cells",
    "load",
    "load_clips",
    "make_caption",
    "make_clip",
    "make_pair",
    "make_question",
    "mask_grid",
    "masks",
    "meaning_tuples",
    "mentioned",
    "nearest",
    "note",
    "object_cells",
    "object_rgb",
    "onset",
    "pair_consistency",
    "parse",
    "parse_clip_options",
    "parse_options",
    "priors",
    "read_caption",
    "reading_order",
    "relation_foil",
    "relation_matrix",
    "relevance",
    "relevance_matrix",
    "render",
    "render_all",
    "render_clip",
    "render_sound",
    "sample_scene",
    "scene_tuples",
    "soft_scores",
    "spice",
    "spice_per_sentence",
    "split_of",
    "templates",
    "tokenise",
    "truth",
    "truth_rate",
    "vocabulary",
]
