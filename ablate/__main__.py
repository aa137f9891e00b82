"""`python -m ablate`: compose and check every job, then let Hydra run them. cfg ends in experiment.run."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ablate.command import INTERRUPTED, MISTAKE, OK
from ablate.config import resolvers
from ablate.config.paths import conf_dir
from ablate.errors import UserError

if TYPE_CHECKING:
    from ablate.runs.directory import Place


@hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")
def job(cfg: DictConfig) -> int:
    """One Hydra job: runs it and returns its outcome; never raises or exits, which would end a whole sweep."""
    from ablate.sweep import outcome

    return outcome(cfg, HydraConfig.get())


def main() -> None:
    """The console script `ablate` and `python -m ablate`."""
    resolvers.register()
    try:
        arguments = _arguments()
        if _only_informs(arguments):
            _inform(arguments)
        jobs = _checked_jobs(arguments)
    except UserError as error:
        _leave(MISTAKE, str(error))
    try:
        job()
    except KeyboardInterrupt:  # a job catches everything else
        _leave(INTERRUPTED, "interrupted; the same command goes on from here")
    _show_verdicts(jobs)
    sys.exit(_exit_code(jobs))


def _arguments() -> Namespace:
    """The command line, flags and overrides in any order; sys.argv is put in the order that Hydra wants."""
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    arguments = parser.parse_intermixed_args()
    for flag, given in (("--config-name", arguments.config_name), ("--config-path", arguments.config_path)):
        if given:
            raise UserError(
                f"{flag} {given}: ablate's own config is what arms differ from; --config-dir adds yours to it"
            )
    flags = [a for a in sys.argv[1:] if a not in arguments.overrides]
    sys.argv[1:] = flags + arguments.overrides
    return arguments


def _refuse(message: str) -> NoReturn:
    raise UserError(f"{message}; see --help")


def _only_informs(arguments: Namespace) -> bool:
    return any((arguments.help, arguments.hydra_help, arguments.cfg, arguments.info)) or bool(
        arguments.shell_completion
    )


def _inform(arguments: Namespace) -> NoReturn:
    """Help, --cfg and the like are Hydra's own; mistakes in one line, and `| head` may have seen enough."""
    asked = {f"--{name}": getattr(arguments, name) for name in ("cfg", "info", "multirun", "shell_completion")}
    given = [flag for flag, value in asked.items() if value]
    if len(given) > 1:
        raise UserError(f"{' '.join(given)}: one at a time; --cfg job shows the recipe of one run, such as +exp=no_nsp")
    if arguments.cfg or arguments.info:
        from ablate.config.compose import check_composes

        check_composes(arguments.overrides, config_dirs=_config_dirs(arguments))
    try:
        job()
    except BrokenPipeError:
        sys.stderr.close()
    sys.exit(OK)


def _checked_jobs(arguments: Namespace) -> list["Place"]:
    from ablate.sweep import plan

    return plan(arguments.overrides, multirun=bool(arguments.multirun), config_dirs=_config_dirs(arguments))


def _config_dirs(arguments: Namespace) -> tuple[Path, ...]:
    return (Path(arguments.config_dir),) if arguments.config_dir else ()


def _exit_code(jobs: list["Place"]) -> int:
    from ablate.sweep import outcome_at

    return max((outcome_at(planned) for planned in jobs), default=OK)


def _show_verdicts(jobs: list["Place"]) -> None:
    """The verdicts of a study, once its runs are through."""
    folder = jobs[0].root / jobs[0].study
    if not (folder / "study.json").exists():
        return
    from ablate import api
    from ablate.studies.verdict_table import wide_console

    try:
        wide_console().print(api.render(api.judge(folder)))
    except UserError as error:
        print(f"ablate: {error}", file=sys.stderr)


def _leave(code: int, line: str) -> NoReturn:
    print(f"ablate: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
