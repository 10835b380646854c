"""The `baton` command against a real broker: what scripts and agents rely on."""

import json
import os
import signal
import subprocess
import time
import unittest

from harness import SystemTest, program, wait_until
from messages import wire

ROW_KEYS = [
    "v", "id", "project", "role", "state", "priority", "depends_on", "attempt", "worker",
    "created_at", "started_at", "ended_at", "deadline",
]  # fmt: skip


class CtlTest(SystemTest):
    def ok(self, broker, *args, **fields):
        done = self.baton(broker, *args, **fields)
        self.assertEqual(done.status, 0, f"baton {args}: {done.err}")
        return done

    def names(self, broker, *args):
        return self.ok(broker, "list", "--ids", *args, json_out=False).out.split()

    def spawn(self, broker, *args, env=None):
        """A `baton --json` that goes on; its output is read by communicate()."""
        child = subprocess.Popen(
            [program("baton"), "--json", *[str(a) for a in args]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "BATON_ENDPOINT": broker.endpoint, **(env or {})},
        )
        self.addCleanup(lambda: (child.poll() is None and child.kill(), child.communicate()))
        return child

    def run_one(self, broker, role):
        """Takes one task of the role and completes it; its id."""
        task = self.ok(broker, "take", "--role", role, "--wait", "10s").json()
        self.ok(broker, "complete", "--token", task["token"], "--summary", "did " + task["id"])
        return task["id"]


class TestDeadlines(CtlTest):
    def test_deadlines_speak(self):
        """at_risk, late and escalated: in the feed, in every view, once, and not again by a restart."""
        broker = self.broker()
        soon = "2001-01-01T00:00:00Z"
        self.ok(broker, "add", "A", "--role", "infra", "--estimate", "1h")
        self.ok(broker, "add", "B", "--role", "infra", "--after", "A", "--deadline", soon)
        self.ok(
            broker, "add", "C", "--role", "infra", "--deadline", soon, "--on-deadline", "escalate"
        )  # fmt: skip

        def events():
            client = self.client(broker)
            answer = client.request("events", wire.EventsAfter(number=0, limit=1000)).events
            return [event for event in answer.events if event.kind >= wire.Event.AT_RISK]

        wait_until("three alerts", lambda: len(events()) >= 3)
        self.assertEqual(
            {event.id: event.kind for event in events()},
            {"A": wire.Event.AT_RISK, "B": wire.Event.LATE, "C": wire.Event.ESCALATED},
        )
        watch = self.spawn(broker, "watch", "--since", "0")
        seen = {}
        while len(seen) < 3:
            event = json.loads(watch.stdout.readline())
            if event["kind"] in ("at_risk", "late", "escalated"):
                seen[event["kind"]] = event["text"]
        self.assertIn("B", seen["at_risk"])
        self.assertIn("submitted by", seen["escalated"])
        rows = {row["id"]: row["alert"] for row in self.ok(broker, "list").lines()}
        self.assertEqual(rows, {"A": "at_risk", "B": "late", "C": "escalated"})
        broker.restart()
        self.ok(broker, "set", "A", "--priority", "high")
        self.assertEqual(len(events()), 3)
        show = self.ok(broker, "show", "C").json()
        self.assertEqual((show["alert"], show["priority"]), ("escalated", "medium"))
        why = self.ok(broker, "why", "C").json()
        self.assertEqual((why["alert"], why["order"]["patience_ms"]), ("escalated", 0))
        self.assertIn("At risk", self.ok(broker, "why", "A", json_out=False).out)
        self.ok(broker, "set", "C", "--deadline", "2100-01-01")
        self.assertIsNone(self.ok(broker, "show", "C").json()["alert"])


