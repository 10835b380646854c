"""The checker of histories finds what it is there to find."""

import unittest

from history import History


def good():
    """a, then b which depends on it: both acknowledged, run once and done."""
    h = History()
    h.submitting("a", [])
    h.submitting("b", ["a"])
    h.was_acknowledged(["a", "b"])
    h.was_assigned("a", 10, at=100)
    h.result_sent("a", 10, True, at=200)
    h.result_accepted(10, at=210)
    h.was_assigned("b", 20, at=300)
    h.result_sent("b", 20, True, at=400)
    h.result_accepted(20, at=410)
    return h


DONE = {"a": "done", "b": "done"}


class Faults(unittest.TestCase):
    def assertFault(self, h, words, final=None):
        faults = h.faults(DONE if final is None else final)
        self.assertTrue(any(words in f for f in faults), faults)

    def test_good_history_has_none(self):
        self.assertEqual(good().faults(DONE), [])

    def test_retry_after_a_lost_lease_is_no_fault(self):
        h = good()
        h.was_assigned("a", 5, at=50)
        h.result_sent("a", 5, False, at=60)
        h.result_accepted(5, at=70)
        self.assertEqual(h.faults(DONE), [])

    def test_dependency_acknowledged_late_is_no_fault(self):
        h = good()
        h.results[10].accepted = 350
        self.assertEqual(h.faults(DONE), [])

    def test_lost_submission(self):
        self.assertFault(good(), "it is gone", {"a": "done"})

    def test_lost_completion(self):
        self.assertFault(good(), "was acknowledged, and it is ready", {**DONE, "b": "ready"})

    def test_made_up_task(self):
        self.assertFault(good(), "nobody sent it", {**DONE, "c": "done"})

    def test_two_completions(self):
        h = good()
        h.was_assigned("a", 15, at=250)
        h.result_sent("a", 15, True, at=260)
        h.result_accepted(15, at=270)
        self.assertFault(h, "completed 2 times")

    def test_leased_again_after_completion(self):
        h = good()
        h.was_assigned("a", 30, at=500)
        self.assertFault(h, "leased again")

    def test_assigned_before_dependency(self):
        h = good()
        h.results[10].sent = 301
        self.assertFault(h, "before a was completed")

    def test_dependency_never_completed(self):
        h = good()
        h.results[10].done = False
        self.assertFault(h, "nobody ever completed a")

    def test_token_of_two_tasks(self):
        h = good()
        h.was_assigned("b", 10, at=320)
        self.assertFault(h, "given for a and for b")

    def test_done_by_nobody(self):
        h = good()
        del h.results[20]
        self.assertFault(h, "nobody completed it")

    def test_refused_completion_does_not_count(self):
        h = good()
        h.was_assigned("a", 5, at=50)
        h.result_sent("a", 5, True, at=60)
        h.was_assigned("b", 19, at=150)
        self.assertEqual(h.faults(DONE), [])
        h.result_refused(5)
        self.assertFault(h, "before a was completed")


if __name__ == "__main__":
    unittest.main()
