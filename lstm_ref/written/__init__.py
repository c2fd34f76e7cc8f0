"""A written derivation, checked as mathematics, line by line, before any code exists."""

from lstm_ref.written.check import check_file, check_text
from lstm_ref.written.report import LineReport, Missing, PageReport

__all__ = ["LineReport", "Missing", "PageReport", "check_file", "check_text"]
