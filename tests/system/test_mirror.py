"""baton mirror: the customer's files, made from the board, kept by a hand's side."""

import os
import unittest

from harness import STOP_S, BrokerTest, Process, SystemTest, program, wait_until


class Mirror(BrokerTest):
    def setUp(self):
        super().setUp()
        self.out = self.dir / "deployment"
        self.ok("add", "API-1", "--role", "backend")

    def once(self, status=0):
        done = self.ask("mirror", self.out, "--once", json_out=False)
        self.assertEqual(done.status, status, done.err)
        return done.err

    def page(self, path):
        return (self.out / path).read_text()

    def raise_blocker(self, title="Database not ready"):
        return self.ok("blocker", "raise", title, "--task", "API-1").json()["number"]

    def test_blockers_are_on_their_page_and_nothing_is_written_twice(self):
        number = self.raise_blocker()
        self.once()
        page = self.page("status/blockers.md")
        self.assertIn(f"### #{number}: Database not ready", page)
        self.assertLess(page.index("## Open"), page.index("Database not ready"))
        before = (self.out / "status/blockers.md").stat().st_ino
        self.assertEqual(self.once(), "")
        self.assertEqual((self.out / "status/blockers.md").stat().st_ino, before)
        self.ok("blocker", "resolve", number, "it is there")
        self.once()
        page = self.page("status/blockers.md")
        self.assertLess(page.index("## Ended"), page.index("Database not ready"))
        self.assertIn("**Resolution**: it is there", page)

    def test_text_from_outside_is_no_markup(self):
        self.raise_blocker("<script>alert(1)</script> \\# not a heading")
        self.once()
        self.assertNotIn("<script>", self.page("status/blockers.md"))

    def test_a_hand_edit_is_kept_and_told(self):
        self.once()
        path = self.out / "status/blockers.md"
        path.write_text("mine\n")
        self.raise_blocker()
        self.assertIn("changed by hand", self.once())
        copies = list(path.parent.glob("blockers.conflict-*.md"))
        self.assertEqual([c.read_text() for c in copies], ["mine\n"])
        self.assertIn("Database not ready", path.read_text())

    def test_it_never_leaves_its_directory(self):
        self.once()
        elsewhere = self.dir / "elsewhere"
        elsewhere.mkdir()
        (self.out / "status/blockers.md").unlink()
        (self.out / "status/blockers.md").symlink_to(elsewhere / "stolen.md")
        self.raise_blocker()
        self.assertIn("blockers.md", self.once(status=73))
        (self.out / "status/blockers.md").unlink()
        for file in (self.out / "status").iterdir():
            file.unlink()
        (self.out / "status").rmdir()
        (self.out / "status").symlink_to(elsewhere)
        self.once(status=73)
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_the_inbox_takes_blockers_and_refuses_the_rest(self):
        self.once()
        inbox = self.out / "inbox"
        (inbox / "a.yaml").write_text("blocker: {title: no keys, task: API-1, owner: Maria}\n")
        (inbox / "b.yaml").write_text("blocker: {title: x, task: ../etc}\n")
        (inbox / "c.yaml").write_text("tasks: [{id: A, role: backend}]\n")
        (inbox / "d.json").write_text('{"blocker": {"title": "x", "task": "GHOST"}}')
        (inbox / "note.txt").write_text("not for you\n")
        self.once()
        self.assertEqual([c["title"] for c in self.ok("blocker", "list").lines()], ["no keys"])
        self.assertTrue((inbox / "done/a.yaml").exists())
        refused = {p.name for p in (inbox / "refused").iterdir()}
        self.assertEqual(refused, {f"{n}{r}" for n in ("b.yaml", "c.yaml", "d.json")
                                   for r in ("", ".reason.txt")})
        self.assertIn("baton apply", self.page("inbox/refused/c.yaml.reason.txt"))
        self.assertIn("GHOST", self.page("inbox/refused/d.json.reason.txt"))
        (inbox / "e.yaml").write_text("handoff: {from_agent: Backend, to_agent: Frontend, notes: x}\n")
        (inbox / "f.yaml").write_text("handoff: {from_agent: Backend, notes: x}\n")
        self.once()
        self.assertEqual([c["to_role"] for c in self.ok("handoff", "list").lines()], ["frontend"])
        self.assertIn("from which role to which", self.page("inbox/refused/f.yaml.reason.txt"))
        self.assertTrue((inbox / "note.txt").exists())
        # What was refused is decided afresh when what it needs is there.
        (inbox / "g.yaml").write_text("incident: {severity: P1, title: slow, task: NEW-1}\n")
        self.once()
        self.assertIn("NEW-1", self.page("inbox/refused/g.yaml.reason.txt"))
        self.ok("add", "NEW-1", "--role", "backend")
        (inbox / "g.yaml").write_text("incident: {severity: P1, title: slow, task: NEW-1}\n")
        (inbox / "h.yaml").write_text(
            "decision: {name: db, title: Which database?, owner: Backend, options: [postgres, sqlite]}\n"
            "signals: [Database Ready]\n")
        (inbox / "i.yaml").write_text("conflict_resolution: {database: {owner: Backend}}\n")
        self.once()
        self.assertEqual([c["title"] for c in self.ok("incident", "list").lines()], ["slow"])
        self.assertEqual([c["name"] for c in self.ok("decision", "list").lines()], ["db"])
        self.assertEqual([c["name"] for c in self.ok("signal", "list").lines()], ["database-ready"])
        self.assertIn("rules are set by baton apply", self.page("inbox/refused/i.yaml.reason.txt"))
        # The same content again, as after a crash between filing and moving, is the same request.
        (inbox / "a.yaml").write_text("blocker: {title: no keys, task: API-1, owner: Maria}\n")
        self.once()
        self.assertEqual(len(self.ok("blocker", "list").lines()), 1)

    def test_a_point_that_asks_for_a_report_leaves_it_in_the_folder_once(self):
        self.ok("schedule", "set", "daily-sync", "--when", "daily 9:00", "--report", "daily")
        self.ok("schedule", "set", "silent", "--when", "daily 9:00")
        self.once()
        self.assertEqual(list((self.out / "reports").iterdir()), [])
        for name in ("daily-sync", "silent"):
            self.ok("schedule", "run", name)
        self.assertIn("reports/", self.once())
        (page,) = (self.out / "reports").iterdir()
        self.assertRegex(page.name, r"^\d{4}-\d\d-\d\d-daily\.md$")
        self.assertIn("# Daily report", page.read_text())
        self.assertIn("## Blockers", page.read_text())
        before = page.stat().st_ino
        self.assertEqual(self.once(), "")
        self.assertEqual(page.stat().st_ino, before)

    def test_a_handoff_says_when_it_was_written_and_what_is_not_there(self):
        handoff = self.dir / "handoff.json"
        handoff.write_text('{"handoff": {"task": "API-1", "timestamp": "2025-08-10T14:00:00Z",'
                           '"artifacts": [{"path": "gone.sql", "description": "the tables"}]}}')
        number = self.ok("handoff", "give", handoff).json()["number"]
        self.once()
        (page,) = (self.out / "handoffs").iterdir()
        self.assertIn("**Timestamp**: 2025-08-10 14:00", page.read_text())
        self.assertIn("- `gone.sql`: the tables (missing)", page.read_text())
        shown = self.ask("handoff", "show", number, json_out=False).out
        self.assertIn("gone.sql: the tables (missing)", shown)
        self.assertIn("2025-08-10T14:00:00", shown)

    def test_it_follows_the_feed_through_a_restart_of_the_broker(self):
        env = {"BATON_ENDPOINT": self.running.endpoint}
        argv = [program("baton"), "mirror", self.out]
        mirror = self.own(Process(argv, self.dir / "mirror.log", env=env))
        path = self.out / "status/blockers.md"
        wait_until("the first pages", path.exists)
        first = self.raise_blocker("one")
        wait_until("the blocker on its page", lambda: "one" in path.read_text())
        other = Process(argv, self.dir / "second.log", env=env)
        self.own(other)
        self.assertEqual(other.wait(), 73)
        self.assertIn("another mirror", other.output())
        self.running.restart()
        self.ok("blocker", "resolve", first, "gone")
        wait_until("what came after the restart", lambda: "gone" in path.read_text())
        mirror.terminate()
        self.assertEqual(mirror.wait(STOP_S), 0)


