"""Clips from files: every kind that is read, and every kind of file that is not a clip."""

import numpy as np
import pytest
from PIL import Image

from mmscratch.data import (
    DataError,
    Video,
    crop_frames,
    read_video,
    resize_frames,
    sample_frames,
    scenes,
    write_video,
)

CLIP = scenes.render_clip(scenes.make_clip(2, "clockwise", frames=5))


@pytest.mark.parametrize("name", ["a.npz", "a.png"])
def test_lossless_files_give_back_the_very_frames(tmp_path, name):
    write_video(tmp_path / name, CLIP, milliseconds=80)
    video = read_video(tmp_path / name)
    assert np.array_equal(video.frames, CLIP) and len(video) == 5
    assert video.milliseconds.tolist() == [80] * 5
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_gif_gives_back_frames_within_a_palette(tmp_path):
    write_video(tmp_path / "a.gif", CLIP, milliseconds=120)
    video = read_video(tmp_path / "a.gif")
    assert video.frames.shape == CLIP.shape and video.milliseconds.tolist() == [120] * 5
    assert np.abs(video.frames.astype(int) - CLIP).mean() < 4
    assert Image.open(tmp_path / "a.gif").info["loop"] == 0


def test_transparent_animation_lies_on_white(tmp_path):
    a, b = (Image.new("RGBA", (3, 2), c) for c in ((255, 0, 0, 255), (0, 0, 0, 0)))
    a.save(tmp_path / "a.png", save_all=True, append_images=[b], duration=50, blend=0)
    frames = read_video(tmp_path / "a.png").frames
    assert (frames[0] == (255, 0, 0)).all() and (frames[1] == 255).all()


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path):
    for number, frame in zip((1, 2, 10), CLIP, strict=False):
        Image.fromarray(frame).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    assert np.array_equal(read_video(tmp_path).frames, CLIP[:3])
    Image.fromarray(CLIP[0][:10]).save(tmp_path / "frame11.png")
    with pytest.raises(DataError, match="64 x 10 pixels, the first frame 64 x 64"):
        read_video(tmp_path)


def refuses(path, *words, **limits):
    with pytest.raises(DataError) as caught:
        read_video(path, **limits)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_what_is_no_clip_is_refused_in_one_line(tmp_path):
    refuses(tmp_path / "none.gif", "no such file")
    refuses(tmp_path, "holds no picture")
    for name, data, word in [("empty.gif", b"", "empty"), ("text.gif", b"hello" * 9, "is no clip"),
                             ("film.mp4", b"\0\0\0\x18ftypmp42", "is no clip"),
                             ("x.npz", b"PK\3\4nothing", "npz")]:  # fmt: skip
        (tmp_path / name).write_bytes(data)
        refuses(tmp_path / name, word)
    write_video(tmp_path / "a.gif", CLIP)
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(data[: len(data) // 2])
    refuses(tmp_path / "cut.gif", "damaged")


def test_limits_hold_for_every_kind(tmp_path):
    for name in ("a.gif", "a.png", "a.npz"):
        write_video(tmp_path / name, CLIP)
        refuses(tmp_path / name, "5 frames", "limit of 4", max_frames=4)
        refuses(tmp_path / name, "pixels", "limit", max_pixels=5 * 64 * 64 - 1)
    folder = tmp_path / "f"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(CLIP[i]).save(folder / f"{i}.png")
    refuses(folder, "3 frames", max_frames=2)
    refuses(folder, "pixels", max_pixels=10_000)


def test_npz_must_hold_frames_and_is_never_unpickled(tmp_path):
    np.savez(tmp_path / "b.npz", images=CLIP)
    refuses(tmp_path / "b.npz", "images", "expected frames")
    np.savez(tmp_path / "c.npz", frames=CLIP / 255)
    refuses(tmp_path / "c.npz", "uint8 (T, H, W, 3)", "float64")
    np.savez(tmp_path / "d.npz", frames=CLIP, milliseconds=np.ones(4, int))
    refuses(tmp_path / "d.npz", "milliseconds")
    np.savez(tmp_path / "e.npz", frames=np.array([{}], dtype=object))
    refuses(tmp_path / "e.npz", "npz")


def test_sampling_by_hand():
    assert sample_frames(8, 4).tolist() == [1, 3, 5, 7]
    assert sample_frames(9, 3).tolist() == [1, 4, 7]
    assert sample_frames(3, 6).tolist() == [0, 0, 1, 1, 2, 2]
    assert sample_frames(10, 4, "stride", stride=2, start=1).tolist() == [1, 3, 5, 7]
    assert sample_frames(5, 4, "stride", stride=2).tolist() == [0, 2, 4, 4]
    for total in range(1, 30):
        for count in range(1, 30):
            index = sample_frames(total, count)
            assert len(index) == count and index.min() >= 0 and index.max() < total
            assert (np.diff(index) >= 0).all() and (total - 1 - index[::-1] - index).__abs__().max() <= 1
    for bad in ({"total": 0, "count": 1}, {"total": 3, "count": 0}, {"total": 3, "count": 2, "stride": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            sample_frames(**bad)
    with pytest.raises(ValueError, match="uniform or stride"):
        sample_frames(3, 2, "random")
    with pytest.raises(ValueError, match="outside"):
        sample_frames(3, 2, "stride", start=3)


def test_resize_and_crop():
    wide = np.concatenate([CLIP, CLIP], axis=2)  # (5, 64, 128, 3)
    assert resize_frames(wide, 32).shape == (5, 32, 32, 3)
    assert resize_frames(wide, 32, short_side=True).shape == (5, 32, 64, 3)
    assert resize_frames(wide, (16, 24)).shape == (5, 16, 24, 3)
    assert np.array_equal(crop_frames(wide, 64), wide[:, :, 32:96])
    assert np.array_equal(crop_frames(wide, (10, 20), (1, 2)), wide[:, 1:11, 2:22])
    with pytest.raises(ValueError, match="not inside"):
        crop_frames(wide, 65)
    with pytest.raises(ValueError, match="not inside"):
        crop_frames(wide, 10, (60, 0))
    for function in (lambda f: crop_frames(f, 3), lambda f: resize_frames(f, 3),
                     lambda f: write_video("x.gif", f)):  # fmt: skip
        with pytest.raises(ValueError, match="expected uint8"):
            function(wide.astype(float))
    with pytest.raises(ValueError, match="one number"):
        resize_frames(wide, (3, 4), short_side=True)
    with pytest.raises(ValueError, match=".gif, .png or .npz"):
        write_video("x.mp4", wide)
    with pytest.raises(ValueError, match="milliseconds"):
        Video(wide, np.ones(5))
