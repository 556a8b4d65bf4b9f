-- The rest of the main job tuned by hand: what duckdb_tuned.sql and duckdb_day.sql have in common.
-- Everything is replaced, so that it can be run again when rows have come.

-- Groups that several models share.
CREATE OR REPLACE TEMP TABLE genre_ids AS
SELECT genre, row_number() OVER (ORDER BY genre)::INTEGER AS genre_id
FROM (SELECT DISTINCT genre FROM dim_movies);

CREATE OR REPLACE TEMP TABLE movie_genres AS
SELECT movie_id, genre_id FROM dim_movies JOIN genre_ids USING (genre);

CREATE OR REPLACE TEMP TABLE movie_ratings AS
SELECT movie_id, count(*) AS n, sum(rating) AS total, sum(rating * rating) AS squares,
       min(rating) AS low, max(rating) AS high, min(created_at) AS first_at,
       max(created_at) AS last_at
FROM fact_ratings GROUP BY movie_id;

CREATE OR REPLACE TEMP TABLE user_ratings AS
WITH by_day AS (
    SELECT user_id, created_at::DATE AS day, count(*) AS n, sum(rating) AS total,
           sum(rating * rating) AS squares, min(rating) AS low, max(rating) AS high,
           min(created_at) AS first_at, max(created_at) AS last_at
    FROM fact_ratings GROUP BY ALL
)
SELECT user_id, sum(n)::BIGINT AS n, sum(total) AS total, sum(squares) AS squares, min(low) AS low,
       max(high) AS high, min(first_at) AS first_at, max(last_at) AS last_at, count(*) AS days
FROM by_day GROUP BY user_id;

CREATE OR REPLACE TEMP TABLE user_movies AS
SELECT user_id, n AS movies FROM user_ratings WHERE getvariable('strictly_sorted')
UNION ALL
SELECT user_id, count(DISTINCT movie_id) AS movies FROM fact_ratings
WHERE NOT getvariable('strictly_sorted') GROUP BY user_id;

CREATE OR REPLACE TEMP TABLE user_genres AS
SELECT f.user_id, g.genre_id, count(*) AS n, sum(f.rating) AS total
FROM fact_ratings f JOIN movie_genres g USING (movie_id) GROUP BY ALL;

-- Average and sample standard deviation from sums.
CREATE OR REPLACE MACRO mean(n, total) AS total / n;
CREATE OR REPLACE MACRO deviation(n, total, squares) AS
    CASE WHEN n >= 2 THEN sqrt((n * squares * 10000 - total * total * 10000)::HUGEINT::DOUBLE
                               / (n::HUGEINT * (n - 1) * 10000)::DOUBLE) END;

CREATE OR REPLACE TABLE fact_movie_genre_ratings AS
SELECT d.movie_id, d.genre, d.title, d.year, r.n AS total_ratings, mean(r.n, r.total) AS avg_rating,
       r.low AS min_rating, r.high AS max_rating
FROM dim_movies d JOIN movie_ratings r USING (movie_id);

-- Gold.
CREATE OR REPLACE TABLE mart_movie_analytics AS
WITH movies AS (
    SELECT movie_id, any_value(title) AS title, any_value(year) AS year,
           string_agg(genre, '|' ORDER BY place) AS genres, any_value(genre_count) AS genre_count
    FROM dim_movies GROUP BY movie_id
),
rated AS (
    SELECT *, mean(n, total) AS average, deviation(n, total, squares) AS deviation
    FROM movie_ratings
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

CREATE OR REPLACE TABLE mart_user_behavior AS
WITH rated AS (
    SELECT *, mean(n, total) AS average, deviation(n, total, squares) AS deviation
    FROM user_ratings JOIN user_movies USING (user_id)
),
tagged AS (
    SELECT user_id, count(*) AS n, count(DISTINCT movie_id) AS movies, min(created_at) AS first_at,
           max(created_at) AS last_at
    FROM fact_tags GROUP BY user_id
),
preferred AS (
    -- Genre ids rise with the names. Where n ties, totals compare as averages do.
    SELECT user_id, best.genre_id AS genre_id, best.n AS n, mean(best.n, best.total) AS average
    FROM (
        SELECT user_id,
               max({'n': n, 'total': total, 'rank': -genre_id, 'genre_id': genre_id}) AS best
        FROM user_genres GROUP BY user_id
    )
)
SELECT u.user_id, coalesce(r.n, 0) AS total_ratings, coalesce(r.movies, 0) AS unique_movies_rated,
       r.average AS avg_rating_given, r.low AS min_rating_given, r.high AS max_rating_given,
       r.deviation AS stddev_rating, r.first_at AS first_rating_date, r.last_at AS last_rating_date,
       date_diff('day', r.first_at, r.last_at)::INTEGER AS rating_span_days,
       coalesce(r.days, 0) AS active_days, r.n / r.days AS avg_ratings_per_day,
       coalesce(t.n, 0) AS total_tags, coalesce(t.movies, 0) AS unique_movies_tagged,
       t.first_at AS first_tag_date, t.last_at AS last_tag_date,
       g.genre AS preferred_genre, p.n AS preferred_genre_count,
       p.average AS preferred_genre_avg_rating,
       CASE WHEN p.n >= 500 THEN 'Very High' WHEN p.n >= 100 THEN 'High'
            WHEN p.n >= 20 THEN 'Medium' WHEN p.n >= 1 THEN 'Low'
            ELSE 'None' END AS genre_engagement,
       CASE WHEN r.n >= 1000 THEN 'Power' WHEN r.n >= 500 THEN 'Heavy' WHEN r.n >= 100 THEN 'Active'
            WHEN r.n >= 20 THEN 'Regular' ELSE 'Light' END AS user_segment,
       CASE WHEN r.average >= 4.0 THEN 'Positive Rater' WHEN r.average >= 3.0 THEN 'Neutral Rater'
            WHEN r.average < 3.0 THEN 'Critical Rater' ELSE 'No Ratings' END AS rating_style
FROM dim_users u LEFT JOIN rated r USING (user_id) LEFT JOIN tagged t USING (user_id)
LEFT JOIN preferred p USING (user_id) LEFT JOIN genre_ids g USING (genre_id);

CREATE OR REPLACE TABLE mart_genre_performance AS
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
raters AS (
    SELECT genre, count(*) AS raters FROM user_genres JOIN genre_ids USING (genre_id) GROUP BY genre
),
rated AS (
    SELECT *, mean(n, total) AS average, deviation(n, total, squares) AS deviation
    FROM (
        SELECT d.genre, count(*) AS movies, sum(r.n)::BIGINT AS n, sum(r.total) AS total,
               sum(r.squares) AS squares, min(r.low) AS low, max(r.high) AS high,
               min(r.first_at) AS first_at, max(r.last_at) AS last_at
        FROM movie_ratings r JOIN dim_movies d USING (movie_id) GROUP BY d.genre
    )
    JOIN raters USING (genre)
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
