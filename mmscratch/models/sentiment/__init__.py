"""Sentiment: a score of what is said, shown and heard; and linear classifiers of rated text."""
