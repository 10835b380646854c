"""A client of BATON/1 written from docs/protocol.md alone: what another language would need.

    with Client(endpoint) as client:
        client.submit([task.Spec(id="a", role="backend")])

One thread uses an object at a time. Needs Debian's python3-zmq and python3-protobuf.
"""

import collections
import secrets
import time

import zmq
from google.protobuf.message import DecodeError

from messages import task, wire

MAGIC = b"BTN"
VERSION = 1
TOPIC = b"events"


class Refused(Exception):
    """The broker answered with an error."""

    def __init__(self, error):
        super().__init__(f"{wire.Code.Name(error.code)}: {error.message} [{error.field}]")
        self.error = error
        self.code = error.code


class NoAnswer(Exception):
    """No answer in time: whether the request was carried out is not known."""


def frame(message, version=VERSION):
    return MAGIC + bytes([version]) + message.SerializeToString(deterministic=True)


def unframe(data, kind):
    """The message in a frame, or None when it is none of ours."""
    if data[:3] != MAGIC or data[3:4] != bytes([VERSION]):
        return None
    message = kind()
    try:
        message.ParseFromString(data[4:])
    except DecodeError:
        return None
    return message


class Client:
    """A DEALER connection. Requests are matched to answers by id; what comes unasked is kept in
    `unasked` in the order of arrival."""

    def __init__(self, endpoint, client=None, actor="test@here", timeout=10.0):
        self.endpoint = endpoint
        self.client = client or secrets.token_hex(16)
        self.actor = actor
        self.timeout = timeout
        self.number = 0
        self.answered = set()
        self.acked = 0
        self.next_id = 0
        self.answers = {}
        self.unasked = collections.deque()
        self.socket = None
        self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self):
        """Opens the connection, or a new one in its place."""
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self.socket.connect(self.endpoint)
        self.answers.clear()

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    # -- messages --

    def send(self, message):
        self.socket.send(frame(message))

    def new_id(self):
        self.next_id += 1
        return self.next_id

    def pump(self, timeout):
        """Takes in one message; False when none came in time."""
        if not self.socket.poll(max(0, int(timeout * 1000))):
            return False
        parts = self.socket.recv_multipart()
        message = unframe(parts[0], wire.FromBroker) if len(parts) == 1 else None
        if message is None:
            return True
        if message.id == 0:
            self.unasked.append(message)
        else:
            self.answers[message.id] = message
        return True

    def wait(self, id, timeout):
        """The answer to `id`, or None."""
        end = time.monotonic() + timeout
        while id not in self.answers:
            rest = end - time.monotonic()
            if rest <= 0 or not self.pump(rest):
                return None
        return self.answers.pop(id)

    def next_unasked(self, timeout):
        """The next message that was not asked for, or None."""
        end = time.monotonic() + timeout
        while not self.unasked:
            rest = end - time.monotonic()
            if rest <= 0 or not self.pump(rest):
                return None
        return self.unasked.popleft()

    # -- requests --

    def request(self, op, message, timeout=None):
        """Asks once, without a number. The whole FromBroker; Refused; NoAnswer."""
        return self.ask(self._to_broker(op, message), timeout or self.timeout)

    def ask(self, to_broker, timeout):
        """Sends and waits. A request that is sent again keeps its id: any copy's answer will do."""
        to_broker.id = to_broker.id or self.new_id()
        self.send(to_broker)
        answer = self.wait(to_broker.id, timeout)
        if answer is None:
            raise NoAnswer(to_broker.WhichOneof("op"))
        if answer.HasField("error"):
            raise Refused(answer.error)
        return answer

    def numbered(self, op, message):
        """A repeatable request, to give to `ask` as often as needed, then to `acknowledge`."""
        to_broker = self._to_broker(op, message)
        self.number += 1
        to_broker.client = self.client
        to_broker.number = self.number
        to_broker.acked = self.acked
        return to_broker

    def acknowledge(self, number):
        self.answered.add(number)
        while self.acked + 1 in self.answered:
            self.acked += 1
            self.answered.remove(self.acked)

    def change_safely(self, op, message, timeout=None, again_after=1.0):
        """Asks, and asks again, until there is an answer: done once however often it was asked."""
        to_broker = self.numbered(op, message)
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            try:
                answer = self.ask(to_broker, min(again_after, max(0.01, end - time.monotonic())))
                self.acknowledge(to_broker.number)
                return answer
            except Refused:
                self.acknowledge(to_broker.number)
                raise
            except NoAnswer:
                if time.monotonic() >= end:
                    raise

    def _to_broker(self, op, message):
        to_broker = wire.ToBroker(actor=self.actor)
        getattr(to_broker, op).CopyFrom(message)
        return to_broker

    # -- operations --

    def hello(self, **fields):
        fields.setdefault("version_min", VERSION)
        fields.setdefault("version_max", VERSION)
        fields.setdefault("software", "protocol_client.py")
        return self.request("hello", wire.Hello(**fields)).welcome

    def ping(self, timeout=None):
        return self.request("ping", wire.Ping(), timeout).pong

    def submit(self, tasks, timeout=None, **fields):
        message = wire.Submit(tasks=tasks, **fields)
        return self.change_safely("submit", message, timeout).submitted

    def get(self, id, project=""):
        return self.request("get", wire.Get(task=wire.Ref(id=id, project=project))).task

    def pages(self, **fields):
        """The pages of a listing."""
        after = 0
        while True:
            listed = self.request("list", wire.List(after=after, **fields)).listed
            yield listed
            after = listed.next
            if after == 0:
                return

    def tasks(self, **fields):
        return [view for page in self.pages(**fields) for view in page.tasks]

    def change(self, verb, ids, **fields):
        message = wire.Change(verb=verb, tasks=[wire.Ref(id=id) for id in ids], **fields)
        return self.change_safely("change", message).changed

    def status(self):
        return self.request("status", wire.StatusRequest()).status

    def counter(self, name):
        """A counter of the status; None when the broker has none of this name."""
        return {c.name: c.value for c in self.status().counters}.get(name)

    def take(self, roles, max=1, wait_ms=0, **fields):
        message = wire.Take(roles=roles, max=max, wait_ms=wait_ms, **fields)
        return list(self.change_safely("take", message, 10 + wait_ms / 1000, 60).assign.tasks)

    def report(self, lines, timeout=None):
        """Reports many lines; their replies in the same order."""
        return list(self.request("report", wire.Report(lines=lines), timeout).reported.lines)

    def report_one(self, token, **what):
        return self.report([wire.Line(token=token, **what)])[0]

    def started(self, token):
        return self.report_one(token, started=True)

    def finish(self, token, outcome=task.OUTCOME_DONE, **fields):
        return self.report_one(token, result=task.Result(outcome=outcome, **fields))


