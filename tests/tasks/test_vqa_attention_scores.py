"""Models that attend, from the command line to their figures; scores of maps that look where they ought."""

import json
import pathlib

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data.scene_questions import load_scene_questions
from mmscratch.data.scenes import mask_grid, render
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.tasks.run import Run
from mmscratch.tasks.vqa import attention as vqa_attention
from mmscratch.tasks.vqa.attention import attention_figures, maps_of, question_figure
from mmscratch.tasks.vqa.data import Asked, words_of
from mmscratch.tasks.vqa.model import attention_loss, noun_cells
from mmscratch.tensor import Tensor

DATA = "scenes:questions=120"
MODELS = ["san", "glimpses", "word-glimpses", "coattention", "topdown"]


@pytest.fixture(scope="module")
def asked():
    questions = load_scene_questions("scenes:questions=600", "val")
    words = Vocabulary.from_tokens(words_of(q) for q in questions.questions)
    return Asked(questions, words, sorted(set(questions.answers)))


class Oracle:
    """Looks at the objects that decide, half of the weight with each glimpse's share of the others."""

    def __init__(self, asked, aside=0.0):
        self.asked, self.aside, self.at = asked, aside, 0
        self.chosen = [m for m, ids in enumerate(asked.questions.supports) if ids]

    def attention(self, images, questions, image_of):
        found = []
        for m in self.chosen[self.at : self.at + len(image_of)]:
            grid = mask_grid(self.asked.questions.scenes[self.asked.image_of[m]])
            near = grid[list(self.asked.questions.supports[m])].mean(0)
            found.append([near, (1 - self.aside) * near + self.aside / 64])
        self.at += len(image_of)
        return np.array(found).reshape(len(found), 2, 64)


def test_who_looks_at_the_objects_scores_and_who_looks_anywhere_gets_chance(asked):
    found = attention_figures(Oracle(asked), asked)
    assert found["attention: maps"] == len(Oracle(asked).chosen) > 50
    most = found["attention: pointing, at most"]
    assert 0.8 * most < found["attention: pointing"] <= most < 1 and found["attention: IoU"] > 0.45
    assert found["attention: mass inside"] > 4 * found["attention: mass inside, chance"]
    blind = attention_figures(Oracle(asked, aside=1.0), asked)
    for name in ("pointing", "IoU", "mass inside"):
        assert blind[f"attention: {name}, glimpse 2"] == pytest.approx(blind[f"attention: {name}, chance"])
        assert blind[f"attention: {name}, glimpse 1"] == pytest.approx(found[f"attention: {name}"])


def test_looks_at_found_objects_are_scored_by_objects():
    """Two pictures of three and two objects; by hand."""
    masks = np.zeros((3, 64, 64), bool)
    rows = np.zeros((3, 4, 15), np.float32)
    rows[0, :3, 0] = rows[1, :2, 0] = 1.0
    rows[0, :3, 1:3] = [[-0.5, -0.5], [0.5, 0.5], [0.5, -0.5]]  # at (16, 16), (48, 48), (48, 16)
    rows[1, :2, 1:3] = [[-0.5, 0.5], [0.5, 0.5]]
    masks[0, 44:52, 44:52] = masks[1, 44:52, 12:20] = masks[2, :4, :4] = True
    right, there = vqa_attention._found_objects(rows, masks)
    assert there.sum(1).tolist() == [3, 2, 0]
    assert right.tolist() == [[False, True, False, False], [True, False, False, False], [False] * 4]
    looks = np.array([[0.1, 0.7, 0.1, 0.1], [0.3, 0.7, 0.0, 0.0]])
    found = vqa_attention._object_scores(looks, right[:2], there[:2])
    wanted = {"maps": 2, "pointing": 0.5, "pointing, chance": (1 / 3 + 1 / 2) / 2, "IoU": 0.5,
              "mass inside": (7 / 9 + 0.3) / 2, "mass inside, chance": (1 / 3 + 1 / 2) / 2}  # fmt: skip
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_no_figures_without_maps_or_scenes(asked):
    import dataclasses

    assert attention_figures(object(), asked) == {}
    bare = dataclasses.replace(asked.questions, scenes=None, supports=None)
    assert attention_figures(Oracle(asked), Asked(bare, Vocabulary([]), ["yes"])) == {}


def test_the_right_picture_goes_with_each_question(asked):
    class Names:
        def attention(self, images, questions, image_of):
            seen = images.numpy().mean((1, 2, 3))[image_of]
            return np.tile(seen[:, None, None], (1, 1, 4)) * np.arange(1, 5)

    chosen = np.array([7, 3, 3, 0, 11])
    maps = maps_of(Names(), asked, chosen, batch_size=2)
    wanted = asked.pixels(asked.image_of[chosen]).mean((1, 2, 3))
    np.testing.assert_allclose(maps[:, 0, 0, 0], wanted, rtol=1e-6)
    assert maps.shape == (5, 1, 2, 2) and (maps[:, 0, 1, 1] == 4 * maps[:, 0, 0, 0]).all()


