#!/usr/bin/env python3
"""Small random data sets with everything that the models must survive.

    make_dirty.py SEED DIR [--clean] [--large]

The same seed writes the same bytes. No row is one that the reader must refuse: the dirt is in what
the rows say (repeats, orphans, odd genres and titles) and in how a legal file may spell it (quotes,
line ends, column order, several daily files). A clean set has none of it: one file per table,
unique keys, no orphans; its rating rows may be permuted or split over files without a model
changing. A large set has more rows than a block of a column.
"""

import argparse
import pathlib
import random

COLUMNS = {
    "movies": ["movieId", "title", "genres"],
    "ratings": ["userId", "movieId", "rating", "timestamp"],
    "tags": ["userId", "movieId", "tag", "timestamp"],
    "links": ["movieId", "imdbId", "tmdbId"],
}

LARGEST_ID = 2147483647
FIRST_SECOND, LAST_SECOND = -62135596800, 253402300799
DAY = 86400

# In the order of their dates, which is not the order of their names; one is a leap day.
DAILY_DATES = ["31012024", "01022024", "29022024", "05012025", "27012026"]

GENRES = ["Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama",
          "Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi",
          "Thriller", "War", "Western"]
# Names whose order or identity is easy to get wrong: case, prefixes, two normal forms of a letter,
# the placeholder itself.
ODD_GENRES = ["action", "Action ", "Act", "Drama, Crime", 'The "New" Wave', "Éclair",
              "E\u0301clair", "喜劇", "(no genres listed)", "Sci Fi", "\u00a0Drama", "\vNoir", "#1"]
# NULL, empty, only blank pieces, repeats, white space that is trimmed and that is not.
ODD_GENRE_LISTS = [None, "", "|", " | \t|", "Drama||Drama| Comedy \t|", "|Comedy|comedy|Comedy",
                   "\tDrama |Drama", "(no genres listed)", "(no genres listed)|Drama",
                   "Drama\n|Drama", "Comedy\r|Comedy"]

WORDS = ["Night", "the", "Love", "War", "Été", "千と千尋", "Ночь", "of", "Naïve", "Returns", "II", "🎬",
         "No. 5", "#1"]
ODD_YEARS = ["(2006–2007)", "(0000)", "(1999) ", "(1999)\t", "(1999)\v", "(1999)\f",
             "(1999)\r\n", "(1999)\n \n", "(1999)\u00a0", "(1999)x", "(199)", "(19999)", "((1999))",
             "(1899) (2029)", "(2030)", "(9999)", "(1979)", "(1980)", "( 1999)", "1999", "",
             "(１９９９)", "(1999", "(2019) (TV)"]
ODD_TITLES = [None, "", " ", '"', '""', "a,b", ",", "two\nlines (2001)", "two\r\nlines (2001)",
              "lone\rreturn", "(1984)", "NULL", "null", "\\N", "'quoted'", " leading blank (1990)",
              "\ufeffmark"]
ODD_TAGS = [None, "", " ", "Funny", "funny", "funny ", "a,b", 'say "hi"', "two\nlines",
            "two\r\nlines", "\r", "née", "NULL", "é", "e\u0301", "#", "0"]


HALF_STARS = [str(half / 2) for half in range(1, 11)]
ODD_RATINGS = ["-9999.99", "9999.99", "0", "-0.0", "-0.01", "4.50", "004", "3.99", "2"]
ODD_SECONDS = [FIRST_SECOND, FIRST_SECOND + DAY - 1, -DAY - 1, -DAY, -1, 0, DAY - 1, DAY,
               LAST_SECOND]


