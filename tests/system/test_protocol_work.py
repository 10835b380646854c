"""The broker against docs/protocol.md, sections 6 to 8: sessions, credit, reports, tokens, take."""

import os
import unittest

from harness import SystemTest, wait_until
from messages import task, wire
from protocol_client import Refused

DAY_MS = 86_400_000


def spec(id, role="backend", after=(), **fields):
    return task.Spec(id=id, role=role, after=[task.Edge(id=a) for a in after], **fields)


class WorkTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.c = self.client(self.b)

    def state(self, id):
        return self.c.get(id).state

    def assertState(self, id, state):
        found = self.state(id)
        self.assertEqual(task.TaskState.Name(found), task.TaskState.Name(state), id)

    def lease(self, id, worker=None, **fields):
        """A new task, leased; its worker and token."""
        self.c.submit([spec(id, **fields)])
        worker = worker or self.worker(self.b, f"w-{id}")
        worker.credit(1)
        assignment = worker.assigned(1)[0]
        self.assertEqual(assignment.id, id)
        return worker, assignment.token

    def next_of(self, worker, op, timeout=10):
        """The next unasked message of this operation; others are passed over."""
        while True:
            message = worker.next_unasked(timeout)
            self.assertIsNotNone(message, f"no {op} came")
            if message.HasField(op):
                return getattr(message, op)


