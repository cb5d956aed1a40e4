"""The experiment ``determinism`` in parts: who sends what, what bounds it, how it is measured and told."""
