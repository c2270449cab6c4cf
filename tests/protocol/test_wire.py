"""The language of declarations: what it lays out, what it refuses at import, and what values it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fleetcast.errors import Invalid
from fleetcast.protocol.command_table import table
from fleetcast.protocol.ts004_fragmentation import v1 as fragmentation_v1
from fleetcast.protocol.ts004_fragmentation import v2 as fragmentation_v2
from fleetcast.protocol.ts005_multicast import v1 as multicast_v1
from fleetcast.protocol.ts006_firmware.v1 import DevUpgradeImageAns
from fleetcast.protocol.ts007_multi_package.v1 import DevPackageAns, MultiPackBufferFrag
from fleetcast.protocol.wire import (
    Command,
    OutOfRange,
    bits,
    command,
    flag,
    octets,
    optional,
    reserved,
    rest,
    sint,
    uint,
)


@command(cid=0x7E)
class Sample(Command):
    """A command with a field of every fixed kind."""

    high: int = bits(3)
    _rfu = reserved(4)
    low: bool = flag()
    wide_high: int = bits(2)
    wide_low: int = bits(14)
    three: int = uint(3)
    signed: int = sint(2)
    raw: bytes = octets(2)


SAMPLE = Sample(high=5, low=True, wide_high=2, wide_low=0x1234, three=0x010203, signed=-2, raw=b"\xaa\xbb")


def test_fields_fill_their_words_from_the_highest_bit_down() -> None:
    assert SAMPLE.encode().hex() == "7e" + "a1" + "3492" + "030201" + "feff" + "aabb"
    assert Sample.from_bytes(SAMPLE.encode()) == SAMPLE
    assert Sample.fixed_size == 11


def test_commands_are_frozen_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SAMPLE.high = 1  # type: ignore[misc]
    assert not hasattr(SAMPLE, "__dict__")
    assert hash(SAMPLE) == hash(dataclasses.replace(SAMPLE))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"high": 8}, r"high 8: allowed 0 to 7 \(Sample\)"),
        ({"high": -1}, "high -1: allowed 0 to 7"),
        ({"wide_low": 16384}, "wide_low 16384: allowed 0 to 16383"),
        ({"three": 1 << 24}, "three 16777216: allowed 0 to 16777215"),
        ({"signed": 32768}, "signed 32768: allowed -32768 to 32767"),
        ({"raw": b"abc"}, "raw 616263: allowed 2 bytes"),
        ({"raw": b""}, "raw of no bytes: allowed 2 bytes"),
        ({"low": 2}, "low 2: allowed false, true"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_is_allowed(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(OutOfRange, match=text):
        dataclasses.replace(SAMPLE, **changed)


def test_the_text_of_the_specification_is_the_text_of_the_error() -> None:
    with pytest.raises(Invalid) as caught:
        fragmentation_v1.FragSessionDeleteReq(frag_index=5)
    assert str(caught.value) == "frag_index 5: allowed 0 to 3 (FragSessionDeleteReq)"


def test_bits_that_do_not_fill_bytes_fail_at_import() -> None:
    with pytest.raises(TypeError, match=r"Loose\.few: the last bit fields do not fill whole bytes"):

        @command(cid=1)
        class Loose(Command):
            few: int = bits(7)

    with pytest.raises(TypeError, match=r"Torn\.number: the bit fields before it do not fill whole bytes"):

        @command(cid=1)
        class Torn(Command):
            few: int = bits(7)
            number: int = uint(1)

    with pytest.raises(TypeError, match="without filling bytes"):

        @command(cid=1)
        class Long(Command):
            most: int = bits(31)
            more: int = bits(2)


def test_declarations_that_make_no_sense_fail_at_import() -> None:
    with pytest.raises(TypeError, match="a field needs its type"):

        @command(cid=1)
        class Untyped(Command):
            number = uint(1)

    with pytest.raises(TypeError, match="fixed fields come first"):

        @command(cid=1)
        class Backwards(Command):
            data: bytes = rest()
            number: int = uint(1)

    with pytest.raises(TypeError, match="inherits from Command"):

        @command(cid=1)
        class Stranger:  # type: ignore[type-var]
            number: int = uint(1)

    with pytest.raises(TypeError, match="allowed sizes are 1, 2 and 4"):
        sint(3)


def test_two_commands_with_one_identifier_fail_at_import() -> None:
    with pytest.raises(TypeError, match=r"Sample and Sample share CID 0x7E"):
        table(Sample, Sample)


def test_optional_fields_come_together() -> None:
    @command(cid=1)
    class Tailed(Command):
        here: int = uint(1)
        one: int | None = optional(uint(1), default=None)
        two: int | None = optional(uint(2), default=None)

    assert Tailed(here=1).encode().hex() == "0101"
    assert Tailed(here=1, one=2, two=3).encode().hex() == "0101020300"
    with pytest.raises(Invalid, match="give all of one, two or none; given: one"):
        Tailed(here=1, one=2)
    with pytest.raises(OutOfRange, match="two 65536"):
        Tailed(here=1, one=2, two=65536)


def test_values_that_contradict_each_other_are_refused() -> None:
    record = multicast_v1.GroupRecord.read_record(bytes.fromhex("0045230126"), 0)
    for make, text in [
        (lambda: multicast_v1.McGroupStatusAns(nb_total_groups=2, ans_group_mask=3, groups=(record,)), "2 records"),
        (lambda: DevPackageAns(nb_packages=1, packages=()), "nb_packages 1, packages has 0"),
        (lambda: MultiPackBufferFrag(base_byte=255, data=b"x"), "no data may follow"),
        (lambda: DevUpgradeImageAns(up_image_status=3), "next_firmware_version goes with"),
        (lambda: DevUpgradeImageAns(up_image_status=1, next_firmware_version=1), "next_firmware_version goes with"),
        (
            lambda: fragmentation_v2.FragSessionStatusAns(
                session_does_not_exist=True,
                mic_error=False,
                memory_error=False,
                frag_index=0,
                nb_frag_received=0,
                missing_frag=0,
            ),
            "session that exists",
        ),
        (
            lambda: multicast_v1.McClassCSessionAns(
                mc_group_undefined=False, freq_error=False, dr_error=True, mc_group_id=0, time_to_start=5
            ),
            "beside an error bit",
        ),
    ]:
        with pytest.raises(Invalid, match=text):
            make()


def test_from_bytes_wants_exactly_one_command() -> None:
    for wrong in ("", "7e", "03", "0303 03", "0203"):
        with pytest.raises(Invalid, match="not exactly one FragSessionDeleteReq"):
            fragmentation_v1.FragSessionDeleteReq.from_bytes(bytes.fromhex(wrong))
