"""Answers to devices that ask for the time."""

import pytest

from fleetcast.errors import Invalid
from fleetcast.identifiers import DevEui
from fleetcast.instants import parse_rfc3339
from fleetcast.protocol.package_version import PackageVersionAns
from fleetcast.protocol.ts003_clock_sync.v1 import AppTimeAns, AppTimeReq, DeviceAppTimePeriodicityAns
from fleetcast.runtime.time_service import VALID_FOR_MS, TimeAnswer, TimeService

DEVICE = DevEui("0000000000000001")
NOW = parse_rfc3339("2024-01-01T00:00:00.900Z")
GPS_NOW = 1_388_102_418


def ask(
    service: TimeService,
    device_time: int,
    *,
    token: int = 0,
    wanted: bool = False,
    f_cnt: int = 1,
    version: int | None = 1,
) -> TimeAnswer | None:
    request = AppTimeReq(device_time=device_time % 2**32, ans_required=wanted, token_req=token)
    return service.on_uplink(DEVICE, 202, request.encode(), NOW, f_cnt, version)


def correction(answer: TimeAnswer | None) -> AppTimeAns:
    assert answer is not None
    return AppTimeAns.from_bytes(answer.payload)


def test_the_correction_counts_from_the_end_of_the_uplink_at_the_gateway() -> None:
    answer = ask(TimeService(1), GPS_NOW - 37, token=5, wanted=True)
    assert correction(answer) == AppTimeAns(time_correction=37, token_ans=5)
    assert answer is not None
    assert (answer.f_port, answer.dev_eui, answer.valid_until) == (202, DEVICE, NOW + VALID_FOR_MS)


@pytest.mark.parametrize(("off", "answered"), [(0, False), (1, False), (-1, False), (2, True), (-2, True)])
def test_a_device_that_needs_no_answer_gets_one_only_beyond_the_tolerance(off: int, answered: bool) -> None:
    assert (ask(TimeService(1), GPS_NOW + off) is not None) is answered


def test_a_device_that_wants_an_answer_gets_it_though_its_clock_is_right() -> None:
    assert correction(ask(TimeService(5), GPS_NOW, wanted=True)).time_correction == 0


def test_the_same_uplink_twice_is_answered_once_and_the_next_one_again() -> None:
    service = TimeService(1)
    assert ask(service, 0, f_cnt=4) is not None
    assert ask(service, 0, f_cnt=4) is None
    assert ask(service, 0, f_cnt=5) is not None
    assert (service.asked, service.answered) == (2, 2)


def test_version_2_saturates_and_version_1_wraps() -> None:
    far = GPS_NOW - 2**31 - 5
    assert correction(ask(TimeService(1), far + 2**32, version=1)).time_correction == -(2**31) + 5
    service = TimeService(1)
    late = parse_rfc3339("2060-01-01T00:00:00Z")
    request = AppTimeReq(device_time=0, ans_required=True, token_req=3).encode()
    assert correction(service.on_uplink(DEVICE, 202, request, late, 1, 2)).time_correction == 0x7FFFFFFF
    assert correction(service.on_uplink(DEVICE, 202, request, late, 2, None)).time_correction == 0x7FFFFFFF
    assert correction(service.on_uplink(DEVICE, 202, request, late, 3, 1)).time_correction < 0


def test_other_commands_are_no_questions_and_hide_none() -> None:
    service = TimeService(1)
    told = DeviceAppTimePeriodicityAns(not_supported=False, time=0).encode()
    version = PackageVersionAns(package_identifier=1, package_version=1).encode()
    assert service.on_uplink(DEVICE, 202, told + version, NOW, 1, 1) is None
    request = AppTimeReq(device_time=0, ans_required=False, token_req=1).encode()
    assert service.on_uplink(DEVICE, 202, version + request, NOW, 2, 1) is not None


@pytest.mark.parametrize("payload", [b"", b"\x01\x02", b"\xff\xff\xff\xff\xff\xff"])
def test_bytes_that_say_nothing_get_no_answer(payload: bytes) -> None:
    assert TimeService(1).on_uplink(DEVICE, 202, payload, NOW, 1, 1) is None


def test_a_tolerance_below_zero_is_refused() -> None:
    with pytest.raises(Invalid, match="0 or more"):
        TimeService(-1)
