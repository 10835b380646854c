"""Coordination as its users see it: the board's cards through `baton`, the feed, and restarts."""

import unittest

from harness import BrokerTest


class BoardTest(BrokerTest):
    def reason(self, id):
        task = self.ok("show", id).json()
        return task["state"], task["reason"]


class Blockers(BoardTest):
    def test_a_blocked_task_is_not_offered_until_the_blocker_is_resolved(self):
        self.ok("add", "API-1", "--role", "backend")
        number = self.ok("blocker", "raise", "Database not ready", "--task", "API-1",
                         "--owner", "infra", "--severity", "P1").json()["number"]
        self.assertEqual(self.reason("API-1"), ("waiting", "blocker"))
        self.assertEqual(self.ask("take", "--role", "backend").status, 75)
        why = self.ok("why", "API-1", json_out=False).out
        self.assertIn(f"#{number}", why)
        self.assertIn("Database not ready", why)
        self.running.restart()
        self.assertEqual(self.reason("API-1"), ("waiting", "blocker"))
        listed = self.ok("blocker", "list").lines()
        self.assertEqual([(c["number"], c["state"], c["severity"]) for c in listed],
                         [(number, "open", "P1")])
        self.ok("blocker", "take", number)
        self.assertEqual(self.reason("API-1")[0], "waiting")
        self.ok("blocker", "resolve", f"#{number}", "it is there now")
        self.assertEqual(self.reason("API-1")[0], "ready")
        self.no(1, "it has ended", "blocker", "resolve", number)
        self.assertEqual(self.ask("blocker", "list").status, 1)
        self.assertEqual(self.ok("blocker", "list", "--all").lines()[0]["outcome"],
                         "it is there now")

    def test_a_role_and_a_project_are_blocked_as_a_whole(self):
        self.ok("add", "A", "--role", "backend")
        self.ok("add", "B", "--role", "infra")
        role = self.ok("blocker", "raise", "no keys", "--role", "Backend Agent").json()["number"]
        self.assertEqual(self.ask("take", "--role", "backend").status, 75)
        self.assertIn("no keys", self.ok("why", "A", json_out=False).out)
        self.ok("blocker", "withdraw", role)
        whole = self.ok("blocker", "raise", "freeze", "--whole-project").json()["number"]
        self.assertEqual(self.ask("take", "--role", "infra").status, 75)
        self.ok("blocker", "resolve", whole)
        self.ok("take", "--role", "infra")
        self.ok("take", "--role", "backend")

    def test_everyone_sees_it_in_the_feed_and_the_clock_rings_once(self):
        feed = self.feed(self.running, 0)
        self.ok("add", "A", "--role", "backend")
        self.ok("blocker", "raise", "slow", "--task", "A", "--due", "+1s")
        cards = []
        while len(cards) < 2:
            event = feed.next(10)
            cards += [event] if event.HasField("card") else []
        self.assertEqual([(e.text, e.card.rung) for e in cards], [("raise", 0), ("", 1)])
        self.assertTrue(self.ok("blocker", "list").lines()[0]["overdue"])

    def test_an_agent_blocks_its_own_task_and_a_stale_token_does_nothing(self):
        self.ok("add", "A", "--role", "backend")
        token = self.ok("take", "--role", "backend").json()["token"]
        env = {"BATON_TOKEN": str(token)}
        card = self.ok("blocker", "raise", "which schema?", env=env).json()
        self.assertEqual(card["task"], "A")
        self.ok("fail", "later", "--token", token)
        self.no(1, "no lease", "blocker", "raise", "again", env=env)

    def test_an_error_is_json_wherever_json_is_asked_for(self):
        done = self.ask("blocker", "raise", "--bogus", "--json", json_out=False)
        self.assertEqual(done.status, 64)
        self.assertEqual(done.error()["error"]["code"], "usage")

    def test_an_error_about_a_card_does_not_send_to_the_tasks(self):
        number = self.ok("blocker", "raise", "x", "--role", "infra").json()["number"]
        self.ok("blocker", "resolve", number)
        for which in (number, 999):
            self.no(1, "`baton blocker list`", "blocker", "resolve", which)
        self.no(1, "`baton list`", "blocker", "raise", "x", "--task", "NOPE")

    def test_an_empty_list_says_so_and_what_is_not_there_says_where_to_look(self):
        lists = ("blocker", "handoff", "signal", "decision", "incident", "reserve")
        for verb in lists:
            done = self.ask(verb, "list", json_out=False)
            self.assertEqual((done.status, done.out), (1, ""), verb)
            self.assertIn("--all lists ended ones too", done.err, verb)
            self.assertEqual(self.ask("--quiet", verb, "list", json_out=False).err, "")
        for verb in ("schedule", "budget", "rules"):
            self.assertIn("there is no", self.ask(verb, "list", json_out=False).err, verb)
        self.assertIn("there is no milestone", self.ask("milestones", json_out=False).err)
        for verb in ("blocker", "handoff", "incident", "reserve"):
            hint = self.ask(verb, "show", 7).error()["error"]["hint"]
            self.assertIn(f"`baton {verb} list`", hint)
        for verb in ("schedule", "budget", "decision"):
            hint = self.ask(verb, "show", "x").error()["error"]["hint"]
            self.assertIn(f"`baton {verb} list`", hint)
        self.ok("decision", "propose", "cache", "--title", "which?", "--owner", "backend")
        hint = self.ask("decision", "decide", "cache", "redis").error()["error"]["hint"]
        self.assertIn("--role", hint)

    def test_mistakes_change_nothing(self):
        self.ok("add", "A", "--role", "backend")
        self.no(64, "raise, list", "blocker")
        self.no(64, "raise, list", "blocker", "frob")
        self.no(64, "blocked", "blocker", "raise", "x")
        self.no(1, "no task 'ghost'", "blocker", "raise", "x", "--task", "ghost")
        self.no(65, "infra, backend", "blocker", "raise", "x", "--role", "plumber")
        self.no(65, "", "blocker", "raise", "\033[2J", "--task", "A")
        self.no(64, "P0", "blocker", "raise", "x", "--task", "A", "--severity", "high")
        self.no(65, "passed", "blocker", "raise", "x", "--task", "A", "--due", "2001-01-01")
        self.no(1, "no such card", "blocker", "resolve", "99")
        self.assertEqual(self.ask("blocker", "list", "--all").status, 1)
        self.assertEqual(self.reason("A")[0], "ready")


