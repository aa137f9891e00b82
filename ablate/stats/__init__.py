"""Statistics of claims: arrays in, frozen dataclasses out. Start at `verdicts`; `claims` loads without scipy."""
