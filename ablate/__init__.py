"""Controlled ablation studies of training recipes: a claim goes in, an experiment is run, a verdict comes out."""

__version__ = "0.1.0"