class Work(WorkTest):
    def test_from_enqueue_to_done(self):
        first = spec("a", title="First", prompt="do it")
        submitted = self.c.submit([first, spec("b", after=["a"])])
        self.assertEqual((submitted.created, submitted.forward_refs_total), (2, 0))
        worker = self.worker(self.b, "w1")
        worker.credit(5)
        (a,) = worker.assigned(2, timeout=0.5)
        self.assertEqual((a.id, a.project, a.role, a.attempt), ("a", "default", "backend", 1))
        self.assertEqual(a.lease_ms, 300_000)
        self.assertEqual(task.Spec.FromString(a.spec).prompt, "do it")
        self.assertState("a", task.STATE_LEASED)

        reply = worker.started(a.token)
        self.assertEqual((reply.code, reply.state), (wire.CODE_OK, task.STATE_RUNNING))
        reply = worker.report_one(a.token, progress=wire.Progress(percent=60, text="half"))
        self.assertEqual(reply.code, wire.CODE_OK)
        view = self.c.get("a")
        self.assertEqual((view.progress, view.progress_text, view.worker), (60, "half", "w1"))

        document = b'{"outcome":"done","n":12}'
        reply = worker.finish(a.token, summary="made", document=document)
        self.assertEqual((reply.code, reply.state), (wire.CODE_OK, task.STATE_DONE))
        (b,) = worker.assigned(1)
        self.assertEqual(b.id, "b")
        self.assertGreater(b.token, a.token)
        self.assertEqual(b.upstream[0].id, "a")
        self.assertEqual(b.upstream[0].document, document)
        self.assertEqual(b.upstream[0].state, task.STATE_DONE)
        worker.report([wire.Line(token=b.token, started=True)])
        self.assertEqual(worker.finish(b.token).state, task.STATE_DONE)
        self.assertState("b", task.STATE_DONE)

    def test_credit_bounds_assignments_and_replaces_itself(self):
        self.c.submit([spec(f"t{i}") for i in range(10)])
        worker = self.worker(self.b, "w1")
        self.assertEqual(worker.assigned(1, timeout=0.3), [])
        worker.credit(3)
        self.assertEqual(len(worker.assigned(4, timeout=0.5)), 3)
        worker.credit(2)
        self.assertEqual(len(worker.assigned(4, timeout=0.5)), 2)
        worker.credit(0)
        self.assertEqual(worker.assigned(1, timeout=0.3), [])

    def test_credit_that_crosses_with_assignments_brings_no_more(self):
        """Each is said before the worker could have read what the one before it brought."""
        self.c.submit([spec(f"t{i}") for i in range(10)])
        worker = self.worker(self.b, "w1")
        for _ in range(3):
            worker.credit(2)
        self.assertEqual(len(worker.assigned(3, timeout=0.5)), 2)
        worker.credit(2)
        worker.credit(1)
        worker.credit(3)
        self.assertEqual(len(worker.assigned(6, timeout=0.5)), 3)
        worker.greet()  # counted anew; what it held went back
        worker.credit(4)
        self.assertEqual(len(worker.assigned(6, timeout=0.5)), 4)

    def test_only_its_roles_and_projects(self):
        self.c.submit([spec("f", role="frontend"), spec("b"), spec("p", project="other")])
        worker = self.worker(self.b, "w1", greet=False)
        worker.greet(projects=["other"])
        worker.credit(10)
        self.assertEqual([a.id for a in worker.assigned(2, timeout=0.5)], ["p"])

    def test_result_without_started(self):
        worker, token = self.lease("a")
        self.assertEqual(worker.finish(token).state, task.STATE_DONE)

    def test_batches(self):
        n = 2000
        self.c.submit([spec(f"t{i}") for i in range(n)])
        worker = self.worker(self.b, "w1", slots=n)
        worker.credit(n)
        tokens = [a.token for a in worker.assigned(n)]
        self.assertEqual(len(set(tokens)), n)
        done = task.Result(outcome=task.OUTCOME_DONE)
        replies = worker.report([wire.Line(token=t, result=done) for t in tokens])
        self.assertEqual([r.token for r in replies], tokens)
        self.assertEqual({r.state for r in replies}, {task.STATE_DONE})

    def test_outcomes(self):
        table = [
            # A wait that is over before the table is would bring this task in place of the next one.
            (task.Result(outcome=task.OUTCOME_FAILED), {"backoff_ms": DAY_MS, "backoff_cap_ms": DAY_MS}, task.STATE_WAITING),
            (task.Result(outcome=task.OUTCOME_FAILED), {"max_attempts": 1}, task.STATE_FAILED),
            (task.Result(outcome=task.OUTCOME_TIMED_OUT), {"max_attempts": 1}, task.STATE_FAILED),
            (task.Result(outcome=task.OUTCOME_FATAL), {}, task.STATE_FAILED),
            (task.Result(outcome=task.OUTCOME_RATE_LIMITED), {}, task.STATE_WAITING),
            (
                task.Result(outcome=task.OUTCOME_RELEASED, retry_after_ms=60_000),
                {},
                task.STATE_WAITING,
            ),
            (task.Result(outcome=task.OUTCOME_RELEASED), {}, task.STATE_READY),
        ]
        for i, (result, fields, state) in enumerate(table):
            with self.subTest(result=str(result), fields=fields):
                worker, token = self.lease(f"t{i}", **fields)
                worker.started(token)
                reply = worker.report_one(token, result=result)
                self.assertEqual((reply.code, reply.state), (wire.CODE_OK, state), reply)

    def test_retried_until_attempts_are_spent(self):
        worker, token = self.lease("a", max_attempts=2, backoff_ms=1)
        worker.credit(5)
        self.assertEqual(worker.finish(token, task.OUTCOME_FAILED).state, task.STATE_WAITING)
        (again,) = worker.assigned(1)
        self.assertEqual(again.attempt, 2)
        reply = worker.finish(again.token, task.OUTCOME_FAILED)
        self.assertEqual(reply.state, task.STATE_FAILED)
        self.assertEqual(self.c.get("a").reason, task.REASON_EXHAUSTED)


