"""What all rankers share: scikit-learn's habits, files, and errors that name the argument."""

import io

import numpy as np
import pytest
from rank_cases import linear_problem

from mmscratch.data.errors import DataError
from mmscratch.ranking import LambdaMART, LambdaRank, ListNet, RankNet, RankSVM, load_ranker

RANKERS = [
    RankSVM(0.5),
    RankNet((3,), epochs=2),
    ListNet(epochs=2),
    LambdaRank((4, 3), epochs=2),
    LambdaMART(4, min_data_in_leaf=3),
]
EACH = pytest.mark.parametrize("ranker", RANKERS, ids=lambda r: type(r).__name__)


@EACH
def test_settings_come_and_go(ranker):
    params = ranker.get_params()
    again = type(ranker)(**params)
    assert again.get_params() == params and repr(again) == repr(ranker)
    assert again.set_params(random_state=7) is again and again.random_state == 7
    with pytest.raises(ValueError, match="unknown setting 'colour'; known: .*random_state"):
        again.set_params(colour=1)


@EACH
def test_a_file_gives_the_same_scores(ranker, tmp_path):
    x, y, groups, _ = linear_problem(6)
    with pytest.raises(ValueError, match="nothing is learnt yet"):
        type(ranker)().predict(x)
    assert ranker.fit(x, y, groups) is ranker
    ranker.save(tmp_path / "r.npz")
    again = type(ranker).load(tmp_path / "r.npz")
    np.testing.assert_array_equal(again.predict(x), ranker.predict(x))
    assert again.get_params() == ranker.get_params()
    other = LambdaMART if isinstance(ranker, RankSVM) else RankSVM
    with pytest.raises(DataError, match=f"holds a {type(ranker).__name__}, expected a {other.__name__}"):
        other.load(tmp_path / "r.npz")


def damaged(path, tmp_path, **changes):
    with np.load(path) as arrays:
        kept = {k: arrays[k] for k in arrays.files} | changes
    np.savez(tmp_path / "damaged.npz", **{k: v for k, v in kept.items() if v is not None})
    return tmp_path / "damaged.npz"


def test_damaged_files_are_refused(tmp_path):
    x, y, groups, _ = linear_problem(6)
    path = tmp_path / "svm.npz"
    RankSVM().fit(x, y, groups).save(path)
    head = np.frombuffer(b'{"format": 1, "kind": "os.system"}', np.uint8)
    for changes in (
        {"coef": np.zeros(3)},
        {"coef": None},
        {"head": None},
        {"head": head},
        {"head": head[:9]},
    ):
        with pytest.raises(DataError, match="holds no ranker"):
            load_ranker(damaged(path, tmp_path, **changes))
    buffer = io.BytesIO()
    np.savez(buffer, head=np.array([{"a": 1}], object))
    (tmp_path / "pickled.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="npz"):
        load_ranker(tmp_path / "pickled.npz")


def test_a_forest_in_which_one_would_walk_in_circles_is_refused(tmp_path):
    x, y, groups, _ = linear_problem(6)
    path = tmp_path / "mart.npz"
    model = LambdaMART(2, num_leaves=4, min_data_in_leaf=2, feature_fraction=1.0).fit(x, y, groups)
    model.save(path)
    with np.load(path) as arrays:
        left, feature, roots, value = (arrays[k] for k in ("left", "feature", "roots", "value"))
    for changes in (
        {"left": np.zeros_like(left)},
        {"left": left - 50},
        {"feature": feature + 5},
        {"feature": feature[:-1]},
        {"roots": roots[::-1].copy()},
        {"value": value[:-1]},
    ):
        with pytest.raises(DataError, match="holds no ranker"):
            LambdaMART.load(damaged(path, tmp_path, **changes))


@EACH
@pytest.mark.parametrize(
    "change, word",
    [
        ({"X": np.zeros((4, 2, 2))}, r"X: expected numbers \(N, D\), got shape \(4, 2, 2\)"),
        ({"X": np.array([[0.0], [1], [np.nan], [2]])}, "X: row 2, column 0 is nan"),
        ({"y": [0, 1, 2]}, r"y: expected labels \(4,\), got \(3,\)"),
        ({"y": [0, 1, 2, 0.5]}, "y: expected whole numbers"),
        ({"groups": [2, 1]}, "groups: they sum to 3, there are 4"),
        ({"groups": [0, 0, 1, 1]}, "groups: they sum to 2|whole numbers ≥ 1"),
        ({"y": [1, 1, 0, 0]}, "y: no query has documents of two labels"),
        ({"eval_set": (np.zeros((2, 3)), [0, 1], [2])}, r"eval_set: X: expected numbers \(N, 1\)"),
    ],
)
def test_errors_name_the_argument(ranker, change, word):
    given = {"X": np.arange(4.0)[:, None], "y": [0, 1, 1, 0], "groups": [2, 2]} | change
    with pytest.raises(ValueError, match=f"{type(ranker).__name__}.*{word}"):
        type(ranker)(**ranker.get_params()).fit(**given)


@EACH
def test_other_features_than_were_learnt_are_refused(ranker):
    x, y, groups, _ = linear_problem(6)
    model = type(ranker)(**ranker.get_params()).fit(x, y, groups)
    with pytest.raises(ValueError, match=r"X: expected numbers \(N, 5\), got shape \(48, 4\)"):
        model.predict(x[:, :4])
