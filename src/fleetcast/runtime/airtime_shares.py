"""Who may use how much of a connection's sub-band: the hour's budget for campaigns, divided among the groups that send.

Every worker works it out from the same rows and tells the campaigns it owns; when a campaign begins or ends, the others
learn their new share within seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from fleetcast.planning import facts
from fleetcast.planning.group_air import group_air
from fleetcast.planning.refusals import PlanRefused
from fleetcast.store.open_connections import GroupInUse


def shares(groups: Sequence[GroupInUse]) -> Mapping[tuple[int, str], float]:
    """By connection and sub-band: the share (0 to 1) of each group there."""
    sharers: Counter[tuple[int, str]] = Counter()
    for group in groups:
        sub_band = _sub_band(group)
        if sub_band is not None:
            sharers[group.connection_id, sub_band] += 1
    return {where: 1 / count for where, count in sharers.items()}


def _sub_band(group: GroupInUse) -> str | None:
    """The sub-band a group's frames go out in, as the plan names it; None: it can't be used any more."""
    try:
        air = group_air(
            facts.Group(
                dev_eui=group.dev_eui,
                connection=str(group.connection_id),
                session_class="B" if group.session_class == "B" else "C",
                band=group.band,
                channel_plan=group.channel_plan,
                country=group.country,
                dwell_time=group.dwell_time,
                mc_addr=group.mc_addr,
                frequency_hz=group.frequency_hz,
                data_rate=group.data_rate,
            )
        )
    except PlanRefused:
        return None
    return air.sub_band_label
