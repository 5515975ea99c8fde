"""What the runs of each framework show of a claim: values by seed, or why there are none."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gan_bench.analysis.summary import Group, Row
from gan_bench.plan import RunSpec
from gan_bench.report.claims.measures import WORDS, Measures
from gan_bench.report.claims.sources import QUALITY, SCORES, Claim
from gan_bench.report.sections.ranking_rows import score_text
from gan_bench.text import figure, many

LEARNT_SHARE = 0.5
"""A recipe has learnt if its final FID is at most this share of the untrained generators'."""
TOO_SHORT = "the budget is too short to rank quality"
_PENDING = "not trained yet"


@dataclass(frozen=True)
class Evidence:
    """What the runs of one framework show of a claim."""

    framework: str
    pair: str
    """E.g. ``keras-enhanced against keras-baseline``."""
    measured: str
    """The values in words."""
    values: Mapping[int, float] = field(default_factory=dict)
    """By seed, of what the claim is about."""
    others: Mapping[int, float] | None = None
    """By seed, of what it is compared with; None if that is zero."""
    reason: str = ""
    """Why these runs decide nothing, as a part of a sentence; empty if they may."""
    remedy: str = ""
    """What would let them, as a part of a sentence."""


def evidence(
    claim: Claim, group: Group, measures: Measures, others: Sequence[Measures]
) -> list[Evidence]:
    """Return the evidence on a claim by framework.

    ``measures`` are those of the protocol that ranks the group, ``others`` those of other feature
    models.
    """
    return list(_evidence(claim, group, measures, others))


def _evidence(
    claim: Claim, group: Group, measures: Measures, others: Sequence[Measures]
) -> Iterator[Evidence]:
    by_name = sorted(group.rows, key=lambda row: (row.framework, row.label))
    what = measures.describe(claim.measure)
    for row in by_name:
        if row.recipe != claim.recipe:
            continue
        if row.pending and claim.than is None:
            yield Evidence(row.framework, row.label, what, reason=_PENDING, remedy=_TRAIN)
            continue
        if claim.than is not None:
            for other in by_name:
                if (other.recipe, other.framework) == (claim.than, row.framework):
                    found = _against(claim, measures, row, other)
                    yield _unless_unfit(found, claim, group, measures, row, other)
        elif claim.since is not None:
            found, since_start = _progress(claim, measures, row)
            rows = () if since_start else (row,)
            yield _unless_unfit(found, claim, group, measures, *rows, seen=(row,))
        elif claim.value is not None:
            yield _published(claim, [measures, *others], row)
        else:
            found = _correlation(claim, measures, row)
            yield _unless_unfit(found, claim, group, measures, row)


_TRAIN = "the runs that are planned"


def _against(claim: Claim, measures: Measures, row: Row, other: Row) -> Evidence:
    pair = f"{row.label} against {other.label}"
    what = measures.describe(claim.measure)
    pending = [one.label for one in (row, other) if one.pending]
    if pending:
        reason = f"{_PENDING}: {' and '.join(pending)}"
        return Evidence(row.framework, pair, what, reason=reason, remedy=_TRAIN)
    sides = {one.label: measures.final(one, claim.measure) for one in (row, other)}
    missing = [label for label, side in sides.items() if not side]
    return _two_sides(claim, measures, row, pair, sides[row.label], sides[other.label], missing)


def _progress(claim: Claim, measures: Measures, row: Row) -> tuple[Evidence, bool]:
    """Return the evidence, and whether it compares with the untrained generator."""
    spec = row.runs[0].spec
    what = measures.describe(claim.measure)
    points = _two_points(claim, spec)
    if points is None:
        if claim.epochs is None:
            reason, remedy = "too few evaluation points", "three evaluation points or more"
        else:
            epochs = spec.steps * spec.images_per_step / spec.train_images
            reason = f"trained for {figure(epochs)} epochs; the claim is about {claim.epochs:g}"
            images = round(claim.epochs * spec.train_images)
            remedy = f"{claim.epochs:g} epochs, {images:,} training images in a run"
        return Evidence(row.framework, row.label, what, reason=reason, remedy=remedy), False
    early, late = points
    before, after = (
        measures.at(row, claim.measure, {run.run_id: step for run in row.runs}) for step in points
    )
    pair = f"{row.label}, step {late:,} against step {early:,}"
    missing = [f"step {step:,}" for step, side in ((late, after), (early, before)) if not side]
    if not missing:
        both = [seed for seed in after if seed in before]
        after, before = ({seed: side[seed] for seed in both} for side in (after, before))
        missing = [] if both else ["one seed at both points"]
    return _two_sides(claim, measures, row, pair, after, before, missing), early == 0


