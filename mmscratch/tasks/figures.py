"""What a captioner saw and said, drawn: a figure (PNG) and a page (HTML) of pictures with attention."""

import base64
import html
import io
import json
import pathlib

import numpy as np

__all__ = ["attention_grid", "caption_figure", "caption_page"]

COLOURS = {"true": "#17692b", "false": "#aa1111"}
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
 table {{ border-collapse: collapse; margin: 1rem 0 }} td, th {{ padding: .2rem .8rem; text-align: left }}
 tr + tr {{ border-top: 1px solid #ddd }} td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
 .cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1.5rem }}
 .card {{ border: 1px solid #ddd; border-radius: 6px; padding: .6rem }}
 .picture {{ position: relative; width: 12rem; height: 12rem }}
 .picture > * {{ position: absolute; inset: 0; width: 100%; height: 100%; image-rendering: pixelated }}
 .word {{ cursor: pointer; padding: 0 .15rem; border-radius: 3px }}
 .word:hover, .word:focus {{ background: #fd6 }}
 .true {{ color: #17692b }} .false {{ color: #a11 }} code {{ overflow-wrap: anywhere }}
</style>
<h1>{title}</h1>
{intro}
<table>{rows}</table>
<p>Point at a word (or reach it with the Tab key) to see where the model looked when it said it.</p>
<div class="cards">{cards}</div>
<script>
for (const word of document.querySelectorAll(".word")) {{
  const canvas = word.closest(".card").querySelector("canvas"), pen = canvas.getContext("2d");
  const draw = () => {{
    const look = JSON.parse(word.dataset.look), top = Math.max(...look.flat(), 1e-6);
    canvas.width = look[0].length; canvas.height = look.length;
    look.forEach((row, y) => row.forEach((a, x) => {{
      pen.fillStyle = `rgba(20, 20, 30, ${{0.75 * (1 - a / top)}})`; pen.fillRect(x, y, 1, 1); }}));
  }};
  const clear = () => pen.clearRect(0, 0, canvas.width, canvas.height);
  word.addEventListener("mouseenter", draw); word.addEventListener("focus", draw);
  word.addEventListener("mouseleave", clear); word.addEventListener("blur", clear);
}}
</script>
</html>
"""


def attention_grid(weights, cells, side):
    """Weights of regions laid out as a picture: weights (T, R), cells (R,) → (T, side, side)."""
    grid = np.zeros((len(weights), side * side))
    np.add.at(grid, (slice(None), cells), weights)  # two boxes may have their centres in one cell
    return grid.reshape(-1, side, side)


def caption_figure(path, images, captions, attention, judgements=None):
    """One row a picture, one column a word: the picture dimmed where the model did not look.

    Shapes     images: N arrays (H, W, 3) uint8; captions: N lists of words;
               attention: N arrays (words, g, g), None of a model that does not look word by word;
               judgements: N strings shown over the pictures, green or red where they end with true or
               false; or None
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = 1 + max(map(len, captions))
    figure, axes = plt.subplots(
        len(images), columns, figsize=(1.25 * columns, 1.45 * len(images)), squeeze=False, dpi=120
    )
    for row, image, words, looks in zip(axes, images, captions, attention, strict=True):
        for axis in row:
            axis.axis("off")
        row[0].imshow(image)
        for axis, word, look in zip(row[1:], words, _seen(words, looks), strict=False):
            axis.imshow(image)
            shade = np.zeros((*look.shape, 4))
            shade[..., 3] = 0.8 * (1 - look / max(look.max(), 1e-6))
            axis.imshow(
                shade,
                extent=(-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5),
                interpolation="bilinear",
            )
            axis.set_title(word, fontsize=10, pad=3)
    for row, judgement in zip(axes, judgements or [""] * len(images), strict=True):
        row[0].set_title(judgement, fontsize=9, pad=3, color=COLOURS.get(judgement.rpartition(" ")[2], "k"))
    figure.tight_layout(pad=0.3)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)


def _seen(words, looks):
    """Where each word was looked up; of a model that does not say, the whole picture."""
    return np.ones((len(words), 1, 1)) if looks is None else looks


def caption_page(path, title, intro, figures, images, captions, attention, judgements):
    """The same as one self-contained page: ``figures`` is a table of (name, value) pairs."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td class=n>{html.escape(str(value))}</td></tr>"
        for name, value in figures
    )
    cards = "".join(_card(*parts) for parts in zip(images, captions, attention, judgements, strict=True))
    text = PAGE.format(title=html.escape(title), intro=f"<p>{html.escape(intro)}</p>", rows=rows, cards=cards)
    pathlib.Path(path).write_text(text, encoding="utf-8")
    return pathlib.Path(path)


def _card(image, words, looks, judgement):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    spans = " ".join(
        f'<span class=word tabindex=0 data-look="{_numbers(look)}">{html.escape(word)}</span>'
        for word, look in zip(words, _seen(words, looks), strict=True)
    )
    alt = html.escape(" ".join(words), quote=True)
    return (
        f'<div class=card><div class=picture><img src="{source}" alt="{alt}"><canvas></canvas></div>'
        f"<p>{spans} <span class={judgement}>({judgement})</span></p></div>"
    )


def _numbers(look):
    return json.dumps(np.round(look, 3).tolist())
