"""Sealing: what leaves is what a device with the right keys can read, and nothing more."""

from dataclasses import replace
from hashlib import sha256

import pytest

from fleetcast.campaign.effects import SendFragment, SendMulticast, SendUnicast
from fleetcast.errors import NotFound
from fleetcast.fec import Decoder
from fleetcast.identifiers import DevAddr, DevEui
from fleetcast.planning.facts import Device, File, FileKind, Group, PackageAbility, Profile, default_packages
from fleetcast.planning.plan import CampaignType, Plan
from fleetcast.planning.planner import make_plan
from fleetcast.planning.policy import Policy
from fleetcast.planning.request import CampaignRequest
from fleetcast.protocol.data_frames import PayloadCipher
from fleetcast.protocol.keys import (
    LorawanVersion,
    data_block_int_key,
    mc_app_s_key,
    mc_ke_key,
    mc_net_s_key,
    mc_root_key,
    unwrap_mc_key,
)
from fleetcast.protocol.packages import Direction, Package
from fleetcast.protocol.ts004_fragmentation import v2
from fleetcast.protocol.ts004_fragmentation.block_integrity import data_block_mic
from fleetcast.protocol.ts004_fragmentation.v1 import DataFragment, FragSessionStatusReq
from fleetcast.protocol.ts005_multicast.v1 import McGroupSetupReq
from fleetcast.runtime.sealing import FileChanged, GroupUnknown, Sealer
from fleetcast.secret import Secret

OLD, NEW = DevEui("0000000000000001"), DevEui("0000000000000002")
GROUP, MC_ADDR = DevEui("00000000000000F0"), DevAddr("01020304")
MC_KEY = Secret(bytes(range(16)))
ROOT = {OLD: Secret(b"a" * 16), NEW: Secret(b"b" * 16)}
DATA = bytes(range(256)) * 4
START = 1_772_438_400_000


class Keys:
    def root_key(self, dev_eui: DevEui) -> Secret:
        if dev_eui not in ROOT:
            raise NotFound(str(dev_eui))
        return ROOT[dev_eui]

    def mc_key(self, group: DevEui) -> Secret:
        assert group == GROUP
        return MC_KEY


def plan(policy: Policy | None = None) -> Plan:
    packages = {p: PackageAbility(a.f_port, 2 if p is not Package.FIRMWARE_MANAGEMENT else 1)
                for p, a in default_packages().items()}  # fmt: skip
    return make_plan(
        CampaignRequest(
            campaign="c",
            type=CampaignType.BINARY,
            devices=[Device(dev_eui=OLD, profile="p"), Device(dev_eui=NEW, profile="p", lorawan_1_1=True)],
            profiles={"p": Profile(name="p", packages=packages)},
            groups=[Group(dev_eui=GROUP, mc_addr=MC_ADDR, frequency_hz=869_525_000, data_rate=5,
                          coded_per_uncoded=None)],
            file=File(name="f", kind=FileKind.BINARY, size_bytes=len(DATA), sha256=sha256(DATA).hexdigest()),
            policy=policy or Policy(),
        ),
        START,
    )  # fmt: skip


def sealer(policy: Policy | None = None) -> Sealer:
    return Sealer(plan(policy), DATA, Keys())


def unicast(dev_eui: DevEui, package: Package, *commands: object) -> SendUnicast:
    return SendUnicast(1, dev_eui, package, package.default_f_port, commands, START + 1)  # type: ignore[arg-type]


def group_setup(mc_addr: DevAddr = MC_ADDR) -> McGroupSetupReq:
    return McGroupSetupReq(mc_group_id=1, mc_addr=mc_addr, mc_key_encrypted=bytes(16), min_mc_f_cnt=7, max_mc_f_cnt=900)


