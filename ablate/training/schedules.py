"""Learning-rate schedules: pure functions of the share of the budget spent."""


def linear(progress: float, *, warmup: float) -> float:
    """Factor on the learning rate: 0 at progress 0, 1 at `warmup`, 0 at progress 1 (Devlin et al. 2019, A.2)."""
    if progress < warmup:
        return progress / warmup
    return max(0.0, (1.0 - progress) / (1.0 - warmup)) if warmup < 1.0 else 1.0


def constant(progress: float, *, warmup: float) -> float:
    """Factor on the learning rate: 0 at progress 0, 1 from `warmup` on."""
    return progress / warmup if progress < warmup else 1.0
