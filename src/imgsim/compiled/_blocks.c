/* Differences and gradients of images, by blocks of pixels.
 *
 * What it does is said in verify/local_differences.py, which has the same in NumPy and OpenCV. All sizes
 * and types are checked here before anything is read or written.
 */

#include "arrays.h"

#define CELL 4
#define WINDOW 25
#define REACH (WINDOW / 2)
#define LEAST_COVER 1e-3f

#if defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif

/* Two images of one size, of which one is looked at some columns further right, and where. */
typedef struct {
    const float *one, *other;
    const uint8_t *mask;
    Py_ssize_t height, width, shift;
} Pair;

/* What lies beyond an edge is what lies as far within. */
static inline Py_ssize_t
within(Py_ssize_t place, Py_ssize_t count)
{
    place = place < 0 ? -place : place;
    return place < count ? place : 2 * (count - 1) - place;
}

/* Take a row of differences into the sums of columns, and another one out of them; rows may be NULL. */
static inline void
move_sums(const Pair *pair, Py_ssize_t n, Py_ssize_t added, Py_ssize_t removed,
          double *restrict sums, int16_t *restrict covers)
{
    const float *restrict one = pair->one + added * pair->width;
    const float *restrict other = pair->other + added * pair->width + pair->shift;
    const uint8_t *restrict mask = pair->mask + added * pair->width, *beside = mask + pair->shift;
    if (removed < 0) {
        for (Py_ssize_t x = 0; x < n; x++) {
            int inside = mask[x] & beside[x] & 1;
            sums[x] += (double)((one[x] - other[x]) * (float)inside);
            covers[x] = (int16_t)(covers[x] + inside);
        }
        return;
    }
    const float *restrict gone_one = pair->one + removed * pair->width;
    const float *restrict gone_other = pair->other + removed * pair->width + pair->shift;
    const uint8_t *restrict gone = pair->mask + removed * pair->width;
    const uint8_t *restrict gone_beside = gone + pair->shift;
    for (Py_ssize_t x = 0; x < n; x++) {
        int inside = mask[x] & beside[x] & 1, was = gone[x] & gone_beside[x] & 1;
        double more = (double)((one[x] - other[x]) * (float)inside);
        double less = (double)((gone_one[x] - gone_other[x]) * (float)was);
        sums[x] += more - less;
        covers[x] = (int16_t)(covers[x] + inside - was);
    }
}

/* Sums of WINDOW neighbours, from those of two, four and eight. */
#define WINDOW_SUMS(VALUES, N, TWO, FOUR, EIGHT, TOTAL)                                            \
    do {                                                                                          \
        for (Py_ssize_t x = 0; x < (N) + 22; x++) {                                               \
            (TWO)[x] = (VALUES)[x] + (VALUES)[x + 1];                                             \
        }                                                                                         \
        for (Py_ssize_t x = 0; x < (N) + 20; x++) {                                               \
            (FOUR)[x] = (TWO)[x] + (TWO)[x + 2];                                                  \
        }                                                                                         \
        for (Py_ssize_t x = 0; x < (N) + 16; x++) {                                               \
            (EIGHT)[x] = (FOUR)[x] + (FOUR)[x + 4];                                               \
        }                                                                                         \
        for (Py_ssize_t x = 0; x < (N); x++) {                                                    \
            (TOTAL)[x] = (EIGHT)[x] + (EIGHT)[x + 8] + (EIGHT)[x + 16] + (VALUES)[x + 24];        \
        }                                                                                         \
    } while (0)
_Static_assert(WINDOW == 25, "the sums are of three times eight and one");

static inline void
window_sums(const double *restrict values, Py_ssize_t n, double *restrict two,
            double *restrict four, double *restrict eight, double *restrict total)
{
    WINDOW_SUMS(values, n, two, four, eight, total);
}

static inline void
window_counts(const int16_t *restrict values, Py_ssize_t n, int16_t *restrict two,
              int16_t *restrict four, int16_t *restrict eight, int16_t *restrict total)
{
    WINDOW_SUMS(values, n, two, four, eight, total);
}

