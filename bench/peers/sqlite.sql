-- The main job in SQLite's command line program, as one would write it: its own CSV import into
-- typed tables in memory, one table per model. Facts have their key as primary key and no rowid, so
-- they are in order and groups along the key need no sort.
--
-- Run in the folder that holds the four CSVs. The import knows no NULL: an empty field is made NULL
-- where it matters. Ratings are REAL, which holds half stars and their sums exactly; times stay
-- seconds until a mart shows them.

PRAGMA journal_mode = off;
PRAGMA synchronous = off;
PRAGMA temp_store = memory;
PRAGMA cache_size = -1000000;

-- Bronze.
CREATE TABLE movies (movieId INTEGER, title TEXT, genres TEXT);
CREATE TABLE ratings (userId INTEGER, movieId INTEGER, rating REAL, timestamp INTEGER);
CREATE TABLE tags (userId INTEGER, movieId INTEGER, tag TEXT, timestamp INTEGER);
CREATE TABLE links (movieId INTEGER, imdbId TEXT, tmdbId TEXT);
.import --csv --skip 1 movies.csv movies
.import --csv --skip 1 ratings.csv ratings
.import --csv --skip 1 tags.csv tags
.import --csv --skip 1 links.csv links

-- Silver. Rows replace those with the same key that were loaded before them.
CREATE TABLE latest_movies (movieId INTEGER PRIMARY KEY, title TEXT, genres TEXT);
INSERT OR REPLACE INTO latest_movies
SELECT movieId, nullif(title, ''), nullif(genres, '') FROM movies ORDER BY rowid;
CREATE TABLE latest_links (movieId INTEGER PRIMARY KEY, imdbId TEXT, tmdbId TEXT);
INSERT OR REPLACE INTO latest_links
SELECT movieId, nullif(imdbId, ''), nullif(tmdbId, '') FROM links ORDER BY rowid;

CREATE TABLE dim_users (user_id INTEGER PRIMARY KEY);
INSERT INTO dim_users SELECT userId FROM ratings UNION SELECT userId FROM tags;

CREATE TABLE dim_movies (
    movie_id INTEGER, place INTEGER, title TEXT, year INTEGER, genre TEXT, genre_count INTEGER,
    imdb_id TEXT, tmdb_id TEXT, PRIMARY KEY (movie_id, place)
) WITHOUT ROWID;
WITH RECURSIVE pieces (movieId, place, genre, rest) AS (
    SELECT movieId, 0, '', coalesce(genres, '') || '|' FROM latest_movies
    UNION ALL
    SELECT movieId, place + 1, trim(substr(rest, 1, instr(rest, '|') - 1), ' ' || char(9)),
           substr(rest, instr(rest, '|') + 1)
    FROM pieces WHERE rest <> ''
),
named AS (
    SELECT movieId, min(place) AS place, genre FROM pieces WHERE genre <> '' GROUP BY movieId, genre
),
trimmed AS (
    SELECT movieId, title, rtrim(title, ' ' || char(9, 10, 11, 12, 13)) AS bare FROM latest_movies
)
INSERT INTO dim_movies
SELECT m.movieId, coalesce(g.place, 1), m.title,
       CASE WHEN m.bare GLOB '*([0-9][0-9][0-9][0-9])'
            THEN CAST(substr(m.bare, -5, 4) AS INTEGER) END,
       coalesce(g.genre, '(no genres listed)'), count(*) OVER (PARTITION BY m.movieId), l.imdbId,
       l.tmdbId
FROM trimmed m LEFT JOIN named g USING (movieId) LEFT JOIN latest_links l USING (movieId);
CREATE INDEX dim_movies_genre ON dim_movies (movie_id, genre);

CREATE TABLE fact_ratings (
    user_id INTEGER, movie_id INTEGER, created_at INTEGER, rating REAL,
    PRIMARY KEY (user_id, movie_id, created_at)
) WITHOUT ROWID;
INSERT OR REPLACE INTO fact_ratings
SELECT userId, movieId, timestamp, rating FROM ratings
WHERE movieId IN (SELECT movieId FROM latest_movies) ORDER BY rowid;

CREATE TABLE fact_tags (
    user_id INTEGER, movie_id INTEGER, tag TEXT, created_at INTEGER,
    PRIMARY KEY (user_id, movie_id, tag, created_at)
) WITHOUT ROWID;
INSERT OR IGNORE INTO fact_tags
SELECT userId, movieId, tag, timestamp FROM tags
WHERE tag <> '' AND movieId IN (SELECT movieId FROM latest_movies);

-- Groups that several models share.
CREATE TEMP TABLE movie_ratings (
    movie_id INTEGER PRIMARY KEY, n INTEGER, total REAL, squares REAL, low REAL, high REAL,
    first_at INTEGER, last_at INTEGER
);
INSERT INTO movie_ratings
SELECT movie_id, count(*), sum(rating), sum(rating * rating), min(rating), max(rating),
       min(created_at), max(created_at)
FROM fact_ratings GROUP BY movie_id;

