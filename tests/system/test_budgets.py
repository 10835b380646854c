"""Budgets: what may be used, when nothing more is given out, and what a hard one stops."""

import datetime
import unittest

from harness import BrokerTest, Clock, wait_until
from messages import wire

PLAN = """
tasks:
  - id: A
    role: backend
budgets:
  night:
    limits: {tokens: 1000, cost: 5 USD, time: 8h, tasks: 3}
    reserve:
      tokens: 100
    role: Backend Agent
    daily: true
    hard: true
    owner: ops
"""


class BudgetTest(BrokerTest):
    def add(self, n, role="backend", *args):
        for i in range(n):
            self.ok("add", f"{role}{i}", "--role", role, *args)

    def take(self, role="backend"):
        """A token, or None when nothing is given out."""
        done = self.ask("take", "--role", role)
        self.assertIn(done.status, (0, 75), done.err)
        return done.json()["token"] if done.status == 0 else None

    def limits(self, name):
        shown = self.ask("budget", "show", name).json()
        return {l["of"]: (l["limit"], l["used"], l["reserved"]) for l in shown["limits"]}

    def reason(self, task):
        return self.ok("show", task).json()["reason"]

    def events(self):
        """All that was said so far of budgets."""
        batch = self.client(self.running).request("events", wire.EventsAfter(number=0, limit=1000)).events
        self.assertEqual(batch.events[-1].number, batch.newest)
        return [e.text for e in batch.events if e.kind == wire.Event.BUDGET]