@pytest.mark.parametrize(("dev_eui", "version"), [(OLD, LorawanVersion.V1_0), (NEW, LorawanVersion.V1_1)])
def test_a_group_key_is_wrapped_for_one_device_alone(dev_eui: DevEui, version: LorawanVersion) -> None:
    payload = sealer().unicast(unicast(dev_eui, Package.MULTICAST_SETUP, group_setup()))
    said = McGroupSetupReq.from_bytes(payload)
    assert unwrap_mc_key(mc_ke_key(mc_root_key(ROOT[dev_eui], version)), said.mc_key_encrypted) == MC_KEY
    assert replace(said, mc_key_encrypted=bytes(16)) == group_setup()
    other = NEW if dev_eui == OLD else OLD
    assert unwrap_mc_key(mc_ke_key(mc_root_key(ROOT[other], version)), said.mc_key_encrypted) != MC_KEY


def test_an_address_that_no_group_has_is_refused() -> None:
    with pytest.raises(GroupUnknown, match="01020305"):
        sealer().unicast(unicast(OLD, Package.MULTICAST_SETUP, group_setup(DevAddr("01020305"))))


def test_a_version_2_session_carries_the_devices_own_mic_over_the_file_without_padding() -> None:
    request = v2.FragSessionSetupReq(
        frag_index=1, mc_group_bit_mask=2, nb_frag=5, frag_size=220, ack_reception=False, frag_algo=0,
        block_ack_delay=0, padding=76, descriptor=b"\1\2\3\4", session_cnt=9, mic=bytes(4),
    )  # fmt: skip
    said = v2.FragSessionSetupReq.from_bytes(sealer().unicast(unicast(OLD, Package.FRAGMENTATION, request)))
    assert said.mic == data_block_mic(
        data_block_int_key(ROOT[OLD]), session_cnt=9, frag_index=1, descriptor=b"\1\2\3\4", data=DATA
    )
    assert replace(said, mic=bytes(4)) == request


def test_fragments_under_the_group_key_rebuild_the_file() -> None:
    sealing, planned = sealer(), plan().groups[0]
    cipher = PayloadCipher(mc_app_s_key(MC_KEY, MC_ADDR))
    decoder = Decoder(planned.fragments, planned.fragment_bytes, planned.scheme)
    for n in range(2, planned.fragments + 4):  # the first is lost
        sealed = sealing.multicast(SendFragment(n, GROUP, 0, n, n + 100, START))
        assert sealed.encrypted
        said = DataFragment.from_bytes(cipher.crypt(sealed.payload, Direction.DOWN, MC_ADDR, n + 100))
        assert said.n == n
        decoder.add(n, said.data)
    assert decoder.data(planned.padding) == DATA


def test_the_same_counter_and_fragment_give_the_same_bytes() -> None:
    effect = SendFragment(1, GROUP, 0, 1, 5, START)
    assert sealer().multicast(effect) == sealer().multicast(replace(effect, effect_id=2))


def test_payloads_stay_clear_where_the_network_counts_or_encrypts() -> None:
    request = FragSessionStatusReq(frag_index=0, participants=1)
    counted = sealer().multicast(SendMulticast(1, GROUP, 201, (request,), None, START))
    left = sealer(Policy(encrypt_disabled=True)).multicast(SendMulticast(1, GROUP, 201, (request,), 4, START))
    assert (counted.payload, counted.encrypted) == (request.encode(), False)
    assert (left.payload, left.encrypted) == (request.encode(), False)


def test_the_network_server_gets_the_session_keys_and_not_the_group_key() -> None:
    keys = sealer().session_keys(GROUP)
    assert keys.mc_app_s_key == mc_app_s_key(MC_KEY, MC_ADDR)
    assert keys.mc_net_s_key == mc_net_s_key(MC_KEY, MC_ADDR)
    assert MC_KEY.reveal().hex() not in repr(keys)


@pytest.mark.parametrize("data", [None, b"another file"])
def test_another_file_than_the_planned_one_is_refused(data: bytes | None) -> None:
    with pytest.raises(FileChanged, match="not the file that was planned"):
        Sealer(plan(), data, Keys())