class ReadyAndBlocked(SystemTest):
    def test_they_say_what_may_run_and_what_waits_for_what(self):
        broker = self.broker()
        for args in (["A", "--role", "infra"], ["B", "--role", "backend", "--after", "A"]):
            self.assertEqual(self.baton(broker, "add", *args).status, 0)
        ready = self.baton(broker, "ready").lines()
        self.assertEqual([t["id"] for t in ready], ["A"])
        blocked = self.baton(broker, "blocked").lines()
        self.assertEqual([t["id"] for t in blocked], ["B"])
        self.assertEqual(blocked[0]["causes"][0]["task"], "A")
        self.assertEqual(self.baton(broker, "blocked", "--role", "infra").status, 1)
        self.assertIn("waits for A", self.baton(broker, "blocked", json_out=False).out)

    def test_what_a_blocker_or_a_pause_stops_is_blocked_and_not_ready(self):
        broker = self.broker()
        for id in ("A", "B", "C"):
            self.assertEqual(self.baton(broker, "add", id, "--role", "backend").status, 0)
        self.assertEqual(self.baton(broker, "blocked").status, 1)
        self.assertEqual([t["id"] for t in self.baton(broker, "ready", "--limit", 2).lines()],
                         ["A", "B"])
        raised = self.baton(broker, "blocker", "raise", "no key", "--role", "backend").json()
        self.assertEqual(self.baton(broker, "ready").status, 1)
        blocked = self.baton(broker, "blocked").lines()
        self.assertEqual([t["id"] for t in blocked], ["A", "B", "C"])
        self.assertIn("no key", blocked[0]["causes"][0]["text"])
        self.assertEqual(len(self.baton(broker, "blocked", "--limit", 2).lines()), 2)
        self.baton(broker, "blocker", "resolve", raised["number"])
        self.assertEqual(len(self.baton(broker, "ready").lines()), 3)
        self.baton(broker, "pause", "--project", "default")
        self.assertEqual(self.baton(broker, "ready").status, 1)
        self.assertEqual(len(self.baton(broker, "blocked").lines()), 3)


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
