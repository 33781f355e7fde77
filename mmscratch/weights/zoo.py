"""Published weights by name: where they are, how large, under which licence, and their sha256.

A hash stands here only where independent sources print the same one. Where none is known (None), the file's
own hash is printed at the first download and written beside it, and every later use is checked against that:
trust on first use, told as such, rather than a number nobody has seen.
"""

from __future__ import annotations

import dataclasses

__all__ = ["ZOO", "ZooFile", "list_zoo"]

_HUB = "https://huggingface.co/{}/resolve/main/model.safetensors"


@dataclasses.dataclass(frozen=True)
class ZooFile:
    """One file.

    megabytes   about how large (10⁶ bytes)      sha256    64 hex digits, or None: see above
    loads       how it becomes one of our models, in a line
    """

    name: str
    url: str
    megabytes: float
    sha256: str | None
    licence: str
    loads: str

    @property
    def filename(self) -> str:
        """What it is called on disk: the name, with the ending of the URL."""
        return f"{self.name}.{self.url.rpartition('.')[2]}"


ZOO = {
    file.name: file
    for file in (
        ZooFile(
            "vgg16",
            _HUB.format("timm/vgg16.tv_in1k"),
            553.4,
            "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
            "BSD-3-Clause",
            "VGG.published(16, path, timm_vgg), pictures from preprocess_torchvision",
        ),
        ZooFile(
            "resnet18",
            _HUB.format("timm/resnet18.tv_in1k"),
            46.8,
            None,
            "BSD-3-Clause",
            "ResNet.published(18, path), pictures from preprocess_torchvision",
        ),
        ZooFile(
            "resnet50",
            _HUB.format("timm/resnet50.tv_in1k"),
            102.5,
            None,
            "BSD-3-Clause",
            "ResNet.published(50, path), pictures from preprocess_torchvision",
        ),
        ZooFile(
            "bert-base-uncased",
            _HUB.format("google-bert/bert-base-uncased"),
            440.4,
            "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
            "Apache-2.0",
            "the encoder of representations.text, names of Hugging Face",
        ),
        ZooFile(
            "all-minilm-l6-v2",
            _HUB.format("sentence-transformers/all-MiniLM-L6-v2"),
            90.9,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "Apache-2.0",
            "the encoder of representations.text, names of Hugging Face",
        ),
        ZooFile(
            "glove.6B",
            "https://nlp.stanford.edu/data/glove.6B.zip",
            862.2,
            "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
            "PDDL-1.0",
            "text files of 50 to 300 numbers a word, in a zip archive",
        ),
    )
}
"""Name → file."""


def list_zoo() -> str:
    """The table that ``mmscratch weights list`` prints."""
    width = max(map(len, ZOO))
    lines = [f"{'name':{width}}  {'MB':>6}  {'licence':12}  sha256"]
    for file in ZOO.values():
        known = file.sha256 or "recorded at first download"
        lines.append(f"{file.name:{width}}  {file.megabytes:6.1f}  {file.licence:12}  {known}")
        lines.append(f"{'':{width}}  {file.url}\n{'':{width}}  {file.loads}")
    return "\n".join(lines)
