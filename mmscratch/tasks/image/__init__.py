"""Pictures alone: attributes, detection, scene graphs, handwritten digits; zero-shot classification."""
