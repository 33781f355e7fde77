"""Freeze what LightGBM and scikit-learn make of small ranking problems, for ``tests/ranking``.

    python tests/goldens/make_ranking_goldens.py    (needs lightgbm 4.7, scikit-learn; writes ranking.npz)

LightGBM does not hand out its gradients; they are read off its leaves. One boosting round at rate 1 from
given scores, on a single feature that sets document i apart from all others, gives it a leaf of its own
whose value is v(l2) = −Wλ_i / (Wh_i + l2), W the document's weight (a leaf of too little h would be
refused). Two values of l2 are two equations:

    Wh = (b v_b − a v_a) / (v_a − v_b),   Wλ = −v_a (Wh + a)        for l2 = a, b

``svm/…``    LinearSVC without intercept on all differences x_i − x_j, y_i > y_j, of one query, class +1,
             and as many of class −1 with the sign turned (it wants two classes), at C/2
``trees/…``  predictions of LightGBM for the rows it learnt from. (For others it may differ: where cuts tie,
             by rounding, and next to 0, which has a bin of its own.) It guesses a leaf's rows from Σh and
             refuses those it takes for empty, and does not try a feature again below a leaf where it won
             nothing; with Σh ≥ 0.4 asked, neither happens here.
``ndcg/…``   its metric
"""

import itertools
import pathlib
import warnings

import lightgbm
import numpy as np
from sklearn.svm import LinearSVC

OUT = pathlib.Path(__file__).with_name("ranking.npz")
GROUPS = np.array([1, 2, 5, 4, 8, 17])
SETTINGS = {
    "plain": (1.0, 30, False),
    "cut": (2.0, 3, False),
    "norm": (1.0, 30, True),
    "both": (0.7, 4, True),
}


def problem(seed=0, features=6):
    """x, y, scores with ties, groups; query 3 has no relevant document."""
    r = np.random.default_rng(seed)
    n = int(GROUPS.sum())
    x = np.round(r.standard_normal((n, features)), 2)
    signal = x[:, 0] + 0.7 * x[:, 1] * x[:, 2] + 0.5 * r.standard_normal(n)
    y = np.digitize(signal, [-0.5, 0.5, 1.2, 2.0])
    y[8:12] = 0
    scores = np.round(r.standard_normal(n), 1)
    return x, y, scores, GROUPS


def parameters(**more):
    fixed = {
        "objective": "lambdarank", "verbose": -1, "num_threads": 1, "min_data_in_bin": 1, "max_bin": 255,
        "min_data_in_leaf": 0, "feature_pre_filter": False, "deterministic": True, "enable_bundle": False,
    }  # fmt: skip
    return fixed | more


def gradients(y, scores, groups, sigma, truncation, norm):
    options = parameters(
        num_leaves=2, learning_rate=1.0, min_sum_hessian_in_leaf=0, sigmoid=sigma,
        lambdarank_truncation_level=truncation, lambdarank_norm=norm,
    )  # fmt: skip
    slope, curve = np.zeros(len(y)), np.zeros(len(y))
    a, b = 0.5, 2.0
    for i, heavy in itertools.product(range(len(y)), (1e2, 1e4)):
        if curve[i]:
            continue
        x = (np.arange(len(y)) == i).astype(float)[:, None]
        weight, v = np.where(x[:, 0] == 1, heavy, 1.0), []
        for l2 in (a, b):
            given = options | {"lambda_l2": l2}
            data = lightgbm.Dataset(x, y, group=groups, weight=weight, init_score=scores, params=given)
            v.append(lightgbm.train(given, data, 1).predict(x[i : i + 1])[0])
        if v[0] != v[1]:
            weighed = (b * v[1] - a * v[0]) / (v[0] - v[1])
            slope[i], curve[i] = -v[0] * (weighed + a) / heavy, weighed / heavy
    return slope, curve


def differences(x, y, groups):
    rows, begin = [], 0
    for n in groups:
        for i in range(begin, begin + n):
            rows += [x[i] - x[j] for j in range(begin, begin + n) if y[i] > y[j]]
        begin += n
    return np.array(rows)


def svm(x, y, groups, loss, c):
    z = differences(x, y, groups)
    label = np.repeat([1, -1], len(z))
    model = LinearSVC(C=c / 2, loss=loss, fit_intercept=False, dual=True, tol=1e-10, max_iter=10_000_000)
    return model.fit(np.concatenate([z, -z]), label).coef_[0]


def trees(x, y, groups, norm):
    options = parameters(
        num_leaves=5, learning_rate=0.2, min_sum_hessian_in_leaf=0.4, lambda_l2=0.5, lambdarank_norm=norm
    )
    return lightgbm.train(options, lightgbm.Dataset(x, y, group=groups, params=options), 12).predict(x)


def metric(y, scores, groups):
    options = parameters(metric="ndcg", eval_at=[1, 3, 5, 10])
    x, found = np.zeros((len(y), 1)), {}
    data = lightgbm.Dataset(x, y, group=groups, init_score=scores, params=options)
    call = lightgbm.record_evaluation(found)
    lightgbm.train(options, data, 1, valid_sets=[data], callbacks=[call])
    return [found["training"][f"ndcg@{k}"][0] for k in (1, 3, 5, 10)]


def main():
    x, y, scores, groups = problem()
    out = {"x": x, "y": y, "scores": scores, "groups": groups}
    for name, (sigma, truncation, norm) in SETTINGS.items():
        out[f"pulls/{name}"] = np.array(gradients(y, scores, groups, sigma, truncation, norm))
    out["pulls/level"] = np.array(gradients(y, 0 * scores, groups, 1.0, 30, True))
    for loss in ("hinge", "squared_hinge"):
        for c in (0.02, 1.0):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                out[f"svm/{loss}/{c}"] = svm(x, y, groups, loss, c)
    for norm in (False, True):
        out[f"trees/{norm}"] = trees(x, y, groups, norm)
    out["ndcg"] = np.array(metric(y, scores, groups))
    np.savez_compressed(OUT, **out)
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes, lightgbm {lightgbm.__version__}")


if __name__ == "__main__":
    main()
