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


if __name__ == "__main__":
    unittest.main()
