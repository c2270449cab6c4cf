"""Usage reports are written column by column, without a header."""

from __future__ import annotations

from fleetcast.interchange.usage_reports import CampaignUsage, DeltaUsage, write_campaign_usage, write_delta_usage


def test_the_columns_stand_in_their_order() -> None:
    usage = CampaignUsage(
        subscriber_id="7",
        devices=100,
        campaigns_run=6,
        multicast_setup_devices=1,
        binary_devices=2,
        firmware_devices=3,
    )
    delta = DeltaUsage(
        subscriber_id="7",
        device_profile="Meter, M1",
        devices_updated=4,
        full_image_campaigns=5,
        delta_campaigns=6,
    )
    assert list(write_campaign_usage([usage])) == ["7,100,6,1,2,3\r\n"]
    assert list(write_delta_usage([delta])) == ['7,"Meter, M1",4,5,6\r\n']
