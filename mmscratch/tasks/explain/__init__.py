"""Interpretability: explanations beside the true masks, the modality gap, scarce labels, costs."""
