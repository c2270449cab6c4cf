"""[network]: the band, the gateways, the air and the network server; every complaint as in `reading`."""

from __future__ import annotations

from fleetcast.radio.band import Band
from fleetcast.radio.bands import catalog
from fleetcast.rehearsal.reading import Table
from fleetcast.rehearsal.scenario import CONNECTION, Network
from fleetcast.rehearsal.settings_tables import read_settings
from fleetcast.simulator.air import Bursts
from fleetcast.simulator.network_settings import NetworkSettings

_NOT_READ = frozenset({"connection", "counter", "first_f_cnt", "refuses_groups", "group_needs_person", "outages_s"})
"""Settings of the network server that a scenario says elsewhere, or not at all."""


def read_network(table: Table) -> tuple[Network, Band]:
    name = table.text("band", "EU868")
    plan, country = table.text("channel_plan"), table.text("country")
    band = table.said("band", lambda: catalog.band(name))
    if plan is not None:
        band = table.said("channel_plan", lambda: catalog.band(name, plan=plan))
    if country is not None:
        band = table.said("country", lambda: band.in_country(country))
    gateways = table.whole("gateways", 1, least=1, most=1000)
    bursts = None
    if "bursts" in table:
        inner = table.table("bursts")
        bursts = Bursts(
            inner.number("bad_share", 0.1, least=0.001, most=0.999),
            inner.number("mean_bad_s", 10.0, least=0.01),
            inner.number("bad_loss", 0.9, least=0.01, most=1),
        )
        inner.finish()
    outages = tuple(_outage(each) for each in table.tables("outage"))
    network = Network(
        band=band.name,
        channel_plan=plan,
        country=country,
        gateways=gateways,
        uplink_channels=table.whole("uplink_channels", 8, least=1, most=96),
        network_counts=table.flag("network_counts"),
        max_under_way=table.whole("max_under_way", 1, least=1, most=3),
        bursts=bursts,
        server=read_settings(
            table.table("server"), NetworkSettings, {"connection": CONNECTION, "outages_s": outages}, _NOT_READ
        ),
    )
    table.finish()
    return network, band


def _outage(table: Table) -> tuple[float, float]:
    """From and to, in seconds after the start."""
    after_s = table.number("after_s", 0.0)
    until_s = after_s + table.number("lasts_s", 600.0, least=0.001)
    table.finish()
    return after_s, until_s
