"""Learning to rank: from judged documents of many queries to a score that puts the relevant ones first.

    X, y, groups = load_letor("rank.train.gz")
    ranker = LambdaMART().fit(X, y, groups)
    ndcg(y, ranker.predict(X), groups, k=(1, 3, 5))

    RankSVM      a linear score, hinge loss on pairs inside a query       Joachims, 2002
    RankNet      any score, cross entropy on pairs                        Burges et al., 2005
    ListNet      any score, cross entropy of whole lists                  Cao et al., 2007
    LambdaRank   RankNet's pairs, weighed by what a swap does to NDCG     Burges, Ragno & Le, 2006
    LambdaMART   the same by boosted trees                                Burges, 2010

Read ``gain`` (what is wanted), ``pairwise`` and ``listwise`` (what is pulled), then the rankers.
"""

from ..data.letor import load_letor as load_letor
from ..lazy import names

_HOME = {
    "LambdaMART": "lambdamart",
    "LambdaRank": "networks",
    "ListNet": "networks",
    "RankNet": "networks",
    "RankSVM": "ranksvm",
    "Ranker": "ranker",
    "interactions": "features",
    "ndcg": "gain",
    "ndcg_of_queries": "gain",
    "concatenation": "features",
    "query_part": "features",
    "load_ranker": "ranker",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
__all__ += ["load_letor"]