STRATEGY = """
conflict_resolution:
  database_schema:
    owner: "Backend Agent"
    reviewers: ["Infrastructure Agent"]
    decision_maker: "Backend Agent"
severity_levels:
  P3_low:
    description: "Cosmetic issue"
    response_time: "Next business day"
    agents_required: ["Any available"]
agent_metrics:
  blocker_resolution_time:
    target: "< 4 hours"
    measurement: "Time from blocker raised to resolved"
"""


class Rules(BoardTest):
    def apply(self, text, *args, status=0):
        plan = self.dir / "plan.yaml"
        plan.write_text(text)
        done = self.ask("apply", plan, *args)
        self.assertEqual(done.status, status, done.err)
        return done

    def test_a_plan_sets_rules_and_applied_again_changes_what_differs(self):
        first = self.apply(STRATEGY, "--dry-run").json()["rules"]
        self.assertEqual({(r["kind"], r["change"]) for r in first},
                         {("area", "created"), ("level", "created"), ("target", "created")})
        self.assertEqual(self.ask("rules", "list").status, 1)
        self.apply(STRATEGY)
        again = self.apply(STRATEGY).json()["rules"]
        self.assertEqual({r["change"] for r in again}, {"unchanged"})
        self.running.restart()
        other = self.apply(STRATEGY.replace("< 4 hours", "< 2 hours")).json()["rules"]
        self.assertEqual([r["name"] for r in other if r["change"] == "updated"],
                         ["blocker_resolution_time"])
        area = self.ok("rules", "list", "area").lines()[0]
        self.assertEqual((area["name"], area["owner"], area["items"][0]["name"]),
                         ("database_schema", "backend", "infra"))
        self.ok("rules", "remove", "area", "database_schema")
        self.no(1, "no such card", "rules", "remove", "area", "database_schema")

    def test_rules_and_tasks_are_applied_together_or_not_at_all(self):
        cycle = "tasks:\n  - {id: A, role: infra, after: [B]}\n"
        self.apply("tasks: [{id: B, role: infra, after: [A]}]")
        self.apply(STRATEGY + cycle, status=65)
        self.assertEqual(self.ask("rules", "list").status, 1)
        bad = STRATEGY.replace('"Any available"', '"plumber"')
        self.apply(bad + "tasks:\n  - {id: C, role: infra}\n", status=65)
        self.assertEqual(self.ask("show", "C").status, 1)

    def test_what_happens_once_is_posted_once_however_often_it_is_applied(self):
        plan = STRATEGY + """
tasks: [{id: A, role: infra}]
blockers:
  - {title: no keys, task: A, due: +4h}
decisions:
  - name: engine
    area: database_schema
    title: Which engine?
    options: {postgres: known to all, sqlite: small}
    decided: postgres
    by: Backend Agent
incidents:
  - {severity: P3, title: a wrong colour, area: database_schema}
signals:
  - Database Ready
handoffs:
  - {task: A, from_agent: Infrastructure Agent, to_agent: Backend Agent, notes: the address is in the vault}
"""
        would = self.apply(plan, "--dry-run").json()["cards"]
        self.assertEqual([c["kind"] for c in would],
                         ["blocker", "decision", "decision", "incident", "signal", "handoff"])
        self.assertEqual(self.ask("blocker", "list").status, 1)
        first = self.apply(plan).json()["cards"]
        self.assertEqual({c["change"] for c in first}, {"posted"})
        decision = self.ok("decision", "list", "--all").lines()
        self.assertEqual([(c["name"], c["state"], c["outcome"]) for c in decision],
                         [("engine", "in_force", "postgres")])
        again = self.apply(plan).json()["cards"]
        self.assertEqual({c["change"] for c in again}, {"unchanged"})
        self.ok("blocker", "resolve", first[0]["number"], "here they are")
        self.running.restart()
        more = self.apply(plan.replace("signals:", "signals:\n  - Keys Ready")).json()["cards"]
        self.assertEqual([c["title"] for c in more if c["change"] == "posted"], ["Keys Ready"])
        for kind in ("blocker", "decision", "incident"):
            self.assertEqual(len(self.ok(kind, "list", "--all").lines()), 1, kind)
        self.assertEqual(len(self.ok("handoff", "list").lines()), 1)

    def test_what_is_refused_stops_there_and_is_done_by_the_next_apply(self):
        plan = ("blockers:\n  - {title: one, role: infra}\n  - {title: two, task: GHOST}\n"
                "  - {title: three, role: infra}\n")
        done = self.apply(plan, status=65)
        self.assertIn("plan.yaml:3", done.err)
        self.assertEqual([c["title"] for c in self.ok("blocker", "list").lines()], ["one"])
        self.ok("add", "GHOST", "--role", "infra")
        self.apply(plan)
        self.assertEqual(sorted(c["title"] for c in self.ok("blocker", "list").lines()),
                         ["one", "three", "two"])

    def test_a_wrong_entry_says_where_and_changes_nothing(self):
        for entry, word in (("decisions: [{title: x}]", "needs a name"),
                            ("decisions: [{name: x}]", "needs a title"),
                            ("decisions: [{name: x, title: y, by: infra}]", "decided: is missing"),
                            ("decisions: [{name: x, title: y, reviewer: infra}]", "did you mean 'reviewers'"),
                            ("incidents: [{title: x}]", "needs a severity"),
                            ("incidents: [{severity: bad, title: x}]", "P0, P1, P2 or P3"),
                            ("incidents: [{severity: P1}]", "needs a title"),
                            ("signals: [{task: A}]", "needs a name"),
                            ("signals: [[x]]", "a map"),
                            ("severity_levels: {P0_x: {freeze: ['../x y']}}", "can't be a name"),
                            ("severity_levels: {P0_x: {freeze: ['path:../x']}}", "resource")):
            done = self.apply("tasks: [{id: A, role: infra}]\n" + entry, status=65)
            self.assertIn(word, done.err, entry)
            self.assertIn("plan.yaml:2", done.err, entry)
        self.assertEqual(self.ask("show", "A").status, 1)


