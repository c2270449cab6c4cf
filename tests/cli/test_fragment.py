"""A file through the encoder, a loss, and the decoder, by way of a directory or of JSON."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from tests.cli.terminal import fleetcast, refusal

FIRMWARE = Path(__file__).parent.parent.parent / "samples" / "firmware" / "micropython-microbit-1.0.0.bin"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file of 1000 bytes."""
    path = tmp_path / "small.bin"
    path.write_bytes(random.Random(5).randbytes(1000))
    return path


def test_a_real_firmware_survives_a_loss_of_20_percent(tmp_path: Path) -> None:
    made = fleetcast("fragment", FIRMWARE, "--size", 112, "--redundancy", "30%", "--out", tmp_path / "fragments")
    assert (made.code, made.err) == (0, "")
    assert "231544 bytes" in made.out
    rebuilt = tmp_path / "rebuilt.bin"
    ended = fleetcast("assemble", tmp_path / "fragments", "--loss", "20%", "--seed", 1, "--out", rebuilt)
    assert ended.code == 0
    digest = hashlib.sha256(FIRMWARE.read_bytes()).hexdigest()
    assert f"sha256 {digest}, the same as the file that was fragmented" in ended.out
    assert rebuilt.read_bytes() == FIRMWARE.read_bytes()


@pytest.mark.parametrize("scheme", ["v1", "v2-relative", "v2-absolute"])
def test_json_holds_every_fragment_and_assembles_again(small: Path, scheme: str) -> None:
    made = fleetcast("fragment", small, "--size", 30, "--redundancy", "50%", "--scheme", scheme, "--json")
    value = made.json
    assert [value[key] for key in ("fragment_count", "fragment_size", "padding", "scheme", "coded_count")] == [
        34,
        30,
        20,
        scheme,
        17,
    ]
    assert [fragment["n"] for fragment in value["fragments"]] == list(range(1, 52))
    assert b"".join(bytes.fromhex(one["data"]) for one in value["fragments"][:34]) == small.read_bytes() + bytes(20)
    report = fleetcast("assemble", "--loss", "20%", "--seed", 3, "--json", stdin=made.out).json
    assert report["complete"]
    assert report["lost"] > 0
    assert report["bytes"] == 1000
    assert report["sha256"] == hashlib.sha256(small.read_bytes()).hexdigest() == value["sha256"]


def test_a_json_file_and_a_directory_are_read_alike(small: Path, tmp_path: Path) -> None:
    made = fleetcast("fragment", small, "--size", 30, "--json", "--out", tmp_path / "fragments")
    (tmp_path / "set.json").write_text(made.out)
    reports = [
        fleetcast("assemble", tmp_path / name, "--loss", "10%", "--json").json for name in ("fragments", "set.json")
    ]
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("redundancy", "coded"),
    [
        ("ONE_TO_TWO", 34),
        ("THREE_TO_FOUR", 12),
        ("FIVE_TO_SIX", 7),
        ("seven_to_eight", 5),
        ("NO_REDUNDANCY_ONE", 0),
        ("0%", 0),
        ("30%", 11),
        ("0.3", 11),
        ("1/2", 17),
        ("100 %", 34),
    ],
)
def test_redundancy_is_a_share_or_a_name_and_counts_are_rounded_up(small: Path, redundancy: str, coded: int) -> None:
    made = fleetcast("fragment", small, "--size", 30, "--redundancy", redundancy, "--json").json
    assert made["coded_count"] == coded
    assert len(made["fragments"]) == 34 + coded


def test_deleted_fragments_are_lost_fragments(small: Path, tmp_path: Path) -> None:
    fleetcast("fragment", small, "--size", 30, "--redundancy", "50%", "--out", tmp_path / "fragments")
    for n in (1, 5, 17):
        (tmp_path / "fragments" / f"{n:05d}.bin").unlink()
    report = fleetcast("assemble", tmp_path / "fragments", "--json").json
    assert report["complete"]
    assert (report["lost"], report["uncoded_lost"]) == (3, 3)


def test_the_same_seed_loses_the_same_fragments(small: Path) -> None:
    made = fleetcast("fragment", small, "--size", 10, "--json").out
    first, second, other = (
        fleetcast("assemble", "--loss", "15%", "--seed", seed, "--json", stdin=made).out for seed in (7, 7, 8)
    )
    assert first == second != other


def test_exit_code_1_says_that_the_block_did_not_complete(small: Path, tmp_path: Path) -> None:
    made = fleetcast("fragment", small, "--size", 30, "--redundancy", "10%", "--json").out
    ended = fleetcast("assemble", "--loss", "60%", "--out", tmp_path / "never.bin", stdin=made)
    assert ended.code == 1
    assert "not complete" in ended.out
    assert not (tmp_path / "never.bin").exists()
    assert fleetcast("assemble", "--loss", "100%", "--json", stdin=made).json["missing"] == 34


def test_a_device_with_little_memory_gives_up(small: Path) -> None:
    made = fleetcast("fragment", small, "--size", 30, "--redundancy", "100%", "--json").out
    assert fleetcast("assemble", "--loss", "20%", "--memory", 20, "--json", stdin=made).json["complete"]
    ended = fleetcast("assemble", "--loss", "20%", "--memory", 1, stdin=made)
    assert ended.code == 1
    assert "the device's memory" in ended.out