class Maker:
    def __init__(self, seed, clean, large):
        self.random = random.Random(f"{seed} {clean} {large}")
        self.clean = clean
        self.choose_size(large)
        self.genres = list(GENRES)
        if self.n_movies >= 80 and self.chance(0.6):
            n_more = self.random.choice([44, 45, 46, 120])  # 63, 64, 65 or more, without the odd
            self.genres += [f"Genre {number:03d}" for number in range(n_more)]
        if not clean:
            self.genres += ODD_GENRES
        # Few distinct ratings make many ties of the preferred genre.
        self.ratings = self.random.choice([["4.0"], ["3.5", "4.0"], HALF_STARS])
        if not clean and self.chance(0.4):
            self.ratings = self.ratings + ODD_RATINGS

    def choose_size(self, large):
        if large:
            self.n_movies, self.n_users, self.n_ratings, self.n_tags = 3000, 2000, 150000, 20000
            return
        medium = self.chance(0.25)
        self.n_movies = self.random.choice([2, 30, 300] if medium else [1, 5, 30, 80])
        self.n_users = self.random.choice([3, 40, 400] if medium else [1, 3, 20, 40])
        self.n_ratings = self.random.choice([5000, 20000] if medium else [3, 40, 400])
        self.n_tags = self.random.choice([0, 2000] if medium else [0, 5, 60])
        if self.dirt(0.05):
            self.n_ratings = 0
        if self.dirt(0.05):
            self.n_movies = 0

    def chance(self, probability):
        return self.random.random() < probability

    def dirt(self, probability):
        return not self.clean and self.chance(probability)

    def ids(self, n):
        """n different ids: dense, sparse, or at the far end of the range."""
        high_end = (LARGEST_ID - 5 * n - 10, LARGEST_ID)
        low, high = self.random.choice([(1, 2 * n + 1), (1, 300000), high_end])
        ids = self.random.sample(range(low, high + 1), n)
        if n > 2 and self.dirt(0.3):
            ids[:2] = [1, LARGEST_ID]
        return list(dict.fromkeys(ids))

    # --- rows: lists of text, None for NULL ------------------------------------------------------

    def title(self):
        if self.dirt(0.15):
            return self.random.choice(ODD_TITLES)
        words = " ".join(self.random.choices(WORDS, k=self.random.randint(1, 4)))
        if self.dirt(0.3):
            return f"{words} {self.random.choice(ODD_YEARS)}"
        return f"{words} ({self.random.randint(1960, 2032)})"

    def genre_list(self):
        if self.dirt(0.25):
            return self.random.choice(ODD_GENRE_LISTS)
        many = 70 if self.chance(0.02) else 5
        pieces = self.random.choices(self.genres, k=self.random.randint(1, many))
        return "|".join(dict.fromkeys(pieces) if self.clean else pieces)

    def movie(self, movie_id):
        return [str(movie_id), self.title(), self.genre_list()]

    def second(self):
        if self.dirt(0.1):
            return self.random.choice(ODD_SECONDS)
        if self.dirt(0.1):
            return self.random.randint(FIRST_SECOND, LAST_SECOND)
        day = self.random.choice(self.days)
        return day * DAY + self.random.choice([0, 1, DAY - 1, self.random.randrange(DAY)])

    def rating(self):
        user, movie = self.random.choice(self.users), self.random.choice(self.rated)
        return [str(user), str(movie), self.random.choice(self.ratings), str(self.second())]

    def tag(self):
        text = f"tag {self.random.randint(1, 30)}"
        if self.dirt(0.4):
            text = self.random.choice(ODD_TAGS)
        user, movie = self.random.choice(self.taggers), self.random.choice(self.rated)
        return [str(user), str(movie), text, str(self.second())]

    def link(self, movie_id):
        imdb = f"{self.random.randint(1, 9999999):07d}"
        tmdb = str(self.random.randint(1, 999999))
        if self.dirt(0.2):
            imdb = self.random.choice([None, "", "0000001", "tt01"])
        if self.dirt(0.2):
            tmdb = self.random.choice([None, ""])
        return [str(movie_id), imdb, tmdb]

    def tables(self):
        movie_ids, user_ids = self.ids(self.n_movies), self.ids(self.n_users)
        n_days = self.random.choice([1, 4, 50])
        self.days = [self.random.randint(9000, 20000) for _ in range(n_days)]
        if self.dirt(0.2):
            self.days = [day - 15000 for day in self.days]
        self.users = self.taggers = user_ids
        self.rated = movie_ids[: max(1, len(movie_ids) * 4 // 5)]
        if not self.clean:
            self.taggers = user_ids + self.ids(3)  # users with tags only
            self.rated = self.rated + self.ids(3)  # movies that movies.csv does not have
        tables = {
            "movies": [self.movie(movie_id) for movie_id in movie_ids],
            "ratings": [self.rating() for _ in range(self.n_ratings)],
            "tags": [self.tag() for _ in range(self.n_tags)],
            "links": [self.link(movie_id) for movie_id in movie_ids if not self.dirt(0.2)],
        }
        if self.clean:
            tables["ratings"] = unique(tables["ratings"], key=lambda row: (row[0], row[1], row[3]))
            tables["tags"] = unique(tables["tags"], key=tuple)
        else:
            self.add_repeats(tables)
        self.arrange(tables)
        return tables

    def add_repeats(self, tables):
        """Rows that repeat a key: as they are, with another value, or a second earlier or later."""
        for _ in range(self.random.randint(0, 3 + self.n_ratings // 5)):
            row = list(self.random.choice(tables["ratings"] or [self.rating()]))
            kind = self.random.randrange(3)
            if kind == 1:
                row[2] = self.random.choice(self.ratings)
            if kind == 2 and int(row[3]) < LAST_SECOND:
                row[3] = str(int(row[3]) + 1)
            tables["ratings"].append(row)
        for name, again in (("movies", self.movie), ("links", self.link)):
            for row in self.random.sample(tables[name], len(tables[name]) // 6):
                tables[name].append(again(row[0]))
        for row in self.random.sample(tables["tags"], len(tables["tags"]) // 6):
            tables["tags"].append(list(row))
        if self.chance(0.5):
            tables["links"].append(self.link(self.random.randint(1, LARGEST_ID)))

    def arrange(self, tables):
        """Sorted as the published files are, sorted but for a few rows, or in no order."""
        order = self.random.choice(["sorted", "nearly", "none"])
        for table, rows in tables.items():
            n_keys = COLUMNS[table].index("movieId") + 1
            if order != "none":
                rows.sort(key=lambda row: [int(text) for text in row[:n_keys]])
            if order == "nearly" and rows:
                moved = rows.pop(self.random.randrange(len(rows)))
                rows.insert(self.random.randint(0, len(rows)), moved)

    # --- files -----------------------------------------------------------------------------------

    def files(self):
        """{file name: bytes}: one plain file per table, or its rows over plain and daily files."""
        contents = {}
        daily = self.dirt(0.5)
        for table, rows in self.tables().items():
            if table in ("tags", "links") and self.dirt(0.15):
                continue
            if table in ("tags", "links") and self.dirt(0.1):
                rows = []
            if daily and self.chance(0.8):
                contents.update(self.daily_files(table, rows))
            else:
                contents[f"{table}.csv"] = self.csv(table, rows)
        return contents

    def daily_files(self, table, rows):
        """Several files that overlap; now and then the last one is the first one over again."""
        n_dates = self.random.randint(1, 4)
        dates = [date for date in DAILY_DATES if self.chance(0.6)][:n_dates] or DAILY_DATES[:1]
        names = [f"{date}_{table}.csv" for date in dates]
        if self.chance(0.6):
            names.insert(0, f"{table}.csv")
        cuts = sorted(self.random.randint(0, len(rows)) for _ in names[1:])
        contents = {}
        for name, start, end in zip(names, [0] + cuts, cuts + [len(rows)]):
            overlap = self.random.sample(rows[:start], min(start, self.random.randint(0, 9)))
            again = [self.sent_again(table, row) for row in overlap]
            contents[name] = self.csv(table, again + rows[start:end])
        if self.chance(0.4):
            contents[names[-1]] = contents[names[0]]
        return contents

    def sent_again(self, table, row):
        """The row as it was, or with the same key and other values."""
        if self.chance(0.3) or table == "tags":
            return row
        if table == "ratings":
            return [row[0], row[1], self.random.choice(self.ratings), row[3]]
        return self.movie(row[0]) if table == "movies" else self.link(row[0])

    def csv(self, table, rows):
        columns = COLUMNS[table]
        order = list(range(len(columns)))
        if self.dirt(0.3):
            self.random.shuffle(order)
        line_ends = self.random.choice([["\n"], ["\r\n"]])
        if self.dirt(0.2):
            line_ends = ["\n", "\r\n"]
        quoting = self.random.choice([0, 0, 0.1, 1]) if not self.clean else 0
        blank_lines = 0.05 if self.dirt(0.2) else 0

        lines = [",".join(self.field(columns[place], quoting) for place in order)]
        for row in rows:
            while self.chance(blank_lines):
                lines.append("")
            lines.append(",".join(self.field(row[place], quoting) for place in order))
        text = "".join(line + self.random.choice(line_ends) for line in lines)
        if self.dirt(0.2):
            text = text.removesuffix("\n").removesuffix("\r")
        if self.dirt(0.2):
            text = "\ufeff" + text
        return text.encode()

    def field(self, value, quoting):
        if value is None:
            return ""
        if value == "" or any(c in value for c in ',"\r\n') or self.chance(quoting):
            return '"' + value.replace('"', '""') + '"'
        return value


def unique(rows, key):
    return list({key(row): row for row in rows}.values())


def make(seed, directory, clean=False, large=False):
    """Writes the set of a seed into a new or empty directory."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in Maker(seed, clean, large).files().items():
        (directory / name).write_bytes(content)


def main():
    parser = argparse.ArgumentParser(description="Writes a random data set full of legal dirt.")
    parser.add_argument("seed", type=int)
    parser.add_argument("directory")
    parser.add_argument("--clean", action="store_true", help="unique keys, no orphans, plain files")
    parser.add_argument("--large", action="store_true", help="150,000 ratings")
    arguments = parser.parse_args()
    make(arguments.seed, arguments.directory, arguments.clean, arguments.large)


if __name__ == "__main__":
    main()
