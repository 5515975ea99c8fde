"""Submits what is left of a plan to a scheduler, one task a run."""

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gan_bench.disk import writing
from gan_bench.executor.engine import Engine, Task
from gan_bench.executor.jobs import Jobs
from gan_bench.executor.launches import Launch, LaunchFolder, Submitted, new_id
from gan_bench.executor.local import write_plan
from gan_bench.executor.one_run import Options, action, start_over
from gan_bench.executor.scoring import unscored
from gan_bench.folders import ResultsFolder
from gan_bench.locks import run_lock
from gan_bench.spec import Plan, RunSpec


@dataclass(frozen=True)
class Submission:
    """What came of submitting a plan."""

    submitted: int
    finished: int
    """Of the plan's runs that are not to be run again."""
    under_way: int
    """Of the plan's runs whose jobs an earlier command submitted."""


def submit(
    results: ResultsFolder,
    plan: Plan,
    options: Options,
    *,
    engine_name: str,
    engine: Engine,
    retries: int,
    max_parallel: int | None,
) -> Submission:
    """Submit every run that is neither finished nor submitted already.

    What was submitted stands also where the scheduler takes no more: the same command goes on.

    Raises
    ------
    UsageError
        The scheduler would not take the jobs, a run to be started over is in use, or a record of
        another version stands in the way.
    GanBenchError
        The scheduler took some jobs and no more, or the results folder cannot be written.
    """
    engine.check(sorted({spec.implementation.name for spec in plan.runs}), results.path)
    with writing(results.path):
        live = {run_id for run_id, job in Jobs(results).look().items() if job.standing is not None}
        specs = [spec for spec in plan.runs if spec.run_id not in live]
        wanted = [spec for spec in specs if _is_wanted(results, spec, options)]
        write_plan(results, plan)
        if options.force:
            # Once and here: a job that starts again is to continue.
            for spec in wanted:
                with run_lock(results.locks, spec.run_id, options.command):
                    start_over(results, results.run(spec.run_id))
        done = Submission(
            submitted=len(wanted),
            finished=len(specs) - len(wanted),
            under_way=len(plan.runs) - len(specs),
        )
        if not wanted:
            return done
        launch = Launch(
            id=new_id(),
            engine=engine_name,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            plan_id=plan.plan_id,
            options=replace(options, force=False),
            retries=retries,
        )
        folder = LaunchFolder((results.jobs / launch.id).absolute())
        places = folder.create(launch, wanted)
        tasks = [
            Task(
                index=index,
                run_id=spec.run_id,
                implementation=spec.implementation.name,
                argv=(
                    *(sys.executable, "-P", "-m", "gan_bench.executor.task"),
                    *(str(results.path.absolute()), launch.id, str(index), str(place)),
                ),
            )
            for index, (spec, place) in enumerate(zip(wanted, places, strict=True))
        ]
        for jobs in engine.submit(tasks, folder.path, retries=retries, max_parallel=max_parallel):
            folder.note_jobs(
                [
                    Submitted(run_id=tasks[index].run_id, index=index, job=job)
                    for index, job in jobs.items()
                ]
            )
    return done


def _is_wanted(results: ResultsFolder, spec: RunSpec, options: Options) -> bool:
    folder = results.run(spec.run_id)
    return action(folder, options) == "run" or bool(unscored(folder, spec, options.scoring))
