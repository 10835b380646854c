-- The tables as people ask for them. Days are UTC.

CREATE VIEW baton.attempt_list AS
SELECT t.project, t.id, t.role, a.*, w.name AS worker_name,
       row_number() OVER (PARTITION BY a.task ORDER BY a.token) AS number,
       (extract(epoch FROM a.ended_at - a.started_at) * 1000)::bigint AS run_ms
FROM baton.attempt a
JOIN baton.task t ON t.key = a.task
LEFT JOIN baton.worker w ON w.number = a.worker;

CREATE VIEW baton.handoff AS
SELECT c.*,
       ARRAY(SELECT i ->> 'text' FROM jsonb_array_elements(c.items) i WHERE i ->> 'tag' = 'completed') AS completed,
       ARRAY(SELECT i ->> 'text' FROM jsonb_array_elements(c.items) i WHERE i ->> 'tag' = 'next_step') AS next_steps,
       ARRAY(SELECT i ->> 'name' FROM jsonb_array_elements(c.items) i WHERE i ->> 'tag' = 'artifact') AS artifacts
FROM baton.card c WHERE kind = 'handoff';

CREATE VIEW baton.blocker AS
SELECT c.*, ended_at - created_at AS took, coalesce(ended_at, now()) > due_at AS overdue
FROM baton.card c WHERE kind = 'blocker';

CREATE VIEW baton.decision AS
SELECT c.* FROM baton.card c WHERE kind = 'decision';

CREATE VIEW baton.incident AS
SELECT c.*, 'P' || severity - 1 AS level, ended_at - created_at AS took
FROM baton.card c WHERE kind = 'incident';

CREATE FUNCTION baton.day(timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
AS $$ SELECT ($1 AT TIME ZONE 'UTC')::date $$;

-- agent_metrics, 1: tasks completed on time / all that ended (what was cancelled does not count).
CREATE VIEW baton.metric_completion AS
SELECT project, role, baton.day(ended_at) AS day, count(*) AS total,
       count(*) FILTER (WHERE state = 'done' AND (deadline IS NULL OR ended_at <= deadline)) AS on_time,
       avg((state = 'done' AND (deadline IS NULL OR ended_at <= deadline))::int) AS rate
FROM baton.task
WHERE state IN ('done', 'failed', 'aborted', 'expired') AND role IS NOT NULL
GROUP BY 1, 2, 3;

-- 2: accepted handoffs / answered ones. The role is the giver's.
CREATE VIEW baton.metric_handoff AS
SELECT project, role, baton.day(ended_at) AS day, count(*) AS total,
       count(*) FILTER (WHERE state = 'accepted') AS accepted,
       avg((state = 'accepted')::int) AS rate
FROM baton.card
WHERE kind = 'handoff' AND state IN ('accepted', 'rejected')
GROUP BY 1, 2, 3;

-- 3: from raised to resolved.
CREATE VIEW baton.metric_blocker AS
SELECT c.project, coalesce(c.role, t.role) AS role, baton.day(c.ended_at) AS day, count(*) AS total,
       count(*) FILTER (WHERE c.ended_at > c.due_at) AS overdue,
       avg(c.ended_at - c.created_at) AS mean,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY c.ended_at - c.created_at) AS p95,
       max(c.ended_at - c.created_at) AS longest
FROM baton.card c LEFT JOIN baton.task t ON t.project = c.project AND t.id = c.task
WHERE c.kind = 'blocker' AND c.state = 'resolved'
GROUP BY 1, 2, 3;

-- 4: covered lines / all lines, as agents measured it: the latest `coverage` (percent) of each task that is done,
-- weighed by its measure `lines` where there is one.
CREATE VIEW baton.metric_coverage AS
SELECT t.project, t.role, baton.day(t.ended_at) AS day, count(*) AS total,
       sum(c.value * coalesce(l.value, 1)) / nullif(sum(coalesce(l.value, 1)), 0) AS percent
FROM baton.task t
CROSS JOIN LATERAL (SELECT token, value FROM baton.measure m
                    WHERE m.task = t.key AND m.name = 'coverage' ORDER BY token DESC LIMIT 1) c
LEFT JOIN baton.measure l ON l.task = t.key AND l.token = c.token AND l.name = 'lines'
WHERE t.state = 'done'
GROUP BY 1, 2, 3;

-- How long tasks were ready before somebody took them.
CREATE VIEW baton.wait_by_day AS
SELECT t.project, t.role, baton.day(a.leased_at) AS day, count(*) AS leases, avg(a.waited_ms) AS mean_ms,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY a.waited_ms) AS p50_ms,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY a.waited_ms) AS p95_ms, max(a.waited_ms) AS longest_ms
FROM baton.attempt a JOIN baton.task t ON t.key = a.task
WHERE a.leased_at IS NOT NULL
GROUP BY 1, 2, 3;

-- How long attempts ran that ended well.
CREATE VIEW baton.run_by_day AS
SELECT project, role, baton.day(ended_at) AS day, count(*) AS runs, avg(run_ms) AS mean_ms,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY run_ms) AS p50_ms,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY run_ms) AS p95_ms, max(run_ms) AS longest_ms
FROM baton.attempt_list
WHERE outcome = 'done' AND started_at IS NOT NULL
GROUP BY 1, 2, 3;

-- What came in and what was finished.
CREATE VIEW baton.throughput_by_day AS
SELECT project, role, day, sum(added) AS added, sum(done) AS done, sum(failed) AS failed,
       sum(cancelled) AS cancelled
FROM (SELECT project, role, baton.day(created_at) AS day, 1 AS added, 0 AS done, 0 AS failed, 0 AS cancelled
      FROM baton.task
      UNION ALL
      SELECT project, role, baton.day(ended_at), 0, (state = 'done')::int,
             (state IN ('failed', 'expired', 'aborted'))::int, (state = 'cancelled')::int
      FROM baton.task WHERE ended_at IS NOT NULL) both_ends
GROUP BY 1, 2, 3;
