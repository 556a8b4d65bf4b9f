#include <medallion/medallion.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_context *context = NULL;
    mdl_warehouse *warehouse = NULL;
    const char *folder = argc > 1 ? argv[1] : ".";
    const char *mart = "mart_movie_analytics";
    int failed = mdl_context_create(NULL, &context, &error) ||
                 mdl_warehouse_create(context, NULL, &warehouse, &error) ||
                 mdl_warehouse_load(warehouse, &folder, 1, NULL, &error) ||
                 mdl_warehouse_build(warehouse, NULL, NULL, &error) ||
                 mdl_csv_write_file(context, mdl_warehouse_table(warehouse, mart),
                                    "mart_movie_analytics.csv", &error);
    if (failed) {
        fprintf(stderr, "%s\n", error.message);
    }
    mdl_warehouse_free(warehouse);
    mdl_context_free(context);
    return failed;
}
