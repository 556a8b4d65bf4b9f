"""Prints what bench/run measured, as aligned text or as the Markdown of docs/performance.md."""

import dataclasses

from engines import OURS

ONE_THREAD = f"{OURS}, 1 thread"
# What --simd takes, the highest first, as tables name it.
LEVELS = {"avx512": f"{ONE_THREAD}, AVX-512", "avx2": f"{ONE_THREAD}, AVX2",
          "scalar": f"{ONE_THREAD}, portable C"}
DAY_PHASES = ("open", "load", "build", "commit")


@dataclasses.dataclass
class Table:
    titles: list
    rows: list  # of texts; the first column is on the left

    def without_empty_columns(self):
        kept = [i for i in range(len(self.titles)) if any(row[i] for row in self.rows)]
        return Table([self.titles[i] for i in kept], [[row[i] for i in kept] for row in self.rows])

    def text(self):
        widths = [max(len(row[i]) for row in [self.titles, *self.rows])
                  for i in range(len(self.titles))]
        lines = []
        for row in [self.titles, *self.rows]:
            cells = [row[0].ljust(widths[0]), *(cell.rjust(width)
                                                for cell, width in zip(row[1:], widths[1:]))]
            lines.append("  ".join(cells).rstrip())
        return lines

    def markdown(self):
        rules = ["---", *("---:" for _ in self.titles[1:])]
        return [f"| {' | '.join(row)} |" for row in [self.titles, rules, *self.rows]]


def job_table(job):
    ours = job["medians"][OURS]["wall_seconds"]
    rows = []
    for name, median in job["medians"].items():
        walls = [run["wall_seconds"] for run in job["runs"][name]]
        rows.append([name, f"{median['wall_seconds']:.3f}", f"{min(walls):.3f}",
                     f"{max(walls):.3f}", f"{median['cpu_seconds']:.3f}",
                     f"{median['peak_bytes'] / 1e6:.0f}",
                     f"{median['wall_seconds'] / ours:.2f}"])
    return Table(["engine", "wall s", "min", "max", "cpu s", "peak MB", "times ours"], rows)


def phase_table(job, n_threads):
    """Where our time goes, what it is per rating on one core, and what a second core gives."""
    engines = [name for name in (OURS, ONE_THREAD) if name in job["medians"]]
    n_ratings = max(job["data"]["ratings"]["n_lines"] - 1, 1)
    rows = []
    for phase, ours in job["medians"][OURS]["phases"].items():
        seconds = [job["medians"][name]["phases"][phase] for name in engines]
        rows.append([phase, *(f"{value * 1000:.1f}" for value in seconds),
                     *([f"{seconds[1] / ours:.2f}"] if len(seconds) > 1 else []),
                     f"{ours * n_threads / n_ratings * 1e9:.2f}"])
    titles = ["ms", *engines, *(["speed-up"] if len(engines) > 1 else []), "core ns per rating"]
    return Table(titles, rows)


def ratings_speed(job):
    size = job["data"]["ratings"]["size_bytes"]
    seconds = job["medians"][OURS]["phases"]["read ratings.csv"]
    return f"ratings.csv: {size / seconds / 1e9:.2f} GB/s into columns"


def rows_per_second(bench):
    if "seconds" not in bench or bench["rows"] == 0:
        return ""
    return f"{bench['rows'] / bench['seconds'] / 1e6:.1f} M/s"


def speed(bench):
    """Bytes per second where bytes are counted, else rows."""
    if "failure" in bench:
        return "failed"
    if bench["bytes"] == 0:
        return rows_per_second(bench)
    return f"{bench['bytes'] / bench['seconds'] / 1e9:.2f} GB/s"