class Worker(Client):
    """A worker's session: hello, credit, assignments, reports."""

    def __init__(self, endpoint, name, roles, slots=10, **fields):
        super().__init__(endpoint, **fields)
        self.name = name
        self.roles = roles
        self.slots = slots
        self.welcome = None
        self.arrived = 0

    def greet(self, held=(), **fields):
        """Opens the session. `held`: pairs of token and whether it was started."""
        self.arrived = 0
        self.welcome = self.hello(
            worker=self.name,
            roles=self.roles,
            slots=self.slots,
            held=[wire.Held(token=token, started=started) for token, started in held],
            **fields,
        )
        return self.welcome

    def credit(self, slots, timeout=None):
        """`slots` more than what has been read with next_unasked."""
        return self.request("credit", wire.Credit(slots=slots, arrived=self.arrived), timeout)

    def next_unasked(self, timeout):
        message = super().next_unasked(timeout)
        if message is not None:
            self.arrived += len(message.assign.tasks)
        return message

    def assigned(self, n, timeout=10.0):
        """Waits for n assignments (or fewer when the time is over)."""
        found = []
        end = time.monotonic() + timeout
        aside = []
        while len(found) < n:
            message = self.next_unasked(end - time.monotonic())
            if message is None:
                break
            if message.HasField("assign"):
                found.extend(message.assign.tasks)
            else:
                aside.append(message)
        self.unasked.extendleft(reversed(aside))
        return found

    def bye(self):
        return self.request("bye", wire.Bye())


class TooFarBehind(Exception):
    """Events are gone; `newest` is where to go on after reading the state."""

    def __init__(self, newest):
        super().__init__(f"events are gone, the newest is {newest}")
        self.newest = newest


class Feed:
    """Events without gaps behind number `after` (None: from the newest on)."""

    def __init__(self, endpoint, after=None, heartbeat=5.0):
        self.client = Client(endpoint)
        welcome = self.client.hello()
        self.heartbeat = heartbeat
        self.number = welcome.event if after is None else after
        self.ready = collections.deque()
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self.socket.setsockopt(zmq.SUBSCRIBE, TOPIC)
        self.socket.connect(welcome.feed)
        self.from_feed = 0
        self.catch_up()

    def close(self):
        self.socket.close()
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def catch_up(self):
        while True:
            to_broker = wire.ToBroker(id=self.client.new_id())
            to_broker.events.number = self.number
            self.client.send(to_broker)
            answer = self.client.wait(to_broker.id, self.client.timeout)
            if answer is None:
                raise NoAnswer("events")
            if answer.error.code == wire.CODE_TOO_FAR_BEHIND:
                raise TooFarBehind(answer.events.newest)
            if answer.HasField("error"):
                raise Refused(answer.error)
            for event in answer.events.events:
                self._hand_on(event)
            if self.number >= answer.events.newest:
                return

    def next(self, timeout):
        """The next event, or None."""
        end = time.monotonic() + timeout
        silent_since = time.monotonic()
        while not self.ready:
            now = time.monotonic()
            if now >= end:
                return None
            if now - silent_since >= self.heartbeat:
                self.catch_up()
                silent_since = now
                continue
            rest = min(end, silent_since + self.heartbeat) - now
            if not self.socket.poll(int(rest * 1000) + 1):
                continue
            silent_since = time.monotonic()
            self._take_in(self.socket.recv_multipart())
        return self.ready.popleft()

    def _take_in(self, parts):
        batch = unframe(parts[1], wire.EventBatch) if len(parts) == 2 else None
        if parts[0] != TOPIC or batch is None:
            return
        for event in batch.events:
            if event.number > self.number + 1:
                self.catch_up()
            if event.number == self.number + 1:
                self.from_feed += 1
                self._hand_on(event)

    def _hand_on(self, event):
        if event.number <= self.number:
            return
        if event.number != self.number + 1:
            raise AssertionError(f"event {event.number} came after {self.number}")
        self.number = event.number
        self.ready.append(event)
