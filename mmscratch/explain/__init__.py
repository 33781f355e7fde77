"""Why did the model say so? What each part of an input did for one score.

A score is a function of tensors that gives one number an example, ``function(x, *context) → (B,)``: the logit
of a class, the similarity of a pair, the log probability of a word. ``context`` are arrays that go along, a
row an example, and are not explained: the class that is asked for, the lengths of texts. Put the model in
evaluation mode first: dropout would explain another network each time.

    integrated gradients  the gradient along a straight way from nothing to x      Sundararajan et al., 2017
    Grad-CAM, guided      a layer's channels weighed by their mean gradients       Selvaraju et al., 2017
    occlusion             what is lost where a window of x is covered              Zeiler & Fergus, 2014
    Shapley values        each modality's share, over all coalitions               Shapley, 1953
    rollout               attention multiplied through the layers                  Abnar & Zuidema, 2020
    gradient × attention  the same, each weight with what hangs on it              Chefer et al., 2021
    modality gap          how far two towers' clouds lie apart                     Liang et al., 2022
    cost                  parameters, operations and memory, counted on the tape

A map that looks right may still say little about the model: ``mmscratch table explain`` scores each against
true masks, beside chance, beside maps that know no model, and beside a network of random weights (Adebayo et
al., 2018).
"""

from ..lazy import names

_HOME = {
    "Cost": "counting",
    "ModalityGap": "gap",
    "cost": "counting",
    "mean_cosine": "gap",
    "modality_gap": "gap",
    "shift_towards": "gap",
    "attention_relevance": "rollout",
    "attention_rollout": "rollout",
    "class_map": "rollout",
    "gradient_attention": "rollout",
    "roll_out": "rollout",
    "watch_attention": "rollout",
    "IntegratedGradients": "integrated",
    "enlarge": "gradcam",
    "grad_cam": "gradcam",
    "guided_backpropagation": "gradcam",
    "guided_grad_cam": "gradcam",
    "modality_shapley": "shapley",
    "occlusion": "occlude",
    "shapley_values": "shapley",
    "shares": "shapley",
    "gradients": "tape",
    "integrated_gradients": "integrated",
    "intercept": "tape",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
