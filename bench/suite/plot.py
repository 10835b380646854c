"""Pictures as SVG, with nothing but this language: bars with their spread, and lines."""
import math
import statistics
from xml.sax.saxutils import escape

import report

WIDTH, LEFT, RIGHT, BAR = 860, 300, 130, 22
STYLE = ("<style>text{font:12px sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}.grid{stroke:#ddd}"
         ".ours{fill:#1b6ca8}.other{fill:#b5bcc4}.spread{stroke:#222;stroke-width:1.5}.line{fill:none;stroke:#1b6ca8;"
         "stroke-width:2}.second{stroke:#c2571a}.dot{fill:#1b6ca8}.seconddot{fill:#c2571a}</style>")


def text_at(x, y, text, anchor="start", kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{escape(text)}</text>'


def picture(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
            f'<rect width="100%" height="100%" fill="white"/>{STYLE}{"".join(parts)}</svg>\n')


class Axis:
    """Values to pixels; logarithmic, with lines at the powers of ten, or from zero."""

    def __init__(self, values, begin, end, is_log):
        self.begin, self.end, self.is_log = begin, end, is_log
        if is_log:
            self.low = math.floor(math.log10(min(values)) - 0.01)
            self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(max(values)))
            step = next(step * part for part in (0.2, 0.5, 1, 2) if max(values) / (step * part) <= 8)
            self.low, self.high = 0, math.ceil(max(values) / step) * step
            self.ticks = [i * step for i in range(round(self.high / step) + 1)]

    def __call__(self, value):
        at = math.log10(value) if self.is_log else value
        return self.begin + (at - self.low) / (self.high - self.low) * (self.end - self.begin)


def tick_text(value):
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


def bars(title, rows, is_log=True):
    """rows: label, values of the rounds."""
    rows = [(label, values) for label, values in rows if values and min(values) > 0]
    if not rows:
        return ""
    height = 60 + len(rows) * (BAR + 8) + 20
    axis = Axis([value for _, values in rows for value in values], LEFT, WIDTH - RIGHT, is_log)
    parts = [text_at(12, 24, title, kind="title")]
    for tick in axis.ticks:
        parts.append(f'<line class="grid" x1="{axis(tick):.1f}" x2="{axis(tick):.1f}" y1="40" y2="{height - 30}"/>')
        parts.append(text_at(axis(tick), height - 14, tick_text(tick), "middle"))
    for i, (label, values) in enumerate(rows):
        y = 46 + i * (BAR + 8)
        median = statistics.median(values)
        kind = "ours" if label.startswith("Baton") else "other"
        parts.append(text_at(LEFT - 8, y + 15, label, "end"))
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{max(axis(median) - LEFT, 1):.1f}" height="{BAR}"/>')
        parts.append(f'<line class="spread" x1="{axis(min(values)):.1f}" x2="{axis(max(values)):.1f}" '
                     f'y1="{y + BAR / 2}" y2="{y + BAR / 2}"/>')
        parts.append(text_at(axis(max(median, max(values))) + 6, y + 15, report.number(median)))
    return picture(height, parts)


def lines(title, x_title, series):
    """series: name, then (x, values of the rounds)."""
    top, bottom, left, right = 50, 310, 70, WIDTH - 40
    xs = [x for _, points in series for x, _ in points]
    if not xs or min(xs) <= 0:
        return ""
    x_axis = Axis(xs, left, right, True)
    y_axis = Axis([value for _, points in series for _, values in points for value in values], bottom, top, False)
    parts = [text_at(12, 24, title, kind="title"), text_at((left + right) / 2, bottom + 40, x_title, "middle")]
    for tick in y_axis.ticks:
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y_axis(tick):.1f}" y2="{y_axis(tick):.1f}"/>')
        parts.append(text_at(left - 8, y_axis(tick) + 4, f"{tick:g}", "end"))
    for tick in x_axis.ticks:
        parts.append(text_at(x_axis(tick), bottom + 20, tick_text(tick), "middle"))
    for i, (name, points) in enumerate(series):
        second = " second" if i else ""
        way = " ".join(f"{x_axis(x):.1f},{y_axis(statistics.median(values)):.1f}" for x, values in points)
        parts.append(f'<polyline class="line{second}" points="{way}"/>')
        for x, values in points:
            parts.append(f'<line class="spread" x1="{x_axis(x):.1f}" x2="{x_axis(x):.1f}" y1="{y_axis(min(values)):.1f}" '
                         f'y2="{y_axis(max(values)):.1f}"/>')
            parts.append(f'<circle class="{"seconddot" if i else "dot"}" r="4" cx="{x_axis(x):.1f}" '
                         f'cy="{y_axis(statistics.median(values)):.1f}"/>')
        parts.append(text_at(right, y_axis(statistics.median(points[-1][1])) - 10, name, "end"))
    return picture(bottom + 60, parts)


def column(results, work, metric):
    return [(label, found.get(metric, [])) for label, found in results.get(work, {}).items()]


def curve(results, work, metric):
    return [(int(label.split()[0].replace(",", "")), values) for label, values in column(results, work, metric) if values]


def pictures(results):
    """File name -> picture; empty where nothing was measured."""
    found = {}
    for metric, title in (("enqueue", "Enqueue"), ("consume", "Consume"), ("both", "Both at once")):
        found[f"throughput-{metric}.svg"] = bars(f"{title}, tasks a second (logarithmic)", column(results, "throughput", metric))
    for metric in ("p50", "p99"):
        found[f"latency-{metric}.svg"] = bars(f"Enqueue to start, {metric}, µs (logarithmic)",
                                              column(results, "latency", f"{metric}_us"))
    found["chain.svg"] = bars("An edge of a chain of 1,000, µs (logarithmic)", column(results, "graphs", "edge_us"))
    found["layers.svg"] = bars("10 layers of 1,000 with barriers, tasks a second (logarithmic)",
                               column(results, "graphs", "layers_rate"))
    found["memory.svg"] = bars("Memory a queued task, bytes", column(results, "memory", "bytes_all"), False)
    found["restart.svg"] = bars("Restart with the queue full, s (logarithmic)", column(results, "memory", "restart_s"))
    for work, title in (("length", "tasks queued"), ("workers", "workers connected")):
        found[f"cost-{work}.svg"] = lines(f"Cost of a task in Baton against {title}, µs", title,
                                          [("wall", curve(results, work, "wall_us")),
                                           ("broker's CPU", curve(results, work, "cpu_us"))])
    found["makespan.svg"] = bars("Makespan ÷ critical path", column(results, "makespan", "ratio"), False)
    return found
