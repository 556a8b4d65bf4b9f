"""Whether two engines gave the same models.

A peer writes models as CSV, rows in any order, and tells how many rows each model has. Rows are
matched by key. Counts, texts and times must be equal; numbers may be written in different ways
(`4.5`, `4.50`) and doubles may differ in their last digits.
"""

import csv

# Models that are compared cell by cell, with their keys; of the others the rows are counted.
KEYS = {
    "fact_movie_genre_ratings": ["movie_id", "genre"],
    "mart_movie_analytics": ["movie_id"],
    "mart_user_behavior": ["user_id"],
    "mart_genre_performance": ["genres"],
}

# An average is one division of a sum that a double holds exactly. Peers compute deviations in
# doubles over up to millions of rows, so their last digits depend on the order of rows.
TOLERANCE_AVERAGE = 1e-12
TOLERANCE_DEVIATION = 1e-9

N_SAMPLES = 3


def read_rows(path, keys):
    """The header and the rows by key."""
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        places = [header.index(key) for key in keys]
        return header, {tuple(row[place] for place in places): row for row in reader}


def is_same(ours, theirs, tolerance):
    if ours == theirs:
        return True
    try:
        a, b = float(ours), float(theirs)
    except ValueError:
        return False
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def differences_of_model(model, our_folder, their_folder):
    our_header, ours = read_rows(our_folder / f"{model}.csv", KEYS[model])
    their_header, theirs = read_rows(their_folder / f"{model}.csv", KEYS[model])
    if our_header != their_header:
        return [f"{model}: columns differ: {their_header}"]
    if ours.keys() != theirs.keys():
        return [f"{model}: keys differ: {sorted(ours.keys() ^ theirs.keys())[:N_SAMPLES]}"]
    found = []
    for place, name in enumerate(our_header):
        tolerance = TOLERANCE_DEVIATION if name.startswith("stddev") else TOLERANCE_AVERAGE
        wrong = [key for key, row in ours.items()
                 if not is_same(row[place], theirs[key][place], tolerance)]
        found += [f"{model}.{name}: {len(wrong)} rows differ, such as {', '.join(key)}: "
                  f"{ours[key][place]} · {theirs[key][place]}" for key in wrong[:1]]
    return found


def differences(our_folder, our_rows, their_folder, their_rows):
    """What differs, as lines of text. The two dicts say how many rows each model has."""
    found = [f"{model}: {our_rows[model]} rows · {n_theirs} rows"
             for model, n_theirs in their_rows.items() if our_rows[model] != n_theirs]
    for model in KEYS:
        found += differences_of_model(model, our_folder, their_folder)
    return found
