"""The history of a run as its clients saw it, and whether the broker kept its promises.

The checker knows nothing of the broker: only what was sent to clients (acknowledgements,
assignments, answers to results) and what agents did. Times are CLOCK_MONOTONIC in nanoseconds, one
clock for all processes of the machine. Promises checked:

 1. an acknowledged submission is there in the end, and done;
 2. a task has at most one accepted completion; after it no newer lease was ever given;
 3. a task was not assigned before a completion was sent of everything it depends on;
 4. a token is never used twice;
 5. the final state agrees: a completion that was acknowledged means done, and nothing is done that
    nobody completed.
"""

import collections
import threading
import time


def now():
    return time.monotonic_ns()


class Result:
    """A result that was sent under a token, maybe many times."""

    def __init__(self, id, done, sent):
        self.id = id
        self.done = done
        self.sent = sent  # first time
        self.accepted = None  # when the first answer came that accepted it
        self.refused = False  # it was answered, and can't have counted


class History:
    """Collects from many threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.after = {}  # id: what it depends on; of everything that was ever sent
        self.acknowledged = {}  # id: when
        self.assigned = collections.defaultdict(dict)  # id: {token: first time seen}
        self.results = {}  # token: Result
        self.runs = collections.defaultdict(list)  # id: begin times of agents
        self.n_accepted = 0  # completions acknowledged, to pace a load
        self.n_kills = 0

    # -- what clients saw --

    def submitting(self, id, after):
        with self.lock:
            self.after[id] = list(after)

    def was_acknowledged(self, ids):
        at = now()
        with self.lock:
            for id in ids:
                self.acknowledged.setdefault(id, at)

    def was_assigned(self, id, token, at=None):
        with self.lock:
            self.assigned[id].setdefault(token, at or now())

    def ran(self, id, token, begin):
        """An agent that a real worker started; the broker's assignment came before."""
        with self.lock:
            self.assigned[id].setdefault(token, begin)
            self.runs[id].append(begin)

    def result_sent(self, id, token, done, at=None):
        with self.lock:
            self.results.setdefault(token, Result(id, done, at or now()))

    def result_accepted(self, token, at=None):
        with self.lock:
            result = self.results[token]
            if result.accepted is None:
                result.accepted = at or now()
                self.n_accepted += result.done

    def result_refused(self, token):
        with self.lock:
            self.results[token].refused = True

    # -- the verdict --

    def faults(self, final):
        """Sentences, one for each broken promise. `final`: id -> name of the state in the end."""
        found = []
        found += self._lost(final)
        found += self._twice()
        found += self._early()
        found += self._tokens()
        return found

    def _accepted_done(self):
        by_id = collections.defaultdict(list)
        for token, result in self.results.items():
            if result.done and result.accepted is not None:
                by_id[result.id].append(token)
        return by_id

    def _accepted(self):
        """id -> tokens under which its completion was acknowledged."""
        by_id = collections.defaultdict(list)
        for token, result in self.results.items():
            if result.done and result.accepted is not None:
                by_id[result.id].append(token)
        return by_id

    def _completed_at(self):
        """id -> when the first completion was sent that can have counted."""
        first = {}
        for result in self.results.values():
            if result.done and not result.refused:
                first[result.id] = min(result.sent, first.get(result.id, result.sent))
        return first

    def _lost(self, final):
        for id in self.acknowledged:
            if id not in final:
                yield f"{id}: its submission was acknowledged, and it is gone"
            elif final[id] != "done":
                yield f"{id}: acknowledged, and in the end it is {final[id]}"
        for id, tokens in self._accepted().items():
            if final.get(id) != "done":
                yield f"{id}: its completion {tokens} was acknowledged, and it is {final.get(id)}"
        completed = self._completed_at()
        for id, state in final.items():
            if id not in self.after:
                yield f"{id}: is there, and nobody sent it"
            if state == "done" and id not in completed:
                yield f"{id}: is done, and nobody completed it"

    def _twice(self):
        for id, tokens in self._accepted().items():
            if len(tokens) > 1:
                yield f"{id}: completed {len(tokens)} times, under {sorted(tokens)}"
            later = [t for t in self.assigned[id] if t > min(tokens)]
            if later:
                yield f"{id}: completed under {min(tokens)}, and leased again as {later}"

    def _early(self):
        completed = self._completed_at()
        for id, leases in self.assigned.items():
            first = min(leases.values())
            for other in self.after.get(id, ()):
                if other not in completed:
                    yield f"{id}: assigned, and nobody ever completed {other}, on which it depends"
                elif completed[other] > first:
                    early = (completed[other] - first) / 1e6
                    yield f"{id}: assigned {early:.3f} ms before {other} was completed"

    def _tokens(self):
        owner = {}
        for id, leases in self.assigned.items():
            for token in leases:
                if owner.setdefault(token, id) != id:
                    yield f"token {token}: given for {owner[token]} and for {id}"

    def summary(self):
        accepted = sum(len(tokens) for tokens in self._accepted().values())
        again = sum(len(leases) - 1 for leases in self.assigned.values())
        return (
            f"{len(self.acknowledged)} submissions acknowledged of {len(self.after)} sent, "
            f"{accepted} completions acknowledged, {again} leases beyond the first, "
            f"{sum(len(r) for r in self.runs.values())} agents run, {self.n_kills} kills"
        )
