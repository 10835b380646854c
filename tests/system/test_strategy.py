"""The customer's coordination strategy: every YAML block of it as it stands, cut out of the document."""

import datetime
import os
import pathlib
import re
import unittest

from harness import ROOT, BrokerTest, Clock, SystemTest

SHARED = pathlib.Path(os.environ.get("BATON_SHARED") or ROOT.parent / "shared")
STRATEGY = SHARED / "docs" / "coordination-strategy.md"
UTC = datetime.timezone.utc


def blocks():
    """The YAML blocks by the name of their one key."""
    found = {}
    for text in re.findall(r"^```yaml\n(.*?)^```", STRATEGY.read_text(), re.S | re.M):
        found[text.split(":", 1)[0]] = text
    return found


@unittest.skipUnless(STRATEGY.exists(), f"SKIPPED: no {STRATEGY}")
class Blocks(BrokerTest):
    def file(self, name, text):
        path = self.dir / f"{name}.yaml"
        path.write_text(text)
        return path

    def test_each_is_taken_alone(self):
        taken = {}
        for name, text in blocks().items():
            path = self.file(name, text)
            checked = self.ok("check", path).json()
            self.ok("apply", path)
            taken[name] = (checked["tasks"], checked["cards"])
        self.assertEqual(taken, {
            "handoff_template": (0, 0),
            "task_queue": (3, 0),
            "conflict_resolution": (0, 3),
            "agent_metrics": (0, 4),
            "severity_levels": (0, 4),
            "dashboard_config": (0, 0),
        })

    def test_the_template_is_told_from_a_handoff(self):
        template = blocks()["handoff_template"]
        told = self.ok("check", self.file("template", template)).json()["notes"]
        self.assertEqual(len(told), 1)
        self.assertIn(":1: handoff_template: a form to copy", told[0])
        filled = template.replace("Agent Name", "Backend Agent").replace("Target Agent", "Frontend")
        filled = filled.replace("ISO 8601", "2025-08-11T14:00:00Z")
        told = self.ok("check", self.file("filled", filled)).json()
        self.assertEqual((told["notes"], told["cards"]), ([], 1))

    def test_all_in_one_file_say_what_they_changed_and_change_nothing_twice(self):
        path = self.file("playbook", "".join(blocks().values()))
        first = self.ok("apply", path).json()
        self.assertEqual((first["created"], first["unchanged"]), (3, 0))
        self.assertEqual({(c["kind"], c["name"]) for c in first["rules"]}, {
            ("area", "database_schema"), ("area", "api_contracts"), ("area", "deployment_config"),
            ("level", "P0_critical"), ("level", "P1_high"), ("level", "P2_medium"), ("level", "P3_low"),
            ("target", "task_completion_rate"), ("target", "handoff_quality"),
            ("target", "blocker_resolution_time"), ("target", "test_coverage"),
        })
        again = self.ok("apply", path).json()
        self.assertEqual((again["created"], again["updated"], again["unchanged"]), (0, 0, 3))
        self.assertEqual({c["change"] for c in again["rules"]}, {"unchanged"})


class Time(SystemTest):
    def test_weeks_pass_in_a_moment(self):
        """The clock of the tests does what the broker's own does."""
        begin = datetime.datetime(2025, 8, 11, 8, tzinfo=UTC)
        clock = Clock(self.dir, begin)
        broker = self.broker(env=clock.env)
        self.baton(broker, "add", "later", "--role", "backend", "--not-before", "2025-09-01T08:00Z")
        clock.move(broker, begin + datetime.timedelta(days=20, hours=23))
        self.assertEqual(self.baton(broker, "show", "later").json()["state"], "waiting")
        clock.move(broker, begin + datetime.timedelta(days=21))
        shown = self.baton(broker, "show", "later").json()
        self.assertEqual((shown["state"], shown["ready_at"]), ("ready", "2025-09-01T08:00:00Z"))


if __name__ == "__main__":
    unittest.main()