class Budgets(BudgetTest):
    def test_spent_it_gives_out_nothing_and_says_why(self):
        self.ok("budget", "set", "tokens", "tokens=1000", "--reserve", "tokens=100", "--owner",
                "ops")
        self.add(3)
        self.ok("add", "other", "--role", "backend", "--project", "elsewhere")
        token = self.take()
        self.assertEqual(self.limits("tokens")["tokens"], (1000, 0, 100))
        self.ok("progress", "50", "half", "--token", token, "--measure", "tokens=850")
        self.ok("progress", "50", "half", "--token", token, "--measure", "tokens=850")
        self.assertEqual(self.limits("tokens")["tokens"], (1000, 850, 0))
        self.ok("complete", "--token", token, "--measure", "tokens=1200")
        self.assertEqual(self.limits("tokens")["tokens"], (1000, 1200, 0))
        self.assertEqual(self.ask("budget", "show", "tokens").status, 1)
        self.assertEqual(self.reason("backend1"), "budget")
        why = self.ok("why", "backend1").json()["causes"]
        self.assertEqual([c["reason"] for c in why if c["reason"] == "budget"], ["budget"])
        cause = [c for c in why if c["reason"] == "budget"][0]
        self.assertIn("1200 of 1000 tokens used", cause["text"])
        self.assertIn("ops", cause["who"])
        # Those of others are not in its way.
        taken = self.ok("take", "--role", "backend").json()
        self.assertEqual(taken["project"], "elsewhere")
        self.assertIsNone(self.take())
        self.no(75, "budget", "take", "--role", "backend", "--task", "backend1")
        self.running.restart()
        self.assertEqual(self.limits("tokens")["tokens"], (1000, 1200, 0))
        self.assertIsNone(self.take())
        self.ok("budget", "set", "tokens", "tokens=5000", "--reserve", "tokens=100")
        self.assertEqual(self.limits("tokens")["tokens"], (5000, 1200, 0))
        self.assertIsNotNone(self.take())
        self.ok("budget", "set", "tokens", "tokens=1300", "--reserve", "tokens=100")
        self.assertIsNone(self.take())
        self.ok("budget", "remove", "tokens")
        self.assertIsNotNone(self.take())

    def test_a_wide_fan_out_does_not_overshoot_by_its_width(self):
        self.ok("budget", "set", "b", "tokens=1000")
        self.add(40)
        tokens = []
        while (token := self.take()) is not None:
            tokens.append(token)
        self.assertEqual(len(tokens), 10)  # a tenth each, as nothing is known
        for token in tokens[:2]:
            self.ok("complete", "--token", token, "--measure", "tokens=50")
        self.assertEqual(self.limits("b")["tokens"], (1000, 100, 800))
        more = 0
        while self.take() is not None:
            more += 1
        self.assertEqual(more, 2)  # 50 each is expected now
        self.assertEqual(self.limits("b")["tokens"], (1000, 100, 900))

    def test_it_is_said_once_at_80_and_at_100_percent(self):
        self.ok("budget", "set", "b", "tokens=100")
        self.add(1)
        token = self.take()
        for used in (79, 80, 81, 99, 100, 150):
            self.ok("progress", "5", "on", "--token", token, "--measure", f"tokens={used}")
        self.ok("complete", "--token", token)
        said = self.events()
        self.assertEqual(len(said), 2, said)
        self.assertIn("80 of 100 tokens used", said[0])
        self.assertIn("nothing more is given out", said[1])

    def test_a_number_of_tasks(self):
        self.ok("budget", "set", "few", "tasks=2", "--role", "frontend", "--hard")
        self.add(3, "frontend")
        first = self.take("frontend")
        self.ok("return", "--token", first)
        first, second = self.take("frontend"), self.take("frontend")
        self.assertIsNotNone(second)
        self.assertIsNone(self.take("frontend"))
        self.ok("complete", "--token", first)
        self.ok("complete", "--token", second)
        self.assertIsNone(self.take("frontend"))

    def test_the_budget_of_a_task(self):
        self.ok("add", "A", "--role", "backend", "--backoff", "1ms")
        self.ok("budget", "set", "a", "cost=1 USD", "--task", "A")
        token = self.take()
        self.ok("fail", "no", "--token", token, "--measure", "cost=1.5 USD")
        shown = wait_until("it waits for its budget", lambda: (
            lambda s: s if s["reason"] == "budget" else None)(self.ok("show", "A").json()))
        self.assertEqual(shown["state"], "waiting")
        self.ok("budget", "set", "a", "cost=3 USD", "--task", "A")
        wait_until("it is ready", lambda: self.ok("show", "A").json()["state"] == "ready")

    def test_a_hard_one_stops_what_runs(self):
        self.ok("budget", "set", "b", "tokens=100", "--hard", "--reserve", "tokens=0")
        self.add(2)
        one, two = self.take(), self.take()
        said = self.ok("progress", "5", "on", "--token", one, "--measure", "tokens=100")
        reply = wait_until("it is told to stop", lambda: (
            lambda s: s if s["state"] == "cancelling" else None)(self.ok("show", "backend1").json()))
        self.assertEqual(reply["reason"], "budget")
        self.assertTrue(self.ok("started", "--token", two).json()["stop"])
        for token in (one, two):
            self.ok("fail", "stopped", "--token", token, "--cancelled")
        self.assertEqual((self.ok("show", "backend0").json()["state"], self.reason("backend0")),
                         ("cancelled", "budget"))
        self.assertEqual(said.status, 0)

    def test_in_a_plan(self):
        path = self.dir / "plan.yaml"
        path.write_text(PLAN)
        self.ok("apply", path)
        shown = self.ok("budget", "show", "night").json()
        self.assertEqual((shown["role"], shown["owner"], shown["hard"]), ("backend", "ops", True))
        self.assertTrue(shown["day_ends_at"].endswith("T00:00:00Z"), shown)
        self.assertEqual({k: v[0] for k, v in self.limits("night").items()},
                         {"tokens": 1000, "cost": 5, "time": 8 * 3600 * 1000, "tasks": 3})
        again = self.ok("apply", path).json()
        self.assertEqual([c["change"] for c in again.get("cards", []) if c["change"] != "unchanged"],
                         [])
        self.assertIn("night", self.ask("budget", "list", json_out=False).out)
        for wrong, word in ((PLAN.replace("1000", "many"), "amount"),
                            (PLAN.replace("8h", "8 apples"), "duration"),
                            (PLAN.replace("daily", "weekly"), "weekly"),
                            (PLAN.replace("Backend Agent", "plumber"), "plumber")):
            path.write_text(wrong)
            self.no(65, word, "apply", path)

    def test_wrong_input_changes_nothing(self):
        self.add(1)
        for args, status in ((["b"], 64), (["b", "tokens"], 64), (["b", "tokens=0"], 65),
                             (["b", "tokens=1e13"], 65), (["b", "time=soon"], 64),
                             (["b", "tokens=5", "tokens=6"], 65), (["../b", "tokens=5"], 65),
                             (["b", "tokens=5", "--reserve", "cost=5"], 65),
                             (["b", "tokens=5", "--task", "backend0", "--role", "infra"], 65),
                             (["b", "tokens=5", "--task", "backend0", "--everywhere"], 65),
                             (["b", *[f"m{i}=1" for i in range(9)]], 65)):
            self.no(status, "", "budget", "set", *args)
        self.no(1, "no task", "budget", "set", "b", "tokens=5", "--task", "nobody")
        token = self.take()
        self.no(77, "agent", "budget", "set", "b", "tokens=5", env={"BATON_TOKEN": token})
        self.ok("budget", "set", "b", "tokens=5")
        self.no(77, "agent", "budget", "remove", "b", env={"BATON_TOKEN": token})
        self.no(1, "no budget", "budget", "show", "c")
        self.assertEqual(len(self.ok("budget", "list").lines()), 1)
        self.no(64, "", "budget", "raise")


class Time(BudgetTest):
    """By a clock of the test's own: a broker that is late would come past both levels at once, and say one."""

    def start_broker(self):
        self.clock = Clock(self.dir, datetime.datetime(2025, 8, 12, 8, 0, 0))
        return self.broker(env=self.clock.env)

    def go(self, seconds):
        self.clock.move(self.running, self.clock.now + datetime.timedelta(seconds=seconds))

    def test_time_that_is_used_up_stops_a_silent_one(self):
        self.ok("budget", "set", "b", "time=50s", "--hard", "--reserve", "time=0")
        self.add(1)
        token = self.take()
        self.go(39)
        self.assertEqual(self.events(), [])
        self.go(1)
        self.assertEqual(len(self.events()), 1)
        self.go(9)
        self.assertEqual(len(self.events()), 1)
        self.assertEqual(self.ok("show", "backend0").json()["state"], "leased")
        self.go(1)
        stopped = self.ok("show", "backend0").json()
        self.assertEqual((stopped["state"], stopped["reason"]), ("cancelling", "budget"))
        self.ok("fail", "stopped", "--token", token, "--cancelled")
        said = self.events()
        self.assertEqual(len(said), 2, said)
        self.assertIn("40000 of 50000 time", said[0])
        self.assertIn("50000 of 50000 time", said[1])
        self.assertEqual(self.limits("b")["time"], (50_000, 50_000, 0))


if __name__ == "__main__":
    unittest.main()