class Tokens(WorkTest):
    def test_same_result_again_gets_the_same_answer(self):
        worker, token = self.lease("a")
        first = worker.finish(token, summary="s")
        again = worker.finish(token, summary="s")
        self.assertEqual((again.code, again.state), (first.code, first.state))
        self.b.restart()
        again = self.client(self.b).finish(token, summary="s")
        self.assertEqual((again.code, again.state), (wire.CODE_OK, task.STATE_DONE))
        self.assertEqual(len(self.c.get("a").attempts), 1)

    def test_another_outcome_after_the_end_is_stale(self):
        worker, token = self.lease("a")
        worker.finish(token)
        reply = worker.finish(token, task.OUTCOME_FAILED)
        self.assertEqual((reply.code, reply.state), (wire.CODE_STALE_TOKEN, task.STATE_DONE))
        self.assertState("a", task.STATE_DONE)

    def test_superseded_token_is_stale_and_its_result_an_orphan(self):
        worker, old = self.lease("a")
        worker.started(old)
        worker.finish(old, task.OUTCOME_RELEASED)
        worker.credit(1)
        (new,) = worker.assigned(1)
        self.assertGreater(new.token, old)
        for what in ({"started": True}, {"beat": True}):
            self.assertEqual(worker.report_one(old, **what).code, wire.CODE_STALE_TOKEN)
        reply = worker.finish(old, summary="late")
        self.assertEqual((reply.code, reply.state), (wire.CODE_STALE_TOKEN, task.STATE_LEASED))
        (orphan,) = self.c.get("a").orphans
        self.assertEqual((orphan.token, orphan.result.summary), (old, "late"))
        self.assertEqual(worker.finish(new.token).state, task.STATE_DONE)

    def test_unknown_token(self):
        reply = self.c.report_one(2**60, started=True)
        self.assertEqual(reply.code, wire.CODE_NOT_FOUND)
        self.assertEqual(self.c.report_one(0, started=True).code, wire.CODE_NOT_FOUND)

    def test_lines_that_say_nothing_or_too_much(self):
        worker, token = self.lease("a")
        big = task.Result(outcome=task.OUTCOME_DONE, document=b"d" * (256 * 1024 + 1))
        for line in (
            wire.Line(token=token),
            wire.Line(token=token, result=task.Result()),
            wire.Line(token=token, result=task.Result(outcome=task.OUTCOME_LOST)),
            wire.Line(token=token, result=task.Result(outcome=99)),
            wire.Line(token=token, progress=wire.Progress(percent=101)),
            wire.Line(token=token, result=big),
        ):
            with self.subTest(str(line)[:80]):
                (reply,) = worker.report([line])
                self.assertIn(reply.code, (wire.CODE_INVALID, wire.CODE_TOO_LARGE), reply)
                self.assertTrue(reply.message)
        self.assertEqual(worker.finish(token).state, task.STATE_DONE)

    def test_good_lines_beside_bad_ones_count(self):
        worker, token = self.lease("a")
        bad = wire.Line(token=2**60, started=True)
        replies = worker.report([bad, wire.Line(token=token, started=True), bad])
        codes = [r.code for r in replies]
        self.assertEqual(codes, [wire.CODE_NOT_FOUND, wire.CODE_OK, wire.CODE_NOT_FOUND])
        self.assertState("a", task.STATE_RUNNING)

    def test_late_result_under_the_latest_token_counts(self):
        worker, token = self.lease("a", lease_ms=1000)
        worker.started(token)
        wait_until("the lease to run out", lambda: self.state("a") == task.STATE_READY, 30)
        self.assertEqual(self.c.get("a").losses, 1)
        reply = worker.finish(token, summary="late but latest")
        self.assertEqual((reply.code, reply.state), (wire.CODE_OK, task.STATE_DONE))

    def test_beat_and_progress_renew(self):
        worker, token = self.lease("a", lease_ms=1500)
        other, short = self.lease("b", lease_ms=1500)
        worker.started(token)
        other.started(short)

        def lost():
            worker.report_one(token, beat=True)
            return self.state("b") == task.STATE_READY

        wait_until("the lease that is not renewed to run out", lost, 30)
        self.assertState("a", task.STATE_RUNNING)

    def test_token_rises_across_restarts(self):
        _, token = self.lease("a")
        self.b.restart()
        _, later = self.lease("b")
        self.assertGreater(later, token)


