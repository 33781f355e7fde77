"""The retrieval task end to end: trained, resumed, judged, opened, and used."""

import json
import pathlib
import signal

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data import scenes
from mmscratch.models.retrieval_losses import InfoNCE
from mmscratch.models.zero_shot import ZeroShotClassifier, prompts
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.image import zero_shot
from mmscratch.tasks.retrieval import task as retrieval
from mmscratch.tasks.retrieval.data import PairBatches, gallery
from mmscratch.tasks.retrieval.judge import order_matrix
from mmscratch.tasks.retrieval.model import load_model
from mmscratch.tasks.retrieval.settings import RetrievalSettings
from mmscratch.tasks.run import Run, RunError
from mmscratch.train import digest, read_journal

TINY = "scenes:train=48,val=24,test=24,level=3,describe=full,count=3-5"
SMALL = ["steps=6", "batch_size=16", "size=16", "hidden=16", "embedding=8", "validate_every=3",
         "checkpoint_every=2"]  # fmt: skip


def trained(folder, *settings, data=TINY, seed=0, **options):
    return retrieval.train(data, folder, seed, [*SMALL, *settings], progress=False, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("retrieval") / "run"
    assert main(["train", "retrieval", "--data", TINY, "--out", str(out), "--quiet", "--set", *SMALL]) == 0
    return out


def test_evaluate_prints_recall_beside_ceilings_and_controls(run, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert main(["evaluate", str(run), "--split", "test", "--json", str(target)]) == 0
    figures = json.loads(target.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert figures["pictures"] == 24 and figures["texts"] == 96
    for way in ("i→t", "t→i"):
        for name in ("R@1", "R@5", "R@10", "median rank", "MRR", "MAP", "NDCG@10"):
            assert f"{way} {name}" in figures and f"semantic: {way} {name}" in figures
        for control in ("before training", "shuffled pictures", "chance"):
            assert 0 <= figures[f"{way} R@1, {control}"] <= 0.3
        assert figures[f"ceiling, truth: {way} R@1"] <= figures[f"ceiling, reading order: {way} R@1"] <= 1
    assert figures["t→i R@1, chance"] == pytest.approx(1 / 24)
    assert figures["alarm: steps of training"] == 0
    assert "t→i R@1" in printed and "ceiling, truth: i→t R@1" in printed


def test_ceiling_of_reading_order_by_hand():
    split = load_split(TINY, "val")
    told = order_matrix(split)
    at = 0
    for i, many in enumerate(split.captions):
        for sentence in many:
            meaning = scenes.parse(sentence)
            for j, scene in enumerate(split.scenes):
                read = [scene.objects[k] for k in scenes.reading_order(scene)]
                same = [scenes.Noun.of(o, "size", "colour", "shape") for o in read] == list(meaning.nouns)
                assert told[j, at] == same
            assert told[i, at]
            at += 1


def test_journal_has_temperature_spread_and_alarm(run):
    steps = [r for r in read_journal(run) if "loss" in r]
    assert len(steps) == 6
    assert {"temperature", "spread", "loss_above_blind", "alarm", "norm"} <= set(steps[0]["metrics"])
    seen = [r["validation"] for r in read_journal(run) if "validation" in r]
    assert set(seen[0]) == {"val_rsum", "val_first_R1", "val_second_R1"}


def test_a_run_opens_and_encodes(run):
    found = load_model(Run.open(run))
    split = load_split(TINY, "val")
    v = found.encode_pictures(split.images)
    t = found.encode_texts(["the picture shows a red circle", "i see only a small  blue square", "ζ"])
    assert v.shape == (24, found.size) and t.shape == (3, found.size) and v.dtype == t.dtype == np.float32
    for rows in (v, t):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    pairs = gallery(split, found.senses)
    np.testing.assert_allclose(found.model.similarity(found.senses, pairs), v @ found.encode_texts(
        [" ".join(s) for s in split.sentences()]).T, atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(found.encode_pictures(split.images[5:6]), v[5:6], atol=1e-5)
    assert found.encode_texts([]).shape == (0, found.size)
    assert found.known_words("a red ζ a red") == (["a", "red"], ["ζ"])
    several = ["i see only a small blue square and a big red cross", "a red circle", "there is only a cross"]
    for row, text in zip(found.encode_texts(several), several, strict=True):  # in the order that was given
        np.testing.assert_allclose(row, found.encode_texts([text])[0], atol=1e-5)
    with pytest.raises(ValueError, match="encodes no sounds"):
        found.encode_sounds([np.zeros(8000)])
    with pytest.raises(ValueError, match=r"expected uint8 \(N, 64, 64, 3\), got float64"):
        found.encode_pictures(np.zeros((1, 64, 64, 3)))
    with pytest.raises(TypeError, match="expected a list of str"):
        found.encode_texts("a red circle")


def test_texts_of_chinese_scenes_are_cut_as_they_were_learnt(tmp_path):
    data = TINY + ",lang=zh"
    found = load_model(trained(tmp_path / "zh", "steps=1", data=data))
    split = load_split(data, "val")
    sense = found.senses[1]
    said = ["".join(s) for s in split.sentences()]
    assert sense.entries(said) == sense.of_split(split)


def weights(folder):
    return digest(load_model(Run.open(folder)).model.state_dict())


def test_same_seed_same_weights(run, tmp_path):
    for name, seed in (("again", 0), ("other", 1)):
        trained(tmp_path / name, seed=seed)
    assert weights(run) == weights(tmp_path / "again") != weights(tmp_path / "other")


@pytest.mark.parametrize("settings", [("queue=24", "momentum=0.9"), ("loss=hardest", "warmup=4")])
@pytest.mark.parametrize("stop", ["hard", "ctrl-c"])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch, settings, stop):
    """Queue, following towers, warm-up, watch: all go on to the same bits."""
    from mmscratch.models.two_towers import TwoTowers

    trained(tmp_path / "whole", *settings)
    steps, encode = 0, TwoTowers.encode

    def counted(self, side, *inputs):
        nonlocal steps
        steps += self.training and side == "first"
        if steps == 5 + 4 * ("queue=24" in settings):
            if stop == "hard":
                raise RuntimeError("power cut")
            signal.raise_signal(signal.SIGINT)
        return encode(self, side, *inputs)

    monkeypatch.setattr(TwoTowers, "encode", counted)
    with pytest.raises(RuntimeError if stop == "hard" else KeyboardInterrupt):
        trained(tmp_path / "broken", *settings)
    monkeypatch.undo()
    trained(tmp_path / "broken", *settings, resume=True)
    assert weights(tmp_path / "whole") == weights(tmp_path / "broken")
    a, b = (
        [{k: v for k, v in r.items() if k != "seconds"} for r in read_journal(tmp_path / name)]
        for name in ("whole", "broken")
    )
    assert a == b


def test_the_hardest_negative_takes_over_step_by_step(tmp_path, monkeypatch):
    from mmscratch.tasks.retrieval.model import Retriever

    shares, loss_of = [], Retriever.loss_of
    monkeypatch.setattr(
        Retriever, "loss_of", lambda self, *a, share: shares.append(share) or loss_of(self, *a, share=share)
    )
    trained(tmp_path / "run", "loss=hardest", "warmup=4")
    assert shares == [0, 0.25, 0.5, 0.75, 1, 1]


@pytest.mark.parametrize(
    "settings",
    [
        ("text=gru", "bidirectional=true", "picture=boxes", "loss=siglip"),
        ("text=transformer", "heads=2", "picture=vit", "loss=sum"),
        ("text=bow", "picture=cnn", "loss=hardest", "several=mask"),
        ("picture=finetune", "loss=sum", "score=order", "margin=0.05"),
        ("pair=sound-text",),
        ("pair=picture-sound", "queue=20"),
    ],
)
def test_every_tower_and_loss_trains_and_is_judged(tmp_path, settings):
    run = trained(tmp_path / "run", *settings, "steps=2", "batch_size=8")
    figures = retrieval.evaluate(run, split="val")
    ways = {key.split(" ")[0] for key in figures if "→" in key.split(" ")[0]}
    wanted = {"sound-text": {"s→t", "t→s"}, "picture-sound": {"i→s", "s→i"}}
    assert ways == wanted.get(settings[0].removeprefix("pair="), {"i→t", "t→i"})
    assert all(np.isfinite(v) for v in figures.values())


def test_pairs_of_pictures_and_captions_of_a_folder(tmp_path):
    """What ``data scenes`` writes, ``coco:DIR`` reads: five captions a picture, no scene graphs."""
    folder = tmp_path / "set"
    main(["data", "scenes", "--out", str(folder), "--options", "train=24,val=8,test=8,questions=12"])
    run = trained(tmp_path / "run", "steps=2", "batch_size=8", data=f"coco:{folder}")
    figures = retrieval.evaluate(run, split="val")
    assert figures["pictures"] == 8 and figures["texts"] == 40
    assert not any(key.startswith(("semantic", "ceiling")) for key in figures)


@pytest.mark.slow
def test_photographs_through_a_published_network(tmp_path, monkeypatch):
    """Flickr8k's folder, a published ResNet's names: features kept on disk, several captions a picture."""
    from PIL import Image

    from mmscratch.random import Generator
    from mmscratch.representations.image import ResNet

    monkeypatch.setenv("MMSCRATCH_FEATURES_DIR", str(tmp_path / "features"))
    weights, folder = tmp_path / "resnet18.npz", tmp_path / "flickr"
    np.savez(weights, **ResNet(18, generator=Generator(0)).state_dict())
    (folder / "Images").mkdir(parents=True)
    names = [f"{i}.png" for i in range(8)]
    for i, name in enumerate(names):
        Image.new("RGB", (60 + i, 50), (20 * i, 90, 200 - 20 * i)).save(folder / "Images" / name)
    lines = [f"{n}#{k}\ta picture , number {n[0]} , said {k}" for n in names for k in range(2)]
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n")
    for split, part in (("train", names[:4]), ("dev", names[4:6]), ("test", names[6:])):
        (folder / f"Flickr_8k.{split}Images.txt").write_text("\n".join(part) + "\n")
    settings = ["picture=resnet18", f"weights={weights}", "steps=2", "batch_size=4"]
    run = trained(tmp_path / "run", *settings, data=f"flickr8k:{folder}")
    figures = retrieval.evaluate(run, split="test")
    assert figures["pictures"] == 2 and figures["texts"] == 4
    found = load_model(run)
    assert found.model.towers.first.spread.numpy().min() < 1  # not the ones that it began with
    pictures = [np.asarray(Image.open(folder / "Images" / n)) for n in names[:2]]
    assert found.encode_pictures(pictures).shape == (2, found.size)


def test_pair_batches_go_on_where_they_stopped():
    pairs = gallery(load_split(TINY, "val"), (Blank(), Blank(vocabulary=True)))
    whole = PairBatches(pairs, 10, 3)
    wanted = [b.second.tolist() for _ in range(2) for b in whole]
    assert len(wanted) == 18 and sorted(sum(wanted[:9], [])) == sorted(set(sum(wanted[:9], [])))
    first = PairBatches(pairs, 10, 3)
    had = [b.second.tolist() for b, _ in zip(first, range(4), strict=False)]
    other = PairBatches(pairs, 10, 3)
    other.load_state_dict({"epoch": 0, "position": 4})
    assert had + [b.second.tolist() for b in other] == wanted[:9]
    batch = next(iter(PairBatches(pairs, 10, 3)))
    np.testing.assert_array_equal(batch.first, batch.second // 4)


class Blank:
    """A sense that keeps nothing but numbers."""

    def __init__(self, vocabulary=False):
        if vocabulary:
            self.vocabulary = ()

    def of_split(self, split, *, progress=False):
        return np.arange(len(split.sentences()) if hasattr(self, "vocabulary") else len(split))


def test_a_blind_training_sounds_the_alarm(tmp_path, capsys, monkeypatch):
    """Every picture's vector and every text's in one point: told on stderr and counted by ``evaluate``."""
    from mmscratch.models.two_towers import TwoTowers

    encode = TwoTowers.encode
    monkeypatch.setattr(TwoTowers, "encode", lambda self, *a: encode(self, *a) * 0 + 0.25)
    run = trained(tmp_path / "run", "loss=hardest", "alarm=3", "warmup=0")
    told = capsys.readouterr().err
    assert "alarm, step 3: collapse" in told
    assert retrieval.evaluate(run, split="val")["alarm: steps of training"] == 4
    losses = [r["loss"] for r in read_journal(run.folder) if "loss" in r]
    np.testing.assert_allclose(losses, 2 * 16 * 0.2, rtol=1e-5)  # 2·B·m


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("loss=triplet", "loss: expected sum or hardest"),
        ("text=bert", "text: expected lstm"),
        ("batch_size=1", "batch_size: expected at least 2, got 1"),
        ("picture=vgg16", "weights: picture 'vgg16' takes a file"),
        ("score=order", "score: order goes with loss=sum or hardest, got 'infonce'"),
        ("momentum=1", "momentum: expected 0 ≤ p < 1, got 1"),
        ("margin=0", "margin: expected more than 0"),
    ],
)
def test_bad_settings_are_one_line(setting, told, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["train", "retrieval", "--data", TINY, "--out", out, "--set", setting]) == 2
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == 1 and not pathlib.Path(out).exists()


def test_a_run_of_another_task_is_refused(run, tmp_path):
    with pytest.raises(RunError, match="expected 'retrieval'"):
        load_model(Run(tmp_path, "caption", TINY, 0, {}))
    with pytest.raises(RunError, match="settings: "):
        load_model(Run(tmp_path, "retrieval", TINY, 0, {"colour": 1}))
    assert RetrievalSettings(**Run.open(run).settings).steps == 6


def test_prompts_and_zero_shot_by_hand():
    said = prompts(["a {}", "one {}"], {"x": "ball", "y": ["cube", "box"]})
    assert said == {"x": ["a ball", "one ball"], "y": ["a cube", "a box", "one cube", "one box"]}
    table = {"a ball": [3, 0], "one ball": [0.6, 0.8], "a cube": [0, 2.0], "a box": [0, 1],
             "one cube": [0, 1], "one box": [0, 1]}  # fmt: skip
    classifier = ZeroShotClassifier(lambda texts: np.array([table[t] for t in texts], float), said)
    mean = np.array([0.8, 0.4])
    np.testing.assert_allclose(classifier.weight, [mean / np.linalg.norm(mean), [0, 1]])
    pictures = np.array([[3.0, 0], [0, 2.0], [1, 1]])
    np.testing.assert_allclose(classifier.scores(pictures)[1], [0.4 / np.linalg.norm(mean), 1])
    assert classifier.classify(pictures).tolist() == [0, 1, 0] and classifier.classes == ["x", "y"]
    for bad, told in (({"x": ["a"]}, "at least 2 classes"), ({"x": ["a"], "y": []}, "class 'y'")):
        with pytest.raises(ValueError, match=told):
            ZeroShotClassifier(lambda texts: np.eye(len(texts)), bad)
    with pytest.raises(ValueError, match=r"expected \(N, 2\), got \(2, 3\)"):
        classifier.scores(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="no {}"):
        prompts(["a ball"], {"x": "ball"})


def test_zero_shot_command_and_names(run, capsys):
    assert zero_shot.names_of("colour")["red"] == ["a red object"]
    assert len(zero_shot.names_of("shape", True)["circle"]) == 12
    assert "a small red circle" in zero_shot.names_of("size", True)["small"]
    assert zero_shot.main([str(run), "--pictures", "12"]) == 0
    assert "shape, one prompt" in capsys.readouterr().out
    assert zero_shot.main(["nowhere"]) == 2


@pytest.mark.slow
def test_figures_and_table(run, tmp_path, capsys):
    from PIL import Image

    from mmscratch.tasks.retrieval import figures as retrieval_figures
    from mmscratch.tasks.retrieval import table as retrieval_table

    told = tmp_path / "gap.json"
    assert retrieval_figures.main([str(run), "--out", str(tmp_path), "--json", str(told)]) == 0
    for name in ("similarity_matrix.png", "modality_gap.png"):
        assert Image.open(tmp_path / name).size[0] > 600
    assert set(json.loads(told.read_text())) == {"before", "after"}
    v = np.array([[1.0, 0], [0, 1]])
    found = retrieval_figures.gap(v, -v)
    assert found["gap"] == pytest.approx(np.sqrt(2)) and found["distance of a pair"] == pytest.approx(2)
    arguments = ["--data", TINY, "--out", str(tmp_path / "runs"), "--seeds", "2", "--splits", "val"]
    assert retrieval_table.main([*arguments, "--set", *SMALL, "--vary", "text=bow", "loss=siglip"]) == 0
    out = capsys.readouterr().out
    assert "text=bow · val" in out and "loss=siglip · val" in out and "t→i R@1" in out
    assert retrieval_table.main([*arguments, "--vary", "text=bert"]) == 2


@pytest.mark.slow
def test_two_hundred_steps_find_the_pictures(tmp_path):
    """600 scenes, gallery of 200 held out, seed 0: R@1 over 85 % both ways; bags of words stay below."""
    data = "scenes:train=600,val=200,test=200,level=3,describe=full,count=3-5"
    run = retrieval.train(data, tmp_path / "run", 0, ["steps=200"], progress=False)
    figures = retrieval.evaluate(run, split="test")
    assert figures["i→t R@1"] > 0.85 and figures["t→i R@1"] > 0.85
    assert figures["t→i R@1, before training"] < 0.05


def test_infonce_is_the_default():
    from mmscratch.models.retrieval_losses import build_loss

    assert isinstance(build_loss(RetrievalSettings().loss), InfoNCE)
