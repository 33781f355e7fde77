"""Losses between scores and classes."""

from mmscratch import ops

from .registry import adapter

NOTHING = -(2**31)  # no class has this number


@adapter("NegativeLogLikelihoodLoss")
def nll(c):
    return ops.nll_loss(
        c.x[0], c.x[1], c.input(2),
        ignore_index=c.get("ignore_index", NOTHING), reduction=c.get("reduction", "mean"),
    )  # fmt: skip


@adapter("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(c):
    loss = ops.cross_entropy(
        c.x[0], c.x[1], c.input(2),
        ignore_index=c.get("ignore_index", NOTHING), reduction=c.get("reduction", "mean"),
    )  # fmt: skip
    return (loss, ops.log_softmax(c.x[0], axis=1)) if c.wants(1) else loss
