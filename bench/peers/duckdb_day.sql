-- A day in a database that duckdb_tuned.sql made: ratings.csv and tags.csv of one day are added to the
-- sources, the new rows are put into dim_users and the facts by key, as an incremental model with
-- delete+insert would do it; duckdb_tuned_marts.sql then makes the marts anew, as tables are.

CREATE TEMP TABLE new_ratings AS
SELECT *, row_number() OVER () AS load_order
FROM read_csv('ratings.csv', header = true,
              columns = {'userId': 'INTEGER', 'movieId': 'INTEGER', 'rating': 'DECIMAL(9,2)',
                         'timestamp': 'BIGINT'});

CREATE TEMP TABLE new_tags AS
FROM read_csv('tags.csv', header = true, quote = '"', escape = '"', allow_quoted_nulls = false,
              columns = {'userId': 'INTEGER', 'movieId': 'INTEGER', 'tag': 'VARCHAR',
                         'timestamp': 'BIGINT'});

INSERT INTO ratings SELECT userId, movieId, rating, timestamp FROM new_ratings ORDER BY load_order;

INSERT INTO tags FROM new_tags;

INSERT INTO dim_users
SELECT userId FROM (SELECT userId FROM new_ratings UNION SELECT userId FROM new_tags)
ANTI JOIN dim_users ON user_id = userId;

CREATE TEMP TABLE new_facts AS
SELECT userId AS user_id, movieId AS movie_id, arg_max(rating, load_order) AS rating,
       make_timestamp(timestamp * 1000000) AS created_at
FROM new_ratings SEMI JOIN movies USING (movieId)
GROUP BY userId, movieId, timestamp;

DELETE FROM fact_ratings f USING new_facts n
WHERE f.user_id = n.user_id AND f.movie_id = n.movie_id AND f.created_at = n.created_at;

INSERT INTO fact_ratings SELECT user_id, movie_id, rating, created_at FROM new_facts;

INSERT INTO fact_tags
SELECT DISTINCT userId, movieId, tag, make_timestamp(timestamp * 1000000) AS created_at
FROM new_tags SEMI JOIN movies USING (movieId)
WHERE tag IS NOT NULL
EXCEPT FROM fact_tags;

-- A user may have rated a movie once more.
SET VARIABLE strictly_sorted = false;
