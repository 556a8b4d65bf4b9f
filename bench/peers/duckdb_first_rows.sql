-- The first rows of a mart in a database file.
SELECT * FROM mart_movie_analytics ORDER BY movie_id LIMIT 10;
