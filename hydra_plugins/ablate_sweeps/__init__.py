"""Hydra's door to ablate's sweeps. Every Hydra program in this environment imports this file: it must stay light."""
# ruff: noqa: TID251, ARG002, ARG004  # Hydra's hooks have fixed arguments

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class CheckedSweeper(BasicSweeper):
    """The basic sweeper for jobs that are already composed and checked; the runs that teach others come first.

    more: what `ablate.sweep.plan` has read from the config: sweeps beside `params`.
    """

    def __init__(
        self, max_batch_size: int | None, params: dict[str, str] | None = None, more: Sequence[object] = ()
    ) -> None:
        super().__init__(max_batch_size, params)

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """The planned jobs in batches, each of which is launched when the one before is through."""
        from ablate.sweep import batches

        return batches(max_batch_size if max_batch_size and max_batch_size > 0 else None)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Nothing: `ablate.sweep.plan` has done it, in words."""


class SubprocessLauncher(Launcher):
    """Runs each job of a sweep in a process of its own; finished runs are skipped without one."""

    def __init__(self, jobs: int | None = None, threads: int = 1) -> None:
        super().__init__()
        self.jobs, self.threads = jobs, threads

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook: what is needed comes with the jobs' overrides."""
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; each outcome is read from the run's record."""
        from ablate.launch import launch

        outcomes = launch([list(one) for one in job_overrides], jobs=self.jobs, threads=self.threads)
        return [_returned(list(one), code) for one, code in zip(job_overrides, outcomes, strict=True)]


def _returned(overrides: list[str], code: int) -> JobReturn:
    returned = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
    returned.return_value = code
    return returned
