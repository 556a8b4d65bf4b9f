-- The main job as one would write it for DuckDB: typed columns, its own parallel CSV reader, one
-- table per model.
--
-- Run in the folder that holds the four CSVs. Row order is left to the engine: libmedallion's
-- models come out ordered, which is not asked of DuckDB.

-- Bronze. An unquoted empty field is NULL, a quoted one the empty string. Quote and escape are
-- named because the sniffer reads the first lines only, and meets no doubled quote there.
CREATE TABLE movies AS
FROM read_csv('movies.csv', header = true, quote = '"', escape = '"', allow_quoted_nulls = false,
              columns = {'movieId': 'INTEGER', 'title': 'VARCHAR', 'genres': 'VARCHAR'});

CREATE TABLE ratings AS
FROM read_csv('ratings.csv', header = true,
              columns = {'userId': 'INTEGER', 'movieId': 'INTEGER', 'rating': 'DECIMAL(9,2)',
                         'timestamp': 'BIGINT'});

CREATE TABLE tags AS
FROM read_csv('tags.csv', header = true, quote = '"', escape = '"', allow_quoted_nulls = false,
              columns = {'userId': 'INTEGER', 'movieId': 'INTEGER', 'tag': 'VARCHAR',
                         'timestamp': 'BIGINT'});

CREATE TABLE links AS
FROM read_csv('links.csv', header = true, quote = '"', escape = '"', allow_quoted_nulls = false,
              columns = {'movieId': 'INTEGER', 'imdbId': 'VARCHAR', 'tmdbId': 'VARCHAR'});

-- Silver, staging. The row number says which of two repeats was loaded last.
CREATE VIEW src_ratings AS
SELECT userId, movieId, rating, make_timestamp(timestamp * 1000000) AS timestamp,
       rowid AS load_order
FROM ratings;

CREATE VIEW src_tags AS
SELECT userId, movieId, tag, make_timestamp(timestamp * 1000000) AS timestamp FROM tags;

-- Silver, dimensions and facts.
CREATE TABLE dim_users AS
SELECT userId AS user_id FROM src_ratings UNION SELECT userId FROM src_tags;

CREATE TABLE dim_movies AS
WITH latest_movies AS (
    FROM movies QUALIFY row_number() OVER (PARTITION BY movieId ORDER BY rowid DESC) = 1
),
latest_links AS (
    FROM links QUALIFY row_number() OVER (PARTITION BY movieId ORDER BY rowid DESC) = 1
),
pieces AS (
    SELECT movieId, unnest(string_split(genres, '|')) AS piece,
           generate_subscripts(string_split(genres, '|'), 1) AS place
    FROM latest_movies
),
genres AS (
    SELECT movieId, trim(piece, e' \t') AS genre, min(place) AS place
    FROM pieces WHERE trim(piece, e' \t') <> '' GROUP BY ALL
)
SELECT m.movieId AS movie_id, m.title,
       TRY_CAST(regexp_extract(m.title, '\((\d{4})\)[\s\v]*$', 1) AS INTEGER) AS year,
       coalesce(g.genre, '(no genres listed)') AS genre,
       (count(*) OVER (PARTITION BY m.movieId))::INTEGER AS genre_count,
       l.imdbId AS imdb_id, l.tmdbId AS tmdb_id, coalesce(g.place, 1) AS place
FROM latest_movies m
LEFT JOIN genres g USING (movieId)
LEFT JOIN latest_links l USING (movieId);

CREATE TABLE fact_ratings AS
SELECT r.userId AS user_id, r.movieId AS movie_id, r.rating, r.timestamp AS created_at
FROM src_ratings r
SEMI JOIN dim_movies m ON m.movie_id = r.movieId
SEMI JOIN dim_users u ON u.user_id = r.userId
QUALIFY row_number() OVER (PARTITION BY r.userId, r.movieId, r.timestamp
                           ORDER BY r.load_order DESC) = 1;

CREATE TABLE fact_tags AS
SELECT DISTINCT t.userId AS user_id, t.movieId AS movie_id, t.tag, t.timestamp AS created_at
FROM src_tags t
SEMI JOIN dim_movies m ON m.movie_id = t.movieId
SEMI JOIN dim_users u ON u.user_id = t.userId
WHERE t.tag IS NOT NULL;

CREATE TABLE fact_movie_genre_ratings AS
SELECT d.movie_id, d.genre, any_value(d.title) AS title, any_value(d.year) AS year,
       count(*) AS total_ratings, avg(f.rating) AS avg_rating, min(f.rating) AS min_rating,
       max(f.rating) AS max_rating
