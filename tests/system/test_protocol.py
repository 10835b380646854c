"""The broker against docs/protocol.md, sections 2 to 6 and 10 to 12: frames, versions, requests
asked again, hostile input, limits. The client is protocol_client.py, written from that page."""

import os
import random
import socket
import unittest

import zmq

from harness import SystemTest, wait_until
from messages import task, wire
from protocol_client import MAGIC, NoAnswer, Refused, frame, unframe

UNKNOWN_FIELD = bytes([0xBA, 0x7D, 0x03]) + b"new"  # field 2007, three bytes
DROPPED = "messages_dropped"


def padded(message, size):
    """A frame of exactly `size` bytes: the message and an unknown field that fills it up."""
    head = frame(message)
    rest = size - len(head) - 2 - 4  # tag, length of four bytes
    length = bytes([rest & 127 | 128, rest >> 7 & 127 | 128, rest >> 14 & 127 | 128, rest >> 21])
    return head + bytes([0xBA, 0x7D]) + length + bytes(rest)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Frames(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.c = self.client(self.b)

    def raw(self, *parts):
        self.c.socket.send_multipart(list(parts))

    def next_raw(self, timeout=10):
        """The next FromBroker, whatever its id."""
        self.assertTrue(self.c.socket.poll(timeout * 1000), "no answer")
        message = unframe(self.c.socket.recv(), wire.FromBroker)
        self.assertIsNotNone(message)
        return message

    def assertNotAnswered(self):
        """Requests of a connection are answered in order here: the next thing is the pong."""
        self.raw(frame(wire.ToBroker(id=999, ping=wire.Ping())))
        self.assertEqual(self.next_raw().id, 999)

    def test_ping(self):
        pong = self.c.ping()
        self.assertTrue(pong.accepting)
        self.assertGreater(pong.now, 1_600_000_000_000)
        self.assertGreaterEqual(pong.epoch, 1)

    def test_strange_frames_are_dropped_and_counted(self):
        before = self.c.counter(DROPPED)
        self.assertIsNotNone(before, "status has no counter " + DROPPED)
        strange = [b"", b"B", b"BTN", b"XTN\x01\x08\x01", b"\x00" * 100, b"GET / HTTP/1.0\r\n\r\n"]
        for data in strange:
            self.raw(data)
        self.assertNotAnswered()
        self.assertEqual(self.c.counter(DROPPED), before + len(strange))

    def test_more_than_one_frame_is_dropped_and_counted(self):
        ping = frame(wire.ToBroker(id=1, ping=wire.Ping()))
        before = self.c.counter(DROPPED)
        self.raw(b"", ping)
        self.raw(ping, b"")
        self.raw(ping, ping)
        self.raw(*[b"x"] * 1000)
        self.assertNotAnswered()
        self.assertEqual(self.c.counter(DROPPED), before + 4)

    def test_other_version_byte_is_told_the_versions(self):
        for version in (0, 2, 255):
            self.raw(frame(wire.ToBroker(id=5, ping=wire.Ping()), version))
            answer = self.next_raw()
            self.assertEqual((answer.id, answer.error.code), (0, wire.CODE_VERSION))
            self.assertIn("1", answer.error.message)
        self.assertNotAnswered()

    def test_malformed_body(self):
        whole = frame(wire.ToBroker(id=5, submit=wire.Submit(tasks=[task.Spec(id="abc")])))
        for data in (whole[:-1], MAGIC + b"\x01\xff\xff\xff", MAGIC + b"\x01" + b"\xff" * 40):
            self.raw(data)
            answer = self.next_raw()
            self.assertEqual((answer.id, answer.error.code), (0, wire.CODE_MALFORMED), data)
        self.assertNotAnswered()

    def test_unknown_operation(self):
        self.raw(frame(wire.ToBroker(id=5)) + UNKNOWN_FIELD)
        answer = self.next_raw()
        self.assertEqual((answer.id, answer.error.code), (5, wire.CODE_INVALID))
        self.assertEqual(answer.error.field, "op")

    def test_unknown_fields_change_nothing(self):
        spec = task.Spec(id="newer", role="backend").SerializeToString() + UNKNOWN_FIELD
        submit = bytes([0x0A, len(spec)]) + spec + UNKNOWN_FIELD
        data = MAGIC + b"\x01\x08\x07" + UNKNOWN_FIELD + bytes([0x62, len(submit)]) + submit
        self.raw(data)
        answer = self.next_raw()
        self.assertEqual((answer.id, answer.submitted.created), (7, 1), answer)
        self.assertEqual(self.c.get("newer").spec.role, "backend")

    def test_id_zero_wants_no_answer(self):
        submit = wire.Submit(tasks=[task.Spec(id="quiet", role="backend")])
        self.raw(frame(wire.ToBroker(submit=submit)))
        self.raw(frame(wire.ToBroker(get=wire.Get(task=wire.Ref(id="none")))))
        self.assertNotAnswered()
        self.assertEqual(self.c.get("quiet").spec.id, "quiet")

    def test_text_that_is_not_utf8_or_has_a_nul_is_refused(self):
        good = task.Spec(id="bad", role="backend", title="TITLE").SerializeToString()
        for text in (b"TI\xc3\x28E", b"TI\x00LE", b"TI\xed\xa0\x80"):
            spec = good.replace(b"TITLE", text)
            submit = bytes([0x0A, len(spec)]) + spec
            self.raw(MAGIC + b"\x01\x08\x07" + bytes([0x62, len(submit)]) + submit)
            answer = self.next_raw()
            self.assertIn(answer.error.code, (wire.CODE_INVALID, wire.CODE_MALFORMED), answer)
            self.assertRefused(wire.CODE_NOT_FOUND, self.c.get, "bad")

    def test_largest_frame_passes_and_a_larger_one_drops_the_connection(self):
        limit = self.c.hello().max_message_bytes
        self.assertEqual(limit, 16 * 1024 * 1024)
        ping = wire.ToBroker(id=5, ping=wire.Ping())
        self.raw(padded(ping, limit))
        self.assertEqual(self.next_raw(30).id, 5)

        other = self.client(self.b)
        other.ping()
        monitor = other.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        other.socket.send(padded(ping, limit + 1))
        self.assertTrue(monitor.poll(20_000), "the transport did not drop the connection")
        other.socket.disable_monitor()
        wait_until("a pong on the new connection", lambda: self._pings(other))
        self.c.ping()

    def _pings(self, client):
        try:
            return client.ping(0.5)
        except NoAnswer:
            return None

    def test_random_frames(self):
        """Garbage, and good messages with flipped bits, from one peer; another one is served."""
        seed = int(os.environ.get("BATON_SEED", "0")) or random.SystemRandom().getrandbits(32)
        chance = random.Random(seed)
        spec = task.Spec(id="x", role="backend", after=[task.Edge(id="y")], labels={"a": "b"})
        line = wire.Line(token=3, result=task.Result(outcome=task.OUTCOME_DONE, summary="s"))
        seeds = [
            wire.ToBroker(id=1, client="c", number=1, submit=wire.Submit(tasks=[spec])),
            wire.ToBroker(id=2, report=wire.Report(lines=[line])),
            wire.ToBroker(id=3, list=wire.List(roles=["backend"], states=[task.STATE_READY])),
            wire.ToBroker(id=4, hello=wire.Hello(version_max=1, worker="w", roles=["backend"])),
            wire.ToBroker(id=5, change=wire.Change(verb=6, spec=spec, fields=["title"], all=True)),
            wire.ToBroker(id=6, take=wire.Take(roles=["backend"], max=3)),
        ]
        flood = self.client(self.b)
        for i in range(20_000):
            if chance.random() < 0.3:
                data = MAGIC + b"\x01" + chance.randbytes(chance.randrange(200))
            else:
                data = bytearray(frame(chance.choice(seeds)))
                for _ in range(chance.randrange(1, 4)):
                    data[chance.randrange(4, len(data))] = chance.randrange(256)
            flood.socket.send(bytes(data))
            while flood.socket.poll(0):
                flood.socket.recv()
            if i % 2000 == 0:
                self.assertTrue(self.c.ping(), f"BATON_SEED={seed}")
        self.assertTrue(self.b.is_running(), f"BATON_SEED={seed}\n{self.b.process.tail()}")
        self.assertTrue(self.c.ping(), f"BATON_SEED={seed}")
        self.b.restart()  # what the noise left in the journal can be read again

    def test_endless_garbage_costs_no_memory(self):
        flood = self.client(self.b)
        self.c.ping()
        before = resident_bytes(self.b.process.pid)
        for i in range(200_000):
            flood.socket.send(b"garbage")
            if i % 20_000 == 0:
                self.c.ping()
        # Many parts of one message: dropped as one.
        for _ in range(100_000):
            flood.socket.send(b"x", zmq.SNDMORE)
        flood.socket.send(b"")
        wait_until("the flood is over", lambda: self._pings(flood), 60)
        self.c.ping()
        grown = resident_bytes(self.b.process.pid) - before
        self.assertLess(grown, 64 * 1024 * 1024)

    def test_peer_that_does_not_speak_zeromq(self):
        path = self.b.endpoint.removeprefix("ipc://")
        for data in (b"GET / HTTP/1.0\r\n\r\n" * 100, b"\x00" * 4096, random.randbytes(4096)):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(path)
                peer.settimeout(5)
                try:
                    peer.sendall(data)
                except OSError:
                    pass  # hung up on us: fine
                self.c.ping()
        self.c.ping()

    def test_peer_that_does_not_read(self):
        """Its answers are dropped in the end; nobody else waits for it."""
        specs = [task.Spec(id=f"t{i}", role="backend", prompt="p" * 1000) for i in range(1000)]
        self.c.submit(specs)
        mute = self.client(self.b)
        mute.socket.setsockopt(zmq.RCVHWM, 1)
        listing = frame(wire.ToBroker(id=1, list=wire.List(specs=True)))
        for _ in range(300):
            try:
                mute.socket.send(listing, zmq.DONTWAIT)
            except zmq.Again:
                break
        for _ in range(10):
            self.c.ping()
        self.assertLess(resident_bytes(self.b.process.pid), 1024 * 1024 * 1024)


class Versions(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.c = self.client(self.b)

    def test_welcome_tells_everything(self):
        welcome = self.c.hello()
        self.assertEqual(welcome.version, 1)
        self.assertEqual(welcome.heartbeat_ms, 5000)
        self.assertTrue(welcome.store_id and welcome.broker and welcome.zone)
        self.assertTrue(welcome.feed.startswith("ipc://"))
        self.assertGreaterEqual(welcome.epoch, 1)
        self.assertEqual(welcome.max_message_bytes, 16 * 1024 * 1024)

    def test_highest_common_version(self):
        self.assertEqual(self.c.hello(version_min=1, version_max=9).version, 1)

    def test_no_common_version(self):
        for low, high in ((2, 3), (0, 0), (3, 1)):
            error = self.assertRefused(
                wire.CODE_VERSION, self.c.hello, version_min=low, version_max=high
            )
            self.assertIn("1", error.message)
        self.c.ping()

    def test_store_id_stays_and_epoch_rises(self):
        first = self.c.hello()
        self.b.restart()
        second = self.client(self.b).hello()
        self.assertEqual(second.store_id, first.store_id)
        self.assertGreater(second.epoch, first.epoch)

    def test_tcp_is_refused_until_there_are_keys(self):
        other = self.broker(start=False, data=self.dir / "other")
        other.endpoint = "tcp://127.0.0.1:*"
        self.assertNotEqual(other.spawn().wait(), 0)
        self.assertIn("key", other.process.output())


class Numbers(SystemTest):
    """Section 5: asking again."""

    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.c = self.client(self.b)

    def submission(self, id):
        return self.c.numbered("submit", wire.Submit(tasks=[task.Spec(id=id, role="backend")]))

    def test_repeated_request_is_done_once(self):
        # Without an id in the spec only the number can tell that it is the same.
        request = self.submission("")
        first = self.c.ask(request, 10)
        self.assertFalse(first.replayed)
        again = self.c.ask(request, 10)
        self.assertTrue(again.replayed)
        self.assertEqual(again.submitted, first.submitted)
        self.assertEqual(len(self.c.tasks()), 1)

    def test_repeated_on_another_connection_by_another_actor(self):
        request = self.submission("")
        first = self.c.ask(request, 10)
        request.actor = "someone@else"
        again = self.client(self.b).ask(request, 10)
        self.assertTrue(again.replayed)
        self.assertEqual(again.submitted, first.submitted)

    def test_repeated_after_the_broker_was_killed(self):
        request = self.submission("")
        first = self.c.ask(request, 10)
        self.b.kill()
        self.b.start()
        again = self.client(self.b).ask(request, 10)
        self.assertTrue(again.replayed)
        self.assertEqual(again.submitted, first.submitted)
        self.assertEqual(len(self.c.tasks()), 1)

    def test_two_at_once(self):
        request = self.submission("")
        ids = []
        for _ in range(2):
            request.id = self.c.new_id()
            ids.append(request.id)
            self.c.send(request)
        answers = [self.c.wait(id, 10) for id in ids]
        self.assertEqual([a.submitted.created for a in answers], [1, 1], answers)
        self.assertEqual(len(self.c.tasks()), 1)

    def test_another_request_under_a_used_number(self):
        request = self.submission("a")
        self.c.ask(request, 10)
        request.submit.tasks[0].id = "b"
        self.assertRefused(wire.CODE_NUMBER_USED, self.c.ask, request, 10)
        self.assertRefused(wire.CODE_NOT_FOUND, self.c.get, "b")

    def test_acknowledged_answers_are_forgotten(self):
        first = self.submission("a")
        self.c.ask(first, 10)
        self.c.acknowledge(first.number)
        self.c.ask(self.submission("b"), 10)  # says acked = 1
        self.assertRefused(wire.CODE_NUMBER_USED, self.c.ask, first, 10)
        self.b.restart()
        self.assertRefused(wire.CODE_NUMBER_USED, self.c.ask, first, 10)

    def test_numbers_may_be_skipped_but_not_fall(self):
        skipped = self.submission("a")
        self.c.ask(self.submission("b"), 10)
        self.assertRefused(wire.CODE_NUMBER_USED, self.c.ask, skipped, 10)
        self.assertRefused(wire.CODE_NOT_FOUND, self.c.get, "a")

    def test_client_name_too_long(self):
        request = self.submission("a")
        request.client = "c" * 65
        self.assertRefused(wire.CODE_INVALID, self.c.ask, request, 10)

    def test_take_again_leases_nothing_more(self):
        self.c.submit([task.Spec(id=f"t{i}", role="backend") for i in range(4)])
        request = self.c.numbered("take", wire.Take(roles=["backend"], max=2, worker="w"))
        first = self.c.ask(request, 10)
        again = self.c.ask(request, 10)
        self.assertEqual(len(first.assign.tasks), 2)
        self.assertEqual(again.assign, first.assign)
        self.assertEqual(len(self.c.tasks(states=[task.STATE_READY])), 2)


class Limits(SystemTest):
    """Section 12, as far as a small test can reach; and that nothing is left behind."""

    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.c = self.client(self.b, timeout=60)

    def refused(self, *codes, **fields):
        fields.setdefault("id", "t")
        fields.setdefault("role", "backend")
        return self.refused_all([task.Spec(**fields)], *codes)

    def refused_all(self, specs, *codes):
        try:
            self.c.submit(specs)
        except Refused as refused:
            self.assertIn(refused.code, codes, refused)
            self.assertEqual(self.c.tasks(limit=1), [])
            return refused.error
        self.fail(f"not refused: {str(specs[0])[:200]}")
        return None

    def test_lengths(self):
        size = (wire.CODE_INVALID, wire.CODE_TOO_LARGE)
        for fields in (
            {"id": "i" * 129},
            {"project": "p" * 129},
            {"title": "t" * 1025},
            {"unique_key": "k" * 257},
            {"traceparent": "t" * 257},
            {"fairness_key": "f" * 129},
            {"prompt": "p" * (256 * 1024 + 1)},
            {"payload": b"p" * (256 * 1024 + 1)},
            {"command": ["a"] * 257},
            {"command": ["a" * (64 * 1024 + 1)]},
            {"env": ["A=1"] * 257},
            {"labels": {f"l{i}": "v" for i in range(65)}},
            {"labels": {"l" * 129: "v"}},
            {"labels": {"l": "v" * 257}},
            {"claims": [task.Claim(name=f"c{i}", amount=1) for i in range(65)]},
            {"after": [task.Edge(id=f"d{i}") for i in range(16 * 1024 + 1)]},
            {"max_attempts": 1001},
            {"max_runtime_ms": 315360000001},
            {"deadline": 253402300800000},
            {"fairness_weight": 1001},
        ):
            with self.subTest(list(fields)[0]):
                error = self.refused(*size, **fields)
                self.assertIn(list(fields)[0], error.field, error)
                self.assertTrue(error.message)

    def test_at_the_limit_is_allowed(self):
        self.c.submit(
            [
                task.Spec(id="i" * 128, project="p" * 128, role="backend", title="t" * 1024),
                task.Spec(id="prompt", role="backend", prompt="p" * (256 * 1024)),
                task.Spec(id="payload", role="backend", payload=b"p" * (256 * 1024)),
                task.Spec(id="args", role="backend", command=["a"] * 256),
                task.Spec(
                    id="edges",
                    role="backend",
                    after=[task.Edge(id=f"d{i}") for i in range(16 * 1024)],
                ),
            ]
        )
        self.assertEqual(len(self.c.get("prompt").spec.prompt), 256 * 1024)
        self.assertEqual(self.c.get("i" * 128, "p" * 128).spec.title, "t" * 1024)

    def test_hostile_names(self):
        for name in (
            "../x", "a/../b", "..", ".", "/a", "a/", "-a", "a b", " a", "a\nb", "a\x1bb",
            "\u202ea", "a\u00a0b", "a\u0085", "i" * 4096,
        ):
            with self.subTest(name=ascii(name)):
                self.refused(wire.CODE_INVALID, wire.CODE_TOO_LARGE, id=name)

    def test_more_tasks_than_one_submission_takes(self):
        specs = [task.Spec(id=str(i), role="infra") for i in range(200_001)]
        self.refused_all(specs, wire.CODE_TOO_LARGE)

    def test_more_lines_than_one_report_takes(self):
        lines = [wire.Line(token=1, beat=True)] * 10_001
        self.assertRefused(wire.CODE_TOO_LARGE, self.c.report, lines)

    def test_wrong_input_is_refused_whole(self):
        self.refused(wire.CODE_UNKNOWN_ROLE, role="chef")
        self.refused(wire.CODE_CYCLE, after=[task.Edge(id="t")])
        self.refused(wire.CODE_INVALID, priority=77)
        self.refused(wire.CODE_INVALID, deadline=-1)
        ring = [
            task.Spec(id=f"r{i}", role="infra", after=[task.Edge(id=f"r{(i + 1) % 5}")])
            for i in range(5)
        ]
        error = self.refused_all([task.Spec(id="good", role="infra"), *ring], wire.CODE_CYCLE)
        self.assertEqual(error.path[0], error.path[-1])
        self.assertEqual(sorted(error.path[:-1]), [f"r{i}" for i in range(5)])
        twice = [task.Spec(id="d", role="infra"), task.Spec(id="d", role="backend")]
        self.refused_all(twice, wire.CODE_CONFLICT, wire.CODE_INVALID)

    def test_sessions_fields(self):
        for fields in (
            {"worker": "w" * 129, "roles": ["backend"], "slots": 1},
            {"worker": "w", "roles": [], "slots": 1},
            {"worker": "w", "roles": ["backend"], "slots": 10_001},
            {"worker": "a b", "roles": ["backend"], "slots": 1},
        ):
            with self.subTest(fields):
                with self.assertRaises(Refused) as caught:
                    self.c.hello(**fields)
                self.assertIn(caught.exception.code, (wire.CODE_INVALID, wire.CODE_TOO_LARGE))
        self.assertRefused(
            wire.CODE_UNKNOWN_ROLE, self.c.hello, worker="w", roles=["chef"], slots=1
        )


if __name__ == "__main__":
    unittest.main()
