"""``python -m experiments.cli`` is ``onehop``."""

from experiments.cli import main

main()
