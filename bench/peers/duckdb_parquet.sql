-- Every table of a database file as Parquet with zstd, in the folder `parquet` beside it.
COPY movies TO 'parquet/movies.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY ratings TO 'parquet/ratings.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY tags TO 'parquet/tags.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY links TO 'parquet/links.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY dim_users TO 'parquet/dim_users.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY dim_movies TO 'parquet/dim_movies.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY fact_ratings TO 'parquet/fact_ratings.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY fact_tags TO 'parquet/fact_tags.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY fact_movie_genre_ratings TO 'parquet/fact_movie_genre_ratings.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY mart_movie_analytics TO 'parquet/mart_movie_analytics.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY mart_user_behavior TO 'parquet/mart_user_behavior.parquet' (FORMAT parquet, COMPRESSION zstd);
COPY mart_genre_performance TO 'parquet/mart_genre_performance.parquet' (FORMAT parquet, COMPRESSION zstd);
