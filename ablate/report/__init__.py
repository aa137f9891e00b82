"""A study's verdicts as page, tables and figures: renders what was judged, computes nothing that decides."""
