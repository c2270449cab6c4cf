"""Webhooks over real HTTP: signed, in order, at least once, whatever the receiver or the worker does."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update

from fleetcast.access import Identity, webhook_signature
from fleetcast.access import Role as UserRole
from fleetcast.actions import webhooks as actions
from fleetcast.actions.webhooks import Webhook
from fleetcast.clock import SystemClock
from fleetcast.instants import from_datetime
from fleetcast.runtime import webhook_post
from fleetcast.runtime.health import Health
from fleetcast.runtime.webhook_post import Poster, is_public
from fleetcast.runtime.webhooks import Patience, Webhooks
from fleetcast.secret import Secret
from fleetcast.store import journal, tables, webhooks
from fleetcast.store.database import Database
from tests.runtime.deployment import START, VAULT, Fleet, keys_of, populate
from tests.runtime.receiver import Receiver

QUICK = Patience(first_s=0.02, longest_s=0.1, within_s=0.5, claim_s=0.5)
WORKER, OTHER = 7, 8


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiving:
        yield receiving


@pytest.fixture
def fleet(database: Database) -> Fleet:
    return populate(database, 1)


class Hook:
    """One webhook and what was told to it."""

    def __init__(self, database: Database, fleet: Fleet, url: str, *kinds: str, name: str = "hook") -> None:
        self.database, self.subscriber_id = database, fleet.subscriber_id
        self.admin = Identity(subscriber_id=fleet.subscriber_id, user_id=0, login="ada", role=UserRole.ADMIN)
        made = actions.create(database, VAULT, self.admin, Webhook(name=name, url=url, kinds=kinds), START)
        assert made.secret is not None
        self.id, self.secret = made.id, webhook_signature.read(made.secret.reveal().decode())

    def tell(self, *texts: str, kind: str = "campaign.status") -> None:
        lines = [journal.Line(kind=kind, text=each, data={"status": "RUNNING"}) for each in texts]
        with self.database.write() as connection:
            journal.write(connection, self.subscriber_id, lines, START)

    def deliveries(self) -> list[Any]:
        with self.database.read() as connection:
            table = tables.webhook_delivery
            return list(connection.execute(select(table).where(table.c.webhook_id == self.id).order_by(table.c.id)))

    def row(self) -> Any:
        with self.database.read() as connection:
            return connection.execute(select(tables.webhook).where(tables.webhook.c.id == self.id)).one()


def serve(
    database: Database, until: Callable[[], Any], patience: Patience = QUICK, worker: int = WORKER, **options: Any
) -> None:
    """Serve the webhooks until something in a thread is over."""
    options = {"private_addresses": True} | options

    async def run() -> None:
        serving = Webhooks(database, SystemClock(), keys_of(database), Health(), random.Random(1), patience, **options)
        end = database.listen(journal.CHANNEL, lambda _: loop.call_soon_threadsafe(serving.news.set) and None)
        task = asyncio.create_task(serving.run(worker))
        try:
            await asyncio.to_thread(until)
        finally:
            end()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        runner.run(run())


def until(true: Callable[[], object], longest_s: float = 20) -> Callable[[], None]:
    """A wait in a thread."""

    def wait() -> None:
        for _ in range(int(longest_s / 0.02)):
            if true():
                return
            threading.Event().wait(0.02)
        raise AssertionError("nothing happened")

    return wait


def test_a_receiver_that_drops_hangs_fails_and_redirects_gets_everything_in_order_once_it_works(
    database: Database, fleet: Fleet, receiver: Receiver
) -> None:
    hook = Hook(database, fleet, receiver.url, "campaign.*")
    receiver.behaviour.extend(["204", "drop", "hang", "500", "302", "429", "204"])
    receiver.headers["location"] = "http://127.0.0.1:1/elsewhere"
    hook.tell("one", "two", "three", "four")
    hook.tell("of no interest", kind="device.edited")
    serve(database, lambda: (hook.tell("five"), receiver.wait_for(5, taken=True)))
    serve(database, until(lambda: all(each.state == "delivered" for each in hook.deliveries())))
    assert [each.said["data"]["text"] for each in receiver.taken()] == ["one", "two", "three", "four", "five"]
    said = [each.said["data"]["text"] for each in receiver.received]
    assert said == ["one", *["two"] * 6, "three", "four", "five"], "nothing overtakes what is tried again"
    second = [each for each in receiver.received if each.said["data"]["text"] == "two"]
    assert len({each.body for each in second}) == len({each.headers["webhook-id"] for each in second}) == 1
    assert [each.attempts for each in hook.deliveries()] == [1, 6, 1, 1, 1]
    assert hook.row().failing_since_at is None
    now_s = from_datetime(SystemClock().now()) // 1000
    for each in receiver.received:
        told = [each.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")]
        assert webhook_signature.verify(hook.secret, *told, each.body, now_s)
        assert not webhook_signature.verify(hook.secret, *told, each.body + b" ", now_s), "altered"
        assert not webhook_signature.verify(hook.secret, *told, each.body, now_s + 3600), "played again"
        assert not webhook_signature.verify(Secret(bytes(32)), *told, each.body, now_s), "by somebody else"
        assert each.said["type"] == "campaign.status"
        assert each.said["data"]["data"] == {"status": "RUNNING"}


def test_a_worker_killed_in_the_middle_of_an_attempt_loses_nothing(
    database: Database, database_url: str, fleet: Fleet, receiver: Receiver
) -> None:
    hook = Hook(database, fleet, receiver.url, "campaign.*")
    hook.tell("one", "two", "three")
    receiver.behaviour.extend(["204", "hang"])
    process = subprocess.Popen([sys.executable, "-m", "tests.runtime.webhook_process", database_url, str(OTHER)])  # noqa: S603
    try:
        receiver.wait_for(2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [each.state for each in hook.deliveries()] == ["delivered", "waiting", "waiting"]
    assert hook.deliveries()[1].claimed_by == OTHER
    serve(database, lambda: receiver.wait_for(3, taken=True))
    assert [each.said["data"]["text"] for each in receiver.received] == ["one", "two", "two", "three"]


def test_several_workers_deliver_each_once_and_in_order(database: Database, fleet: Fleet, receiver: Receiver) -> None:
    hook = Hook(database, fleet, receiver.url, "campaign.*")
    texts = [f"line {n}" for n in range(30)]
    hook.tell(*texts)
    others = [
        threading.Thread(target=serve, args=(database, lambda: receiver.wait_for(30)), kwargs={"worker": n})
        for n in range(3)
    ]
    for each in others:
        each.start()
    for each in others:
        each.join()
    assert [each.said["data"]["text"] for each in receiver.received] == texts


def test_one_that_hangs_keeps_no_other_waiting(database: Database, fleet: Fleet, receiver: Receiver) -> None:
    with Receiver() as deaf:
        deaf.behaviour.extend(["hang"] * 100)
        slow = Hook(database, fleet, deaf.url, "campaign.*", name="slow")
        hook = Hook(database, fleet, receiver.url, "campaign.*")
        hook.tell(*(f"line {n}" for n in range(5)))
        serve(database, lambda: receiver.wait_for(5), Patience(within_s=60))
        assert [each.state for each in slow.deliveries()] == ["waiting"] * 5


def test_one_delivery_that_is_never_taken_is_given_up_and_may_be_sent_again(
    database: Database, fleet: Fleet, receiver: Receiver
) -> None:
    hook = Hook(database, fleet, receiver.url, "campaign.*")
    receiver.behaviour.extend(["400"] * 3)
    hook.tell("bad", "good")
    serve(database, lambda: receiver.wait_for(1, taken=True), Patience(first_s=0.01, attempts=3))
    serve(database, until(lambda: hook.deliveries()[1].state == "delivered"))
    bad, _ = hook.deliveries()
    assert (bad.state, bad.attempts, bad.status, bad.error) == ("given up", 3, 400, "answered 400")
    actions.deliver_again(database, hook.admin, hook.id, bad.id, START)
    serve(database, until(lambda: hook.deliveries()[0].state == "delivered"))
    assert [each.said["data"]["text"] for each in receiver.taken()] == ["good", "bad"]
    assert hook.row().enabled


def test_a_webhook_that_fails_for_long_is_switched_off_and_goes_on_where_it_was(
    database: Database, fleet: Fleet, receiver: Receiver
) -> None:
    hook = Hook(database, fleet, receiver.url)
    receiver.behaviour.extend(["503"] * 1000)
    hook.tell("one")
    serve(
        database, until(lambda: not hook.row().enabled), Patience(first_s=0.01, longest_s=0.05, switch_off_after_s=0.4)
    )
    assert "answered 503" in hook.row().disabled_why
    with database.read() as connection:
        last = journal.following(connection, fleet.subscriber_id, 0, 500)[-1]
    assert (last.kind, last.data["id"]) == ("webhook.switched-off", hook.id)
    came = len(receiver.received)
    hook.tell("two")
    serve(database, until(lambda: True))
    assert len(receiver.received) == came, "switched off, it is told nothing"
    receiver.behaviour.clear()
    actions.edit(database, hook.admin, hook.id, Webhook(name="hook", url=receiver.url), None, START)
    serve(database, until(lambda: any(each.said["data"]["text"] == "two" for each in receiver.taken())))
    kinds = [each.said["type"] for each in receiver.taken()]
    assert kinds[:4] == ["webhook.created", "campaign.status", "webhook.switched-off", "campaign.status"]
    assert (hook.row().failing_since_at, hook.row().disabled_why) == (None, "")


def test_one_that_says_that_it_is_gone_is_switched_off_at_once(
    database: Database, fleet: Fleet, receiver: Receiver
) -> None:
    hook = Hook(database, fleet, receiver.url)
    receiver.behaviour.append("410")
    hook.tell("one")
    serve(database, until(lambda: not hook.row().enabled))
    assert "410" in hook.row().disabled_why


def test_pauses_double_are_spread_by_chance_and_heed_the_receivers_wish(database: Database) -> None:
    patience = Patience(first_s=1, longest_s=60)
    serving = Webhooks(database, SystemClock(), keys_of(database), Health(), random.Random(5), patience)
    again = Webhooks(database, SystemClock(), keys_of(database), Health(), random.Random(5), patience)
    silent = webhook_post.Answer(500, "answered 500")
    pauses = [serving._pause_ms(tried, silent) for tried in range(1, 12)]
    assert pauses == [again._pause_ms(tried, silent) for tried in range(1, 12)], "seeded"
    for tried, pause_ms in enumerate(pauses):
        longest_ms = min(2**tried, 60) * 1000
        assert longest_ms / 2 <= pause_ms <= longest_ms
    wish = webhook_post.Answer(429, "answered 429", again_in_s=30)
    assert serving._pause_ms(1, wish) == 30_000
    assert serving._pause_ms(1, webhook_post.Answer(429, "answered 429", again_in_s=9_999_999)) == 60_000


def test_a_full_queue_leaves_the_rest_in_the_journal(
    database: Database, fleet: Fleet, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WAITING", 10)
    hook = Hook(database, fleet, receiver.url, "campaign.*")
    hook.tell(*(str(n) for n in range(35)))
    with database.write() as connection:
        for _ in range(5):
            webhooks.follow(connection)
    assert len(hook.deliveries()) == 10
    serve(database, lambda: receiver.wait_for(35))
    assert [each.said["data"]["text"] for each in receiver.received] == [str(n) for n in range(35)]


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "ff02::1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_told_apart(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_let_through(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_private_addresses_are_reached_only_where_a_setting_allows_it(
    database: Database, fleet: Fleet, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook(database, fleet, receiver.url.replace("127.0.0.1", "localhost"))
    hook.tell("one")
    serve(database, until(lambda: hook.deliveries() and hook.deliveries()[0].attempts > 1), private_addresses=False)
    assert receiver.received == []
    assert "not allowed here" in hook.deliveries()[0].error


def test_a_name_is_resolved_once_and_the_address_that_was_looked_at_is_the_one_reached(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def resolved(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.2")]

    monkeypatch.setattr(webhook_post, "_resolved", resolved)
    url = receiver.url.replace("127.0.0.1", "rebinding.example")

    async def post() -> None:
        poster = Poster(private_addresses=True, within_s=5)
        answer = await poster.post(url, b"{}", {})
        await poster.close()
        assert (answer.status, answer.error) == (204, "")

    asyncio.run(post())
    assert asked == ["rebinding.example"]
    assert receiver.received[0].headers["host"].startswith("rebinding.example:")


def test_a_certificate_is_for_the_name_not_for_the_address_that_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolved(_host: str, _port: int) -> list[Any]:
        return [ipaddress.ip_address("127.0.0.1")]

    monkeypatch.setattr(webhook_post, "_resolved", resolved)
    path = certificate(tmp_path, "receiver.example")
    trusted = ssl.create_default_context(cafile=path)

    async def post(url: str) -> webhook_post.Answer:
        poster = Poster(private_addresses=True, within_s=5, trusts=trusted)
        try:
            return await poster.post(url, b"{}", {})
        finally:
            await poster.close()

    with Receiver(path) as receiving:
        url = receiving.url.replace("http://127.0.0.1", "https://receiver.example")
        assert asyncio.run(post(url)).status == 204
        assert "certificate" in asyncio.run(post(url.replace("receiver.", "other."))).error
        assert len(receiving.received) == 1


def certificate(directory: Path, name: str) -> Path:
    """A certificate for a name, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "certificate.pem"
    path.write_bytes(written + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_name_that_leads_nowhere_is_a_failure_like_another(database: Database) -> None:
    async def post(url: str) -> webhook_post.Answer:
        poster = Poster(private_addresses=True, within_s=5)
        try:
            return await poster.post(url, b"{}", {})
        finally:
            await poster.close()

    assert "can't be reached" in asyncio.run(post("http://127.0.0.1:1/")).error
    assert asyncio.run(post("http://x.invalid/")).error
    assert asyncio.run(post(f"http://{'x' * 70}.example/")).error


def test_a_lost_delivery_is_posted_again_after_its_claim(database: Database, fleet: Fleet, receiver: Receiver) -> None:
    hook = Hook(database, fleet, receiver.url, "campaign.*")
    hook.tell("one")
    with database.write() as connection:
        webhooks.follow(connection)
        (claimed,) = webhooks.claim(connection, OTHER, 300, 10)
        assert webhooks.claim(connection, WORKER, 300, 10) == []
    serve(database, lambda: receiver.wait_for(1))
    serve(database, until(lambda: hook.deliveries()[0].state == "delivered"))
    with database.write() as connection:
        webhooks.taken(connection, OTHER, claimed, 204)  # it comes back, and changes nothing
        webhooks.failed(connection, OTHER, claimed, webhooks.Failure(500, "late", 0, final=False))
    delivered = hook.deliveries()[0]
    assert (delivered.state, delivered.attempts, delivered.status) == ("delivered", 1, 204)


def test_without_a_secret_nothing_is_sent(database: Database, fleet: Fleet, receiver: Receiver) -> None:
    hook = Hook(database, fleet, receiver.url)
    with database.write() as connection:
        connection.execute(
            update(tables.key_material).where(tables.key_material.c.owner_table == "webhook").values(wrapped=b"x" * 60)
        )
    hook.tell("one")
    serve(database, until(lambda: hook.deliveries() and hook.deliveries()[0].error))
    assert receiver.received == []
