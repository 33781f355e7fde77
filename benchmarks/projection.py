"""What data-parallel training would take on up to 1,000 ranks: a simulation, printed with its assumptions.

    python -m benchmarks.projection
    python -m benchmarks.projection --numbers 46000 --overhead 0.001 --item 0.0001 --jitter 0.2

A step is computing, then adding up. A rank with s shards of b items computes

    t = s · (o + b · c) · e^{σz − σ²/2},  z ~ N(0, 1) anew each step: the step waits for the slowest of n

(drawn, with a seed, for so many steps). Adding up m = 4 P bytes takes, by the α–β model (Hockney, 1994: a
message of k bytes takes α + k β; Thakur, Rabenseifner & Gropp, 2005, for the algorithms)

    ring        2 (n − 1) α + 2 (n − 1)/n · m β                   bandwidth-optimal
    doubling    ⌈log₂ n⌉ (α + m β)                                recursive doubling, for small m
    halving     2 ⌈log₂ n⌉ α + 2 (n − 1)/n · m β                  recursive halving and doubling
    ours        2 (n − 1) α + (c̄ + 1) (n − 1)/n · m β             the fixed tree

(ours: every rank's c̄ partial sums go to all others, pairwise, then all-gather). The first three add in an
order that depends on n; the last does not.

Weak: s shards of b items a rank, whatever n. Strong: S shards of b items in all, so n ≤ S and some ranks may
have one shard more than others.
"""

import argparse

import numpy as np

from mmscratch.distributed import bounds, partials

__all__ = ["NETWORKS", "adding", "computing", "main", "project"]

NETWORKS = {
    "10 Gb Ethernet": (3.0e-5, 1 / 1.25e9),
    "100 Gb InfiniBand": (2.0e-6, 1 / 12.5e9),
}
"""Name → α seconds, β seconds a byte: usual latencies of a message, and the rates of the standards."""

RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


def adding(algorithm, n, m, alpha, beta, shards):
    """Seconds to add up m bytes over n ranks that have ``shards`` shards.

    Errors     ValueError for another algorithm
    """
    if n == 1:
        return 0.0
    rounds, moved = (n - 1).bit_length(), (n - 1) / n * m * beta
    if algorithm == "ring":
        return 2 * (n - 1) * alpha + 2 * moved
    if algorithm == "doubling":
        return rounds * (alpha + m * beta)
    if algorithm == "halving":
        return 2 * rounds * alpha + 2 * moved
    if algorithm == "ours":
        nodes = np.mean([len(partials(a, b, shards)) for a, b in bounds(shards, n)])
        return 2 * (n - 1) * alpha + (nodes + 1) * moved
    raise ValueError(f"adding: algorithm: expected ring, doubling, halving or ours, got {algorithm!r}")


def computing(n, shards, items, overhead, item, jitter, steps=200, seed=0):
    """Seconds until the slowest of n ranks has its shards: the mean of so many drawn steps."""
    held = np.array([b - a for a, b in bounds(shards, n)])
    z = np.random.default_rng([seed, n]).standard_normal((steps, n))
    slow = np.exp(jitter * z - jitter**2 / 2)
    return float((held * (overhead + items * item) * slow).max(axis=1).mean())


def project(args, network, kind):
    """Rows of (n, computing, {algorithm: adding}, efficiency with ours) for one network."""
    alpha, beta = NETWORKS[network]
    rows, alone = [], None
    for n in RANKS:
        shards = args.shards * n if kind == "weak" else args.strong
        compute = computing(
            n, shards, args.items, args.overhead, args.item, args.jitter, args.steps, args.seed
        )
        add = {a: adding(a, n, 4 * args.numbers, alpha, beta, shards)
               for a in ("ring", "doubling", "halving", "ours")}  # fmt: skip
        whole = compute + add["ours"]
        alone = alone or compute  # one rank's time for its shards
        rows.append((n, compute, add, alone / whole / (1 if kind == "weak" else n)))
    return rows


def main(arguments=None):
    """Print the assumptions, then a table for every network, weak and strong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.projection", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--numbers", type=int, default=235_865, help="P: parameters and buffers")
    parser.add_argument("--overhead", type=float, default=7.6e-3, help="o: seconds a shard (measured)")
    parser.add_argument("--item", type=float, default=8.4e-4, help="c: seconds an item (measured)")
    parser.add_argument("--items", type=int, default=16, help="b: items a shard")
    parser.add_argument("--shards", type=int, default=6, help="s: shards a rank, weak")
    parser.add_argument("--strong", type=int, default=3000, help="S: shards in all, strong")
    parser.add_argument("--jitter", type=float, default=0.05, help="σ: of the logarithm of a rank's time")
    parser.add_argument("--steps", type=int, default=200, help="steps that are drawn")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    given = ", ".join(f"{name} {value:g}" for name, value in vars(args).items())
    print(f"A projection, not a measurement. Assumed: {given}; one network link a rank, no congestion, "
          "computing and adding one after the other, no failures.")  # fmt: skip
    for network, (alpha, beta) in NETWORKS.items():
        for kind in ("weak", "strong"):
            what = f"{args.shards} shards a rank" if kind == "weak" else f"{args.strong} shards in all"
            print(f"\n{network}, α {alpha * 1e6:g} µs, 1/β {1e-9 / beta:g} GB/s; {kind}: {what}")
            print("ranks  compute ms |    ring  doubling  halving     ours ms | efficiency (ours)")
            for n, compute, add, share in project(args, network, kind):
                each = "  ".join(f"{1e3 * add[a]:8.2f}" for a in ("ring", "doubling", "halving", "ours"))
                print(f"{n:5}  {1e3 * compute:10.1f} | {each}    | {share:6.1%}")


if __name__ == "__main__":
    main()
