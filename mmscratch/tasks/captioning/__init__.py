"""Image captioning: soft and hard attention, self-critical training, the judges, the demo."""
