"""The reader of ShapeWorld folders, on small folders made here and on the real one."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmscratch.data import DataError, load_shapeworld
from mmscratch.data.duplicates import fingerprint, groups_of_duplicates, split_by_group
from mmscratch.data.shapeworld import SPLITS, read_configurations, split_configurations

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "shapeworld"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/shapeworld")
N = 20


def world(seed, n=N, side=24):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def sentences(lang="en", n=N):
    words = {"en": ("there is a {} shape .", "red", "blue"), "zh": ("有 一个 {} 形状", "红色", "蓝色")}[lang]
    return [[words[0].format(words[1]), words[0].format(words[2])] for _ in range(n)]


def labels(n=N):
    return [[float(i % 2), float(i % 3 == 0)] for i in range(n)]


def example():
    """configuration → (images, captions, agreement), as the packed files hold them."""
    return {
        "agreement/one": (world(0), sentences(), labels()),
        "agreement/two": (world(1), sentences(), labels()),
        "agreement/three-zh": (world(2), sentences("zh"), labels()),
    }


def packed(folder: Path, content=None, **extra):
    content = example() if content is None else content
    folder.mkdir(exist_ok=True)
    arrays = {name.replace("/", "__"): images for name, (images, _, _) in content.items()}
    np.savez_compressed(folder / "images.npz", **arrays, **extra)
    table = {n: {"n_images": len(i), "captions": c, "agreement": a} for n, (i, c, a) in content.items()}
    table["classification/shapes"] = {"n_images": 3, "classification": ["0.0", "1.0", "1.0"]}
    (folder / "captions_agreement.json").write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    return folder


def original_files(content=None):
    for name, (images, captions, agreement) in (content or example()).items():
        for i, image in enumerate(images):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            yield f"{name}/world-{i}.png", file.getvalue()
        yield f"{name}/caption.txt", "\n\n".join("\n".join(c) for c in captions).encode()
        yield f"{name}/agreement.txt", "\n".join(";".join(map(str, a)) for a in agreement).encode()


def unpacked(folder: Path, content=None):
    for name, data in original_files(content):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(folder: Path, content=None):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "original_files.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in original_files(content):
            archive.writestr(name, data)
    return folder


def same(a, b):
    return (
        a.ids == b.ids
        and a.captions == b.captions
        and a.agreement == b.agreement
        and np.array_equal(a.images, b.images)
    )


@pytest.mark.parametrize("layout", [packed, unpacked, zipped])
@pytest.mark.parametrize("split", [None, "train", "test"])
def test_all_layouts_give_the_same(tmp_path, layout, split):
    have = load_shapeworld(layout(tmp_path / "a"), split=split)
    want = load_shapeworld(packed(tmp_path / "b"), split=split)
    assert same(have, want) and have.lang == "en"
    assert {i.split("/")[0] for i in have.ids} == {"one", "two"}


def test_contents(tmp_path):
    data = load_shapeworld(packed(tmp_path), configs="two")
    np.testing.assert_array_equal(data.images, world(1))
    assert data.ids[3] == "two/3" and data.agreement[3] == (1.0, 1.0)
    assert data.true_captions()[1] == ["there is a red shape ."]
    assert data.false_captions()[1] == ["there is a blue shape ."]
    assert data.pairs()[0] == (0, "there is a blue shape .")


def test_languages_and_configurations(tmp_path):
    packed(tmp_path)
    assert load_shapeworld(tmp_path, lang="zh").lang == "zh"
    assert load_shapeworld(tmp_path, configs="three-zh").lang == "zh"
    assert len(load_shapeworld(tmp_path, configs=["agreement/one", "two"])) == 2 * N
    assert len(load_shapeworld(tmp_path, configs="one,one")) == N
    with pytest.raises(ValueError, match="expected some of one, three-zh, two, got 'four'"):
        load_shapeworld(tmp_path, configs="four")
    with pytest.raises(ValueError, match="en and zh"):
        load_shapeworld(tmp_path, configs="one,three-zh")
    with pytest.raises(ValueError, match="expected all in zh"):
        load_shapeworld(tmp_path, configs="one", lang="zh")
    with pytest.raises(ValueError, match="split: expected one of all, train, val, test"):
        load_shapeworld(tmp_path, split="dev")
    with pytest.raises(ValueError, match="lang"):
        load_shapeworld(tmp_path, lang="fr")


def test_split_is_a_partition_independent_of_the_choice(tmp_path):
    packed(tmp_path)
    parts = [load_shapeworld(tmp_path, split=s) for s in SPLITS]
    assert [len(p) for p in parts] == [28, 6, 6]
    ids = [i for p in parts for i in p.ids]
    assert sorted(ids) == sorted(load_shapeworld(tmp_path).ids)
    only = load_shapeworld(tmp_path, configs="two", split="test")
    assert list(only.ids) == [i for i in parts[2].ids if i.startswith("two/")]
    assert load_shapeworld(tmp_path, split="test", seed=1).ids != parts[2].ids


def test_equal_and_nearly_equal_pictures_stay_together(tmp_path):
    content = example()
    one, two = content["agreement/one"][0], content["agreement/two"][0]
    two[:10] = one[:10]
    two[10] = np.clip(one[10].astype(int) + 3, 0, 255)
    packed(tmp_path, content)
    for seed in range(5):
        part = split_configurations(read_configurations(tmp_path), seed)
        assert (part["one"][:11] == part["two"][:11]).all()
        assert all(np.bincount(p, minlength=3).tolist() == [14, 3, 3] for p in part.values())


def test_duplicates_chain_and_differ():
    base = np.full((16, 16, 3), 100, np.uint8)
    images = [base, base + 3, base + 6, base + 60, base]
    assert groups_of_duplicates(images).tolist() == [0, 0, 0, 3, 0]
    assert groups_of_duplicates(images, 0.5).tolist() == [0, 1, 2, 3, 0]
    assert groups_of_duplicates([]).tolist() == []
    assert fingerprint(base) == fingerprint(base.copy()) != fingerprint(base.reshape(8, 32, 3))


def test_groups_agree_with_comparing_every_pair():
    images = (np.random.default_rng(0).integers(0, 24, (60, 1, 1, 3)) * np.ones((1, 20, 20, 1))).astype(
        np.uint8
    )
    pixel = images[:, 0, 0].astype(float)
    near = np.sqrt(((pixel[:, None] - pixel[None]) ** 2).mean(-1)) <= 4
    reach = np.linalg.matrix_power(near.astype(object), 60) > 0
    groups = groups_of_duplicates(list(images))
    np.testing.assert_array_equal(groups[:, None] == groups[None], reach)


def test_split_by_group_does_not_see_the_order():
    groups, marks = np.array([0, 1, 1, 3, 4, 5, 6, 7]), [f"m{i}" for i in range(8)]
    part = split_by_group(groups, marks, ["a"] * 8, (0.5, 0.25, 0.25))
    order = np.array([7, 2, 0, 1, 4, 3, 6, 5])
    again = split_by_group(groups[order], [marks[i] for i in order], ["a"] * 8, (0.5, 0.25, 0.25))
    np.testing.assert_array_equal(again, part[order])
    with pytest.raises(ValueError, match="sum to 1"):
        split_by_group(groups, marks, ["a"] * 8, (0.5, 0.4))


def test_sizes(tmp_path):
    content = example()
    content["agreement/two"] = (world(1, side=32), sentences(), labels())
    packed(tmp_path, content)
    with pytest.raises(ValueError, match="size: needed"):
        load_shapeworld(tmp_path)
    assert load_shapeworld(tmp_path, size=16).images.shape == (2 * N, 16, 16, 3)


def test_one_caption_a_picture(tmp_path):
    content = {"agreement/one": (world(0, 3), [["a b"], ["c d"], ["e f"]], [[1.0], [0.0], [1.0]])}
    data = load_shapeworld(unpacked(tmp_path, content))
    assert data.captions == (("a b",), ("c d",), ("e f",)) and data.agreement == ((1.0,), (0.0,), (1.0,))


def test_a_folder_that_is_itself_a_configuration(tmp_path):
    unpacked(tmp_path)
    data = load_shapeworld(tmp_path / "agreement" / "one")
    assert data.ids[0] == "one/0" and len(data) == N


def refuses(folder, *words):
    with pytest.raises(DataError) as caught:
        load_shapeworld(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_broken_folders(tmp_path):
    refuses(tmp_path / "none", "no such folder")
    refuses(tmp_path, "images.npz and captions_agreement.json missing")
    packed(tmp_path)
    refuses(tmp_path / "images.npz", "not a folder")
    (tmp_path / "captions_agreement.json").unlink()
    refuses(tmp_path, "holds no ShapeWorld set: captions_agreement.json missing")
    (tmp_path / "captions_agreement.json").write_text("{")
    refuses(tmp_path, "captions_agreement.json", "not JSON")
    (tmp_path / "captions_agreement.json").write_text("{}")
    refuses(tmp_path, "no configuration with captions")
    packed(tmp_path)
    data = (tmp_path / "images.npz").read_bytes()
    for broken, word in ((b"", "0 bytes"), (data[:5000], "npz"), (b"x" * 100, "npz")):
        (tmp_path / "images.npz").write_bytes(broken)
        refuses(tmp_path, "images.npz", word)


def test_pickled_arrays_are_not_opened(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    packed(tmp_path)
    np.savez(tmp_path / "images.npz", agreement__one=np.array([Payload()], dtype=object))
    refuses(tmp_path, "npz")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda i, c, a: (i[:5], c, a), "5 images"),
        (lambda i, c, a: (i[..., 0], c, a), "expected uint8 (N, H, W, 3)"),
        (lambda i, c, a: (i.astype(float), c, a), "float64"),
        (lambda i, c, a: (i, c, a[:-1]), "agreement for 19"),
        (lambda i, c, a: (i, c, [*a[:-1], [1.0]]), "2 captions but 1"),
        (lambda i, c, a: (i, c, [*a[:-1], [1.0, 2.0]]), "0 to 1"),
        (lambda i, c, a: (i, c, [*a[:-1], ["1", "0"]]), "0 to 1"),
        (lambda i, c, a: (i, [*c[:-1], [1, 2]], a), "list of strings"),
        (lambda i, c, a: (i, "text", a), "is a str, expected list"),
    ],
)
def test_parts_that_do_not_fit(tmp_path, change, word):
    content = example()
    content["agreement/one"] = change(*content["agreement/one"])
    refuses(packed(tmp_path, content), word)


def test_broken_originals(tmp_path):
    home = unpacked(tmp_path) / "agreement" / "one"
    (home / "world-3.png").unlink()
    refuses(tmp_path, "world-3.png is missing")
    (home / "world-3.png").write_bytes(b"no picture")
    refuses(tmp_path, "world-3.png", "not an image")
    (home / "agreement.txt").write_text("1.0;x\n")
    refuses(tmp_path, "agreement.txt", "line 1")
    (home / "agreement.txt").write_text("1.0;0.0\n")
    refuses(tmp_path, "caption.txt", "40 captions, agreement.txt has 2")
    (home / "caption.txt").write_bytes(b"\xff\xfe\n")
    refuses(tmp_path, "not UTF-8")


def test_broken_archives(tmp_path):
    zipped(tmp_path)
    data = (tmp_path / "original_files.zip").read_bytes()
    (tmp_path / "original_files.zip").write_bytes(data[: len(data) // 2])
    refuses(tmp_path, "original_files.zip", "zip")
    (tmp_path / "original_files.zip").write_bytes(data[:3000] + b"\0" * 50 + data[3050:])
    refuses(tmp_path, "original_files.zip")
    with zipfile.ZipFile(tmp_path / "original_files.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/caption.txt", b"\n" * (20 << 20))
        archive.writestr("a/agreement.txt", b"1.0")
    refuses(tmp_path, "unpacks more than")


@needs_real
def test_the_real_folder():
    parts = {s: load_shapeworld(REAL, split=s) for s in SPLITS}
    found = read_configurations(REAL)
    english = [c for c in found if c.lang == "en"]
    assert len(parts["train"]) == sum(round(0.7 * len(c.images)) for c in english)
    assert len({i for p in parts.values() for i in p.ids}) == sum(len(c.images) for c in english)
    marks = {s: {fingerprint(i) for i in p.images} for s, p in parts.items()}
    assert not marks["train"] & marks["test"] and not marks["train"] & marks["val"]
    assert all(
        len(t) <= len(c) for c, t in zip(parts["val"].captions, parts["val"].true_captions(), strict=True)
    )


@pytest.mark.slow
@needs_real
def test_the_real_archive_holds_what_the_packed_pair_holds(tmp_path):
    (tmp_path / "original_files.zip").symlink_to(REAL / "original_files.zip")
    assert same(load_shapeworld(tmp_path, split="test"), load_shapeworld(REAL, split="test"))