class Sessions(WorkTest):
    def test_credit_needs_a_session(self):
        self.assertRefused(
            wire.CODE_HELLO_FIRST, self.c.request, "credit", wire.Credit(slots=1)
        )
        self.c.hello()  # without a worker's name: no session
        self.assertRefused(
            wire.CODE_HELLO_FIRST, self.c.request, "credit", wire.Credit(slots=1)
        )
        self.c.send(wire.ToBroker(credit=wire.Credit(slots=1)))
        message = self.c.next_unasked(10)
        self.assertEqual(message.error.code, wire.CODE_HELLO_FIRST)

    def test_newest_session_wins(self):
        old, token = self.lease("a")
        old.started(token)
        _, unknown = old, token + 1000
        new = self.worker(self.b, "w-a", greet=False)
        welcome = new.greet(held=[(token, True), (unknown, True)])
        self.assertEqual(list(welcome.lost), [unknown])
        self.assertRefused(wire.CODE_HELLO_FIRST, old.credit, 1)
        self.assertState("a", task.STATE_RUNNING)
        self.c.submit([spec("b")])
        new.credit(1)
        self.assertEqual(new.assigned(1)[0].id, "b")
        self.assertEqual(new.finish(token).state, task.STATE_DONE)

    def test_leases_not_announced_end(self):
        worker, started = self.lease("a")
        worker.started(started)
        self.lease("b", worker)
        again = self.worker(self.b, "w-a")
        self.assertEqual(list(again.welcome.lost), [])
        a, b = self.c.get("a"), self.c.get("b")
        self.assertEqual((a.state, a.losses), (task.STATE_READY, 1))
        self.assertEqual((b.state, b.losses), (task.STATE_READY, 0))

    def test_bye_gives_back(self):
        worker, token = self.lease("a")
        worker.started(token)
        worker.bye()
        view = self.c.get("a")
        self.assertEqual((view.state, view.losses), (task.STATE_READY, 0))
        self.assertRefused(wire.CODE_HELLO_FIRST, worker.credit, 1)

    def test_work_goes_on_across_a_killed_broker(self):
        worker, token = self.lease("a")
        worker.started(token)
        epoch = worker.welcome.epoch
        self.b.kill()
        self.b.start()
        wait_until("the new epoch", lambda: self._epoch(worker) > epoch)
        self.assertRefused(wire.CODE_HELLO_FIRST, worker.credit, 1)
        self.assertState("a", task.STATE_RUNNING)
        self.assertEqual(list(worker.greet(held=[(token, True)]).lost), [])
        self.assertEqual(worker.finish(token).state, task.STATE_DONE)
        view = self.c.get("a")
        self.assertEqual((view.attempt, view.losses), (1, 0))

    def _epoch(self, worker):
        worker.connect()
        return worker.ping().epoch

    def test_report_without_a_session_counts(self):
        _, token = self.lease("a")
        other = self.client(self.b)
        self.assertEqual(other.started(token).code, wire.CODE_OK)
        self.assertEqual(other.finish(token).state, task.STATE_DONE)

    def test_silence_makes_leases_suspect_and_a_start_must_come(self):
        """Two clocks of the broker, waited for at the same time: 20 s of silence, 30 s to start."""
        silent, token = self.lease("silent")
        silent.started(token)
        slow, _ = self.lease("slow")

        def suspect():
            slow.ping()
            return self.c.get("silent").reason == task.REASON_SUSPECT

        wait_until("the silent worker's lease to be suspect", suspect, 30)
        self.assertState("silent", task.STATE_RUNNING)
        self.assertRefused(wire.CODE_HELLO_FIRST, silent.credit, 1)
        silent.greet(held=[(token, True)])
        self.assertNotEqual(self.c.get("silent").reason, task.REASON_SUSPECT)

        def back():
            slow.ping()
            silent.ping()
            return self.state("slow") == task.STATE_READY

        wait_until("the task that nobody started to go back", back, 30)
        view = self.c.get("slow")
        self.assertEqual((view.losses, view.state), (0, task.STATE_READY))
        self.assertEqual(silent.finish(token).state, task.STATE_DONE)

    def test_cancel_reaches_the_worker(self):
        worker, token = self.lease("a")
        worker.started(token)
        self.c.change(wire.Change.CANCEL, ["a"], reason="not wanted")
        stop = self.next_of(worker, "stop")
        self.assertEqual((stop.token, stop.reason), (token, "not wanted"))
        self.assertState("a", task.STATE_CANCELLING)
        self.assertTrue(worker.report_one(token, beat=True).stop)
        reply = worker.finish(token, task.OUTCOME_CANCELLED)
        self.assertEqual((reply.code, reply.state), (wire.CODE_OK, task.STATE_CANCELLED))

    def test_drain_and_resume_of_a_worker(self):
        worker = self.worker(self.b, "w1")
        worker.credit(5)
        pause = wire.Pause(scope=wire.Pause.WORKER, name="w1", reason="kernel")
        self.c.change_safely("pause", pause)
        self.assertEqual(self.next_of(worker, "drain").reason, "kernel")
        self.c.submit([spec("a")])
        self.assertEqual(worker.assigned(1, timeout=0.3), [])
        worker.greet()
        self.assertFalse(self.next_of(worker, "drain").resume)
        pause.resume = True
        self.c.change_safely("pause", pause)
        self.assertTrue(self.next_of(worker, "drain").resume)
        worker.credit(5)
        self.assertEqual(worker.assigned(1)[0].id, "a")

    def test_paused_broker_takes_no_new_work(self):
        pause = wire.Pause(scope=wire.Pause.BROKER, reason="upgrade", refuse=True)
        self.c.change_safely("pause", pause)
        self.assertFalse(self.c.ping().accepting)
        self.assertRefused(wire.CODE_PAUSED, self.c.submit, [spec("a")])
        pause.resume = True
        self.c.change_safely("pause", pause)
        self.c.submit([spec("a")])

    def test_two_of_one_name_take_the_session_from_each_other(self):
        first = self.worker(self.b, "twin")
        second = self.worker(self.b, "twin")
        for loser, winner in ((first, second), (second, first)):
            self.assertRefused(wire.CODE_HELLO_FIRST, loser.credit, 1)
            winner.credit(1)
            loser.greet()


