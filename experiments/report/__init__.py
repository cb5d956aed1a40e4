"""A result, made readable: one self-contained page, maps, tables for the terminal, two runs side by side."""

from experiments.report.page import write_report

__all__ = ["write_report"]
