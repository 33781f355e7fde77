"""Record what LightGBM reaches on the folds of ``python -m mmscratch.ranking.cross_validate``.

    python tests/goldens/make_lightgbm_folds.py ../shared/data/ltr_lightgbm/rank.train.gz
        (needs lightgbm; writes mmscratch/ranking/lightgbm_folds.json)

"as ours": LambdaMART's default settings; "its defaults": lambdarank with nothing said but 100 trees.
"""

import json
import pathlib
import sys

import lightgbm
import numpy as np

from mmscratch.ranking import LambdaMART, load_letor
from mmscratch.ranking.cross_validate import CUTOFFS, RECORDED, cross_validate

SEEDS, FOLD_SEED = 3, 0
OURS = LambdaMART()
SETTINGS = {
    "as ours": {
        "num_iterations": OURS.n_estimators, "learning_rate": OURS.learning_rate,
        "num_leaves": OURS.num_leaves,
        "min_data_in_leaf": OURS.min_data_in_leaf, "min_sum_hessian_in_leaf": OURS.min_sum_hessian,
        "lambda_l2": OURS.l2, "feature_fraction": OURS.feature_fraction,
        "bagging_fraction": OURS.bagging_fraction, "bagging_freq": OURS.bagging_freq,
        "lambdarank_truncation_level": OURS.truncation_level, "lambdarank_norm": OURS.norm,
    },
    "its defaults": {"num_iterations": 100},
}  # fmt: skip


class Theirs:
    def __init__(self, settings, seed):
        fixed = {
            "objective": "lambdarank",
            "verbose": -1,
            "num_threads": 1,
            "deterministic": True,
            "seed": seed,
        }
        self.options = fixed | settings

    def fit(self, x, y, groups):
        self.model = lightgbm.train(self.options, lightgbm.Dataset(x, y, group=groups))
        return self

    def predict(self, x):
        return self.model.predict(x)


def main():
    x, y, groups = load_letor(sys.argv[1])
    rows = {}
    for name, settings in SETTINGS.items():
        found = cross_validate(lambda seed, of=settings: Theirs(of, seed), x, y, groups, 5, FOLD_SEED, SEEDS)
        rows[name] = {"ndcg": np.round(found.mean((0, 1)), 4).tolist(), "settings": settings}
        print(name, rows[name]["ndcg"])
    record = {
        "lightgbm": lightgbm.__version__, "cutoffs": CUTOFFS, "seeds": SEEDS, "fold_seed": FOLD_SEED,
        "groups": groups.tolist(), "rows": rows,
    }  # fmt: skip
    pathlib.Path(RECORDED).write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
