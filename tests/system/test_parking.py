"""Parked tasks, review, rework and what roles ask for, as agents and operators use them."""

import json
import unittest

from harness import wait_until
from messages import wire
from test_board import BoardTest


class LifeTest(BoardTest):
    def take(self, role, *args):
        taken = self.ok("take", "--role", role, *args).json()
        return taken, {"BATON_TOKEN": str(taken["token"])}

    def nothing_for(self, role):
        self.assertEqual(self.baton(self.running, "take", "--role", role).status, 75)

    def apply(self, text):
        path = self.dir / "plan.yaml"
        path.write_text(text)
        return self.baton(self.running, "apply", path)


class Parking(LifeTest):
    def test_an_agent_parks_for_a_blocker_that_it_raises_and_goes_on_when_it_is_resolved(self):
        self.ok("add", "API", "--role", "backend", "--resource", "db")
        taken, env = self.take("backend")
        result = self.dir / "half.json"
        result.write_text('{"migrated": 3}')
        self.ok("park", "no keys for S3", "--for", "blocker", "--result", result, env=env)
        self.assertEqual(self.reason("API"), ("parked", "blocker"))
        self.nothing_for("backend")
        card = self.ok("blocker", "list").lines()[0]
        self.assertEqual((card["title"], card["task"]), ("no keys for S3", "API"))
        self.ok("add", "OTHER", "--role", "backend", "--resource", "db")
        other, _ = self.take("backend")  # slot and lock are free
        self.ok("return", "--token", other["token"])
        self.ok("cancel", "OTHER", "--reason", "test")
        self.running.restart()
        self.assertEqual(self.reason("API"), ("parked", "blocker"))
        why = self.ok("why", "API").json()["causes"][0]
        self.assertIn(f"blocker #{card['number']}", why["text"])
        self.no(1, "", "complete", env=env)  # the lease is over
        self.ok("blocker", "resolve", card["number"], "keys are in the vault")
        self.assertEqual(self.reason("API")[0], "ready")
        again, _ = self.take("backend")
        self.assertEqual((again["attempt"], again["previous"]), (2, {"migrated": 3}))
        self.assertIn("keys are in the vault", again["note"])
        shown = self.ok("show", "API").json()
        self.assertEqual([a["outcome"] for a in shown["attempts"]], ["parked"])

    def test_what_is_there_already_is_not_waited_for(self):
        self.ok("add", "API", "--role", "backend")
        self.ok("signal", "raise", "Database Ready")
        _, env = self.take("backend")
        result = self.dir / "half.json"
        result.write_text('{"migrated": 3}')
        self.ok("park", "--for", "signal:Database Ready", "--result", result, env=env)
        self.assertEqual(self.reason("API")[0], "ready")
        again, env = self.take("backend")  # it is told, as after a wait, so that it need not park again
        self.assertEqual((again["note"], again["previous"]), ("the signal database-ready: nothing is left to wait for", {"migrated": 3}))
        self.ok("park", "--for", "children", env=env)
        self.running.restart()
        again, _ = self.take("backend")
        self.assertEqual(again["note"], "the tasks that it added: nothing is left to wait for")

    def test_signals_children_and_approval_end_a_wait(self):
        self.ok("add", "API", "--role", "backend")
        _, env = self.take("backend")
        self.ok("park", "--for", "signal:Database Ready", env=env)
        self.assertEqual(self.reason("API"), ("parked", "gate"))
        self.ok("signal", "raise", "database-ready")
        _, env = self.take("backend")
        self.ok("add", "CHILD", "--role", "testing", env=env)
        self.ok("park", "--for", "children", env=env)
        self.assertEqual(self.reason("API"), ("parked", "children"))
        child, _ = self.take("testing")
        self.ok("complete", "--token", child["token"])
        self.assertEqual(self.reason("API")[0], "ready")
        _, env = self.take("backend")
        self.ok("park", "may I drop the table?", "--for", "approval", env=env)
        self.assertEqual(self.reason("API"), ("parked", "approval"))
        self.assertIn("may I drop the table?", self.ok("why", "API", json_out=False).out)
        self.ok("refuse", "API", "--reason", "no: archive it")
        again, _ = self.take("backend")
        self.assertEqual(again["note"], "no: archive it")
        self.assertEqual(self.ok("show", "API").json()["rework"], 0)

    def test_operators_act_on_parked_tasks(self):
        for name in ("A", "B", "C"):
            self.ok("add", name, "--role", "backend")
            _, env = self.take("backend")
            self.ok("park", "--for", "decision:Use Postgres", env=env)
        self.assertEqual(len(self.ok("list", "--state", "parked").lines()), 3)
        self.no(1, "only failed", "retry", "A")
        self.no(1, "only tasks in review", "refuse", "A", "--reason", "x")
        self.ok("hold", "A")
        self.ok("approve", "A", "B")
        self.assertEqual(self.reason("A"), ("waiting", "held"))
        self.assertEqual(self.reason("B")[0], "ready")
        self.ok("cancel", "C", "--reason", "not needed")
        self.assertEqual(self.reason("C")[0], "cancelled")

    def test_a_worker_parks_what_its_agent_says(self):
        self.ok("add", "API", "--role", "backend")
        script = """if [ $BATON_ATTEMPT = 1 ]; then
            echo '{"outcome":"blocked","summary":"which schema?"}' > "$BATON_RESULT_FILE"
        elif [ $BATON_ATTEMPT = 2 ]; then
            echo '{"outcome":"parked","wait_for":"signal:Go"}' > "$BATON_RESULT_FILE"
        elif [ $BATON_ATTEMPT = 3 ]; then
            echo '{"outcome":"parked","wait_for":"blocker:99999"}' > "$BATON_RESULT_FILE"
        else
            cat > PROMPT; echo '{"outcome":"done"}' > "$BATON_RESULT_FILE"
        fi"""
        self.baton_worker(self.running, "backend", ["sh", "-c", script])
        wait_until("it is parked", lambda: self.reason("API") == ("parked", "blocker"))
        number = self.ok("blocker", "list").lines()[0]["number"]
        self.ok("blocker", "resolve", number, "schema v2")
        wait_until("it is parked again", lambda: self.reason("API") == ("parked", "gate"))
        self.ok("signal", "raise", "Go")

        def refused():
            attempts = self.ok("show", "API").json()["attempts"]
            return len(attempts) == 3 and attempts[2]

        third = wait_until("the third attempt to end", refused)
        self.assertEqual(third["outcome"], "failed")
        self.assertIn("no such blocker", third["summary"])

    def test_what_is_wrong_is_told_and_changes_nothing(self):
        self.ok("add", "API", "--role", "backend")
        self.no(64, "what does it wait for", "park", env={"BATON_TOKEN": "1"})
        _, env = self.take("backend")
        for what in ("nothing", "blocker:0", "blocker:x", "blocker:77", "signal:", "task:API",
                     "\x1b[2J", "x" * 200):
            self.no(65, "wait_for", "park", "--for", what, env=env)
        self.assertEqual(self.reason("API")[0], "leased")
        self.no(1, "", "approve", "NOBODY")
        self.no(1, "only tasks in review", "approve", "API")


