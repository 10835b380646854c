"""Load for a broker that is killed again and again: submitters and fast workers, each a thread with
its own connection, that repeat what was not answered and tell a History what they saw."""

import random
import threading
import time

from history import now
from messages import task, wire
from protocol_client import Client, NoAnswer, Refused, Worker

FAKE_ROLES = ("backend", "frontend")
REAL_ROLE = "testing"
GIVE_UP_S = 120


class Ids:
    """Ids ever sent, for dependencies on any of them: also on some that the broker does not know
    yet, which waits for them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ids = []
        self.n_fake = 0  # of them, for fake workers

    def add(self, id, real):
        with self.lock:
            self.ids.append(id)
            self.n_fake += not real

    def some(self, chance, most):
        with self.lock:
            recent = self.ids[-200:]
        return chance.sample(recent, min(chance.randrange(most + 1), len(recent)))


class LoadThread(threading.Thread):
    """A thread whose exception is kept for the test."""

    def __init__(self, name, endpoint, history, seed):
        super().__init__(name=name, daemon=True)
        self.endpoint = endpoint
        self.history = history
        self.chance = random.Random(f"{seed} {name}")
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        try:
            self.work()
        except Exception as error:  # the test raises it again
            self.error = error

    def finish(self, timeout):
        self.stopping.set()
        self.join(timeout)
        if self.error is not None:
            raise self.error
        if self.is_alive():
            raise AssertionError(f"{self.name} did not come to an end")


class Submitter(LoadThread):
    """Adds small graphs, as long as not too much is open."""

    def __init__(self, name, endpoint, history, seed, ids, real_share):
        super().__init__(name, endpoint, history, seed)
        self.ids = ids
        self.real_share = real_share
        self.open_max = 300

    def work(self):
        n = 0
        with Client(self.endpoint) as client, Client(self.endpoint) as reader:
            while not self.stopping.is_set():
                if self.ids.n_fake - self.history.n_accepted > self.open_max:
                    self.stopping.wait(0.05)
                    continue
                specs = [self._spec(f"{self.name}-{n + i}") for i in range(self._size())]
                n += len(specs)
                client.submit(specs, timeout=GIVE_UP_S)
                self.history.was_acknowledged([s.id for s in specs])
                self._read_back(reader, self.chance.choice(specs).id)

    def _size(self):
        return self.chance.choice((1, 1, 5, 20, 40))

    def _spec(self, id):
        after = self.ids.some(self.chance, 3)
        real = self.chance.random() < self.real_share
        self.ids.add(id, real)
        self.history.submitting(id, after)
        return task.Spec(
            id=id,
            role=REAL_ROLE if real else self.chance.choice(FAKE_ROLES),
            priority=self.chance.randrange(5),
            after=[task.Edge(id=other) for other in after],
            max_attempts=1000,
            crash_limit=1000,
            backoff_ms=10,
            backoff_cap_ms=50,
            payload=self.chance.randbytes(self.chance.randrange(200)),
        )

    def _read_back(self, reader, id):
        """What was acknowledged is seen by a read on another connection."""
        end = time.monotonic() + GIVE_UP_S
        while True:
            try:
                reader.request("get", wire.Get(task=wire.Ref(id=id)), 1)
                return
            except NoAnswer:
                if time.monotonic() > end:
                    raise
            except Refused as refused:
                raise AssertionError(f"{id} was acknowledged, and a read says: {refused}") from None


class Job:
    """A lease that a fake worker holds."""

    def __init__(self, id, due):
        self.id = id
        self.due = due
        self.started = False  # the broker knows
        self.outcome = None  # decided; sent until answered


class FakeWorker(LoadThread):
    """A worker that does nothing, quickly; sometimes it fails, gives back, or forgets all."""

    slots = 20

    def __init__(self, name, endpoint, history, seed):
        super().__init__(name, endpoint, history, seed)
        self.jobs = {}
        self.told_credit = None

    def work(self):
        with Worker(self.endpoint, self.name, list(FAKE_ROLES), self.slots) as self.session:
            while not self.stopping.is_set():
                try:
                    self._live()
                except NoAnswer:
                    self.session.connect()
                except Refused as refused:
                    if refused.code != wire.CODE_HELLO_FIRST:
                        raise

    def _live(self):
        """One session, until it breaks."""
        self.session.unasked.clear()
        held = [(token, job.started) for token, job in self.jobs.items()]
        lost = self.session.greet(held).lost
        for token in lost:
            # An end that was reported may have counted: that one is asked for again.
            if self.jobs[token].outcome is None:
                del self.jobs[token]
        self.told_credit = None
        while not self.stopping.is_set():
            self._say_credit()
            self._take_in(0.02 if self.jobs else 0.1)
            self._report()
            if self.chance.random() < 0.002:
                self.jobs.clear()  # the process died and came back without memory
                return

    def _say_credit(self):
        credit = max(0, self.slots - len(self.jobs))
        if credit != self.told_credit:
            self.session.credit(credit, 1)
            self.told_credit = credit

    def _take_in(self, timeout):
        message = self.session.next_unasked(timeout)
        while message is not None:
            if message.error.code == wire.CODE_HELLO_FIRST:
                raise Refused(message.error)
            for assignment in message.assign.tasks:
                self.history.was_assigned(assignment.id, assignment.token)
                due = time.monotonic() + self.chance.random() * 0.05
                self.jobs.setdefault(assignment.token, Job(assignment.id, due))
                self.told_credit -= 1
            message = self.session.next_unasked(0)

    def _report(self):
        lines = [self._line(token, job) for token, job in self.jobs.items()]
        lines = [line for line in lines if line is not None]
        if not lines:
            return
        for reply in self.session.report(lines, 1):
            job = self.jobs[reply.token]
            if job.outcome is not None:
                self._ended(reply)
            elif reply.code == wire.CODE_OK:
                job.started = True
            else:
                del self.jobs[reply.token]

    def _line(self, token, job):
        if job.outcome is None and time.monotonic() >= job.due:
            job.outcome = self.chance.choices(
                (task.OUTCOME_DONE, task.OUTCOME_FAILED, task.OUTCOME_RELEASED), (90, 6, 4)
            )[0]
            self.history.result_sent(job.id, token, job.outcome == task.OUTCOME_DONE, now())
        if job.outcome is not None:
            return wire.Line(token=token, result=task.Result(outcome=job.outcome, summary=job.id))
        return None if job.started else wire.Line(token=token, started=True)

    def _ended(self, reply):
        if reply.code == wire.CODE_OK:
            self.history.result_accepted(reply.token)
        else:
            self.history.result_refused(reply.token)
        del self.jobs[reply.token]