class Watch(BoardTest):
    def test_what_concerns_a_task_is_shown_with_it_and_nothing_else(self):
        self.ok("add", "X", "--role", "testing", "--project", "other")
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "UI", "--role", "frontend")
        self.ok("add", "API", "--role", "backend", "--after", "DB", "--after", "signal:keys",
                "--after", "decision:engine", "--label", "area=schema")
        post = lambda *args: self.ok(*args).json()["number"]
        raised = ("blocker", "raise")
        mine = [post(*raised, "of it", "--task", "API"),
                post(*raised, "of its role", "--role", "backend"),
                post(*raised, "of its project", "--whole-project"),
                post("handoff", "give", "--task", "DB", "--notes", "of what it needs"),
                post("handoff", "give", "--from", "infra", "--to", "backend", "--notes", "to it"),
                post("signal", "raise", "keys"),
                post("decision", "propose", "engine", "--title", "which?", "--owner", "infra")]
        post(*raised, "of another", "--task", "UI")
        post(*raised, "of another role", "--role", "frontend")
        post(*raised, "of another project", "--whole-project", "--project", "other")
        post("handoff", "give", "--task", "UI", "--notes", "of another")
        post("handoff", "give", "--from", "infra", "--to", "frontend", "--notes", "to another")
        post("signal", "raise", "other")
        post("decision", "propose", "other", "--title", "which?", "--owner", "infra")
        watch = ("watch", "--since", "0", "--until-idle", "--task", "API")
        for number in mine[:3]:
            self.ok("blocker", "resolve", number, "gone")
        for id in ("DB", "UI", "API", "other//X"):
            self.ok("cancel", id, "--reason", "enough")
        seen = self.ok(*watch).lines()
        shown = list(dict.fromkeys(e["card"]["number"] for e in seen if e["kind"] == "card"))
        self.assertEqual(shown, mine)
        self.assertEqual({e["id"] for e in seen if e["kind"] == "task"}, {"API"})
        text = self.ok(*watch, json_out=False).out
        self.assertIn(f"card blocker #{mine[1]}: raise", text)


if __name__ == "__main__":
    unittest.main()