class Review(LifeTest):
    def test_work_is_done_when_it_is_approved(self):
        self.ok("add", "API", "--role", "backend", "--approval", "yes", "--resource", "db")
        self.ok("add", "UI", "--role", "frontend", "--after", "API")
        _, env = self.take("backend")
        self.ok("complete", "ready to look at", env=env)
        self.assertEqual(self.reason("API"), ("review", "approval"))
        self.assertEqual(self.reason("UI"), ("waiting", "deps"))
        self.assertEqual(self.ok("resources").lines()[0]["used"], 0)
        self.running.restart()
        self.assertIn("approve or refuse", self.ok("why", "API", json_out=False).out)
        self.ok("approve", "API", "--reason", "good")
        self.assertEqual(self.reason("API")[0], "done")
        self.assertEqual(self.reason("UI")[0], "ready")

    def test_what_is_refused_is_done_again_and_fails_at_the_limit(self):
        self.assertEqual(self.apply("roles: {Backend Agent: {approval: required}}\n"
                                    "tasks: [{id: API, role: backend}]\n").status, 0)
        for n in range(3):
            taken, env = self.take("backend")
            self.assertEqual(taken["note"], f"tests {n - 1} fail" if n else None)
            self.ok("complete", env=env)
            self.no(64, "needs --reason", "refuse", "API")
            self.ok("refuse", "API", "--reason", f"tests {n} fail")
        self.assertEqual(self.reason("API"), ("failed", "rejected"))
        self.ok("retry", "API")
        self.assertEqual(self.ok("show", "API").json()["rework"], 0)


    def test_an_approval_is_asked_for_again_and_then_overdue_once(self):
        self.assertEqual(self.apply("roles: {Backend Agent: {approval: required, review_within: "
                                    "2s}}\ntasks: [{id: A, role: backend}, {id: B, role: frontend, "
                                    "approval: true, review_within: 1s}]\n").status, 0)
        for role in ("backend", "frontend"):
            _, env = self.take(role)
            self.ok("complete", env=env)
        self.assertIsNotNone(self.ok("show", "B").json()["review_due_at"])
        blocked = {t["id"]: t for t in self.ok("blocked").lines()}
        self.assertEqual(set(blocked), {"A", "B"})
        self.assertIn("baton refuse A --reason TEXT", blocked["A"]["causes"][0]["who"])
        self.assertIn("baton approve B", self.ok("blocked", json_out=False).out)

        def told():
            answer = self.client(self.running).request("events",
                                                       wire.EventsAfter(number=0, limit=1000))
            return sorted((e.id, e.kind) for e in answer.events.events
                          if e.kind >= wire.Event.REVIEW_DUE)
        due, over = wire.Event.REVIEW_DUE, wire.Event.REVIEW_OVERDUE
        every = [("A", due), ("A", over), ("B", due), ("B", over)]
        wait_until("both are told, twice", lambda: told() == every)
        self.running.restart()
        for name in ("A", "B"):
            self.ok("approve", name)
        self.assertEqual(told(), every)
        self.assertIsNone(self.ok("show", "B").json()["review_due_at"])
        self.assertEqual(self.baton(self.running, "blocked").status, 1)

    def test_parked_tasks_are_listed_with_what_to_type(self):
        self.ok("add", "A", "--role", "backend")
        _, env = self.take("backend")
        self.ok("park", "which schema?", "--for", "blocker", env=env)
        who = [c["who"] for t in self.ok("blocked").lines() for c in t["causes"]]
        self.assertTrue(any("baton blocker resolve" in w for w in who), who)


