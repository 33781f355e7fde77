"""Which of many vectors are nearest to this one? One interface, an exact answer and three quick ones.

    index = HNSW(dimension=128).build(vectors)        or index.train(sample); index.add(part); index.add(part)
    score, ids = index.search(queries, k=10)
    index.save("pictures.index");  index = load_index("pictures.index")

    Exact    every row is looked at                                     O(N D) a query
    LSH      rows whose random bits agree with the query's              Charikar, 2002; Lv et al., 2007
    IVFPQ    the nearest cells, whose rows are compared by short codes  Jégou, Douze & Schmid, 2011;
             codes of 4 bits in registers                               André et al., 2015
    HNSW     a walk over a graph of neighbours, coarse to fine          Malkov & Yashunin, 2018

Nearness is the cosine: all vectors are brought to unit length at the door, and a score is the cosine of query
and row. (On the sphere ‖q − x‖² = 2 − 2 q·x, so the order by distance is the same.) An id is the place at
which a vector came. The quick methods find most of the true neighbours: ``recall`` says how many, and
``python -m benchmarks.curve`` draws recall against speed. Read ``index`` first, then any method; the
files named ``…_loops`` hold the compiled passes of the formulas beside them.
"""

from ..lazy import names

_HOME = {
    "Exact": "exact",
    "HNSW": "hnsw",
    "IVFPQ": "ivfpq",
    "Index": "index",
    "LSH": "lsh",
    "METHODS": "index",
    "ProductQuantizer": "quantizer",
    "ShardedIndex": "sharded",
    "clustered": "quality",
    "kmeans": "clusters",
    "load_index": "index",
    "make_index": "index",
    "recall": "quality",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
