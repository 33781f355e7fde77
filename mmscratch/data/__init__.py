"""Pictures, sentences and questions from files and from the embedded world, on NumPy and Pillow only."""

from ..lazy import names

_HOME = {
    "CaptionBatch": "batches",
    "CaptionBatches": "batches",
    "CaptionSet": "captions",
    "DataError": "errors",
    "ImageFiles": "captions",
    "QuestionSet": "vqa",
    "Video": "video",
    "Vocabulary": "vocabulary",
    "channel_statistics": "image",
    "crop_frames": "video",
    "decode_image": "image",
    "load_coco": "coco",
    "load_flickr8k": "flickr8k",
    "load_karpathy": "coco",
    "load_shapeworld": "shapeworld",
    "load_spec": "spec",
    "load_vqa": "vqa",
    "normalize": "image",
    "parse_spec": "spec",
    "read_image": "image",
    "read_video": "video",
    "resize_frames": "video",
    "resize_images": "image",
    "sample_frames": "video",
    "to_float": "image",
    "tokenize": "text",
    "write_video": "video",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
