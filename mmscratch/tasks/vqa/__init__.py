"""Visual question answering: data, models, judges, and tables by family of question."""
