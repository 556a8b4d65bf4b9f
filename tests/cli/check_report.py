#!/usr/bin/env python3
"""The page of `medallion report`, opened in headless Chromium: what it shows, and that its console is
silent. Without Chromium only the page's text is checked, and the test counts as skipped.

Usage: check_report.py MEDALLION
"""
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77

FILES = {
    "movies.csv": "movieId,title,genres\n1,Heat (1995),Action|Crime\n"
                  "2,</script><b>Bold</b> & <!-- Odd (2009),Comedy\n3,Lost Film,\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.0,100\n1,2,9.5,200\n2,1,3.5,300\n",
    "tags.csv": "userId,movieId,tag,timestamp\n1,1,slow,400\n",
    "links.csv": "movieId,imdbId,tmdbId\n1,0113277,949\n",
}
LATER = {"01022026_ratings.csv": "userId,movieId,rating,timestamp\n3,2,2.0,1769900000\n"}


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words} ended with {done.returncode}:\n{done.stderr}")
    return done


def browse(chromium, page, profile, width, dark=False):
    scheme = "0" if dark else "1"
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               f"--user-data-dir={profile}", f"--window-size={width},900", "--virtual-time-budget=3000",
               f"--blink-settings=preferredColorScheme={scheme}", "--enable-logging=stderr", "--v=0",
               "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


def text_of(dom):
    body = re.sub(r"<script.*?</script>", " ", dom[dom.index("<body"):], flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def check(holds, what, faults):
    if not holds:
        faults.append(what)


def check_file(text, faults):
    check("{{" not in text, "a placeholder is left in the page", faults)
    check(not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text), "the page refers to the network", faults)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1)
    check("<" not in data, "the data could end its element", faults)
    return json.loads(data)


def check_dom(dom, data, faults):
    shown = text_of(dom)
    for model in data["models"]:
        check(model["name"] in shown, f"{model['name']} is not shown", faults)
    for section in ("At a glance", "Runs", "Data quality", "Lineage", "Rows over time", "Snapshot changes",
                    "Store", "Tables and columns"):
        check(f" {section} " in shown, f"there is no section {section}", faults)
    check("</script><b>Bold</b> & <!-- Odd (2009)" in shown, "a title is not shown as it is", faults)
    check("<b>Bold</b>" not in dom[dom.index("</script>"):], "a title became markup", faults)
    check("2000s" in shown and "1990s" in shown, "movies by decade are not shown", faults)
    check(dom.count('class="node"') >= len(data["models"]), "the lineage lacks tables", faults)


def check_without_marts(medallion, chromium, root, faults):
    """A store in which no mart was built yet, and a heading that looks like markup."""
    store, page, heading = root / "no_marts", root / "no_marts.html", "</title><b>A & B</b>"
    run(medallion, "build", root / "data", "--store", store, "--quiet", "--select=+dim_users")
    run(medallion, "report", "--store", store, "--out", page, "--title", heading)
    data = check_file(page.read_text(encoding="utf-8"), faults)
    check(data["tops"] == [] and not any(data["charts"].values()), "there are figures of marts", faults)
    if chromium:
        seen = browse(chromium, page, root / "profile-no-marts", 390)
        check("CONSOLE" not in seen.stderr, f"the console says {seen.stderr}", faults)
        shown = text_of(seen.stdout)
        check(heading in shown, "the heading is not shown as it is", faults)
        check(" Lineage " in shown and " At a glance " not in shown, "sections without marts", faults)


def main():
    medallion = sys.argv[1]
    chromium = shutil.which("chromium")
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "data").mkdir()
        for name, text in FILES.items():
            (root / "data" / name).write_text(text, encoding="utf-8")
        for name, text in LATER.items():
            (root / name).write_text(text, encoding="utf-8")
        store, page = root / "store", root / "report.html"
        run(medallion, "build", root / "data", "--store", store, "--quiet", "--run-time", "2026-01-31 10:00:00")
        run(medallion, "build", root / "01022026_ratings.csv", "--store", store, "--quiet",
            "--run-time", "2026-02-01 10:00:00")
        run(medallion, "report", "--store", store, "--out", page)
        data = check_file(page.read_text(encoding="utf-8"), faults)
        check([r["run_id"] for r in data["runs"]] == [1, 2], "the runs are not there", faults)
        changes = {s["name"]: s["changes"] for s in data["snapshots"]}["snap_mart_movie_analytics"]
        check(changes[0] == {"at": "2026-02-01 10:00:00", "entered": 1, "inserted": 0, "deleted": 0, "ended": 1},
              f"the second run's changes are {changes[0]}", faults)
        check(changes[1]["inserted"] == 3, f"the first run's changes are {changes[1]}", faults)
        for width, dark in ((1280, False), (390, True)) if chromium else ():
            seen = browse(chromium, page, root / f"profile-{width}", width, dark)
            console = [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
            check(not console, f"the console says {console}", faults)
            check_dom(seen.stdout, data, faults)
        check_without_marts(medallion, chromium, root, faults)
    for fault in faults:
        print(fault)
    if faults:
        return 1
    if chromium is None:
        print("skipped: there is no chromium to open the page in")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
