"""LambdaMART beside LightGBM: 100 trees by the same settings, cutting features into steps included.

The documents are made up, so that the rows need no file: as many queries, documents and features as
LightGBM's own example has, most numbers 0 as there, and ten times as many documents. Labels come of a few
features and noise. Draws of rows and features differ between the two, so NDCG@5 on the documents learnt from
is compared.
"""

from functools import partial

import numpy as np

from mmscratch.ranking import LambdaMART, ndcg

from ..case import Case, Row
from ..place import threads

TOPIC = "Ranking"
WAYS = {
    "its choice": {},
    "row-wise": {"force_row_wise": True},
    "column-wise": {"force_col_wise": True},
}


def rows():
    for name, queries, features in (("small", 201, 300), ("large", 2010, 136)):
        yield Row(
            f"lambdamart/{name}", TOPIC, "LambdaMART, 100 trees of 8 leaves",
            f"{queries:,} queries, {15 * queries:,} documents, {features} features",
            partial(lambdamart, queries=queries, features=features), libraries=("lightgbm",),
            targets={"lightgbm": 1.0}, tolerance=0.05,
        )  # fmt: skip


def documents(queries, features, seed=0):
    """x float64 (15 · queries, features), y 0 … 4, groups around 15."""
    r = np.random.default_rng(seed)
    groups = 10 + r.multinomial(5 * queries, np.full(queries, 1 / queries))
    x = np.round(r.exponential(size=(15 * queries, features)), 2)
    x *= r.random(x.shape) < 0.3
    signal = x[:, 0] + x[:, 1] * x[:, 2] - x[:, 3] + 0.7 * r.standard_normal(len(x))
    return x, np.digitize(signal, [0.3, 1.0, 1.8, 3.0]), groups


def lambdamart(place, queries, features):
    """Both learn from arrays; LightGBM's three ways to gather histograms, and its choice among them."""
    x, y, groups = documents(queries, features)
    model = LambdaMART()

    def ours():
        return [model.fit(x, y, groups).predict(x)]

    case = Case(ours, check=lambda results: [np.array([ndcg(y, results[0], groups, 5)])])
    if place.lightgbm is not None:

        def theirs(workers, **more):
            options = _their_settings(model) | {"num_threads": workers} | more
            data = place.lightgbm.Dataset(x, y, group=groups)
            return [place.lightgbm.train(options, data).predict(x, num_threads=workers)]

        case.peers["lightgbm"] = {
            f"{n} thread{'s' * (n > 1)}, {way}": partial(theirs, n, **more)
            for n in sorted({1, threads()})
            for way, more in WAYS.items()
        }
    return case


def _their_settings(model):
    return {
        "objective": "lambdarank", "verbose": -1, "num_iterations": model.n_estimators,
        "learning_rate": model.learning_rate, "num_leaves": model.num_leaves,
        "min_data_in_leaf": model.min_data_in_leaf, "min_sum_hessian_in_leaf": model.min_sum_hessian,
        "lambda_l2": model.l2, "max_bin": model.max_bin, "feature_fraction": model.feature_fraction,
        "bagging_fraction": model.bagging_fraction, "bagging_freq": model.bagging_freq,
        "lambdarank_truncation_level": model.truncation_level, "lambdarank_norm": model.norm,
    }  # fmt: skip