/* The squared difference along a row, less its mean around. */
static inline void
row_errors(const float *restrict one, const float *restrict other, const uint8_t *restrict mask,
           const uint8_t *restrict beside, const double *restrict total,
           const int16_t *restrict cover, Py_ssize_t n, float *restrict rest)
{
    const double scale = 1.0 / (WINDOW * WINDOW);
    for (Py_ssize_t x = 0; x < n; x++) {
        float share = (float)(cover[x] * scale), mean = (float)(total[x] * scale);
        share = share > LEAST_COVER ? share : LEAST_COVER;
        float left = one[x] - other[x] - mean / share;
        left *= (float)(mask[x] & beside[x] & 1);
        rest[x] = left * left;
    }
}

/* Add a row to the means over cells; the first row of a cell begins them, the last one ends them. */
static inline void
add_row(const float *restrict values, Py_ssize_t y, Py_ssize_t columns, float *restrict cells)
{
    float *into = cells + y / CELL * columns;
    for (Py_ssize_t x = 0; x < columns; x++) {
        const float *cell = values + x * CELL;
        float sum = cell[0] + cell[1] + cell[2] + cell[3];
        into[x] = y % CELL == 0 ? sum : into[x] + sum;
    }
    for (Py_ssize_t x = 0; y % CELL == CELL - 1 && x < columns; x++) {
        into[x] *= 1.0f / (CELL * CELL);
    }
}

/* Means over the cells of the squared difference, less its mean around every pixel. */
FOR_EVERY_PROCESSOR static void
errors_of(const Pair *pair, double *restrict memory, float *restrict cells)
{
    Py_ssize_t n = pair->width - pair->shift, rows = pair->height / CELL, columns = n / CELL;
    Py_ssize_t padded = n + WINDOW - 1;
    double *sums = memory, *values = sums + n, *total = values + padded, *two = total + n;
    double *four = two + padded, *eight = four + padded;
    float *rest = (float *)(eight + padded);
    int16_t *covers = (int16_t *)(rest + n), *counts = covers + n, *cover = counts + padded;
    int16_t *pairs = cover + n, *fours = pairs + padded, *eights = fours + padded;
    memset(sums, 0, (size_t)n * sizeof *sums);
    memset(covers, 0, (size_t)n * sizeof *covers);
    for (Py_ssize_t y = -REACH; y <= REACH; y++) {
        move_sums(pair, n, within(y, pair->height), -1, sums, covers);
    }
    for (Py_ssize_t y = 0; y < rows * CELL; y++) {
        if (y > 0) {
            move_sums(pair, n, within(y + REACH, pair->height), within(y - REACH - 1, pair->height),
                      sums, covers);
        }
        memcpy(values + REACH, sums, (size_t)n * sizeof *sums);
        memcpy(counts + REACH, covers, (size_t)n * sizeof *covers);
        for (Py_ssize_t x = 1; x <= REACH; x++) {
            values[REACH - x] = sums[x];
            counts[REACH - x] = covers[x];
            values[REACH + n - 1 + x] = sums[n - 1 - x];
            counts[REACH + n - 1 + x] = covers[n - 1 - x];
        }
        window_sums(values, n, two, four, eight, total);
        window_counts(counts, n, pairs, fours, eights, cover);
        const float *other = pair->other + y * pair->width + pair->shift;
        const uint8_t *mask = pair->mask + y * pair->width;
        row_errors(pair->one + y * pair->width, other, mask, mask + pair->shift, total, cover, n,
                   rest);
        add_row(rest, y, columns, cells);
    }
}

static int
is_pair(const Array *arrays, const char *const *names, int n, Py_ssize_t width, Py_ssize_t *height)
{
    if (width < 1 || length(&arrays[0]) % width != 0) {
        PyErr_Format(PyExc_ValueError, "%s: rows of %zd items are asked", names[0], width);
        return 0;
    }
    *height = length(&arrays[0]) / width;
    for (int i = 1; i < n; i++) {
        if (!has_length(&arrays[i], names[i], *height * width)) {
            return 0;
        }
    }
    return 1;
}

