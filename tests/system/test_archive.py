"""Tasks and cards that left the memory for the archive: found one by one, in lists between those in
memory, and after a restart."""

import sqlite3
import unittest

from harness import SystemTest, wait_until
from messages import card, task, wire

N = 120
IDS = [f"t{i:03}" for i in range(N)]


class Archive(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker(args=["--hot-ended", "10"])
        self.c = self.client(self.b)
        self.c.submit(
            [
                task.Spec(id=id, role="backend", labels={"third": str(i % 3)}, prompt="secret")
                for i, id in enumerate(IDS)
            ]
        )
        while taken := self.c.take(["backend"], max=16, worker="w"):
            for assignment in taken:
                self.c.finish(assignment.token)
        wait_until("tasks in the archive", lambda: self.c.status().n_archived >= N - 20)

    def list(self, **fields):
        return self.c.request("list", wire.List(archived=True, **fields)).listed

    def test_pages_of_any_size_hold_each_task_once(self):
        for specs in (False, True):
            for limit in (1, 7, 1000):
                seen, after = [], 0
                while True:
                    page = self.list(limit=limit, after=after, specs=specs)
                    self.assertLessEqual(len(page.tasks), limit)
                    self.assertEqual(
                        {view.spec.prompt for view in page.tasks} - {"secret" if specs else ""},
                        set(),
                    )
                    seen += [view.spec.id for view in page.tasks]
                    if not page.next:
                        break
                    self.assertGreater(page.next, after)
                    after = page.next
                self.assertEqual(seen, IDS)

    def test_filters_hold_for_the_archive_too(self):
        self.assertEqual(len(self.list(labels={"third": "1"}).tasks), N // 3)
        self.assertEqual(len(self.list(id_prefix="t00").tasks), 10)
        self.assertEqual(len(self.list(states=[task.STATE_FAILED]).tasks), 0)
        self.assertEqual(len(self.list(roles=["infra"]).tasks), 0)
        named = [wire.Ref(id=id) for id in ("t003", "t119", "never")]
        self.assertEqual([v.spec.id for v in self.list(ids=named).tasks], ["t003", "t119"])
        without = self.c.request("list", wire.List()).listed
        self.assertLess(len(without.tasks), N)

    def test_one_by_one_and_after_a_restart(self):
        for _ in range(2):
            view = self.c.get("t000")
            self.assertTrue(view.archived)
            self.assertEqual((view.state, view.worker), (task.STATE_DONE, "w"))
            why = self.c.request("why", wire.Why(task=wire.Ref(id="t000"))).explained
            self.assertTrue(why.task.archived)
            self.assertRefused(wire.CODE_NOT_FOUND, self.c.get, "never")
            self.b.restart()
        self.assertEqual([v.spec.id for v in self.list().tasks], IDS)


class Large(SystemTest):
    """The store answers with 16 MiB at most: fewer records than it was asked for."""

    def test_a_page_of_large_records_is_not_taken_for_the_last(self):
        b = self.broker(args=["--hot-ended", "1", "--keep-ended", "1ms"])
        c = self.client(b)
        large = [f"l{i:03}" for i in range(200)]
        c.submit([task.Spec(id=id, role="backend") for id in large])
        c.submit([task.Spec(id=id, role="infra") for id in ("small", "last")])
        for role, document in (("backend", b"x" * 100_000), ("infra", b"")):
            while taken := c.take([role], max=16, worker="w"):
                for assignment in taken:
                    c.finish(assignment.token, document=document)
        wait_until("tasks in the archive", lambda: c.status().n_archived == 201)
        # It stands behind what one answer of the store has room for.
        listed = self.baton(b, "list", "--archived", "--role", "infra").lines()
        self.assertEqual([line["id"] for line in listed], ["small", "last"])
        listed = self.baton(b, "list", "--archived", "--role", "backend").lines()
        self.assertEqual([line["id"] for line in listed], large)
        self.assertEqual(self.baton(b, "gc").json()["n_purged"], 201)


class Named(SystemTest):
    """More names than one answer has room for."""

    def test_every_task_that_is_named_is_found_once(self):
        for hot in ("100000", "600"):  # all in memory, and some in the archive
            with self.subTest(hot=hot):
                b = self.broker(args=["--hot-ended", hot])
                c = self.client(b)
                ids = [f"n{i:04}" for i in range(2500)]
                c.submit([task.Spec(id=id, role="backend") for id in ids])
                while taken := c.take(["backend"], max=1000, worker="w"):
                    done = task.Result(outcome=task.OUTCOME_DONE)
                    c.report([wire.Line(token=a.token, result=done) for a in taken])
                n_archived = max(len(ids) - int(hot), 0)
                wait_until("tasks in the archive", lambda: c.status().n_archived == n_archived)
                names = ids[::-1] + ["never", ids[0]]
                listed = self.baton(b, "list", *names).lines()
                self.assertEqual([line["id"] for line in listed], ids)
                listed = self.baton(b, "list", *names, "--limit", "1200").lines()
                self.assertEqual([line["id"] for line in listed], ids[:1200])
                self.assertEqual(self.baton(b, "wait", *ids, "--timeout", "30s").status, 0)
                twice = [wire.Ref(id=id) for id in (ids[-1], ids[-2], ids[-1])]
                listed = c.request("list", wire.List(ids=twice)).listed  # of those in memory, without the archive
                self.assertEqual([v.spec.id for v in listed.tasks], ids[-2:])
                b.stop()


class Gc(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker(args=["--hot-ended", "1", "--keep-ended", "1ms", "--keep-failed", "1h"])
        self.c = self.client(self.b)
        ids = [f"d{i:03}" for i in range(450)] + ["bad", "last"]  # three pages
        self.c.submit([task.Spec(id=id, role="backend") for id in ids])
        while taken := self.c.take(["backend"], max=16, worker="w"):
            for assignment in taken:
                failed = assignment.id == "bad"
                self.c.finish(
                    assignment.token, task.OUTCOME_FATAL if failed else task.OUTCOME_DONE
                )
        wait_until("tasks in the archive", lambda: self.c.status().n_archived >= 451)

    def gc(self, *args):
        done = self.baton(self.b, "gc", *args)
        self.assertEqual(done.status, 0, done.err)
        return done.json()

    def test_old_records_go_and_outcomes_stay(self):
        for _ in range(2):  # a dry run purges nothing
            would = self.gc("--dry-run")
            self.assertEqual({s: p["n"] for s, p in would["purged"].items()}, {"done": 450})
            self.assertEqual((would["n_kept"], would["dry_run"]), (1, True))
            self.assertGreater(would["bytes"], 450 * 10)
        self.assertFalse(self.c.get("d449").purged)
        self.assertEqual(self.gc()["n_purged"], 450)
        again = self.gc()
        self.assertEqual((again["n_purged"], again["n_kept"], again["purged"]), (0, 1, {}))
        for _ in range(2):
            view = self.c.get("d000")
            self.assertEqual(
                (view.state, view.archived, view.purged, view.spec.id),
                (task.STATE_DONE, True, True, "d000"),
            )
            self.assertTrue(self.c.request("why", wire.Why(task=wire.Ref(id="d000"))).explained.task.purged)
            self.assertEqual(self.c.get("bad").state, task.STATE_FAILED)
            self.assertFalse(self.c.get("bad").purged)
            listed = self.c.request("list", wire.List(archived=True)).listed
            self.assertEqual({v.spec.id for v in listed.tasks}, {"bad", "last"})
            self.b.restart()
        self.assertIn("purged", self.baton(self.b, "show", "d000", json_out=False).out)
        self.assertTrue(self.baton(self.b, "show", "d000").json()["purged"])
        # It counts as a dependency, and its id is taken.
        self.c.submit([task.Spec(id="next", role="backend", after=[task.Edge(id="d000")])])
        self.assertEqual(self.c.get("next").state, task.STATE_READY)
        answer = self.c.submit([task.Spec(id="d000", role="backend")])
        self.assertEqual(answer.created, 0)


class Cards(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker(args=["--hot-cards", "5"])
        self.c = self.client(self.b)
        self.numbers = []
        self.open = {self.post(title="stays open").number}
        for i in range(60):
            self.resolve(self.post(title=f"b{i}", text=f"says {i}").number)
        self.open.add(self.post(title="is new").number)
        self.wait_archived(55)

    def post(self, verb=card.CARD_RAISE, **fields):
        made = card.Card(kind=card.CARD_BLOCKER, role="infra", **fields)
        answer = self.c.request("post", wire.Post(verb=verb, card=made)).posted.card
        self.numbers.append(answer.number)
        return answer

    def resolve(self, number):
        self.c.request("post", wire.Post(verb=card.CARD_RESOLVE,
                                         card=card.Card(number=number, outcome="is done")))

    def cards(self, **fields):
        seen, after = [], 0
        while True:
            page = self.c.request("cards", wire.Cards(after=after, **fields)).cards
            seen += page.cards
            if not page.next:
                return seen
            self.assertGreater(page.next, after)
            after = page.next

    def wait_archived(self, n):
        wait_until("cards to leave the memory",
                   lambda: len(self.cards()) == len(self.numbers) - n)

    def in_the_store(self):
        """Of a broker that does not run."""
        db = sqlite3.connect(self.b.data / "baton.db")
        rows = [row[0] for row in db.execute("SELECT key FROM archive_card ORDER BY key")]
        db.close()
        return rows

    def test_pages_of_any_size_hold_each_card_once(self):
        for limit in (1, 7, 0):
            seen = self.cards(archived=True, limit=limit)
            self.assertEqual([c.number for c in seen], self.numbers)
        self.assertEqual({c.number for c in self.cards(archived=True, open=True)}, self.open)
        ended = self.cards(archived=True, states=[card.CARD_RESOLVED])
        self.assertEqual([c.title for c in ended], [f"b{i}" for i in range(60)])
        self.assertEqual(self.cards(archived=True, roles=["qa"]), [])
        since = ended[-2].changed_at
        self.assertLess(len(self.cards(archived=True, since=since)), 62)

    def test_commands_find_them(self):
        listed = self.baton(self.b, "blocker", "list", "--all").lines()
        self.assertEqual([c["number"] for c in listed], self.numbers)
        self.assertEqual(len(self.baton(self.b, "blocker", "list").lines()), 2)
        shown = self.baton(self.b, "blocker", "show", self.numbers[1]).json()
        self.assertEqual((shown["title"], shown["outcome"]), ("b0", "is done"))
        self.assertEqual(self.baton(self.b, "decision", "show", self.numbers[1]).status, 1)
        self.assertEqual(self.baton(self.b, "blocker", "show", 999999).status, 1)
        report = self.baton(self.b, "report", "daily", json_out=False).out
        self.assertIn("b0", report)
        out = self.dir / "mirror"
        self.assertEqual(self.baton(self.b, "mirror", out, "--once", json_out=False).status, 0)
        self.assertIn("b0", (out / "status" / "blockers.md").read_text())

    def test_each_is_there_once_whatever_kills_the_broker(self):
        for i in range(5):
            for _ in range(12):
                self.resolve(self.post(title=f"again{i}").number)
            self.b.kill()
            self.b.start()
            self.c = self.client(self.b)
            self.assertEqual([c.number for c in self.cards(archived=True)], self.numbers)
        wait_until("the surplus to go", lambda: len(self.cards()) == 7)
        self.b.stop()
        ended = sorted(set(self.numbers) - self.open)
        self.assertEqual(self.in_the_store(), ended[:-5])
        self.b.start()

    def test_gc_deletes_by_age(self):
        would = self.baton(self.b, "gc").json()
        self.assertEqual((would["n_cards"], would["n_kept"]), (0, 55))
        self.b.stop()
        self.b.start(args=["--keep-ended", "1ms"])
        self.c = self.client(self.b)
        would = self.baton(self.b, "gc", "--dry-run").json()
        self.assertEqual((would["n_cards"], would["n_purged"]), (55, 0))
        self.assertGreater(would["cards_bytes"], 55 * 10)
        self.assertIn("55 cards", self.baton(self.b, "gc", "--dry-run", json_out=False).out)
        self.assertEqual(self.baton(self.b, "gc").json()["n_cards"], 55)
        self.assertEqual(self.baton(self.b, "gc").json()["n_cards"], 0)
        self.assertEqual([c.number for c in self.cards(archived=True)],
                         [c.number for c in self.cards()])
        self.b.stop()
        self.assertEqual(self.in_the_store(), [])
        self.b.start()


if __name__ == "__main__":
    unittest.main()