def test_the_supervision_points_each_glimpse_at_its_noun():
    questions = load_scene_questions("scenes:questions=600", "val")
    cells = noun_cells(questions)
    two = {"relate", "query_relation", "compare_attribute", "compare_count"}
    for m, kind in enumerate(questions.types):
        assert len(questions.named[m]) == (2 if kind in two else len(questions.named[m]))
        assert set(questions.supports[m]) == {i for noun in questions.named[m] for i in noun}
        scene = questions.scenes[m]
        for noun, row in zip(questions.named[m], cells[m], strict=False):
            found = {(int(c) // 8, int(c) % 8) for c in row if c >= 0}
            assert found == {(int(scene.objects[i].y // 8), int(scene.objects[i].x // 8)) for i in noun}
    relation = questions.types.index("relate")  # "is the red cross left of …": red, a cross
    first = questions.scenes[relation].objects[questions.named[relation][0][0]]
    assert first.shape in questions.questions[relation] or first.colour in questions.questions[relation]


def test_the_loss_of_attention():
    maps = np.full((2, 3, 4), 0.1)
    maps[0, 0] = [0.5, 0.3, 0.1, 0.1]
    cells = np.array([[[0, 1], [-1, -1]], [[-1, -1], [2, -1]]])
    wanted = -((np.log(0.5) + np.log(0.3)) / 2 + np.log(0.1)) / 2
    assert attention_loss(Tensor(maps), cells).item() == pytest.approx(wanted, rel=1e-4)
    free = Tensor(np.full((2, 3, 4), 0.25), requires_grad=True)
    attention_loss(free, cells).backward()
    assert (free.grad[0, 0, :2] < 0).all() and free.grad[1, 1, 2] < 0 and np.count_nonzero(free.grad) == 3
    assert attention_loss(Tensor(maps), np.full((2, 2, 1), -1)).item() == 0


def test_supervision_is_refused_where_it_cannot_be(tmp_path, capsys):
    for settings in (["model=san", "supervision=1"], ["model=word-glimpses", "glimpses=1", "supervision=1"]):
        assert main(["train", "vqa", "--data", DATA, "--out", str(tmp_path / "r"), "--set", *settings]) == 2
        assert "supervision: expected 0, or more with model=word-glimpses" in capsys.readouterr().err


def test_supports_follow_their_questions():
    questions = load_scene_questions("scenes:questions=120,test=20", "val")
    assert len(questions.scenes) == len(questions.images) and len(questions.supports) == len(questions)
    some = questions.about(np.array([5, 2]))
    assert some.supports == tuple(questions.supports[i] for i in range(len(questions)) if i in (2, 5))
    for i, scene in enumerate(some.scenes):
        np.testing.assert_array_equal(some.images[i], render(scene))


def test_a_model_that_looks_at_found_objects_is_scored_by_them(tmp_path, capsys):
    out, file = tmp_path / "run", tmp_path / "figures.json"
    settings = ["model=san", "encoder=detected", "epochs=1", "hidden=16", "batch_size=60", "question=lstm"]
    assert main(["train", "vqa", "--data", DATA, "--out", str(out), "--quiet", "--set", *settings]) == 0
    assert main(["evaluate", str(out), "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert 0.2 < figures["attention: pointing, chance"] == figures["attention: mass inside, chance"] < 0.7
    assert 0 <= figures["attention: pointing, glimpse 2"] <= 1
    assert vqa_attention.main([str(out), "--out", str(tmp_path / "map.png")]) == 2
    assert "looks at found objects; cells are drawn" in capsys.readouterr().err


@pytest.mark.parametrize("model", MODELS)
def test_train_evaluate_ask(model, tmp_path, capsys):
    out = tmp_path / "run"
    settings = [f"model={model}", "epochs=1", "hidden=16", "width=4", "batch_size=60", "question=lstm"]
    settings += ["supervision=1"] if model == "word-glimpses" else []
    assert main(["train", "vqa", "--data", DATA, "--out", str(out), "--quiet", "--set", *settings]) == 0
    command = ["evaluate", str(out), "--json", str(tmp_path / "figures.json")]
    assert main(command) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    for name in ("pointing", "IoU", "mass inside"):
        assert 0 <= figures[f"attention: {name}"] <= 1 and 0 < figures[f"attention: {name}, chance"] < 0.2
    glimpses = {"san": 2, "glimpses": 4, "word-glimpses": 4, "coattention": 3, "topdown": 1}[model]
    assert sum(name.startswith("attention: pointing, glimpse") for name in figures) == glimpses % 5 * (
        glimpses > 1
    )
    from PIL import Image

    scene = load_scene_questions(DATA, "val").scenes[0]
    Image.fromarray(render(scene)).save(tmp_path / "scene.png")
    capsys.readouterr()
    assert main(["ask", str(out), str(tmp_path / "scene.png"), "is there a red circle?"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert vqa_attention.main([str(out), "--out", str(tmp_path / "look.png"), "--question", "1"]) == 0
    assert (tmp_path / "look.png").stat().st_size > 5000
    assert vqa_attention.main([str(out), "--out", str(tmp_path / "look.png"), "--question", "99"]) == 2
    assert "--question: expected 0 … 19, got 99" in capsys.readouterr().err


def test_a_model_that_does_not_attend_has_no_figure(tmp_path, capsys):
    out = tmp_path / "run"
    settings = ["model=joint", "epochs=1", "hidden=8", "width=4", "batch_size=60"]
    assert main(["train", "vqa", "--data", DATA, "--out", str(out), "--quiet", "--set", *settings]) == 0
    assert vqa_attention.main([str(out), "--out", str(tmp_path / "look.png")]) == 2
    assert "model=joint, which does not attend" in capsys.readouterr().err
    assert Run.open(out).settings["model"] == "joint"


def test_the_figure_is_written(tmp_path):
    image = np.full((64, 64, 3), 200, np.uint8)
    maps, joint = np.full((2, 8, 8), 1 / 64), np.full((5, 8, 8), 1 / 320)
    for k, words in enumerate((None, joint)):
        path = tmp_path / f"{k}.png"
        found = question_figure(path, image, list("abcde"), maps, words, "a b c d e", "yes", True)
        assert pathlib.Path(found) == path and path.stat().st_size > 3000