CREATE TEMP TABLE user_genres (
    user_id INTEGER, genre TEXT, n INTEGER, total REAL, PRIMARY KEY (user_id, genre)
) WITHOUT ROWID;
INSERT INTO user_genres
SELECT f.user_id, d.genre, count(*), sum(f.rating)
FROM fact_ratings f JOIN dim_movies d USING (movie_id) GROUP BY f.user_id, d.genre;

CREATE TABLE fact_movie_genre_ratings AS
SELECT d.movie_id, d.genre, d.title, d.year, r.n AS total_ratings, r.total / r.n AS avg_rating,
       r.low AS min_rating, r.high AS max_rating
FROM dim_movies d JOIN movie_ratings r USING (movie_id);

-- Gold.
CREATE TABLE mart_movie_analytics AS
WITH listed AS (
    SELECT movie_id, title, year, genre_count, group_concat(genre, '|') AS genres
    FROM (SELECT * FROM dim_movies ORDER BY movie_id, place) GROUP BY movie_id
),
tagged AS (
    SELECT movie_id, count(*) AS n, count(DISTINCT user_id) AS taggers, min(created_at) AS first_at,
           max(created_at) AS last_at
    FROM fact_tags GROUP BY movie_id
)
SELECT m.movie_id, m.title, m.year, m.genres, m.genre_count, coalesce(r.n, 0) AS total_ratings,
       r.total / r.n AS avg_rating, r.low AS min_rating, r.high AS max_rating,
       CASE WHEN r.n >= 2
            THEN sqrt((r.n * r.squares - r.total * r.total) / (r.n * (r.n - 1))) END
           AS stddev_rating,
       datetime(r.first_at, 'unixepoch') AS first_rating_date,
       datetime(r.last_at, 'unixepoch') AS last_rating_date,
       r.last_at / 86400 - r.first_at / 86400 AS rating_span_days,
       coalesce(t.n, 0) AS total_tags, coalesce(t.taggers, 0) AS unique_taggers,
       datetime(t.first_at, 'unixepoch') AS first_tag_date,
       datetime(t.last_at, 'unixepoch') AS last_tag_date,
       CASE WHEN r.n >= 10000 THEN 'Highly Popular' WHEN r.n >= 5000 THEN 'Very Popular'
            WHEN r.n >= 1000 THEN 'Popular' WHEN r.n >= 100 THEN 'Moderately Popular'
            WHEN r.n >= 1 THEN 'Niche' ELSE 'Unrated' END AS popularity_tier,
       CASE WHEN r.n >= 100 THEN 'Highly Rated' WHEN r.n >= 50 THEN 'Well Rated'
            WHEN r.n >= 10 THEN 'Moderately Rated' WHEN r.n >= 1 THEN 'Limited Ratings'
            ELSE 'Unrated' END AS rating_tier,
       CASE WHEN r.total >= 4.0 * r.n THEN 'Excellent' WHEN r.total >= 3.5 * r.n THEN 'Good'
            WHEN r.total >= 3.0 * r.n THEN 'Average' WHEN r.total >= 2.0 * r.n THEN 'Below Average'
            WHEN r.total < 2.0 * r.n THEN 'Poor' ELSE 'Unrated' END AS quality_tier
FROM listed m LEFT JOIN movie_ratings r USING (movie_id) LEFT JOIN tagged t USING (movie_id);

CREATE TABLE mart_user_behavior AS
WITH rated AS (
    SELECT user_id, count(*) AS n, count(DISTINCT movie_id) AS movies, sum(rating) AS total,
           sum(rating * rating) AS squares, min(rating) AS low, max(rating) AS high,
           min(created_at) AS first_at, max(created_at) AS last_at,
           count(DISTINCT created_at / 86400) AS days
    FROM fact_ratings GROUP BY user_id
),
tagged AS (
    SELECT user_id, count(*) AS n, count(DISTINCT movie_id) AS movies, min(created_at) AS first_at,
           max(created_at) AS last_at
    FROM fact_tags GROUP BY user_id
),
preferred AS (
    SELECT user_id, genre, n, total / n AS average,
           row_number() OVER (PARTITION BY user_id ORDER BY n DESC, total DESC, genre) AS place
    FROM user_genres
)
SELECT u.user_id, coalesce(r.n, 0) AS total_ratings, coalesce(r.movies, 0) AS unique_movies_rated,
       r.total / r.n AS avg_rating_given, r.low AS min_rating_given, r.high AS max_rating_given,
       CASE WHEN r.n >= 2
            THEN sqrt((r.n * r.squares - r.total * r.total) / (r.n * (r.n - 1))) END
           AS stddev_rating,
       datetime(r.first_at, 'unixepoch') AS first_rating_date,
       datetime(r.last_at, 'unixepoch') AS last_rating_date,
       r.last_at / 86400 - r.first_at / 86400 AS rating_span_days,
       coalesce(r.days, 0) AS active_days, CAST(r.n AS REAL) / r.days AS avg_ratings_per_day,
       coalesce(t.n, 0) AS total_tags, coalesce(t.movies, 0) AS unique_movies_tagged,
       datetime(t.first_at, 'unixepoch') AS first_tag_date,
       datetime(t.last_at, 'unixepoch') AS last_tag_date,
       p.genre AS preferred_genre, coalesce(p.n, 0) AS preferred_genre_count,
       p.average AS preferred_genre_avg_rating,
       CASE WHEN p.n >= 500 THEN 'Very High' WHEN p.n >= 100 THEN 'High'
            WHEN p.n >= 20 THEN 'Medium' WHEN p.n >= 1 THEN 'Low'
            ELSE 'None' END AS genre_engagement,
       CASE WHEN r.n >= 1000 THEN 'Power' WHEN r.n >= 500 THEN 'Heavy' WHEN r.n >= 100 THEN 'Active'
            WHEN r.n >= 20 THEN 'Regular' ELSE 'Light' END AS user_segment,
       CASE WHEN r.total >= 4.0 * r.n THEN 'Positive Rater'
            WHEN r.total >= 3.0 * r.n THEN 'Neutral Rater'
            WHEN r.total < 3.0 * r.n THEN 'Critical Rater' ELSE 'No Ratings' END AS rating_style
