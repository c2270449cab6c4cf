"""What a transfer strategy would do next in a trial: send, ask over multicast, ask single devices, or end.

The rules are those of the strategies themselves, with the same inputs; the forecast behind a batch of `adaptive` is
worked out with fewer cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fleetcast.planning.plan import PlannedGroup
from fleetcast.planning.policy import Policy, TransferUntil
from fleetcast.planning.redundancy import DEFAULT_LOSS
from fleetcast.planning.transfer_rules import SILENT_ROUNDS, round_worth
from fleetcast.planning.trial_device import TrialDevice

PRIOR_FRAMES: Final = 20
CODE_EXTRA: Final = 1.6
CODE_VARIANCE: Final = 2.7
SATURATED: Final = 255
_WORST: Final = 256
_NEAR: Final = 40
"""Up to this need a device is forecast frame by frame."""
_Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Send:
    """So many more fragments."""

    count: int


@dataclass(frozen=True, slots=True)
class AskAll:
    """Over multicast: everyone, or those that miss some."""

    everyone: bool


@dataclass(frozen=True, slots=True)
class AskEach:
    """By unicast."""

    devices: tuple[TrialDevice, ...]


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more is sent."""


Decision = Send | AskAll | AskEach | End


@dataclass(slots=True)
class Standing:
    """Where a transfer stands when something is to be decided."""

    sending: bool
    """A batch is over; else a round of questions."""
    on_air: int
    polls: int
    complete: int
    members: int
    frames_left: int
    """What counter and time allow."""
    coded_sent: int
    passes: int
    asked_at: Sequence[int]
    """Frames on the air at each multicast request that only those answer who miss some."""
    answer_share: float


def decide(group: PlannedGroup, policy: Policy, wanted: int, open_: Sequence[TrialDevice], at: Standing) -> Decision:
    """What follows; `open_` are all who take part and aren't known to be complete."""
    if not open_:
        return End()
    if policy.transfer_until is TransferUntil.THRESHOLD and group.strategy != "fixed" and at.complete >= wanted:
        return End()
    if group.strategy == "fixed":
        return _fixed(open_, at)
    if group.strategy == "carousel":
        return _carousel(group, policy, open_, at)
    return _adaptive(group, policy, wanted, open_, at)


def _fixed(open_: Sequence[TrialDevice], at: Standing) -> Decision:
    if at.sending:
        return AskAll(everyone=True)
    unheard = tuple(one for one in open_ if one.missing < 0 and one.silent < SILENT_ROUNDS)
    return AskEach(unheard) if unheard else End()


def _carousel(group: PlannedGroup, policy: Policy, open_: Sequence[TrialDevice], at: Standing) -> Decision:
    counting = [one for one in open_ if one.silent < SILENT_ROUNDS]
    if not counting:
        return End()
    if at.sending:
        if at.polls == 0 or _open_percent(counting, open_, at) > policy.fsession_status_threshold:
            return AskAll(everyone=True)
        return AskEach(tuple(counting))
    if not any(one.missing >= 0 and one.told_at == at.on_air for one in counting):
        return AskEach(tuple(counting))
    left = (group.passes_max - at.passes) * group.fragments
    if min(at.frames_left, left) < group.fragments:
        unheard = tuple(one for one in counting if one.missing < 0 or one.told_at < at.on_air)
        return AskEach(unheard) if unheard else End()
    return Send(group.fragments)


def _adaptive(group: PlannedGroup, policy: Policy, wanted: int, open_: Sequence[TrialDevice], at: Standing) -> Decision:
    m = group.fragments
    frames = min(at.frames_left, group.coded_max - at.coded_sent)
    counting: list[TrialDevice] = []
    told: list[tuple[float, float, float, TrialDevice]] = []
    for one in open_:
        if one.silent >= SILENT_ROUNDS or (one.missing >= 0 and one.exhausted(m)):
            continue
        if one.missing >= 0:
            need, loss = _need(one, m), _seen_loss(one, m)
            if one.told_at >= at.on_air:
                mean = frames * (1 - loss)
                if frames < need or need > mean + 3 * math.sqrt(mean * loss + 1e-9):
                    continue
            told.append(((need + CODE_EXTRA) / (1 - loss) - (at.on_air - one.told_at), need, loss, one))
        counting.append(one)
    if not counting:
        return End()
    if at.sending:
        if at.polls == 0:
            return AskAll(everyone=True)
        if _open_percent(counting, open_, at) > policy.fsession_status_threshold:
            return AskAll(everyone=False)
        return AskEach(tuple(counting))
    told.sort(key=lambda each: each[0])
    ranked = told
    if policy.transfer_until is TransferUntil.THRESHOLD:
        unheard = len(counting) - len(told)
        answered = at.complete + len(told)
        likely = unheard * at.complete // answered if answered else 0
        ranked = told[: max(0, wanted - at.complete - likely)]
    if not any(one.told_at >= at.on_air for _, _, _, one in ranked):
        return AskEach(tuple(one for one in counting if one.missing < 0 or one.told_at < at.on_air))
    count = min(_batch([each[1:] for each in ranked[-_WORST:]], m, at), frames)
    return Send(count) if count else End()


