"""Phases and milestones as their users see them: barriers, how far they are, whether they will be in time."""

import datetime
import unittest

from harness import BrokerTest, Clock

PLAN = """
project: site
defaults: {estimate: 1d}
phases:
  - id: foundation
    name: "Phase 1: Foundation (Week 1)"
    execution: Parallel Execution
    deadline: 2025-08-19
    tasks:
      - {id: db, agent: Infrastructure Agent, task: Database and cache, estimate: 2d}
      - {id: site, agent: Frontend Agent, task: Website fixes}
      - {id: schema, agent: Backend Agent, task: Schema design}
    synchronization:
      - All agents sync on completed foundations
      - {id: contracts, title: API contracts finalized, after: ["signal:API contracts"]}
  - id: realtime
    name: "Phase 3: Real-time Features"
    execution: sequential
    tasks:
      - {id: ws, agent: Real-time Agent}
      - {id: ui, agent: Frontend Agent}
      - {id: it, agent: Testing Agent}
milestones:
  - {id: launch, after: [realtime], deadline: 2025-08-21}
"""


class Milestones(BrokerTest):
    def start_broker(self):
        self.clock = Clock(self.dir, datetime.datetime(2025, 8, 12, 8, 0, 0))
        return self.broker(env=self.clock.env)

    def ask(self, *args, **fields):
        return self.baton(self.running, "--project", "site", *args, env=self.clock.env, **fields)

    def apply(self, text, status=0):
        path = self.dir / "plan.yaml"
        path.write_text(text)
        done = self.ask("apply", path)
        self.assertEqual(done.status, status, done.out + done.err)
        return done.out + done.err

    def milestones(self, *args):
        return {m["id"]: m for m in self.ok("milestones", *args).lines()}

    def work(self, id, role, end="complete"):
        lease = self.ok("take", "--role", role, "--task", id, "--lease", "10d").json()
        self.ok("started", "--token", lease["token"])
        self.ok(end, "--token", lease["token"], *(["--fatal", "no"] if end == "fail" else []))

    def test_a_phase_comes_together_before_the_next_begins(self):
        self.apply(PLAN)
        self.assertEqual(sorted(self.milestones()), ["foundation", "launch", "realtime"])
        self.assertEqual(sorted(self.milestones("--all")),
                         ["contracts", "foundation", "foundation-sync-1", "launch", "realtime"])
        labelled = [t["id"] for t in self.ok("list", "--label", "phase=realtime").lines()]
        self.assertEqual(sorted(labelled), ["it", "realtime", "ui", "ws"])
        first = self.milestones()["foundation"]
        self.assertEqual((first["done"], first["total"], first["standing"]), (0, 3, "on_track"))
        self.assertEqual(first["held_up_by"]["id"], "db")
        for id, role in (("db", "infra"), ("site", "frontend"), ("schema", "backend")):
            self.work(id, role)
        first = self.milestones()["foundation"]
        self.assertEqual((first["done"], first["total"], first["state"]), (3, 3, "waiting"))
        self.assertEqual(first["held_up_by"]["id"], "signal:api-contracts")
        self.assertEqual(self.ok("show", "foundation-sync-1").json()["state"], "done")
        self.assertEqual(self.ok("show", "ws").json()["state"], "waiting")
        self.ok("signal", "raise", "API contracts")
        self.assertEqual(self.milestones()["foundation"]["standing"], "done")
        self.assertEqual(self.ok("show", "ws").json()["state"], "ready")
        self.assertEqual(self.ok("show", "ui").json()["state"], "waiting")
        self.work("ws", "realtime")
        self.assertEqual(self.ok("show", "ui").json()["state"], "ready")
        self.assertEqual(self.ok("show", "it").json()["state"], "waiting")
        self.assertEqual(self.milestones()["realtime"]["held_up_by"]["id"], "ui")

    def test_it_is_at_risk_when_the_longest_way_that_is_left_passes_its_deadline(self):
        feed = self.feed(self.running, 0)
        self.apply(PLAN)
        launch = self.milestones()["launch"]
        self.assertEqual((launch["standing"], launch["forecast"], launch["total"]),
                         ("on_track", "2025-08-17T08:00:00Z", 1))
        told = []

        def read_until(what):
            while not told or told[-1] != what:
                event = feed.next(20)
                if event.kind in (event.AT_RISK, event.LATE):
                    told.append((event.id, event.kind == event.LATE))

        # The last of a chain of five days that ends on the 21st starts on the 16th at the latest.
        self.clock.move(self.running, datetime.datetime(2025, 8, 17, 0, 0, 1))
        read_until(("launch", False))
        self.assertEqual(self.milestones()["launch"]["standing"], "at_risk")
        self.assertEqual(self.ok("show", "launch").json()["alert"], "at_risk")
        self.running.restart()
        self.clock.move(self.running, datetime.datetime(2025, 8, 22, 0, 0, 0))
        read_until(("launch", True))
        self.assertEqual(self.milestones()["launch"]["standing"], "late")
        self.assertEqual(told.count(("launch", False)), 1)
        self.assertEqual(told.count(("launch", True)), 1)
        self.assertIn("late", self.ok("milestones", json_out=False).out)

    def test_what_failed_holds_up_all_that_comes_after(self):
        self.apply(PLAN)
        self.work("db", "infra", "fail")
        milestones = self.milestones()
        self.assertEqual({m["standing"] for m in milestones.values()}, {"blocked"})
        self.assertEqual({m["held_up_by"]["id"] for m in milestones.values()}, {"db"})
        self.assertEqual(milestones["launch"]["held_up_by"]["state"], "failed")
        self.ok("retry", "db")
        self.assertEqual(self.milestones()["launch"]["standing"], "on_track")

    def test_nothing_is_status_1_and_mistakes_are_told(self):
        self.assertEqual(self.ask("milestones").status, 1)
        for text, word in (("phases: [{id: a, execution: sometimes}]", "parallel or sequential"),
                           ("phases: [{id: a, execution: sequential, parallel: true}]", "same thing"),
                           ("phases: [{id: a, synchronization: [[x]]}]", "synchronization"),
                           ("phases: [{id: a, synchronization: [{titel: x}]}]", "did you mean")):
            self.assertIn(word, self.apply(text, 65))


if __name__ == "__main__":
    unittest.main()
