"""Incidents as their users see them: the roles are called, answer, or are passed over; one is resolved."""

import unittest

from harness import BrokerTest, wait_until

LEVELS = """
conflict_resolution:
  api:
    owner: "Backend Agent"
    reviewers: []
    decision_maker: "Integration Agent"
severity_levels:
  P0_critical:
    description: "Production down"
    response_time: "15 minutes"
    agents_required: ["Infrastructure", "Backend"]
  P1_high:
    description: "Major feature broken"
    response_time: "{p1}"
    agents_required: ["Relevant feature owner"]
    contacts: ["Fly.io support", "DevOps on-call"]
  P2_medium:
    description: "Minor feature issue"
    response_time: "{p2}"
    agents_required: ["Feature owner"]
  P3_low:
    description: "Cosmetic issue"
    response_time: "Next business day"
    agents_required: ["Any available"]
"""


class Incidents(BrokerTest):
    def no(self, status, word, *args, **fields):
        before = self.everything()
        done = self.ask(*args, **fields)
        self.assertEqual(done.status, status, done.out + done.err)
        self.assertIn(word, str(done.error()))
        self.assertEqual(self.everything(), before)

    def everything(self):
        return (self.ask("incident", "list", "--all").out,
                self.ask("list", "--ids").out)

    def levels(self, p1="1 hour", p2="4 hours"):
        rules = self.dir / "levels.yaml"
        rules.write_text(LEVELS.format(p1=p1, p2=p2))
        self.ok("apply", rules)

    def workers(self, *roles):
        for role in roles:
            self.worker(self.running, f"w-{role}", roles=(role,), slots=1)

    def open(self, severity, *args, **fields):
        return self.ok("incident", "open", severity, "--title", "it burns", *args, **fields).json()

    def said(self, report):
        return [moment["what"] for moment in report["timeline"]]

    def show(self, number):
        return self.ok("incident", "show", number).json()

    def items(self, card, tag):
        return [item for item in card.get("items", []) if item["tag"] == tag]

    def roles(self, card):
        return {item["name"]: item.get("unit") for item in self.items(card, "summoned")}

    def take(self, role):
        task = self.ok("take", "--role", role).json()
        return task, {"BATON_TOKEN": str(task["token"])}

    def test_what_its_level_freezes_is_given_to_nobody_until_it_is_resolved(self):
        rules = self.dir / "freeze.yaml"
        rules.write_text("severity_levels: {P0: {response_time: 15 minutes, agents_required: "
                         "[Backend], freeze: [deploy]}}\n")
        self.ok("apply", rules)
        for name in ("one", "two"):
            self.ok("add", name, "--role", "testing", "--resource", "deploy")
        _, env = self.take("testing")
        card = self.open("P0")
        self.assertEqual([i["name"] for i in self.items(card, "freeze")], ["deploy"])
        self.ok("complete", env=env)  # whoever had it keeps it to the end
        self.assertEqual(self.ask("take", "--role", "testing").status, 75)
        self.running.restart()
        self.assertEqual(self.ask("take", "--role", "testing").status, 75)
        why = [c for c in self.ok("why", "two").json()["causes"] if c["reason"] == "lock_paused"]
        self.assertIn(f"frozen by incident #{card['number']}", why[0]["text"])
        self.assertIn(f"baton incident resolve {card['number']}", why[0]["who"])
        self.ok("incident", "resolve", card["number"], "a cable")
        self.take("testing")

    def test_the_roles_are_called_before_all_else_and_answer_by_starting(self):
        self.workers("infra", "backend")
        self.ok("add", "old", "--role", "infra", "--priority", "critical", "--deadline", "+1s")
        card = self.open("P0")
        self.assertEqual((card["state"], self.roles(card)),
                         ("open", {"infra": None, "backend": None}))
        second = self.open("P1", "--role", "infra")
        third = self.open("P0")
        tasks = []
        for _ in range(4):
            task, env = self.take("infra")
            tasks.append(task["id"])
            self.ok("started", env=env)
            self.ok("complete", env=env)
            self.running.restart()
        self.assertEqual(tasks, [f"INC-{card['number']}-infra", f"INC-{third['number']}-infra",
                                 f"INC-{second['number']}-infra", "old"])
        self.assertEqual(self.show(second["number"])["state"], "taken")
        card = self.show(card["number"])
        self.assertEqual((card["state"], self.roles(card)),
                         ("open", {"infra": "accepted", "backend": None}))
        self.ok("incident", "acknowledge", card["number"], "--role", "backend")
        self.assertEqual(self.show(card["number"])["state"], "taken")

    def test_what_a_response_needs_comes_first_too(self):
        self.workers("infra", "backend")
        self.ok("add", "other", "--role", "infra", "--priority", "critical")
        self.ok("add", "dump", "--role", "infra", "--priority", "low")
        card = self.open("P1", "--role", "backend")
        self.ok("set", f"INC-{card['number']}-backend", "--after", "dump")
        self.assertEqual(self.take("infra")[0]["id"], "dump")

    def test_an_escalation_climbs_each_rung_once(self):
        self.levels(p1="1 second", p2="1 second")
        self.workers("infra", "backend", "integration")
        feed = self.feed(self.running)
        number = self.open("P2", "--area", "api")["number"]
        rungs = []
        while not rungs or rungs[-1] < 2:
            event = feed.next(10)
            if event.HasField("card") and event.card.number == number and not event.text:
                rungs.append(event.card.rung)
        self.assertEqual(rungs, [1, 2])
        card = self.show(number)
        self.assertEqual((card["severity"], card["overdue"]), ("P0", True))
        self.assertEqual([b["name"] for b in self.items(card, "bump")], ["P1", "P0"])
        self.assertEqual([e["name"] for e in self.items(card, "escalated")], ["integration"])
        self.assertEqual(set(self.roles(card)), {"backend", "integration", "infra"})
        report = self.ok("incident", "postmortem", number).json()
        self.assertEqual(self.said(report), [
            "opened as P2 by " + report["opened_by"],
            f"backend is called: INC-{number}-backend",
            "backend has not answered in time: escalated",
            "raised to P1",
            "escalated to integration",
            f"integration is called: INC-{number}-integration",
            "backend has not answered in time: escalated",
            "integration has not answered in time: escalated",
            "raised to P0",
            f"infra is called: INC-{number}-infra",
        ])
        rungs = [m["after_ms"] for m in report["timeline"] if m["what"].startswith("raised")]
        self.assertLess(900, rungs[0])
        self.assertLess(rungs[0] + 900, rungs[1])
        called = {r["role"]: r["called_after_ms"] for r in report["roles"]}
        self.assertEqual(called, {"backend": 0, "integration": rungs[0], "infra": rungs[1]})
        late = {r["role"]: r["late"] for r in report["roles"]}
        self.assertEqual(late, {"backend": True, "integration": True, "infra": False})

    def test_nobody_there_is_escalated_at_once(self):
        self.levels()
        card = self.open("P2", "--role", "backend")
        self.assertEqual(self.items(card, "escalated"), [])
        self.assertEqual(card["severity"], "P0")
        self.workers("infra", "backend", "integration")
        self.assertEqual(self.open("P2", "--area", "api")["severity"], "P2")
        self.ok("rules", "remove", "level", "P2_medium")
        self.assertEqual(self.open("P2", "--area", "api")["severity"], "P2")

    def test_a_cosmetic_one_waits_for_the_next_business_day(self):
        self.levels()
        self.workers("testing")
        card = self.open("P3")
        self.assertEqual(self.roles(card), {"testing": None})
        self.assertIn("17:00:00", self.show(card["number"])["due_at"])

    def test_resolved_with_a_cause_nobody_need_begin(self):
        self.workers("infra", "backend")
        self.ok("add", "FIX", "--role", "backend")
        card = self.open("P0")
        number = str(card["number"])
        task, env = self.take("infra")
        self.ok("started", env=env)
        self.no(64, "what was the cause", "incident", "resolve", number)
        self.no(1, "no task 'ghost'", "incident", "resolve", number, "x", "--follow-up", "ghost")
        self.ok("incident", "resolve", number, "a full disk", "--follow-up", "FIX", env=env)
        self.running.restart()
        self.assertEqual(self.ok("show", f"INC-{number}-backend").json()["state"], "cancelled")
        self.assertEqual(self.ok("show", task["id"]).json()["state"], "running")
        self.no(1, "it has ended", "incident", "resolve", number, "again")
        self.no(1, "it has ended", "incident", "acknowledge", number)
        self.no(1, "it has ended", "incident", "amend", number, "--severity", "P0")
        report = self.ok("incident", "postmortem", number).json()
        self.assertEqual((report["cause"], report["follow_ups"], report["severity"]),
                         ("a full disk", ["FIX"], "P0"))
        self.assertEqual([(r["role"], r["answer"], r["late"]) for r in report["roles"]],
                         [("infra", "accepted", False), ("backend", None, False)])
        self.assertEqual(report["answer"], "not needed")
        said = self.ok("incident", "postmortem", number, json_out=False).out
        self.assertRegex(said, "(?m)^follow-up +FIX, ready$")
        self.assertIn("infra has answered: accepted by", said)

    def test_worse_than_thought(self):
        self.workers("infra", "backend", "frontend")
        number = str(self.open("P2", "--role", "frontend")["number"])
        self.ok("incident", "acknowledge", number)
        card = self.ok("incident", "amend", number, "--severity", "P0", "--text", "more").json()
        self.assertEqual((card["state"], self.roles(card)),
                         ("open", {"frontend": "acknowledged", "infra": None, "backend": None}))

    def test_lower_work_makes_way_and_goes_on_after(self):
        rules = self.dir / "yield.yaml"
        rules.write_text('severity_levels:\n  P0_critical:\n    response_time: "15 minutes"\n'
                         '    agents_required: ["Infrastructure"]\n    yield: true\n')
        self.ok("apply", rules)
        self.ok("add", "KEEP", "--role", "infra", "--preemptible", "no")
        self.ok("add", "LOW", "--role", "infra", "--priority", "low")
        script = "case $BATON_TASK_ID in INC-*) ;; *) [ -e {0}/$BATON_TASK_ID ] || " \
                 "{{ : > {0}/$BATON_TASK_ID; exec sleep 1000; }} ;; esac; " \
                 "echo '{{\"outcome\":\"done\"}}' > \"$BATON_RESULT_FILE\"".format(self.dir)
        self.baton_worker(self.running, "infra", ["sh", "-c", script], slots=2)
        self.ok("wait", "KEEP", "LOW", "--for", "started")
        wait_until("both agents sleep", lambda: (self.dir / "KEEP").exists() and
                   (self.dir / "LOW").exists())
        number = self.open("P0")["number"]
        self.ok("wait", f"INC-{number}-infra", "LOW")
        low, keep = self.ok("show", "LOW").json(), self.ok("show", "KEEP").json()
        self.assertEqual((low["state"], low["attempt"], low["losses"]), ("done", 2, 0))
        self.assertEqual(low["attempts"][0]["outcome"], "cancelled")
        self.assertEqual((keep["state"], keep["attempt"]), ("running", 1))
        report = self.ok("incident", "postmortem", number).json()
        self.assertEqual(report["preempted"], ["LOW"])
        self.assertIn("LOW makes way", self.said(report))

    def test_a_post_mortem_has_everything_in_its_order(self):
        self.workers("infra", "backend", "frontend")
        self.ok("blocker", "raise", "of another time", "--role", "infra")
        number = self.ok("blocker", "list").lines()[0]["number"]
        self.ok("blocker", "resolve", number, "gone")
        number = str(self.open("P1", "--role", "backend")["number"])
        task, env = self.take("backend")
        self.ok("started", env=env)
        blocker = self.ok("blocker", "raise", "no access", "--task", task["id"]).json()["number"]
        self.ok("blocker", "raise", "in nobody's way", "--role", "frontend")
        self.ok("incident", "amend", number, "--severity", "P0")
        self.ok("blocker", "resolve", blocker, "granted")
        self.ok("incident", "acknowledge", number, "--role", "infra")
        self.ok("incident", "resolve", number, "a full disk")
        self.running.restart()
        report = self.ok("incident", "postmortem", number).json()
        by = report["opened_by"]
        worker = [r["by"] for r in report["roles"] if r["role"] == "backend"][0]
        self.assertEqual(self.said(report), [
            f"opened as P1 by {by}",
            f"backend is called: {task['id']}",
            f"backend has answered: accepted by {worker}",
            f"blocker #{blocker} on {task['id']}: no access",
            f"P0 instead of P1, says {by}",
            f"infra is called: INC-{number}-infra",
            f"blocker #{blocker} is resolved: granted",
            f"infra has answered: acknowledged by {by}",
            f"resolved by {by}: a full disk",
        ])
        self.assertEqual(report["answer"], "in time")
        final = self.ok("report", "daily").json()["sections"]
        (section,) = [s for s in final if s["title"] == f"Post-mortem of incident #{number}"]
        self.assertEqual([row[2] for row in section["rows"]], self.said(report))

    def test_mistakes_change_nothing(self):
        self.ok("add", "UI", "--role", "frontend")
        self.no(64, "open, acknowledge", "incident")
        self.no(64, "no severity", "incident", "open", "P9", "--title", "x")
        self.no(64, "--title", "incident", "open", "P0")
        self.no(65, "", "incident", "open", "P0", "--title", "\033[2Jgone")
        self.no(65, "whoever owns it", "incident", "open", "P1", "--title", "x")
        self.no(1, "no area 'ghost'", "incident", "open", "P1", "--title", "x", "--area", "ghost")
        self.no(1, "no task 'ghost'", "incident", "open", "P1", "--title", "x", "--task", "ghost")
        self.no(65, "not a role", "incident", "open", "P1", "--title", "x", "--role", "plumber")
        self.no(1, "no such card", "incident", "acknowledge", "99")
        number = self.open("P1", "--task", "UI")["number"]
        self.no(65, "is not summoned", "incident", "acknowledge", number, "--role", "testing")
        self.no(65, "what is known now", "incident", "amend", number)
        self.ok("add", "T", "--role", "testing")
        _, env = self.take("testing")
        self.no(77, "is not summoned", "incident", "resolve", number, "mine", env=env)
        self.no(77, "is not summoned", "incident", "acknowledge", number, env=env)
        self.no(65, "", "incident", "resolve", number, "\033]0;x\007")


if __name__ == "__main__":
    unittest.main()