PyDoc_STRVAR(errors_doc,
"errors(one, other, mask, width, shift, cells)\n"
"--\n\n"
"Write the means, over cells, of the squared difference of two images less its mean around.\n\n"
"Columns of the other one are those so many further right; what is not in the mask in both counts\n"
"as 0.");

static PyObject *
errors(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { ONE, OTHER, MASK, CELLS, ARRAYS };
    static const char *const NAMES[] = {"one", "other", "mask", "cells"};
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    double *memory = NULL;
    Py_ssize_t width, height, shift;
    if (!PyArg_ParseTuple(arguments, "OOOnnO:errors", &objects[ONE], &objects[OTHER],
                          &objects[MASK], &width, &shift, &objects[CELLS])) {
        return NULL;
    }
    for (int i = 0; i < ARRAYS; i++) {
        if (take(&arrays[i], objects[i], NAMES[i], i == MASK ? 1 : 4, i == CELLS, 0) < 0) {
            goto done;
        }
    }
    if (!is_pair(arrays, NAMES, CELLS, width, &height)) {
        goto done;
    }
    if (shift < 0 || width - shift < WINDOW || height < WINDOW) {
        PyErr_Format(PyExc_ValueError, "there have to be %d rows and columns", WINDOW);
        goto done;
    }
    Py_ssize_t n = width - shift;
    if (!has_length(&arrays[CELLS], NAMES[CELLS], (height / CELL) * (n / CELL))) {
        goto done;
    }
    size_t padded = (size_t)n + WINDOW - 1;
    memory = PyMem_Malloc((2 * (size_t)n + 4 * padded) * sizeof(double) + (size_t)n * sizeof(float) +
                          (2 * (size_t)n + 4 * padded) * sizeof(int16_t));
    if (memory == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Pair pair = {arrays[ONE].view.buf, arrays[OTHER].view.buf, arrays[MASK].view.buf,
                 height, width, shift};
    float *cells = arrays[CELLS].view.buf;
    Py_BEGIN_ALLOW_THREADS
    errors_of(&pair, memory, cells);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    PyMem_Free(memory);
    release(arrays, ARRAYS);
    return result;
}

/* Gradients ----------------------------------------------------------------------------------- */

/* What is asked of the gradients of an image: means over cells of their products, and squares. */
typedef struct {
    float *cells, *pixels, *products;
} Gradients;

/* Differences and sums along a row, as of Sobel's operator. */
static inline void
along_row(const float *restrict row, Py_ssize_t n, float *restrict step, float *restrict mean)
{
    for (Py_ssize_t x = 1; x < n - 1; x++) {
        step[x] = row[x + 1] - row[x - 1];
        mean[x] = row[x] * 0.25f + (row[x - 1] + row[x + 1]) * 0.125f;
    }
    step[0] = step[n - 1] = 0;
    mean[0] = row[0] * 0.25f + (row[1] + row[1]) * 0.125f;
    mean[n - 1] = row[n - 1] * 0.25f + (row[n - 2] + row[n - 2]) * 0.125f;
}

/* The squared gradient along a row, from those along it and what lies above and below. */
static inline void
square_row(const float *restrict at, const float *restrict above, const float *restrict below,
           const float *restrict over, const float *restrict under, Py_ssize_t n,
           float *restrict squares)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        float dx = at[x] * 0.25f + (above[x] + below[x]) * 0.125f, dy = under[x] - over[x];
        squares[x] = dx * dx + dy * dy;
    }
}

static inline void
multiply_row(const float *restrict at, const float *restrict above, const float *restrict below,
             const float *restrict over, const float *restrict under, Py_ssize_t n,
             float *restrict xx, float *restrict yy, float *restrict xy)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        float dx = at[x] * 0.25f + (above[x] + below[x]) * 0.125f, dy = under[x] - over[x];
        xx[x] = dx * dx;
        yy[x] = dy * dy;
        xy[x] = dx * dy;
    }
}

