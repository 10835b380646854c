"""scripts/demo on the release that is being tested: the customer's plan runs to its end, what ran is
printed, and nothing is left running or lying about."""

import os
import pathlib
import re
import subprocess
import unittest

from harness import BIN, ROOT, SLOWNESS, SystemTest, baton

ROLES = ("infra", "backend", "frontend", "realtime", "integration", "testing")


def processes_with(mark):
    """Whose environment has `mark`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass  # gone, or not ours
    return found


@unittest.skipUnless(
    BIN == ROOT / "build" / "release" / "bin", "the demo builds and runs a release"
)
class Demo(SystemTest):
    def test_runs_the_customers_plan_and_leaves_nothing(self):
        facts = baton("", "check", ROOT / "examples" / "candlefish.yaml").json()
        done = subprocess.run(
            [ROOT / "scripts" / "demo"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300 * SLOWNESS,
            env={**os.environ, "TMPDIR": str(self.dir)},
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        live, _, after = done.stdout.partition("What ran where and when:")
        ran, _, left = after.partition("What the agents left in the workspace:")
        # Live: each task was seen to be done.
        self.assertIn("running", live)
        n_tasks = facts["tasks"] - facts["milestones"]
        self.assertIn(f"{n_tasks} tasks, {facts['milestones']} milestones", ran)
        rows = re.findall(r"^  \d\d:\d\d:\d\d\.?\d* +(\w+) +demo-(\w+) +(\S+) ", ran, re.M)
        self.assertEqual(len(rows), n_tasks, ran)
        self.assertEqual({role for role, _, _ in rows}, set(ROLES))
        for role, worker, id in rows:
            self.assertEqual(role, worker, id)
        self.assertTrue(left.strip())
        self.assertEqual(processes_with(str(self.dir)), [])
        self.assertEqual(list(self.dir.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