def _two_points(claim: Claim, spec: RunSpec) -> tuple[int, int] | None:
    """Return the earlier and the later evaluation point that a claim compares."""
    late = spec.steps
    if claim.epochs is not None:
        images = claim.epochs * spec.train_images
        enough = [s for s in spec.evaluation_steps if s * spec.images_per_step >= images]
        if not enough:
            return None
        late = min(enough)
    earlier = [step for step in spec.evaluation_steps if step < late]
    if claim.since == "half":
        earlier = sorted(filter(None, earlier), key=lambda step: abs(step - late / 2))
    return (earlier[0], late) if earlier else None


def _two_sides(
    claim: Claim,
    measures: Measures,
    row: Row,
    pair: str,
    a: Mapping[int, float],
    b: Mapping[int, float],
    missing: Sequence[str],
) -> Evidence:
    what = measures.describe(claim.measure)
    if missing:
        reason = f"not measured: {' and '.join(missing)}"
        remedy = "runs in which it is measured"
        if claim.measure in SCORES:
            remedy = f"{WORDS[claim.measure]} at these points"
            if claim.since is not None and claim.measure != "fid":
                remedy += " (gan-bench run --keep-samples, then gan-bench score --points all)"
        return Evidence(row.framework, pair, what, reason=reason, remedy=remedy)
    means = [score_text(claim.measure, statistics.fmean(side.values())) for side in (a, b)]
    measured = f"{what}: {means[0]} against {means[1]}"
    return Evidence(row.framework, pair, measured, a, b)


def _published(claim: Claim, every: Sequence[Measures], row: Row) -> Evidence:
    texts = []
    for measures in every:
        found = list(measures.final(row, claim.measure).values())
        if found:
            spread = f", {figure(min(found))} to {figure(max(found))}" if len(found) > 1 else ""
            seeds = many(len(found), "seed")
            what = measures.describe(claim.measure)
            texts.append(f"{what}: {figure(statistics.fmean(found))}{spread}, {seeds}")
    texts = texts or ["nothing was scored"]
    measured = "; ".join([*texts, f"published: {figure(claim.value, 4)}"])
    return Evidence(row.framework, row.label, measured, reason=claim.untestable or "")


def _correlation(claim: Claim, measures: Measures, row: Row) -> Evidence:
    found = measures.final(row, claim.measure)
    what = measures.describe(claim.measure)
    if not found:
        reason = "not measured: this needs losses, and FIDs of four points after the first"
        remedy = "runs with five evaluation points or more"
        return Evidence(row.framework, row.label, what, reason=reason, remedy=remedy)
    measured = f"{what}: {figure(statistics.fmean(found.values()))}"
    return Evidence(row.framework, row.label, measured, found)


def _unless_unfit(
    found: Evidence,
    claim: Claim,
    group: Group,
    measures: Measures,
    *rows: Row,
    seen: Sequence[Row] = (),
) -> Evidence:
    """Leave quality undecided if the runs cannot show it."""
    if found.reason or claim.measure not in QUALITY:
        return found
    trained_on_it = [row.label for row in (*rows, *seen) if row.saw_reference]
    if trained_on_it and claim.measure in SCORES:
        reason = f"{trained_on_it[0]} was trained on the reference images"
        return replace(found, reason=reason, remedy="runs that train on the train split only")
    if group.too_short:
        remedy = "a budget as long as that of the preset standard, or longer"
        return replace(found, reason=TOO_SHORT, remedy=remedy)
    for row in rows:
        unlearnt = _unlearnt(row.recipe, group, measures)
        if unlearnt:
            return replace(found, reason=unlearnt, remedy=_longer(row.runs[0].spec))
    return found


def _unlearnt(recipe: str, group: Group, measures: Measures) -> str:
    """Return that a recipe's images are no better than noise; empty if they are, or if unknown.

    It is judged by the mean over its implementations: to leave out those alone that ended with a
    high FID would be a choice by the outcome.
    """
    ceiling = group.scored.ceiling if group.scored else None
    finals = [measures.final(row, "fid") for row in group.rows if row.recipe == recipe]
    means = [statistics.fmean(fids.values()) for fids in finals if fids]
    if ceiling is None or not means:
        return ""
    fid = statistics.fmean(means)
    if fid <= LEARNT_SHARE * ceiling.mean:
        return ""
    return (
        f"{recipe} has not learnt at this budget: its mean FID is {figure(fid)}, that of an "
        f"untrained generator {figure(ceiling.mean)}"
    )


def _longer(spec: RunSpec) -> str:
    epochs = (spec.recipe_values or {}).get("epochs")
    ours = spec.steps * spec.images_per_step
    longer = f"more than these {ours:,} training images in a run"
    if isinstance(epochs, int) and epochs * spec.train_images > ours:
        longer += f" (its source has {epochs * spec.train_images:,})"
    return longer