def _open_percent(counting: Sequence[TrialDevice], open_: Sequence[TrialDevice], at: Standing) -> float:
    devices = at.complete + len(open_)
    return 100 * len(counting) / devices if devices else 0.0


def _need(one: TrialDevice, fragments: int) -> float:
    need = max(1, one.missing)
    return min(fragments, max(need, fragments - one.received_told)) if need >= SATURATED else need


def _seen_loss(one: TrialDevice, fragments: int) -> float:
    """As the campaign sees it: what it told, and a little of what was expected."""
    listened = max(0, one.told_at - one.listening_from)
    prior = DEFAULT_LOSS if one.expected.loss is None else min(one.expected.loss, 0.99)
    lost = max(0, listened - max(one.received_told, fragments - int(_need(one, fragments))))
    return min((lost + PRIOR_FRAMES * prior) / (listened + PRIOR_FRAMES), 0.99)


def _batch(worst: Sequence[tuple[float, float, TrialDevice]], fragments: int, at: Standing) -> int:
    """Fragments until another question is worth more than another fragment."""
    need = np.array([each[0] for each in worst])[:, None]
    loss = np.array([each[1] for each in worst])[:, None]
    since = np.array([at.on_air - each[2].told_at for each in worst])[:, None]
    silence = np.array([(1 - at.answer_share) ** sum(a > each[2].told_at for a in at.asked_at) for each in worst])
    listened = np.array([max(0, each[2].told_at - each[2].listening_from) for each in worst])[:, None]
    mean = float(((need + CODE_EXTRA) / (1 - loss) - since).max())
    most = math.ceil(mean + 6 * math.sqrt(max(mean, 0) + 4) + 12)
    near = need[:, 0] <= _NEAR
    done = np.empty((len(worst), most + 1))
    if near.any():
        done[near] = _counted(need[near, 0], loss[near, 0], since[near, 0], most)
    if not near.all():
        far = ~near
        count = np.arange(most + 1)[None, :] + since[far]
        heard = count * (1 - loss[far])
        spread = np.sqrt(heard * loss[far] * (1 + count / (listened[far] + PRIOR_FRAMES)) + CODE_VARIANCE)
        done[far] = _normal((heard + 0.5 - need[far] - CODE_EXTRA) / spread) * (count >= need[far])
    now, quiet = done[:, :1], silence[:, None]
    done = (now + quiet * (done - now)) / (now + quiet * (1 - now) + 1e-300)
    all_done = done.prod(axis=0)
    worth = round_worth(fragments, sampled=False)
    better = np.flatnonzero(np.diff(all_done) * worth < all_done[:-1])
    return max(1, int(better[0])) if len(better) else most


def _counted(need: _Floats, loss: _Floats, since: NDArray[np.int64], frames: int) -> _Floats:
    """Chance of being complete frame by frame: with j fragments needed, one that is heard helps with 1 - 2^-j."""
    longest = int(since.max()) + frames
    useful = (1 - loss)[:, None] * (1 - 0.5 ** np.arange(_NEAR + 1))
    state = np.zeros((len(need), _NEAR + 1))
    state[np.arange(len(need)), need.astype(np.int64)] = 1.0
    done = np.empty((len(need), longest + 1))
    done[:, 0] = state[:, 0]
    for frame in range(1, longest + 1):
        moved = state * useful
        state -= moved
        state[:, :-1] += moved[:, 1:]
        done[:, frame] = state[:, 0]
    picked: _Floats = np.take_along_axis(done, since[:, None] + np.arange(frames + 1), axis=1)
    return picked


def _normal(z: _Floats) -> _Floats:
    """The normal distribution function, well enough (logistic approximation of Page, within 2e-4)."""
    return 1 / (1 + np.exp(-np.clip(1.5976 * z + 0.070566 * z**3, -50, 50)))