class Roles(LifeTest):
    def test_a_role_that_requires_a_handoff_has_no_task_done_without_one(self):
        self.assertEqual(self.apply("roles: {backend: {handoff: required}}\n"
                                    "tasks: [{id: API, role: backend, backoff: 1ms}]\n").status, 0)
        taken, env = self.take("backend")
        self.ok("complete", "done!", env=env)
        shown = self.ok("show", "API").json()
        self.assertNotEqual(shown["state"], "done")
        self.assertIn("requires a handoff", shown["attempts"][0]["summary"] + shown["reason_text"])
        wait_until("the next attempt", lambda: self.reason("API")[0] == "ready")
        self.running.restart()
        taken, env = self.take("backend")
        self.assertIn("requires a handoff", taken["note"])
        self.ok("handoff", "give", "--completed", "endpoints", env=env)
        self.ok("complete", env=env)
        self.assertEqual(self.reason("API")[0], "done")
        self.ok("reopen", "API")
        self.assertIsNone(self.take("backend")[0]["note"])  # it has been read
        self.assertEqual(self.ok("rules", "list", "role").lines()[0]["name"], "backend")
        self.ok("rules", "remove", "role", "backend")

    def test_rules_that_make_no_sense_are_refused(self):
        for rule, word in (("plumber: {handoff: required}", "unknown role"),
                           ("backend: {handoff: maybe}", "required"),
                           ("backend: {rework_limit: -1}", "rework_limit"),
                           ("backend: {colour: red}", "unknown key")):
            done = self.apply(f"roles: {{{rule}}}\n")
            self.assertEqual(done.status, 65, rule)
            self.assertIn(word, done.out + done.err)
        self.assertEqual(self.baton(self.running, "rules", "list").status, 1)


