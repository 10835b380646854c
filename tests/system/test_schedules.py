"""Recurring work as its users see it: rules, zones, overlap, what was missed, restarts."""

import datetime
import unittest

from harness import BrokerTest, Clock, Refused, wait_until
from messages import card, wire

UTC = datetime.timezone.utc


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def item(card, tag):
    return next((i for i in card.get("items", []) if i["tag"] == tag), {})


def is_new(event):
    return event.kind == event.TASK and not getattr(event, "from")


class ScheduleTest(BrokerTest):
    def card(self, name):
        return self.ok("schedule", "show", name).json()

    def occurrences(self, name):
        return self.ask("list", "--label", f"schedule={name}").lines()

    def wait_for(self, feed, wanted, seconds=20):
        """The first event that `wanted` takes."""
        while True:
            event = feed.next(seconds)
            if wanted(event):
                return event


class Rules(ScheduleTest):
    def test_strange_rules_and_times_are_refused_and_end_no_broker(self):
        self.ok("schedule", "set", "tabbed", "--when", "every\t4h", "--role", "testing", "--", "true")
        for text in ("every", "every ", "every\t", "\t", "0\t9\t*\t*\t8"):
            self.no(65, "items", "schedule", "set", "x", "--when", text, "--role", "testing", "--", "true")
        client = self.client(self.running)
        for at in (-(2**63), -1, 2**63 - 1):
            for tag in ("from", "to"):
                items = [card.Item(tag="from"), card.Item(tag="to")]
                items["from to".split().index(tag)].at = at
                which = card.Card(kind=card.CARD_SCHEDULE, name="tabbed", items=items)
                with self.assertRaisesRegex(Refused, "9999"):
                    client.request("post", wire.Post(verb=card.CARD_RUN, card=which))

    def test_a_rule_is_set_shown_changed_and_removed(self):
        self.ok("schedule", "set", "nightly", "--when", "daily 2:30", "--zone", "Europe/Berlin",
                "--role", "testing", "--title", "All tests", "--", "make", "check")
        card = self.card("nightly")
        self.assertEqual(item(card, "when")["text"], "daily 2:30")
        self.assertEqual(item(card, "zone")["name"], "Europe/Berlin")
        self.assertGreater(time_of(item(card, "next")["at"]), datetime.datetime.now(UTC))
        same = self.ok("schedule", "set", "nightly", "--when", "daily 2:30", "--zone", "Europe/Berlin",
                       "--role", "testing", "--title", "All tests", "--", "make", "check").json()
        self.assertFalse(same["changed"])
        other = self.ok("schedule", "set", "nightly", "--when", "daily 3:30", "--role", "testing",
                        "--", "make", "check").json()
        self.assertTrue(other["changed"])
        listed = self.ok("schedule", "list").lines()
        self.assertEqual([c["name"] for c in listed], ["nightly"])
        self.assertEqual(self.ok("rules", "list", "schedule").lines()[0]["name"], "nightly")
        self.assertIn("nightly", self.ok("schedule", "list", json_out=False).out)
        self.ok("schedule", "remove", "nightly")
        self.assertEqual(self.ask("schedule", "list").status, 1)
        self.no(1, "no schedule", "schedule", "show", "nightly")

    def test_the_next_times_are_those_of_the_zone_over_both_changes_of_the_clocks(self):
        self.ok("schedule", "set", "sync", "--when", "daily 2:30", "--zone", "Europe/Berlin")
        def after(start):
            return [line["at"] for line in
                    self.ok("schedule", "next", "sync", "--from", start, "--number", 3).lines()]
        self.assertEqual(after("2027-03-27T00:00:00Z"),
                         ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"])
        self.assertEqual(after("2027-10-30T12:00:00Z"),
                         ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z", "2027-11-02T01:30:00Z"])

    def test_a_dry_run_shows_the_next_times_and_changes_nothing(self):
        rule = ["sync", "--when", "daily 2:30", "--zone", "Europe/Berlin", "--start", "2027-03-27T00:00:00Z"]
        tried = self.ok("schedule", "set", *rule, "--report", "daily", "--dry-run")
        self.assertTrue(tried.json()["changed"])
        self.assertEqual([t["at"] for t in tried.json()["next"]],
                         ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z",
                          "2027-03-30T00:30:00Z", "2027-03-31T00:30:00Z"])
        self.assertEqual([t["local"] for t in tried.json()["next"][:3]],
                         ["2027-03-27 02:30", "2027-03-28 03:00", "2027-03-29 02:30"])
        self.assertEqual(self.ask("schedule", "list").status, 1)
        said = self.ok("schedule", "set", *rule, "--dry-run", json_out=False).out
        self.assertIn("2027-03-28 03:00 Europe/Berlin  2027-03-28T01:00:00Z\n", said)
        self.ok("schedule", "set", *rule)
        card = self.card("sync")
        # Of one that is there: as it would be, not as it is.
        tried = self.ok("schedule", "set", *rule[:1], "--when", "every 1h", "--start", "2027-01-01T00:00:00Z", "--end",
                        "2027-01-01T01:00:00Z", "--dry-run").json()
        self.assertEqual([t["at"] for t in tried["next"]], ["2027-01-01T00:00:00Z", "2027-01-01T01:00:00Z"])
        same = self.ok("schedule", "set", *rule, "--dry-run").json()
        self.assertFalse(same["changed"])
        self.assertEqual(len(same["next"]), 5)
        self.assertEqual(self.card("sync"), card)
        self.assertNotIn("next", self.ok("schedule", "set", *rule).json())
        self.assertEqual(self.ok("schedule", "next", "sync", "--number", "2").lines()[1],
                         {"v": 1, "at": "2027-03-28T01:00:00Z", "local": "2027-03-28 03:00", "zone": "Europe/Berlin"})

    def test_wrong_rules_are_refused_and_change_nothing(self):
        bad = [("weekday", "--when", "0 9 * * 8"), ("never", "--when", "0 0 31 2 *"),
               ("time of day", "--when", "daily 27:00"),
               ("zone", "--when", "hourly", "--zone", "Mars/Olympus"),
               ("zone", "--when", "hourly", "--zone", "../../etc/passwd"),
               ("overlap", "--when", "hourly", "--overlap", "pile-up"),
               ("missed", "--when", "hourly", "--missed", "some"),
               ("no such report", "--when", "hourly", "--report", "monthly"),
               ("before it starts", "--when", "hourly", "--start", "+2h", "--end", "+1h"),
               ("within", "--when", "hourly", "--within", "1h")]
        for word, *options in bad:
            self.no(65, word, "schedule", "set", "bad", *options)
        self.no(64, "--role", "schedule", "set", "bad", "--when", "hourly", "--", "true")
        self.no(64, "--within", "schedule", "set", "bad", "--when", "hourly", "--role", "infra",
                "--deadline", "+1h")
        self.no(64, "--when", "schedule", "set", "bad", "--role", "infra")
        self.no(65, "label", "schedule", "set", "bad", "--when", "hourly", "--role", "infra",
                "--label", "schedule=x")
        self.no(65, "100 bytes", "schedule", "set", "x" * 101, "--when", "hourly")
        self.assertEqual(self.ask("schedule", "list").status, 1)


class Occurrences(ScheduleTest):
    """With a clock of the test's own."""

    BEGIN = datetime.datetime(2025, 8, 12, 13, 0, 0)

    def start_broker(self):
        self.clock = Clock(self.dir, self.BEGIN)
        return self.broker(env=self.clock.env)

    def go(self, **delta):
        self.clock.move(self.running, self.clock.now + datetime.timedelta(**delta))

    def ids(self, name):
        return sorted(task["id"].split("@")[1] for task in self.occurrences(name))

    def test_each_occurrence_is_a_task_of_its_time_and_comes_once(self):
        self.ok("schedule", "set", "tick", "--when", "hourly", "--overlap", "allow", "--role", "infra",
                "--within", "30m", "--", "true")
        for _ in range(3):
            self.go(hours=1)
        self.ok("schedule", "pause", "tick", "enough")
        self.go(hours=2)
        self.assertEqual(self.ids("tick"), [f"2025-08-12T{h}:00:00Z" for h in (14, 15, 16)])
        task = self.occurrences("tick")[0]
        self.assertEqual((task["deadline"], self.ok("show", task["id"]).json()["actor"]),
                         ("2025-08-12T14:30:00Z", "schedule:tick"))
        card = self.card("tick")
        self.assertEqual(item(card, "paused")["text"], "enough")
        self.assertEqual(item(card, "ran")["value"], 3)
        self.running.restart()
        self.assertEqual(len(self.ids("tick")), 3)
        self.assertEqual(self.card("tick"), card)
        self.ok("schedule", "resume", "tick")
        self.go(hours=1)
        self.assertEqual(self.ids("tick")[3:], ["2025-08-12T19:00:00Z"])

    def test_a_pause_ends_by_itself_and_what_it_kept_from_coming_is_not_made_up_for(self):
        self.ok("schedule", "set", "tick", "--when", "hourly", "--overlap", "allow", "--missed",
                "all:10", "--role", "infra")
        self.ok("schedule", "pause", "tick", "--until", "2025-08-12T16:30:00Z")
        self.no(65, "passed", "schedule", "pause", "tick", "--until", "2025-08-12T10:30:00Z")
        self.go(hours=3, minutes=40)
        self.assertEqual(self.ids("tick"), [])
        self.go(minutes=30)
        self.assertEqual(self.ids("tick"), ["2025-08-12T17:00:00Z"])

    def test_it_keeps_to_its_start_and_its_end(self):
        self.ok("schedule", "set", "tick", "--when", "every 40m", "--overlap", "allow", "--role", "infra",
                "--start", "2025-08-12T14:10:00Z", "--end", "2025-08-12T15:30:00Z")
        for _ in range(9):
            self.go(minutes=20)
        self.assertEqual(self.ids("tick"), ["2025-08-12T14:10:00Z", "2025-08-12T14:50:00Z",
                                            "2025-08-12T15:30:00Z"])
        self.assertIn("over", self.ok("schedule", "list", json_out=False).out)
        self.assertEqual(self.ask("schedule", "next", "tick").status, 1)

    def test_jitter_comes_later_by_no_more_than_it_says_and_a_restart_keeps_it(self):
        self.ok("schedule", "set", "tick", "--when", "hourly", "--jitter", "20m", "--role", "infra")
        rings = self.feed(self.running, 0)
        rings = self.wait_for(rings, lambda e: e.HasField("card") and
                              any(i.tag == "next" for i in e.card.items)).card.rings_at
        hour = int(datetime.datetime(2025, 8, 12, 14, tzinfo=UTC).timestamp() * 1000)
        self.assertTrue(hour <= rings <= hour + 20 * 60000, rings - hour)
        self.running.restart()
        before = datetime.datetime.fromtimestamp(rings // 1000, UTC).replace(tzinfo=None)
        self.clock.move(self.running, before)
        self.assertEqual(self.ids("tick"), [] if rings % 1000 else ["2025-08-12T14:00:00Z"])
        self.go(seconds=1)
        self.assertEqual(self.ids("tick"), ["2025-08-12T14:00:00Z"])

    def run_twice(self, overlap):
        """Its second occurrence comes while the first is running."""
        self.ok("schedule", "set", "s", "--when", "hourly", "--overlap", overlap, "--role", "infra")
        self.go(hours=1)
        lease = self.ok("take", "--role", "infra", "--lease", "6h").json()
        self.ok("started", "--token", lease["token"])
        self.go(hours=1)
        return lease

    def test_overlap_skip_adds_nothing_while_one_is_open(self):
        lease = self.run_twice("skip")
        self.assertEqual(self.ids("s"), ["2025-08-12T14:00:00Z"])
        self.assertEqual(item(self.card("s"), "skipped")["value"], 1)
        self.ok("complete", "--token", lease["token"])
        self.go(hours=1)
        self.assertEqual(self.ids("s"), ["2025-08-12T14:00:00Z", "2025-08-12T16:00:00Z"])

    def test_overlap_queue_lets_them_come_one_after_the_other(self):
        lease = self.run_twice("queue")
        second = "s@2025-08-12T15:00:00Z"
        self.assertEqual(self.ok("show", second).json()["state"], "waiting")
        self.assertEqual(self.ask("take", "--role", "infra").status, 75)
        self.ok("fail", "--token", lease["token"], "--fatal", "no")
        self.assertEqual(self.ok("take", "--role", "infra").json()["id"], second)

    def test_overlap_allow_lets_them_run_beside_each_other(self):
        self.run_twice("allow")
        self.assertEqual(self.ok("take", "--role", "infra").json()["id"], "s@2025-08-12T15:00:00Z")

    def test_overlap_cancel_old_gives_the_place_to_the_new_one(self):
        lease = self.run_twice("cancel-old")
        second = "s@2025-08-12T15:00:00Z"
        self.assertEqual(self.ok("show", lease["id"]).json()["state"], "cancelling")
        self.assertEqual(self.ok("show", second).json()["state"], "waiting")
        self.ok("fail", "--token", lease["token"], "--cancelled", "told to")
        self.assertEqual(self.ok("show", lease["id"]).json()["state"], "cancelled")
        self.assertEqual(self.ok("show", second).json()["state"], "ready")

    def test_a_broker_that_was_away_makes_up_for_what_the_policy_says(self):
        for policy in ("run-once", "skip", "all:2"):
            self.ok("schedule", "set", policy.replace(":", ""), "--when", "daily 12:00", "--missed", policy,
                    "--overlap", "queue", "--role", "infra")
        self.ok("schedule", "set", "hours", "--when", "hourly", "--missed", "all:5", "--overlap", "queue",
                "--role", "infra")
        self.running.stop()
        self.clock.set(self.BEGIN + datetime.timedelta(days=3))
        self.running.start()
        wait_until("the schedules have been looked at", lambda: self.ids("all2"))
        self.assertEqual(self.ids("run-once"), ["2025-08-15T12:00:00Z"])
        self.assertEqual(self.ids("all2"), ["2025-08-14T12:00:00Z", "2025-08-15T12:00:00Z"])
        self.assertEqual(self.ids("skip"), [])
        self.assertEqual(self.ids("hours"), [f"2025-08-15T{hour:02}:00:00Z" for hour in range(9, 14)])
        self.clock.move(self.running, datetime.datetime(2025, 8, 16, 12, 0, 1))
        for name, n in (("run-once", 2), ("all2", 3), ("skip", 1)):
            self.assertEqual(len(self.ids(name)), n)
            self.assertEqual(self.ids(name)[-1], "2025-08-16T12:00:00Z")

    def test_by_hand_now_and_for_a_time_that_has_passed(self):
        self.ok("schedule", "set", "report", "--when", "daily 9:00", "--overlap", "queue",
                "--role", "testing", "--", "true")
        self.ok("schedule", "run", "report")
        self.assertEqual(len(self.occurrences("report")), 1)
        self.ok("schedule", "run", "report", "--from", "2025-08-01T00:00:00Z", "--to",
                "2025-08-03T23:00:00Z")
        self.ok("schedule", "run", "report", "--from", "2025-08-01T00:00:00Z", "--to",
                "2025-08-03T23:00:00Z")
        ids = {t["id"] for t in self.occurrences("report")}
        self.assertEqual(len(ids), 4)
        self.assertLessEqual({f"report@2025-08-0{d}T09:00:00Z" for d in (1, 2, 3)}, ids)
        self.no(65, "no occurrence", "schedule", "run", "report", "--from", "2025-08-01T10:00:00Z",
                "--to", "2025-08-01T11:00:00Z")
        self.no(65, "200", "schedule", "run", "report", "--from", "2020-08-01T10:00:00Z")
        self.no(64, "--from", "schedule", "run", "report", "--to", "2025-08-01T10:00:00Z")
        self.no(1, "no such card", "schedule", "run", "nothing")

    def test_an_occurrence_that_can_not_be_added_says_why(self):
        self.ok("add", "A", "--role", "infra")
        self.ok("schedule", "set", "late", "--when", "daily 9:00", "--role", "infra")
        self.ok("project", "close", "default")
        self.ok("schedule", "run", "late")
        self.assertIn("closed", item(self.card("late"), "trouble")["text"])
        self.ok("project", "open", "default")
        self.ok("schedule", "run", "late")
        self.assertEqual(item(self.card("late"), "trouble"), {})


    def test_a_schedule_without_a_task_is_told_with_what_is_due(self):
        feed = self.feed(self.running, 0)
        self.ok("schedule", "set", "check-in", "--when", "Monday 10 AM", "--report", "weekly",
                "--title", "Sprint planning")
        self.clock.move(self.running, datetime.datetime(2025, 8, 18, 10, 0, 1))
        event = self.wait_for(feed, lambda e: e.HasField("card") and not e.text and
                              any(i.tag == "last" for i in e.card.items))
        self.assertEqual([i.name for i in event.card.items if i.tag in ("report", "last")],
                         ["weekly", "check-in@2025-08-18T10:00:00Z"])
        self.assertEqual(event.card.title, "Sprint planning")


class Plans(ScheduleTest):
    PLAN = """
project: candle
zone: Europe/Berlin
defaults: {priority: high}
schedules:
  nightly:
    daily: "2:30"
    overlap: queue
    missed: all:3
    within: 1h
    task: {agent: Testing Agent, command: [make, check]}
synchronization_points:
  Daily: "9 AM - Quick status check"
  Weekly: "Monday 10 AM - Sprint planning"
  Blockers: "Immediate notification via status file"
"""

    def apply(self, text, status=0):
        path = self.dir / "plan.yaml"
        path.write_text(text)
        done = self.ask("apply", path)
        self.assertEqual(done.status, status, done.out + done.err)
        return done

    def test_schedules_and_synchronisation_points_are_set_once(self):
        self.apply(self.PLAN)
        cards = {c["name"]: c for c in self.ok("--project", "candle", "schedule", "list").lines()}
        self.assertEqual(sorted(cards), ["daily-sync", "nightly", "weekly-sync"])
        self.assertEqual([item(cards["daily-sync"], t).get(f) for t, f in
                          (("when", "text"), ("zone", "name"), ("report", "name"))],
                         ["daily 9 AM", "Europe/Berlin", "daily"])
        self.assertEqual(cards["weekly-sync"]["title"], "Sprint planning")
        monday = time_of(item(cards["weekly-sync"], "next")["at"])
        self.assertEqual(monday.weekday(), 0)
        before = self.ok("--project", "candle", "schedule", "list").out
        self.apply(self.PLAN)
        self.assertEqual(self.ok("--project", "candle", "schedule", "list").out, before)
        self.ok("--project", "candle", "schedule", "run", "nightly")
        (task,) = self.ok("list", "--project", "candle", "--label", "schedule=nightly").lines()
        self.assertEqual((task["role"], task["priority"]), ("testing", "high"))

    def test_mistakes_in_a_plan_are_told_with_their_line(self):
        for text, word in (('schedules: {a: {daily: "27:00"}}', "time of day"),
                           ("schedules: {a: {task: {role: infra}}}", "when does"),
                           ("schedules: {a: {every: 1h, daily: 9 AM}}", "already"),
                           ("schedules: {a: {every: 1h, overlap: skipp}}", "did you mean"),
                           ("schedules: {a: {every: 1h, zone: Mars/Olympus}}", "time zone"),
                           ("schedules: {a: {every: 1h, task: {id: x, role: infra}}}", "no id"),
                           ("schedules: {a: {every: 1h, task: {title: x}}}", "role"),
                           ("schedules: {a: {every: 1h, within: 1h}}", "no task"),
                           ("schedules: {a b: {every: 1h}}", "no name"),
                           ('synchronization_points: {Daily: "late - what"}', "time of day"),
                           ('synchronization_points: {Yearly: "9 AM"}', "time of day")):
            done = self.apply(text, 65)
            self.assertIn(word, done.out + done.err)
        self.assertEqual(self.ask("schedule", "list").status, 1)


if __name__ == "__main__":
    unittest.main()