FROM dim_users u LEFT JOIN rated r USING (user_id) LEFT JOIN tagged t USING (user_id)
LEFT JOIN preferred p ON p.user_id = u.user_id AND p.place = 1;

CREATE TABLE mart_genre_performance AS
WITH listed AS (
    SELECT genre, count(*) AS movies,
           count(*) FILTER (WHERE year BETWEEN 2020 AND 2029) AS in_2020s,
           count(*) FILTER (WHERE year BETWEEN 2010 AND 2019) AS in_2010s,
           count(*) FILTER (WHERE year BETWEEN 2000 AND 2009) AS in_2000s,
           count(*) FILTER (WHERE year BETWEEN 1990 AND 1999) AS in_1990s,
           count(*) FILTER (WHERE year BETWEEN 1980 AND 1989) AS in_1980s,
           count(*) FILTER (WHERE year < 1980) AS before_1980,
           count(*) FILTER (WHERE year IS NULL OR year >= 2030) AS other_year
    FROM dim_movies GROUP BY genre
),
rated AS (
    SELECT d.genre, count(*) AS movies, sum(r.n) AS n, sum(r.total) AS total,
           sum(r.squares) AS squares, min(r.low) AS low, max(r.high) AS high,
           min(r.first_at) AS first_at, max(r.last_at) AS last_at
    FROM movie_ratings r JOIN dim_movies d USING (movie_id) GROUP BY d.genre
),
raters AS (
    SELECT genre, count(*) AS raters FROM user_genres GROUP BY genre
),
tagged AS (
    SELECT d.genre, count(*) AS n, count(DISTINCT f.user_id) AS taggers
    FROM fact_tags f JOIN dim_movies d USING (movie_id) GROUP BY d.genre
)
SELECT l.genre AS genres, l.movies AS total_movies, coalesce(r.movies, 0) AS rated_movies,
       coalesce(r.n, 0) AS total_ratings, coalesce(u.raters, 0) AS unique_raters,
       r.total / r.n AS avg_rating, r.low AS min_rating, r.high AS max_rating,
       CASE WHEN r.n >= 2
            THEN sqrt((r.n * r.squares - r.total * r.total) / (r.n * (r.n - 1))) END
           AS stddev_rating,
       datetime(r.first_at, 'unixepoch') AS first_rating_date,
       datetime(r.last_at, 'unixepoch') AS last_rating_date,
       r.last_at / 86400 - r.first_at / 86400 AS rating_span_days,
       coalesce(t.n, 0) AS total_tags, coalesce(t.taggers, 0) AS unique_taggers,
       l.in_2020s AS movies_2020s, l.in_2010s AS movies_2010s, l.in_2000s AS movies_2000s,
       l.in_1990s AS movies_1990s, l.in_1980s AS movies_1980s, l.before_1980 AS movies_before_1980,
       l.other_year AS movies_other_year,
       CAST(coalesce(r.n, 0) AS REAL) / l.movies AS avg_ratings_per_movie,
       CASE WHEN r.n >= 100000 THEN 'Highly Popular' WHEN r.n >= 50000 THEN 'Very Popular'
            WHEN r.n >= 10000 THEN 'Popular' WHEN r.n >= 1000 THEN 'Moderately Popular'
            WHEN r.n >= 1 THEN 'Niche' ELSE 'Unrated' END AS popularity_tier,
       CASE WHEN r.total >= 3.8 * r.n THEN 'Top Rated' WHEN r.total >= 3.5 * r.n THEN 'Well Rated'
            WHEN r.total >= 3.2 * r.n THEN 'Average Rated'
            WHEN r.total < 3.2 * r.n THEN 'Below Average' ELSE 'Unrated' END AS quality_tier
FROM listed l LEFT JOIN rated r USING (genre) LEFT JOIN raters u USING (genre)
LEFT JOIN tagged t USING (genre);
