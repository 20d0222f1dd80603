"""One line of the table of results."""

from peers import median_ms


class Row:
    """One line of the table. `values` is {program: (text, ratio to ctr or None)}, ctr first."""

    def __init__(self, work, goal):
        self.work, self.goal, self.values, self.note, self.spread = work, goal, {}, "", {}

    def times(self, results, format="{:.1f} ms", scale=median_ms):
        ours = scale(results["ctr"]) if results.get("ctr") else None
        for name, samples in results.items():
            value = scale(samples)
            ratio = value / ours if ours and name != "ctr" else None
            self.values[name] = (format.format(value), ratio)
            if isinstance(samples, list):
                self.spread[name] = (min(samples) * 1000, max(samples) * 1000, len(samples))
        return self
