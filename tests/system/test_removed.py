"""The store's file is taken away under a running broker: it stops instead of acknowledging into nothing."""

import shutil
import unittest

from harness import NoAnswer, Refused, SystemTest, wait_until
from messages import task, wire


class Removed(SystemTest):
    def test_the_broker_stops(self):
        broker = self.broker()
        client = self.client(broker)
        shutil.rmtree(broker.data)
        n = 0

        def has_stopped():
            nonlocal n
            n += 1
            try:
                one = task.Spec(id=f"t{n}", role="backend")
                client.request("submit", wire.Submit(tasks=[one]), 0.5)
            except (NoAnswer, Refused):
                pass
            return not broker.is_running()

        wait_until("the broker to stop", has_stopped)
        self.assertEqual(broker.process.child.returncode, 74)
        self.assertIn("removed or replaced", broker.process.output())


if __name__ == "__main__":
    unittest.main()
