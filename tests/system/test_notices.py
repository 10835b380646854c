"""Blockers that the broker raises by itself: a task failed, and others wait for it."""

import datetime
import json
import unittest

from harness import Clock, SystemTest
from test_board import BoardTest

MANY = 20000


class Notices(BoardTest):
    def fail(self, role="infra"):
        token = self.ok("take", "--role", role).json()["token"]
        self.ok("fail", "--fatal", "disk full", "--token", token)

    def open(self):
        done = self.baton(self.running, "blocker", "list")
        return done.lines() if done.status == 0 else []

    def test_one_is_raised_for_the_submitter_and_ends_with_a_retry(self):
        self.ok("add", "DB", "--role", "infra")
        for n in range(3):
            self.ok("add", f"API-{n}", "--role", "backend", "--after", "DB")
        self.fail()
        card, = self.open()
        self.assertEqual((card["task"], card["items"][0]["name"]), ("DB", "upstream_failed"))
        self.assertTrue(card["owner"])
        self.assertIn("DB is failed", card["title"])
        self.assertEqual(self.reason("API-0"), ("waiting", "upstream_failed"))
        self.no(1, "ends by itself", "blocker", "resolve", card["number"])
        self.no(1, "ends by itself", "blocker", "withdraw", card["number"])
        self.ok("blocker", "take", card["number"])
        self.running.restart()
        self.ok("add", "API-9", "--role", "backend", "--after", "DB")
        self.assertEqual([c["number"] for c in self.open()], [card["number"]])
        self.ok("retry", "DB")
        self.assertEqual(self.reason("DB")[0], "ready")  # it does not block what it is about
        self.assertEqual(self.open(), [])
        ended = self.ok("blocker", "list", "--all").lines()[0]
        self.assertEqual((ended["state"], ended["outcome"]), ("resolved", "it goes on"))
        self.fail()
        self.assertEqual(len(self.open()), 1)

    def test_it_ends_when_nobody_waits_any_more(self):
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "API", "--role", "backend", "--after", "DB")
        self.ok("add", "UI", "--role", "frontend", "--after", "DB")
        self.fail()
        self.ok("cancel", "API", "--reason", "not needed")
        self.assertEqual(len(self.open()), 1)
        self.ok("set", "UI", "--after", "none")
        self.assertEqual(self.open(), [])
        self.assertIn("nobody waits", self.ok("blocker", "list", "--all").lines()[0]["outcome"])

    def test_other_policies_raise_none(self):
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "A", "--role", "backend", "--after", "DB:abort")
        self.ok("add", "B", "--role", "backend", "--after", "DB:ignore")
        self.ok("add", "C", "--role", "backend", "--after", "DB:finished")
        self.fail()
        self.assertEqual(self.open(), [])

    def test_many_dependents_make_one(self):
        path = self.dir / "many.jsonl"
        lines = [{"id": "DB", "role": "infra"}]
        lines += [{"id": f"n{n}", "role": "backend", "after": ["DB"]} for n in range(MANY)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.ok("apply", path, "--format", "lines")
        self.fail()
        self.assertEqual(len(self.open()), 1)
        self.ok("cancel", "--all", "--role", "backend", "--yes", "--reason", "enough")
        self.assertEqual(self.open(), [])
        self.assertEqual(len(self.ok("blocker", "list", "--all").lines()), 1)


class Forward(SystemTest):
    def test_who_waits_for_an_unknown_task_is_told_after_a_day(self):
        begin = datetime.datetime(2025, 8, 12, 8, 0, 0)
        clock = Clock(self.dir, begin)
        running = self.broker(env=clock.env)

        def ok(*args):
            done = self.baton(running, *args, env=clock.env)
            self.assertEqual(done.status, 0, done.err)
            return done

        def n_open():
            done = self.baton(running, "blocker", "list", env=clock.env)
            return len(done.lines()) if done.status == 0 else 0

        ok("add", "API", "--role", "backend", "--after", "DB")
        clock.move(running, begin + datetime.timedelta(hours=23, minutes=59))
        self.assertEqual(n_open(), 0)
        clock.move(running, begin + datetime.timedelta(hours=24, minutes=1))
        card, = ok("blocker", "list").lines()
        self.assertEqual((card["task"], card["items"][0]["name"]), ("API", "forward_ref"))
        self.assertIn("API waits for DB", card["title"])
        ok("add", "DB", "--role", "infra")
        self.assertEqual(n_open(), 0)


del BoardTest

if __name__ == "__main__":
    unittest.main()