FROM dim_movies d JOIN fact_ratings f USING (movie_id)
GROUP BY d.movie_id, d.genre;

-- Gold.
CREATE TABLE mart_movie_analytics AS
WITH movies AS (
    SELECT movie_id, any_value(title) AS title, any_value(year) AS year,
           string_agg(genre, '|' ORDER BY place) AS genres, any_value(genre_count) AS genre_count
    FROM dim_movies GROUP BY movie_id
),
rated AS (
    SELECT movie_id, count(*) AS n, avg(rating) AS average, min(rating) AS low, max(rating) AS high,
           stddev_samp(rating) AS deviation, min(created_at) AS first_at, max(created_at) AS last_at
    FROM fact_ratings GROUP BY movie_id
),
tagged AS (
    SELECT movie_id, count(*) AS n, count(DISTINCT user_id) AS taggers, min(created_at) AS first_at,
           max(created_at) AS last_at
    FROM fact_tags GROUP BY movie_id
)
SELECT m.movie_id, m.title, m.year, m.genres, m.genre_count, coalesce(r.n, 0) AS total_ratings,
       r.average AS avg_rating, r.low AS min_rating, r.high AS max_rating,
       r.deviation AS stddev_rating, r.first_at AS first_rating_date,
       r.last_at AS last_rating_date,
       date_diff('day', r.first_at, r.last_at)::INTEGER AS rating_span_days,
       coalesce(t.n, 0) AS total_tags, coalesce(t.taggers, 0) AS unique_taggers,
       t.first_at AS first_tag_date, t.last_at AS last_tag_date,
       CASE WHEN r.n >= 10000 THEN 'Highly Popular' WHEN r.n >= 5000 THEN 'Very Popular'
            WHEN r.n >= 1000 THEN 'Popular' WHEN r.n >= 100 THEN 'Moderately Popular'
            WHEN r.n >= 1 THEN 'Niche' ELSE 'Unrated' END AS popularity_tier,
       CASE WHEN r.n >= 100 THEN 'Highly Rated' WHEN r.n >= 50 THEN 'Well Rated'
            WHEN r.n >= 10 THEN 'Moderately Rated' WHEN r.n >= 1 THEN 'Limited Ratings'
            ELSE 'Unrated' END AS rating_tier,
       CASE WHEN r.average >= 4.0 THEN 'Excellent' WHEN r.average >= 3.5 THEN 'Good'
            WHEN r.average >= 3.0 THEN 'Average' WHEN r.average >= 2.0 THEN 'Below Average'
            WHEN r.average < 2.0 THEN 'Poor' ELSE 'Unrated' END AS quality_tier
FROM movies m LEFT JOIN rated r USING (movie_id) LEFT JOIN tagged t USING (movie_id);

CREATE TABLE mart_user_behavior AS
WITH rated AS (
    SELECT user_id, count(*) AS n, count(DISTINCT movie_id) AS movies, avg(rating) AS average,
           min(rating) AS low, max(rating) AS high, stddev_samp(rating) AS deviation,
           min(created_at) AS first_at, max(created_at) AS last_at,
           count(DISTINCT created_at::DATE) AS days
    FROM fact_ratings GROUP BY user_id
),
tagged AS (
    SELECT user_id, count(*) AS n, count(DISTINCT movie_id) AS movies, min(created_at) AS first_at,
           max(created_at) AS last_at
    FROM fact_tags GROUP BY user_id
),
preferred AS (
    SELECT f.user_id, d.genre, count(*) AS n, avg(f.rating) AS average
    FROM fact_ratings f JOIN dim_movies d USING (movie_id)
    GROUP BY f.user_id, d.genre
    QUALIFY row_number() OVER (PARTITION BY f.user_id ORDER BY n DESC, average DESC, d.genre) = 1
)
SELECT u.user_id, coalesce(r.n, 0) AS total_ratings, coalesce(r.movies, 0) AS unique_movies_rated,
       r.average AS avg_rating_given, r.low AS min_rating_given, r.high AS max_rating_given,
       r.deviation AS stddev_rating, r.first_at AS first_rating_date, r.last_at AS last_rating_date,
       date_diff('day', r.first_at, r.last_at)::INTEGER AS rating_span_days,
       coalesce(r.days, 0) AS active_days, r.n / r.days AS avg_ratings_per_day,
       coalesce(t.n, 0) AS total_tags, coalesce(t.movies, 0) AS unique_movies_tagged,
       t.first_at AS first_tag_date, t.last_at AS last_tag_date,
       p.genre AS preferred_genre, p.n AS preferred_genre_count,
       p.average AS preferred_genre_avg_rating,
       CASE WHEN p.n >= 500 THEN 'Very High' WHEN p.n >= 100 THEN 'High'
            WHEN p.n >= 20 THEN 'Medium' WHEN p.n >= 1 THEN 'Low'
            ELSE 'None' END AS genre_engagement,
       CASE WHEN r.n >= 1000 THEN 'Power' WHEN r.n >= 500 THEN 'Heavy' WHEN r.n >= 100 THEN 'Active'
            WHEN r.n >= 20 THEN 'Regular' ELSE 'Light' END AS user_segment,
       CASE WHEN r.average >= 4.0 THEN 'Positive Rater' WHEN r.average >= 3.0 THEN 'Neutral Rater'
            WHEN r.average < 3.0 THEN 'Critical Rater' ELSE 'No Ratings' END AS rating_style