class TestTasks(CtlTest):
    def test_add_list_show_why(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "Infrastructure", "--priority", "high")
        added = self.ok(
            broker, "add", "B", "--role", "backend", "--after", "A", "--after", "other//X:finished",
            "--deadline", "2030-08-12", "--label", "team=blue", "--", "make", "--json",
        ).json()  # fmt: skip
        self.assertEqual(added["forward_refs"], ["other//X"])
        made = self.ok(broker, "add", "--role", "testing").json()["id"]
        rows = {row["id"]: row for row in self.ok(broker, "list").lines()}
        self.assertEqual(set(rows), {"A", "B", made})
        for row in rows.values():
            self.assertEqual(list(row)[: len(ROW_KEYS)], ROW_KEYS)
        self.assertEqual(rows["A"]["role"], "infra")
        self.assertEqual(rows["B"]["depends_on"], ["A", "other//X"])
        self.assertEqual(rows["B"]["deadline"], "2030-08-12T23:59:59Z")
        self.assertIsNone(rows["B"]["started_at"])
        shown = self.ok(broker, "show", "B").json()
        self.assertEqual(shown["command"], ["make", "--json"])
        self.assertEqual(shown["labels"], {"team": "blue"})
        why = self.ok(broker, "why", "B").json()
        self.assertEqual({c["reason"] for c in why["causes"]}, {"deps", "forward_ref"})
        self.assertTrue(all(c["who"] for c in why["causes"]))
        self.assertIn("order_at", why["order"])
        self.assertEqual(
            [r["id"] for r in self.ok(broker, "list", "--label", "team=blue").lines()], ["B"]
        )
        self.assertEqual(self.names(broker, "--role", "infra"), ["A"])

    def test_nothing_found_is_1(self):
        broker = self.broker()
        self.assertEqual(self.baton(broker, "list").status, 1)
        gone = self.baton(broker, "show", "ghost")
        self.assertEqual(gone.status, 1)
        self.assertEqual(gone.error()["error"]["code"], "not_found")
        self.assertEqual(self.baton(broker, "wait", "ghost").status, 1)
        self.assertEqual(self.baton(broker, "workers").status, 1)

    def test_workers_that_have_not_come_back_are_listed(self):
        broker = self.broker()
        for id in ("A", "B", "C"):
            self.ok(broker, "add", id, "--role", "infra")
        self.ok(broker, "take", "--task", "C")  # of no session: not a worker that could come back
        self.worker(broker, "idle", roles=("infra",)).credit(0)
        busy = self.worker(broker, "busy", roles=("infra",))
        busy.credit(2)
        held = [(a.token, False) for a in busy.assigned(2)]

        def listed():
            # 1: nobody to list
            done = self.baton(broker, "workers")
            return {w["name"]: w for w in done.lines()} if done.status == 0 else {}

        self.assertTrue(listed()["busy"]["connected"])
        broker.kill()
        broker.start()
        away = listed()
        self.assertEqual(set(away), {"busy"})
        self.assertFalse(away["busy"]["connected"])
        self.assertEqual(sorted(away["busy"]["tasks"]), ["A", "B"])
        self.assertRegex(self.ok(broker, "workers", json_out=False).out, r"busy .*away .*2/-")
        back = self.worker(broker, "busy", roles=("infra",), greet=False)
        back.greet(held=held)
        here = listed()
        self.assertEqual(len(here), 1)
        self.assertTrue(here["busy"]["connected"])
        self.assertEqual(sorted(here["busy"]["tasks"]), ["A", "B"])

    def test_projects_are_parted_by_two_slashes(self):
        broker = self.broker()
        self.ok(broker, "add", "shop//A", "--role", "infra")
        self.ok(broker, "add", "A", "--role", "infra")
        self.ok(broker, "add", "B", "--role", "infra", "--after", "A", "--project", "shop")
        inside = {"BATON_PROJECT": "shop"}
        self.assertEqual(
            [r["id"] for r in self.ok(broker, "list", env=inside).lines()], ["A", "B"]
        )
        self.assertEqual(self.ok(broker, "show", "shop//B").json()["depends_on"], ["A"])
        self.assertEqual(self.ok(broker, "show", "A", env=inside).json()["project"], "shop")
        self.assertEqual(sorted(self.names(broker)), ["A", "shop//A", "shop//B"])

    def test_hostile_text_reaches_no_terminal(self):
        broker = self.broker()
        for name in ("../x", "a\nb", "\x1b[31m", "x" * 4096, "-x", "//"):
            done = self.baton(broker, "add", "--role", "infra", "--", "x", json_out=False)
            self.assertEqual(done.status, 0)
            done = self.baton(broker, "show", "--", name, json_out=False)
            self.assertEqual(done.status, 65, name)
            self.assertNotIn("\x1b", done.err)
        self.assertEqual(
            self.baton(broker, "add", "T", "--role", "infra", "--title", "a\x1b[2J").status, 65
        )
        self.ok(broker, "add", "U", "--role", "infra", "--title", 'two\nlines "quoted" <b>')
        text = self.ok(broker, "list", json_out=False).out
        self.assertIn("two\\nlines", text)
        drawn = self.ok(broker, "graph", "mermaid", json_out=False).out
        self.assertIn("#34;quoted#34; #60;b#62;", drawn)

    def test_tables_fit_the_terminal(self):
        broker = self.broker()
        for i in range(5):
            self.ok(broker, "add", f"task-{i}", "--role", "infra", "--title", "ü" * 300)
        for verb in (["list"], ["graph"], ["graph", "--full"], ["status"]):
            out = self.ok(broker, *verb, json_out=False, env={"COLUMNS": "72"}).out
            if verb == ["status"]:
                out = out[out.index("ROLE") :]
            self.assertLessEqual(max(len(line) for line in out.splitlines()), 72, verb)

    def test_the_same_request_id_adds_once(self):
        broker = self.broker()
        first = self.ok(broker, "add", "--role", "infra", "--request-id", "r-1").json()
        second = self.ok(broker, "add", "--role", "infra", "--request-id", "r-1").json()
        self.assertEqual(first["id"], second["id"])
        self.assertEqual(len(self.ok(broker, "list").lines()), 1)

    def test_set_changes_only_what_is_named(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra", "--title", "old", "--deadline", "2030-01-01")
        self.ok(broker, "set", "A", "--priority", "critical", "--deadline", "none")
        task = self.ok(broker, "show", "A").json()
        got = (task["priority"], task["deadline"], task["title"])
        self.assertEqual(got, ("critical", None, "old"))

    def test_a_cycle_is_refused_and_printed(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra", "--after", "B")
        refused = self.baton(broker, "add", "B", "--role", "infra", "--after", "A")
        self.assertEqual(refused.status, 65)
        error = refused.error()["error"]
        self.assertEqual(error["code"], "cycle")
        self.assertIn("A", error["cycle"])
        self.assertEqual(self.names(broker), ["A"])

    def test_an_export_is_a_plan_again(self):
        broker = self.broker()
        prompt = 'say "hi"\nto all'
        self.ok(broker, "add", "A", "--role", "infra", "--prompt", prompt, "--env", "K=v=1")
        self.ok(
            broker, "add", "B", "--role", "backend", "--after", "A:finished:ignore", "--resource",
            "gpu=1", "--max-runtime", "90s", "--estimate", "1500ms", "--label", "a=b",
            "--not-before", "2030-01-02T03:04:05Z", "--check", "test -f x", "--", "make",
        )  # fmt: skip
        self.ok(broker, "add", "M", "--milestone", "--after", "B")
        path = self.dir / "export.jsonl"
        self.assertEqual(self.baton(broker, "--endpoint", f"ipc://{self.dir}/nobody", "--timeout", "50ms", "export", path).status, 69)
        self.assertEqual(self.baton(broker, "export", "--role", "testing", path).status, 1)
        self.ok(broker, "export", path)  # neither of these left a file
        self.assertEqual(self.baton(broker, "export", path).status, 73)
        again = self.ok(broker, "apply", "--dry-run", path).json()
        self.assertEqual((again["created"], again["updated"], again["unchanged"]), (0, 0, 3))


class TestWait(CtlTest):
    def test_wait_ends_with_the_work(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        self.ok(broker, "add", "B", "--role", "backend", "--after", "A")
        waiting = self.spawn(broker, "wait", "A", "B", "--timeout", "60s")
        self.assertEqual(self.run_one(broker, "infra"), "A")
        self.assertIsNone(waiting.poll())
        self.assertEqual(self.run_one(broker, "backend"), "B")
        out, err = waiting.communicate(timeout=20)
        self.assertEqual(waiting.returncode, 0, err)
        self.assertEqual(json.loads(out)["met"], 2)
        self.assertEqual(self.baton(broker, "wait", "--all", "--timeout", "5s").status, 0)

    def test_wait_survives_a_broker_that_dies(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        waiting = self.spawn(broker, "wait", "--all", "--timeout", "60s")
        # Whether it lists or follows when the broker dies: it goes on with the next one.
        broker.kill()
        broker.start()
        self.assertEqual(self.run_one(broker, "infra"), "A")
        _, err = waiting.communicate(timeout=30)
        self.assertEqual(waiting.returncode, 0, err)

    def test_wait_says_no_and_not_yet(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        self.ok(broker, "add", "B", "--role", "infra")
        late = self.baton(broker, "wait", "A", "--timeout", "100ms")
        self.assertEqual(late.status, 75)
        self.assertEqual(late.json()["outcome"], "timeout")
        self.ok(broker, "cancel", "A", "--reason", "not needed")
        done = self.baton(broker, "wait", "A", "B")
        self.assertEqual(done.status, 1)
        self.assertEqual(done.json()["missed"], ["A"])
        one = self.baton(broker, "wait", "A", "B", "--any", "--for", "state=ready")
        self.assertEqual(one.status, 0)
        self.assertEqual(
            self.baton(broker, "wait", "--all", "--for", "terminal", "--timeout", "50ms").status, 75
        )

    def test_wait_for_all_counts_what_is_added_meanwhile(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        waiting = self.spawn(broker, "wait", "--all", "--timeout", "60s")
        # The wait is known to follow once a task that came after its start is waited for too; it is
        # enough that B comes before A ends.
        self.ok(broker, "add", "B", "--role", "backend")
        self.run_one(broker, "infra")
        self.run_one(broker, "backend")
        out, err = waiting.communicate(timeout=20)
        self.assertEqual(waiting.returncode, 0, err)
        self.assertEqual(json.loads(out)["tasks"], 2)


    def test_a_plan_is_closed_and_waited_for(self):
        broker = self.broker()
        plan = self.dir / "plan.yaml"
        plan.write_text("project: shop\nclosed: true\ntasks:\n  - {id: A, role: infra}\n"
                        "  - {id: B, role: infra, after: [A]}\n")  # fmt: skip
        self.ok(broker, "apply", plan)
        self.assertEqual(self.ok(broker, "apply", plan).json()["unchanged"], 2)
        waiting = self.spawn(broker, "wait", "--project", "shop", "--timeout", "60s")
        refused = self.baton(broker, "add", "C", "--role", "infra", "--project", "shop")
        self.assertEqual((refused.status, refused.error()["error"]["code"]), (1, "closed"))
        self.assertIn("baton project open", refused.error()["error"]["hint"])
        broker.restart()
        self.assertEqual(self.run_one(broker, "infra"), "A")
        self.assertIsNone(waiting.poll())
        shown = self.ok(broker, "project", "show", "shop").json()
        self.assertEqual((shown["closed"], shown["complete"], shown["open"]), (True, False, 1))
        self.assertEqual(self.run_one(broker, "infra"), "B")
        out, err = waiting.communicate(timeout=20)
        self.assertEqual(waiting.returncode, 0, err)
        said = json.loads(out)
        self.assertEqual((said["outcome"], said["complete"], said["done"]), ("yes", True, 2))
        listed = self.ok(broker, "status").json()["projects"]
        self.assertEqual([(p["project"], p["complete"]) for p in listed], [("shop", True)])
        self.assertIn("shop (complete)", self.ok(broker, "status", json_out=False).out)
        events = self.ok(broker, "watch", "--since", "0", "--until-idle").lines()
        told = [e["kind"] for e in events if e["kind"] in ("closed", "opened", "completed")]
        self.assertEqual(told, ["closed", "completed"])

    def test_a_plan_that_is_open_or_failed(self):
        broker = self.broker()
        self.assertEqual(self.baton(broker, "project", "close", "ghost").status, 1)
        self.assertEqual(self.baton(broker, "wait", "--project", "ghost").status, 1)
        self.ok(broker, "add", "A", "--role", "infra", "--project", "shop")
        self.ok(broker, "cancel", "shop//A", "--reason", "not needed")
        late = self.baton(broker, "wait", "--project", "shop", "--timeout", "50ms")
        self.assertEqual((late.status, late.json()["outcome"]), (75, "timeout"))
        self.assertIn("project close", late.error()["error"]["hint"])
        closed = self.ok(broker, "project", "close", "shop", "--reason", "enough").json()
        self.assertEqual((closed["changed"], closed["complete"]), (True, True))
        self.assertEqual(closed["closed_reason"], "enough")
        self.assertEqual(self.baton(broker, "wait", "--project", "shop").status, 1)
        self.assertFalse(self.ok(broker, "project", "close", "shop").json()["changed"])
        self.assertFalse(self.ok(broker, "project", "open", "shop").json()["closed"])
        self.ok(broker, "add", "B", "--role", "infra", "--project", "shop")
        self.assertEqual(self.baton(broker, "wait", "--project", "shop", "--any").status, 64)


class TestOperators(CtlTest):
    def test_cancel_needs_a_reason_and_many_need_yes(self):
        broker = self.broker()
        for name in "ABC":
            self.ok(broker, "add", name, "--role", "infra")
        self.assertEqual(self.baton(broker, "cancel", "A").status, 64)
        self.assertEqual(self.baton(broker, "cancel", "--all", "--reason", "x").status, 64)
        listed = self.ok(broker, "cancel", "--all", "--dry-run", "--reason", "x").json()
        self.assertEqual(sorted(listed["tasks"]), ["A", "B", "C"])
        self.assertEqual({r["state"] for r in self.ok(broker, "list").lines()}, {"ready"})
        self.ok(broker, "cancel", "A", "--reason", "not needed")
        task = self.ok(broker, "show", "A").json()
        self.assertEqual((task["state"], task["reason_text"]), ("cancelled", "not needed"))
        self.ok(broker, "cancel", "--all", "--yes", "--open", "--reason", "over")
        self.assertEqual(self.baton(broker, "list", "--open").status, 1)
        self.ok(broker, "retry", "A")
        self.assertEqual(self.ok(broker, "show", "A").json()["state"], "ready")

    def test_a_subtree_is_cancelled_whole(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        self.ok(broker, "add", "B", "--role", "infra", "--after", "A")
        self.ok(broker, "add", "C", "--role", "infra")
        done = self.ok(broker, "cancel", "A", "--subtree", "--reason", "x").json()
        self.assertEqual(sorted(done["tasks"]), ["A", "B"])

    def test_a_confirmed_subtree_is_that_subtree(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        self.ok(broker, "add", "B", "--role", "infra", "--after", "A")
        cancel = ["cancel", "A", "--subtree", "--reason", "x"]

        def look():
            return self.ok(broker, *cancel, "--dry-run").json()["confirm"]

        def refused(token, error="conflict"):
            done = self.baton(broker, *cancel, "--confirm", token)
            self.assertEqual((done.status != 0, done.error()["error"]["code"]), (True, error))
            self.assertEqual(self.baton(broker, "list", "--state", "cancelled").out, "")

        token = look()
        self.assertEqual(look(), token)
        self.assertIn(token, self.ok(broker, *cancel, "--dry-run", json_out=False).out)
        self.ok(broker, "add", "C", "--role", "infra", "--after", "B")
        refused(token)  # one more
        token = look()
        self.ok(broker, "take", "--role", "infra")
        refused(token)  # A is leased now
        refused("0" * 16)
        refused("yes", "invalid")
        done = self.ok(broker, *cancel, "--confirm", look()).json()
        self.assertEqual(sorted(done["tasks"]), ["A", "B", "C"])

    def test_hold_pause_and_drain(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        self.ok(broker, "hold", "A")
        self.assertEqual(self.baton(broker, "take", "--role", "infra").status, 75)
        self.ok(broker, "release", "A")
        self.ok(broker, "pause", "--role", "infra", "--reason", "lunch")
        self.assertEqual(self.baton(broker, "take", "--role", "infra").status, 75)
        screen = self.ok(broker, "status", json_out=False).out
        self.assertIn("role infra is paused", screen.splitlines()[0])
        self.assertEqual(self.ok(broker, "status").json()["pauses"][0]["reason"], "lunch")
        self.ok(broker, "resume", "--role", "infra")
        self.ok(broker, "drain", "--broker")
        refused = self.baton(broker, "add", "B", "--role", "infra")
        self.assertEqual(refused.status, 75)
        self.assertFalse(self.ok(broker, "ping").json()["accepting"])
        self.ok(broker, "resume", "--broker")
        self.assertEqual(self.run_one(broker, "infra"), "A")

    def test_a_submitter_is_paused(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra", "--actor", "eve at night")
        paused = self.ok(broker, "pause", "--submitter", "eve at night", "--reason", "a loop").json()
        self.assertEqual((paused["scope"], paused["known"]), ("submitter", True))
        self.assertEqual(self.baton(broker, "take", "--role", "infra").status, 75)
        why = self.ok(broker, "why", "A").json()
        self.assertEqual(why["reason"], "submitter_paused")
        self.assertIn("a loop", why["causes"][0]["text"])
        self.ok(broker, "add", "B", "--role", "infra", "--actor", "eve at night")
        self.ok(broker, "add", "C", "--role", "infra", "--actor", "bob")
        self.assertEqual(self.run_one(broker, "infra"), "C")
        broker.restart()
        self.assertEqual(self.baton(broker, "take", "--role", "infra").status, 75)
        pauses = self.ok(broker, "status").json()["pauses"]
        self.assertEqual([(p["scope"], p["name"]) for p in pauses], [("submitter", "eve at night")])
        self.ok(broker, "resume", "--submitter", "eve at night")
        self.assertEqual(self.run_one(broker, "infra"), "A")
        until = self.ok(broker, "pause", "--submitter", "eve at night", "--until", "+1s")
        self.assertTrue(until.json()["changed"])
        taken = self.ok(broker, "take", "--role", "infra", "--wait", "20s").json()
        self.assertEqual(taken["id"], "B")

    def test_a_name_that_nobody_has_is_told(self):
        broker = self.broker()
        for scope in ("--project", "--resource", "--submitter"):
            with self.subTest(scope=scope):
                paused = self.baton(broker, "pause", scope, "ghost", json_out=False)
                self.assertEqual(paused.status, 0)
                self.assertIn("ghost so far" if scope == "--resource" else "ghost", paused.err)
                self.assertIn("those to come", paused.err)
                again = self.ok(broker, "pause", scope, "ghost").json()
                self.assertEqual((again["changed"], again["known"]), (False, False))
        refused = self.baton(broker, "drain", "--worker", "ghost")
        self.assertEqual((refused.status, refused.error()["error"]["code"]), (1, "not_found"))
        self.assertIn("--force", refused.error()["error"]["hint"])
        forced = self.ok(broker, "drain", "--worker", "ghost", "--force").json()
        self.assertEqual((forced["changed"], forced["known"]), (True, False))

    def test_resources_and_backup(self):
        broker = self.broker()
        self.ok(broker, "resources", "gpu=2")
        self.ok(broker, "add", "A", "--role", "infra", "--resource", "gpu=2")
        self.ok(broker, "take", "--role", "infra")
        gpu = self.ok(broker, "resources").lines()[0]
        got = (gpu["name"], gpu["capacity"], gpu["used"], gpu["holders"])
        self.assertEqual(got, ("gpu", 2, 2, ["A"]))
        too_much = self.baton(broker, "add", "B", "--role", "infra", "--resource", "gpu=3")
        self.assertEqual(too_much.status, 65)
        self.assertEqual(too_much.error()["error"]["code"], "unsatisfiable")
        done = self.ok(broker, "backup", "copy.db", cwd=self.dir).json()
        self.assertEqual(done["path"], str(self.dir / "copy.db"))
        self.assertEqual((self.dir / "copy.db").stat().st_size, done["bytes"])
        self.assertNotEqual(self.baton(broker, "backup", "copy.db", cwd=self.dir).status, 0)

    def test_no_broker_is_69_and_a_wrong_endpoint_78(self):
        broker = self.broker(start=False)
        done = self.baton(broker, "list", "--timeout", "100ms")
        self.assertEqual((done.status, done.error()["error"]["code"]), (69, "no_broker"))
        done = self.baton(broker, "list", "--endpoint", "tcp://127.0.0.1:1")
        self.assertEqual(done.status, 78)
        self.assertIn("keys", done.error()["error"]["message"])
        self.assertEqual(self.baton(broker, "lst").status, 64)

    def test_a_bad_plan_is_told_without_a_broker(self):
        broker = self.broker(start=False)
        plan = self.dir / "plan.yaml"
        plan.write_text("tasks:\n  - {id: a, role: nobody, deadline: 2030-01-01}\n")
        done = self.baton(broker, "apply", plan)
        self.assertEqual((done.status, done.error()["error"]["code"]), (65, "bad_plan"))
        self.assertIn(f"{plan}:2:", done.error()["error"]["message"])
        plan.write_text("tasks:\n  - {id: a, role: infra, deadline: 2030-01-01}\n")
        self.assertEqual(self.baton(broker, "apply", plan, "--timeout", "100ms").status, 69)

    def test_times_of_a_plan_are_in_the_brokers_zone(self):
        broker = self.broker(args=["--zone", "Asia/Tokyo"])
        plan = self.dir / "plan.yaml"
        plan.write_text(
            "tasks:\n"
            "  - {id: a, role: infra, deadline: 2030-01-01}\n"
            "  - {id: b, role: infra, deadline: 2030-01-01T12:00Z}\n"
        )
        self.ok(broker, "apply", plan)
        due = {row["id"]: row["deadline"] for row in self.ok(broker, "list").lines()}
        self.assertEqual(due, {"a": "2030-01-01T14:59:59Z", "b": "2030-01-01T12:00:00Z"})
        self.ok(broker, "apply", "--zone", "UTC", plan)
        self.assertEqual(self.ok(broker, "show", "a").json()["deadline"], "2030-01-01T23:59:59Z")

    def test_watch_prints_events_and_ends_on_a_signal(self):
        broker = self.broker()
        watching = self.spawn(broker, "watch", "--since", "0")
        self.ok(broker, "add", "A", "--role", "infra")
        for line in watching.stdout:
            event = json.loads(line)
            if event["id"] == "A":
                break
        self.assertEqual((event["kind"], event["to"]), ("task", "ready"))
        watching.send_signal(signal.SIGINT)
        self.assertEqual(watching.wait(10), 0)
        self.run_one(broker, "infra")
        idle = self.ok(broker, "watch", "--until-idle", "--since", event["event"]).lines()
        self.assertEqual(idle[-1]["to"], "done")
        self.ok(broker, "add", "B", "--role", "backend")
        self.run_one(broker, "backend")
        for only in (["--task", "B"], ["--role", "backend"]):
            seen = self.ok(broker, "watch", "--since", "0", "--until-idle", *only).lines()
            self.assertEqual({e["id"] for e in seen if e["kind"] == "task"}, {"B"}, only)
            self.assertEqual(seen[-1]["to"], "done")

    def test_watch_of_a_task_has_the_cards_about_it(self):
        broker = self.broker()
        for task in ("A", "B"):
            self.ok(broker, "add", task, "--role", "infra", "--held")
            self.ok(broker, "blocker", "raise", "no disk for " + task, "--task", task)
        only = ("watch", "--since", "0", "--until-idle", "--task", "B")
        cards = [e["card"] for e in self.ok(broker, *only).lines() if e["kind"] == "card"]
        self.assertEqual([(c["kind"], c["title"]) for c in cards],
                         [("blocker", "no disk for B")])
        line = "card blocker #{}: raise".format(cards[0]["number"])
        self.assertIn(line, self.ok(broker, *only, json_out=False).out)


class TestAgents(CtlTest):
    def test_an_agents_day(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra", "--prompt", "do it")
        self.ok(broker, "add", "B", "--role", "backend", "--after", "A")
        self.assertEqual(self.baton(broker, "take", "--role", "backend").status, 75)
        task = self.ok(broker, "take", "--role", "infra").json()
        self.assertEqual((task["id"], task["prompt"], task["attempt"]), ("A", "do it", 1))
        me = {"BATON_TOKEN": task["token"], "BATON_TASK_ID": "A"}
        self.ok(broker, "started", env=me)
        self.ok(broker, "progress", "60", "half", "way", env=me)
        shown = self.ok(broker, "show", "A").json()
        got = (shown["state"], shown["progress"], shown["progress_text"])
        self.assertEqual(got, ("running", 60, "half way"))
        child = self.ok(broker, "add", "--role", "testing", env=me).json()["id"]
        self.assertEqual(self.ok(broker, "show", child).json()["parent"], "A")
        result = self.dir / "result.json"
        result.write_text('{"outcome":"done","files":3}')
        self.ok(broker, "complete", "--summary", "built", "--result", result, env=me)
        # Once more is the same; something else is too late.
        self.ok(broker, "complete", "--summary", "built", "--result", result, env=me)
        late = self.baton(broker, "fail", "no", env=me)
        self.assertEqual((late.status, late.error()["error"]["code"]), (1, "stale_token"))
        after = self.ok(broker, "take", "--role", "backend").json()
        self.assertEqual(after["upstream"][0]["summary"], "built")
        self.assertEqual(after["upstream"][0]["document"]["files"], 3)

    def test_failures_of_every_kind(self):
        broker = self.broker()
        for name in ("A", "B", "C", "D"):
            self.ok(broker, "add", name, "--role", "infra", "--backoff", "1h")
        states = {}
        ends = (
            ["fail", "broke"],
            ["fail", "--fatal", "never"],
            ["return", "busy", "--retry-after", "1h"],
        )
        for args in ends:
            task = self.ok(broker, "take", "--role", "infra").json()
            self.ok(broker, *args, "--token", task["token"])
            row = self.ok(broker, "show", task["id"]).json()
            states[tuple(args[:2])] = (row["state"], row["reason"])
        self.assertEqual(states[("fail", "broke")], ("waiting", "backoff"))
        self.assertEqual(states[("fail", "--fatal")], ("failed", "fatal"))
        self.assertEqual(states[("return", "busy")], ("waiting", "backoff"))

    def test_a_cancelled_agent_is_told_to_stop(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        task = self.ok(broker, "take", "--role", "infra").json()
        self.ok(broker, "cancel", "A", "--reason", "changed our mind")
        said = self.ok(broker, "progress", "5", "x", "--token", task["token"])
        self.assertTrue(said.json()["stop"])
        said = self.ok(broker, "progress", "6", "x", "--token", task["token"], json_out=False)
        self.assertEqual(said.out.split(":")[0], "stop")
        self.ok(broker, "fail", "--cancelled", "stopped", "--token", task["token"])
        self.assertEqual(self.ok(broker, "show", "A").json()["state"], "cancelled")

    def test_a_result_must_be_json(self):
        broker = self.broker()
        self.ok(broker, "add", "A", "--role", "infra")
        task = self.ok(broker, "take", "--role", "infra").json()
        bad = self.baton(broker, "complete", "--token", task["token"], "--result", "-", stdin="{")
        self.assertEqual(bad.status, 65)
        self.ok(broker, "complete", "--token", task["token"], "--result", "-", stdin="{}")

    def test_take_waits_for_work(self):
        broker = self.broker()
        taking = self.spawn(broker, "take", "--role", "infra", "--wait", "30s")
        began = time.monotonic()
        self.ok(broker, "add", "A", "--role", "infra")
        out, err = taking.communicate(timeout=20)
        self.assertEqual(taking.returncode, 0, err)
        self.assertEqual(json.loads(out)["id"], "A")
        self.assertLess(time.monotonic() - began, 15)


if __name__ == "__main__":
    unittest.main(verbosity=2)