/* Gradients of the n columns from the first one of `image` on, whose rows are so wide. */
FOR_EVERY_PROCESSOR static void
gradients_of(const float *image, Py_ssize_t height, Py_ssize_t width, Py_ssize_t n,
             float *restrict memory, const Gradients *asked)
{
    Py_ssize_t rows = height / CELL, columns = n / CELL;
    float *steps = memory, *means = steps + 3 * n; /* of three rows each */
    float *xx = means + 3 * n, *yy = xx + n, *xy = yy + n, *squares = xy + n;
    for (Py_ssize_t y = -1; y <= height; y++) {
        along_row(image + within(y, height) * width, n, steps + (y + 3) % 3 * n,
                  means + (y + 3) % 3 * n);
        if (y < 1) {
            continue;
        }
        Py_ssize_t here = y - 1;
        const float *above = steps + (here + 2) % 3 * n, *below = steps + (here + 1) % 3 * n;
        const float *at = steps + here % 3 * n;
        const float *over = means + (here + 2) % 3 * n, *under = means + (here + 1) % 3 * n;
        square_row(at, above, below, over, under, n, squares);
        if (asked->pixels != NULL) {
            memcpy(asked->pixels + here * n, squares, (size_t)n * sizeof *squares);
        }
        if (here >= rows * CELL) {
            continue;
        }
        add_row(squares, here, columns, asked->cells);
        if (asked->products != NULL) {
            multiply_row(at, above, below, over, under, n, xx, yy, xy);
            add_row(xx, here, columns, asked->products);
            add_row(yy, here, columns, asked->products + rows * columns);
            add_row(xy, here, columns, asked->products + 2 * rows * columns);
        }
    }
}

PyDoc_STRVAR(gradients_doc,
"gradients(image, width, start, stop, cells, pixels, products)\n"
"--\n\n"
"Write the means, over cells, of the squared gradient of some columns of an image.\n\n"
"If they are no None, also its square at every pixel, and the means of the products of that across\n"
"by itself, that down by itself, and both.");

static PyObject *
gradients(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { IMAGE, CELLS, PIXELS, PRODUCTS, ARRAYS };
    static const char *const NAMES[] = {"image", "cells", "pixels", "products"};
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    float *memory = NULL;
    Py_ssize_t width, height, start, stop;
    if (!PyArg_ParseTuple(arguments, "OnnnOOO:gradients", &objects[IMAGE], &width, &start, &stop,
                          &objects[CELLS], &objects[PIXELS], &objects[PRODUCTS])) {
        return NULL;
    }
    for (int i = 0; i < ARRAYS; i++) {
        if (take(&arrays[i], objects[i], NAMES[i], 4, i != IMAGE, i > CELLS) < 0) {
            goto done;
        }
    }
    if (!is_pair(arrays, NAMES, 1, width, &height)) {
        goto done;
    }
    if (start < 0 || stop > width || stop - start < CELL || height < CELL) {
        PyErr_Format(PyExc_ValueError, "there have to be %d rows and columns", CELL);
        goto done;
    }
    Py_ssize_t n = stop - start, count = (height / CELL) * (n / CELL);
    if (!has_length(&arrays[CELLS], NAMES[CELLS], count) ||
        !has_length(&arrays[PIXELS], NAMES[PIXELS], height * n) ||
        !has_length(&arrays[PRODUCTS], NAMES[PRODUCTS], 3 * count)) {
        goto done;
    }
    memory = PyMem_Malloc(10 * (size_t)n * sizeof *memory);
    if (memory == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    const float *image = (const float *)arrays[IMAGE].view.buf + start;
    Gradients asked = {arrays[CELLS].view.buf, arrays[PIXELS].view.buf,
                       arrays[PRODUCTS].view.buf};
    Py_BEGIN_ALLOW_THREADS
    gradients_of(image, height, width, n, memory, &asked);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    PyMem_Free(memory);
    release(arrays, ARRAYS);
    return result;
}

static PyMethodDef METHODS[] = {
    {"errors", errors, METH_VARARGS, errors_doc},
    {"gradients", gradients, METH_VARARGS, gradients_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_blocks",
    .m_doc = "Differences and gradients of images by blocks of pixels, in C.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__blocks(void)
{
    return PyModuleDef_Init(&MODULE);
}