def small_tables(benches):
    """One table per group: a line per benchmark, a column per variant; then rows of the last."""
    for group in dict.fromkeys(bench["group"] for bench in benches):
        inside = [bench for bench in benches if bench["group"] == group]
        variants = list(dict.fromkeys(bench["variant"] for bench in inside))
        rows = []
        for name in dict.fromkeys(bench["name"] for bench in inside):
            of_name = {bench["variant"]: bench for bench in inside if bench["name"] == name}
            last = of_name[list(of_name)[-1]]
            rows.append([name, *(speed(of_name[variant]) if variant in of_name else ""
                                 for variant in variants),
                         rows_per_second(last), last.get("note", "")])
        table = Table([group, *variants, f"rows, {variants[-1]}", "note"], rows)
        yield table.without_empty_columns()


def store_table(store):
    rows = []
    for name, median in store["medians"].items():
        opened = median.get("open")
        rows.append([name, f"{median['build']['wall_seconds']:.3f}",
                     f"{median['build']['cpu_seconds']:.3f}",
                     f"{opened['wall_seconds']:.3f}" if opened else "",
                     f"{median['size_bytes'] / 1e6:.1f}"])
    return Table(["on disk", "build s", "build cpu s", "open s", "MB"], rows)


def days_table(days):
    """What a day costs beside the first build, in processor seconds, and beside DuckDB."""
    first = days["medians"]["first"]["cpu_seconds"]
    theirs = days["duckdb"] or {}
    rows = []
    for name, median in days["medians"].items():
        peer = theirs.get(name, {"cpu_seconds": None})["cpu_seconds"]
        rows.append([name, *(f"{median[f'{phase}_cpu_seconds']:.3f}" for phase in DAY_PHASES),
                     f"{median['cpu_seconds']:.3f}", f"{median['cpu_seconds'] / first:.0%}",
                     f"{median['wall_seconds']:.3f}", f"{median['new_bytes'] / 1e6:.1f}",
                     f"{median['peak_bytes'] / 1e6:.0f}", f"{peer:.1f}" if peer else "",
                     f"{peer / median['cpu_seconds']:.0f}" if peer else ""])
    table = Table(["a day, 1 thread", *DAY_PHASES, "cpu s", "of first", "wall s", "MB new",
                   "peak MB", "DuckDB cpu s", "times ours"], rows)
    return table.without_empty_columns()


def facts_line(report):
    facts = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return (f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_bytes'] / 2**30:.0f} GiB, "
            f"Linux {facts['kernel']}, load {facts['load_before']:.2f} before; {versions}; "
            f"{report['measured_at']}")


def job_title(job, report):
    ratings = job["data"]["ratings"]
    return (f"{job['name']}: {ratings['n_lines'] - 1:,} ratings in "
            f"{ratings['size_bytes'] / 1e6:,.0f} MB, {report['threads']} threads, medians of "
            f"{job['n_runs']} runs")


def notes_of(job):
    for name, lines in job["disagreements"].items():
        yield f"answers, {OURS} and {name}: {'differ' if lines else 'agree'}"
        yield from (f"  {line}" for line in lines)
    for name, why in job["left_out"].items():
        yield f"{name}: left out, {why}"


def lines_of(report, is_markdown):
    def show(table):
        return table.markdown() if is_markdown else table.text()

    def paragraph(lines):
        # In Markdown lines of one paragraph would flow together.
        return [f"- {line}" for line in lines] if is_markdown else list(lines)

    yield facts_line(report)
    for job in report["jobs"]:
        yield from ["", job_title(job, report), "", *show(job_table(job)), ""]
        yield from [*show(phase_table(job, report["threads"])), "",
                    ratings_speed(job)]
        notes = paragraph(notes_of(job))
        if notes:
            yield from ["", *notes]
    if report["store"]:
        yield from ["", *show(store_table(report["store"]))]
    if report["days"]:
        yield from ["", *show(days_table(report["days"]))]
        notes = paragraph(report["days"]["disagreements"])
        if notes:
            yield from ["", *notes]
    for table in small_tables(report["small"]):
        yield from ["", *show(table)]
    failures = [f"{bench['name']} ({bench['variant']}): {bench['failure']}"
                for bench in report["small"] if "failure" in bench]
    if failures:
        yield from ["", *paragraph(failures)]