def test_a_second_run_replaces_the_first(small: Path, tmp_path: Path) -> None:
    fleetcast("fragment", small, "--size", 10, "--out", tmp_path / "fragments")
    fleetcast("fragment", small, "--size", 100, "--out", tmp_path / "fragments")
    assert len(list((tmp_path / "fragments").glob("*.bin"))) == 13
    assert fleetcast("assemble", tmp_path / "fragments", "--json").json["complete"]


def test_files_of_other_people_are_not_overwritten(small: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "00001.bin").write_bytes(b"precious")
    assert "not from here" in refusal("fragment", small, "--size", 10, "--out", tmp_path / "other")
    assert (tmp_path / "other" / "00001.bin").read_bytes() == b"precious"


def test_without_a_destination_nothing_is_written_and_that_is_said(small: Path) -> None:
    assert "nothing was written" in fleetcast("fragment", small, "--size", 10).out


def test_an_altered_fragment_is_found_out(small: Path, tmp_path: Path) -> None:
    fleetcast("fragment", small, "--size", 30, "--out", tmp_path / "fragments")
    first = tmp_path / "fragments" / "00001.bin"
    first.write_bytes(bytes(30))
    assert "a fragment was altered" in refusal("assemble", tmp_path / "fragments")
    first.write_bytes(bytes(29))
    assert "Fragment 1 has 29 bytes" in refusal("assemble", tmp_path / "fragments")


def test_every_bad_input_of_fragment_gets_one_line_on_what_to_do(small: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.bin").touch()
    (tmp_path / "large.bin").write_bytes(bytes(20_000))
    for arguments, said in (
        (("--size", 10), "Missing argument"),
        ((small,), "Missing option '--size'"),
        ((tmp_path / "none.bin", "--size", 10), "there is no such file"),
        ((tmp_path, "--size", 10), "this is a directory"),
        ((tmp_path / "empty.bin", "--size", 10), "the file is empty"),
        (("a\0b", "--size", 10), "embedded null"),
        (("/dev/zero", "--size", 200), "more than 67108864 bytes"),
        ((small, "--size", 0), "use 1 to 255"),
        ((small, "--size", -1), "use 1 to 255"),
        ((small, "--size", 256), "use 1 to 255"),
        ((small, "--size", "x"), "--size"),
        ((small, "--size", 10, "--redundancy", "-1%"), "is negative"),
        ((small, "--size", 10, "--redundancy", "lots"), "is not a share"),
        ((small, "--size", 10, "--redundancy", "1e999999999"), "is not a share"),
        ((small, "--size", 10, "--redundancy", "1/0"), "is not a share"),
        ((small, "--size", 10, "--scheme", "v3"), "'v3'"),
        ((tmp_path / "large.bin", "--size", 1), "numbers end at 16383"),
        ((small, "--size", 1, "--redundancy", "1600%"), "more than the 16383 numbers"),
        ((small, "--size", 10, "--out", small), "this is a file"),
        ((small, "--size", 10, "--out", small / "below"), "this is a file"),
    ):
        assert said in refusal("fragment", *arguments), arguments


def test_every_bad_input_of_assemble_gets_one_line_on_what_to_do(small: Path, tmp_path: Path) -> None:
    made = fleetcast("fragment", small, "--size", 30, "--json").json
    (tmp_path / "empty").mkdir()
    for arguments, stdin, said in (
        ((tmp_path / "none",), "", "there is no such set of fragments"),
        ((tmp_path / "empty",), "", "it has no session.json"),
        ((small,), "", "not what `fleetcast fragment` writes"),
        ((), "", "standard input was empty"),
        ((), "{", "this is not JSON"),
        ((), "[]", "no list of fragments"),
        ((), json.dumps(made | {"fragments": [1]}), "every fragment has the form"),
        ((), json.dumps(made | {"fragments": [{"n": 1, "data": "0"}]}), "an odd number"),
        ((), json.dumps(made | {"fragments": [{"n": -1, "data": "00"}]}), "n is -1"),
        ((), json.dumps(made | {"fragment_count": 0}), "0 fragments is not possible"),
        ((), json.dumps(made | {"fragment_size": 300}), "use 1 to 255"),
        ((), json.dumps(made | {"padding": "x"}), "padding is 'x'"),
        ((), json.dumps(made | {"padding": 99}), "A padding of 99 bytes"),
        ((), json.dumps(made | {"scheme": "v9"}), "'v9'"),
        ((), json.dumps(made | {"coded_count": 10**30}), "numbers end at 16383"),
        ((), json.dumps(made | {"coded_count": 1}), "fragment 36 is not one of the 35"),
        ((), json.dumps(made | {"sha256": None}), "sha256 is missing"),
        (("--loss", "101%"), json.dumps(made), "more than everything"),
        (("--loss", "-1%"), json.dumps(made), "is negative"),
        (("--memory", -1), json.dumps(made), "--memory"),
        (("--out", tmp_path / "none" / "rebuilt.bin"), json.dumps(made), "cannot be written"),
    ):
        assert said in refusal("assemble", *arguments, stdin=stdin), arguments