class ResultFile(LifeTest):
    def run_agent(self, document, **spec):
        self.ok("add", "DB", "--role", "infra", "--max-attempts", "1")
        path = self.dir / "answer.json"
        path.write_text(json.dumps(document))
        self.baton_worker(self.running, "infra", [
            "sh", "-c", f'echo x > made.sql; cp {path} "$BATON_RESULT_FILE"'])

        def ended():
            task = self.ok("show", "DB").json()
            return task if task["state"] in ("done", "failed") else None

        return wait_until("the agent to end", ended)

    def test_a_handoff_in_it_is_given_with_the_end(self):
        self.ok("add", "API", "--role", "backend", "--after", "signal:Database Ready")
        task = self.run_agent({"outcome": "done", "size": 3, "handoff": {
            "from_agent": "Infrastructure Agent", "to_agent": "Backend Agent",
            "timestamp": "2025-08-13T14:00:00Z", "task_completed": ["PostgreSQL deployed"],
            "dependencies_ready": ["Database Ready"], "blockers": [], "next_steps": ["migrate"],
            "artifacts": [{"path": "made.sql", "description": "schema"}, "nowhere.sql"],
            "notes": "Port 5433"}})
        self.assertEqual(task["state"], "done")
        card = self.ok("handoff", "list").lines()[0]
        self.assertEqual((card["task"], card["to_role"], card["text"]),
                         ("DB", "backend", "Port 5433"))
        files = {i["name"]: i.get("unit") for i in card["items"] if i["tag"] == "artifact"}
        self.assertEqual(files, {"made.sql": None, "nowhere.sql": "missing"})
        self.assertEqual(task["result"]["document"], {"size": 3})
        self.assertEqual(self.reason("API")[0], "ready")

    def test_one_that_makes_no_sense_fails_the_attempt(self):
        task = self.run_agent({"outcome": "done", "handoff": {
            "to_agent": "Plumber", "notes": "x"}})
        self.assertEqual(task["state"], "failed")
        self.assertIn("handoff.to_agent", task["attempts"][0]["summary"])
        self.assertEqual(self.baton(self.running, "handoff", "list", "--all").status, 1)

    def test_paths_do_not_lead_out(self):
        task = self.run_agent({"outcome": "done", "handoff": {
            "artifacts": [{"path": "../../etc/passwd"}]}})
        self.assertEqual(task["state"], "failed")
        self.assertIn("without '..'", task["attempts"][0]["summary"])


class Rework(LifeTest):
    def test_a_rejected_handoff_sends_the_work_back_and_the_receiver_waits(self):
        self.ok("add", "DB", "--role", "infra")
        self.ok("add", "API", "--role", "backend", "--after", "DB")
        _, infra = self.take("infra")
        number = self.ok("handoff", "give", "--completed", "schema", env=infra).json()["number"]
        self.ok("complete", env=infra)
        _, backend = self.take("backend")
        self.ok("started", env=backend)
        self.no(65, "needs a reason", "handoff", "reject", number, "", env=backend)
        self.ok("handoff", "reject", number, "no migration script", env=backend)
        self.assertEqual(self.reason("DB")[0], "ready")
        self.assertEqual(self.reason("API"), ("parked", "rework"))
        self.no(1, "", "complete", env=backend)
        self.running.restart()
        again, infra = self.take("infra")
        self.assertIn("API rejected the handoff: no migration script", again["note"])
        self.ok("handoff", "give", "--completed", "schema and migration", env=infra)
        self.ok("complete", env=infra)
        self.assertEqual(self.reason("API")[0], "ready")
        taken, backend = self.take("backend")
        self.assertEqual(len(taken["handoffs"]), 1)
        self.ok("complete", env=backend)
        shown = self.ok("show", "DB").json()
        self.assertEqual((shown["state"], shown["rework"]), ("done", 1))

    def test_sent_back_too_often_it_has_failed(self):
        self.assertEqual(self.apply("roles: {infra: {rework_limit: 0}}\ntasks:\n"
                                    "  - {id: DB, role: infra}\n"
                                    "  - {id: API, role: backend, after: DB}\n").status, 0)
        _, infra = self.take("infra")
        number = self.ok("handoff", "give", "--completed", "schema", env=infra).json()["number"]
        self.ok("complete", env=infra)
        _, backend = self.take("backend")
        self.ok("handoff", "reject", number, "no", env=backend)
        self.assertEqual(self.reason("DB"), ("failed", "rejected"))
        self.assertEqual(self.reason("API"), ("waiting", "upstream_failed"))

    def test_an_operator_s_rejection_moves_nothing(self):
        self.ok("add", "DB", "--role", "infra")
        _, infra = self.take("infra")
        number = self.ok("handoff", "give", "--completed", "schema", env=infra).json()["number"]
        self.ok("complete", env=infra)
        self.ok("handoff", "reject", number, "no")
        self.assertEqual(self.reason("DB")[0], "done")


del BoardTest, LifeTest

if __name__ == "__main__":
    unittest.main()
