"""The broker against docs/protocol.md, sections 4 and 9: reads after writes, and the feed."""

import unittest

from harness import SystemTest
from messages import task, wire
from protocol_client import TooFarBehind


def spec(id, **fields):
    return task.Spec(id=id, role="backend", **fields)


class Events(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.c = self.client(self.b)

    def until(self, feed, id, state, timeout=10):
        """Events up to the one in which the task comes into this state."""
        events = []
        while True:
            event = feed.next(timeout)
            self.assertIsNotNone(event, f"{id} never came into state {state}: {events}")
            events.append(event)
            if (event.id, event.to) == (id, state) and event.kind == wire.Event.TASK:
                return events

    def work_off(self, n):
        done = 0
        while done < n:
            taken = self.c.take(["backend"], max=100, worker="w")
            self.assertTrue(taken)
            for assignment in taken:
                self.c.finish(assignment.token)
            done += len(taken)

    def test_watch_a_task_from_new_to_done(self):
        feed = self.feed(self.b)
        self.c.submit([spec("a", title="Title")])
        (assignment,) = self.c.take(["backend"], worker="w")
        self.c.started(assignment.token)
        self.c.finish(assignment.token)
        events = [e for e in self.until(feed, "a", task.STATE_DONE) if e.kind == wire.Event.TASK]
        self.assertEqual(
            [(getattr(e, "from"), e.to) for e in events],
            [
                (task.STATE_UNSPECIFIED, task.STATE_READY),
                (task.STATE_READY, task.STATE_LEASED),
                (task.STATE_LEASED, task.STATE_RUNNING),
                (task.STATE_RUNNING, task.STATE_DONE),
            ],
        )
        self.assertEqual((events[0].title, events[0].role), ("Title", "backend"))
        self.assertEqual((events[1].token, events[1].worker, events[1].attempt), (assignment.token, "w", 1))
        self.assertGreater(feed.from_feed, 0, "everything came by catching up, nothing by the feed")

    def test_why_and_by_whom_a_task_changed(self):
        feed = self.feed(self.b)
        self.c.submit([spec("a")])
        self.c.change(wire.Change.HOLD, ["a"], reason="not yet")
        held = [e for e in self.until(feed, "a", task.STATE_WAITING) if e.kind == wire.Event.TASK][-1]
        self.assertEqual((held.reason, held.text, held.actor), (task.REASON_HELD, "not yet", self.c.actor))

    def test_numbers_have_no_gaps(self):
        feed = self.feed(self.b, after=0)
        self.c.submit([spec(f"t{i}") for i in range(300)])
        self.work_off(300)
        # Feed.next fails by itself at a gap or a repetition.
        n = 0
        while feed.number < self.c.hello().event:
            self.assertIsNotNone(feed.next(10))
            n += 1
        self.assertGreaterEqual(n, 900)

    def test_answer_names_an_event_that_is_there(self):
        event = self.c.submit([spec("a")]).event
        events = self.c.request("events", wire.EventsAfter(number=event - 1, limit=1)).events
        self.assertEqual(events.events[0].number, event)
        self.assertGreaterEqual(events.newest, event)

    def test_catch_up_page_by_page(self):
        self.c.submit([spec(f"t{i}") for i in range(50)])
        newest = self.c.hello().event
        found, after = [], 0
        while after < newest:
            batch = self.c.request("events", wire.EventsAfter(number=after, limit=7)).events
            self.assertLessEqual(len(batch.events), 7)
            self.assertTrue(batch.events)
            found += [e.number for e in batch.events]
            after = found[-1]
        self.assertEqual(found, list(range(1, newest + 1)))

    def test_feed_goes_on_across_a_killed_broker(self):
        feed = self.feed(self.b)
        self.c.submit([spec("a")])
        self.until(feed, "a", task.STATE_READY)
        self.b.kill()
        self.b.start()
        client = self.client(self.b)
        client.submit([spec("b")])
        # Faster than the heartbeat that a silent feed waits for.
        feed.heartbeat = 0.2
        events = self.until(feed, "b", task.STATE_READY)
        self.assertIn(wire.Event.EPOCH, [e.kind for e in events])

    def test_events_survive_a_restart(self):
        self.c.submit([spec(f"t{i}") for i in range(20)])
        newest = self.c.hello().event
        before = self.c.request("events", wire.EventsAfter(number=0)).events
        self.b.kill()
        self.b.start()
        after = self.client(self.b).request("events", wire.EventsAfter(number=0, limit=newest))
        self.assertEqual(list(after.events.events), list(before.events)[:newest])

    def test_too_far_behind(self):
        for i in range(0, 70_000, 1000):
            self.c.submit([spec(str(i + k)) for k in range(1000)], timeout=60)
        newest = self.c.hello().event
        with self.assertRaises(TooFarBehind) as caught:
            self.feed(self.b, after=0)
        self.assertEqual(caught.exception.newest, newest)
        window = 65_536
        batch = self.c.request("events", wire.EventsAfter(number=newest - window)).events
        self.assertEqual(batch.events[0].number, newest - window + 1)

    def test_number_from_another_store(self):
        self.c.submit([spec("a")])
        with self.assertRaises(TooFarBehind):
            self.feed(self.b, after=10**9)

    def test_begin_with_the_state_then_follow(self):
        self.c.submit([spec(f"t{i}") for i in range(25)])
        pages = list(self.c.pages(limit=10))
        views = [view for page in pages for view in page.tasks]
        self.assertEqual(len(views), 25)
        self.assertEqual(sorted(v.key for v in views), [v.key for v in views])
        feed = self.feed(self.b, after=pages[0].event)
        self.c.submit([spec("later")])
        events = self.until(feed, "later", task.STATE_READY)
        self.assertEqual([e.id for e in events if e.kind == wire.Event.TASK], ["later"])

    def test_reads_see_writes_of_other_connections(self):
        clients = [self.client(self.b) for _ in range(3)]
        for i in range(100):
            clients[i % 3].submit([spec(f"t{i}")])
            self.assertEqual(clients[(i + 1) % 3].get(f"t{i}").spec.id, f"t{i}")

    def test_progress_and_pause_are_told(self):
        feed = self.feed(self.b)
        self.c.submit([spec("a")])
        (assignment,) = self.c.take(["backend"], worker="w")
        self.c.started(assignment.token)
        progress = wire.Progress(percent=40, text="nearly half")
        self.c.report_one(assignment.token, progress=progress)
        pause = wire.Pause(scope=wire.Pause.ROLE, name="backend", reason="lunch")
        self.c.change_safely("pause", pause)
        kinds = {}
        while wire.Event.PAUSED not in kinds:
            event = feed.next(10)
            self.assertIsNotNone(event, f"only {kinds}")
            kinds[event.kind] = event
        told = kinds[wire.Event.PROGRESS]
        self.assertEqual((told.id, told.progress, told.text), ("a", 40, "nearly half"))


if __name__ == "__main__":
    unittest.main()
