/* Asks a library of trees for predictions: trees KIND LIBRARY FOLDER. Each line on stdin is a count; the answer is the
   last prediction. Rows come round in the order of FOLDER/rows, from the second on. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4096, WIDTH = 32 };

union Entry {
    int missing;
    double fvalue;
    int qvalue;
};

static double rows[ROWS][WIDTH];
static union Entry entries[ROWS][WIDTH];

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) fail(dlerror());
    return found;
}

int main(int argc, char **argv) {
    if (argc != 4) fail("trees KIND LIBRARY FOLDER");
    char path[4096];
    snprintf(path, sizeof path, "%s/rows", argv[3]);
    FILE *file = fopen(path, "rb");
    if (!file || fread(rows, sizeof rows, 1, file) != 1) fail("rows");
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < WIDTH; j++) entries[i][j].fvalue = rows[i][j];
    void *library = dlopen(argv[2], RTLD_NOW);
    if (!library) fail(dlerror());

    int fast = strcmp(argv[1], "lightgbm") == 0;
    void *booster = NULL, *config = NULL;
    int (*predict_fast)(void *, const void *, long long *, double *) = NULL;
    void (*predict)(union Entry *, int, double *) = NULL;
    if (fast) {
        int (*create)(const char *, int *, void **) = symbol(library, "LGBM_BoosterCreateFromModelfile");
        int (*init)(void *, int, int, int, int, int, const char *, void **) =
            symbol(library, "LGBM_BoosterPredictForMatSingleRowFastInit");
        predict_fast = symbol(library, "LGBM_BoosterPredictForMatSingleRowFast");
        snprintf(path, sizeof path, "%s/model.txt", argv[3]);
        int iterations;
        if (create(path, &iterations, &booster)) fail("model");
        /* 1: raw scores; 0, -1: all trees; 1: doubles */
        if (init(booster, 1, 0, -1, 1, WIDTH, "num_threads=1", &config)) fail("init");
    } else {
        predict = symbol(library, "predict");
    }

    long count, at = 0;
    double out = 0;
    while (scanf("%ld", &count) == 1) {
        for (long i = 0; i < count; i++) {
            at = (at + 1) % ROWS;
            if (fast) {
                long long length;
                if (predict_fast(config, rows[at], &length, &out)) fail("predict");
            } else {
                out = 0; /* it adds */
                predict(entries[at], 1, &out);
            }
        }
        printf("%.17g\n", out);
        fflush(stdout);
    }
    return 0;
}