class Take(WorkTest):
    def test_take_started_done(self):
        self.c.submit([spec("a"), spec("b")])
        (a,) = self.c.take(["backend"], worker="agent")
        self.assertEqual((a.id, a.lease_ms), ("a", 30 * 60_000))
        self.assertEqual(self.c.get("a").worker, "agent")
        self.assertEqual(self.c.started(a.token).state, task.STATE_RUNNING)
        self.assertEqual(self.c.finish(a.token).state, task.STATE_DONE)

    def test_nothing_to_take(self):
        self.assertEqual(self.c.take(["backend"], worker="agent"), [])

    def test_waits_for_work(self):
        request = self.c.numbered("take", wire.Take(roles=["backend"], wait_ms=20_000, worker="w"))
        request.id = self.c.new_id()
        self.c.send(request)
        self.assertIsNone(self.c.wait(request.id, 0.3))
        self.client(self.b).submit([spec("a")])
        answer = self.c.wait(request.id, 5)
        self.assertIsNotNone(answer, "work came, but no answer")
        self.assertEqual(answer.assign.tasks[0].id, "a")

    def test_asked_again_it_gives_the_same_lease_with_all_that_the_task_says(self):
        """Also when the broker was killed in between: the lease is remembered, and what the task says is the task's."""
        self.c.submit([spec("first"), spec("a", after=["first"], payload=os.urandom(200_000))])
        (first,) = self.c.take(["backend"], worker="w")
        self.c.finish(first.token, summary="it is laid")
        journal = self.c.status().journal_bytes
        request = self.c.numbered("take", wire.Take(roles=["backend"], worker="w"))
        answer = self.c.ask(request, 10)
        self.assertLess(self.c.status().journal_bytes - journal, 10_000)
        (task_given,) = answer.assign.tasks
        self.assertEqual(task_given.upstream[0].summary, "it is laid")
        for kill in False, True:
            if kill:
                self.b.kill()
                self.b.start()
                self.c = self.client(self.b)
            again = self.c.ask(request, 10)
            self.assertTrue(again.replayed)
            self.assertEqual(again.assign, answer.assign)

    def test_waits_no_longer_than_asked(self):
        request = wire.Take(roles=["backend"], wait_ms=300, worker="w")
        self.assertEqual(len(self.c.request("take", request, 5).assign.tasks), 0)

    def test_this_one_only(self):
        self.c.submit([spec("a"), spec("b"), spec("c", after=["a"])])
        (b,) = self.c.take(["backend"], worker="w", task=wire.Ref(id="b"))
        self.assertEqual(b.id, "b")
        with self.assertRaises(Refused):
            self.c.take(["backend"], worker="w", task=wire.Ref(id="c"))
        with self.assertRaises(Refused) as caught:
            self.c.take(["backend"], worker="w", task=wire.Ref(id="none"))
        self.assertEqual(caught.exception.code, wire.CODE_NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
