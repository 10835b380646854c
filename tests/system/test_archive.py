"""Tasks that left the memory for the archive: found one by one, in lists between those in memory, and
after a restart."""

import unittest

from harness import SystemTest, wait_until
from messages import task, wire

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


if __name__ == "__main__":
    unittest.main()