FROM dim_users u LEFT JOIN rated r USING (user_id) LEFT JOIN tagged t USING (user_id)
LEFT JOIN preferred p USING (user_id);

CREATE TABLE mart_genre_performance AS
WITH listed AS (
    SELECT genre, count(*) AS movies,
           count(*) FILTER (year BETWEEN 2020 AND 2029) AS in_2020s,
           count(*) FILTER (year BETWEEN 2010 AND 2019) AS in_2010s,
           count(*) FILTER (year BETWEEN 2000 AND 2009) AS in_2000s,
           count(*) FILTER (year BETWEEN 1990 AND 1999) AS in_1990s,
           count(*) FILTER (year BETWEEN 1980 AND 1989) AS in_1980s,
           count(*) FILTER (year < 1980) AS before_1980,
           count(*) FILTER (year IS NULL OR year >= 2030) AS other_year
    FROM dim_movies GROUP BY genre
),
rated AS (
    SELECT d.genre, count(DISTINCT movie_id) AS movies, count(*) AS n,
           count(DISTINCT f.user_id) AS raters, avg(f.rating) AS average, min(f.rating) AS low,
           max(f.rating) AS high, stddev_samp(f.rating) AS deviation,
           min(f.created_at) AS first_at, max(f.created_at) AS last_at
    FROM fact_ratings f JOIN dim_movies d USING (movie_id)
    GROUP BY d.genre
),
tagged AS (
    SELECT d.genre, count(*) AS n, count(DISTINCT f.user_id) AS taggers
    FROM fact_tags f JOIN dim_movies d USING (movie_id)
    GROUP BY d.genre
)
SELECT l.genre AS genres, l.movies AS total_movies, coalesce(r.movies, 0) AS rated_movies,
       coalesce(r.n, 0) AS total_ratings, coalesce(r.raters, 0) AS unique_raters,
       r.average AS avg_rating, r.low AS min_rating, r.high AS max_rating,
       r.deviation AS stddev_rating, r.first_at AS first_rating_date,
       r.last_at AS last_rating_date,
       date_diff('day', r.first_at, r.last_at)::INTEGER AS rating_span_days,
       coalesce(t.n, 0) AS total_tags, coalesce(t.taggers, 0) AS unique_taggers,
       l.in_2020s AS movies_2020s, l.in_2010s AS movies_2010s, l.in_2000s AS movies_2000s,
       l.in_1990s AS movies_1990s, l.in_1980s AS movies_1980s, l.before_1980 AS movies_before_1980,
       l.other_year AS movies_other_year, coalesce(r.n, 0) / l.movies AS avg_ratings_per_movie,
       CASE WHEN r.n >= 100000 THEN 'Highly Popular' WHEN r.n >= 50000 THEN 'Very Popular'
            WHEN r.n >= 10000 THEN 'Popular' WHEN r.n >= 1000 THEN 'Moderately Popular'
            WHEN r.n >= 1 THEN 'Niche' ELSE 'Unrated' END AS popularity_tier,
       CASE WHEN r.average >= 3.8 THEN 'Top Rated' WHEN r.average >= 3.5 THEN 'Well Rated'
            WHEN r.average >= 3.2 THEN 'Average Rated' WHEN r.average < 3.2 THEN 'Below Average'
            ELSE 'Unrated' END AS quality_tier
FROM listed l LEFT JOIN rated r USING (genre) LEFT JOIN tagged t USING (genre);
