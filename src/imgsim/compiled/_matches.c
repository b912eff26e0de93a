/* Which keypoints of two images are nearest, and which matches one enlargement and shift explains.
 *
 * What each function does is said in verify/keypoints.py, which has the same in NumPy. All sizes and
 * types are checked here before anything is read or written. Numbers are of the types that NumPy
 * gives them, so both give the same.
 */

#include "arrays.h"

#include <math.h>

#define BYTES 32 /* of a descriptor */
#define BITS 256

/* Nearest descriptors ----------------------------------------------------------------------- */

typedef struct {
    const uint8_t *left, *right; /* anywhere: rows lie one behind the other */
    Py_ssize_t n, m;
    int64_t *columns, *row_bits, *rows, *column_bits;
} Sides;

#define NEAREST_FUNCTION(NAME, COUNT, ATTRIBUTE)                                                  \
    ATTRIBUTE static void NAME(const Sides *s)                                                    \
    {                                                                                             \
        for (Py_ssize_t j = 0; j < s->m; j++) {                                                   \
            s->column_bits[j] = BITS + 1;                                                         \
            s->rows[j] = 0;                                                                       \
        }                                                                                         \
        for (Py_ssize_t i = 0; i < s->n; i++) {                                                   \
            uint64_t one[BYTES / 8], other[BYTES / 8];                                            \
            memcpy(one, s->left + BYTES * i, BYTES);                                              \
            int64_t best = BITS + 1, column = 0;                                                  \
            for (Py_ssize_t j = 0; j < s->m; j++) {                                               \
                memcpy(other, s->right + BYTES * j, BYTES);                                       \
                int64_t bits = COUNT(one[0] ^ other[0]) + COUNT(one[1] ^ other[1]) +              \
                               COUNT(one[2] ^ other[2]) + COUNT(one[3] ^ other[3]);               \
                if (bits < best) {                                                                \
                    best = bits;                                                                  \
                    column = j;                                                                   \
                }                                                                                 \
                if (bits < s->column_bits[j]) {                                                   \
                    s->column_bits[j] = bits;                                                     \
                    s->rows[j] = i;                                                               \
                }                                                                                 \
            }                                                                                     \
            s->row_bits[i] = best;                                                                \
            s->columns[i] = column;                                                               \
        }                                                                                         \
    }

NEAREST_FUNCTION(nearest_portable, bits_portable, )
#ifdef COUNTS_BITS_BY_INSTRUCTION
NEAREST_FUNCTION(nearest_fast, bits_fast, WITH_POPCNT)
#endif

PyDoc_STRVAR(nearest_doc,
"nearest(left, right, columns, row_bits, rows, column_bits)\n"
"--\n\n"
"Write the nearest of each descriptor among the others, the first of several, and how many bits.");

static PyObject *
nearest(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { LEFT, RIGHT, COLUMNS, ROW_BITS, ROWS, COLUMN_BITS, ARRAYS };
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    if (!PyArg_ParseTuple(arguments, "OOOOOO:nearest", &objects[LEFT], &objects[RIGHT],
                          &objects[COLUMNS], &objects[ROW_BITS], &objects[ROWS],
                          &objects[COLUMN_BITS])) {
        return NULL;
    }
    static const char *const names[] = {"left",     "right", "columns",
                                        "row_bits", "rows",  "column_bits"};
    for (int i = 0; i < ARRAYS; i++) {
        if (take(&arrays[i], objects[i], names[i], i < COLUMNS ? 1 : 8, i >= COLUMNS, 0) < 0) {
            goto done;
        }
    }
    Sides s = {
        arrays[LEFT].view.buf,
        arrays[RIGHT].view.buf,
        length(&arrays[LEFT]) / BYTES,
        length(&arrays[RIGHT]) / BYTES,
        arrays[COLUMNS].view.buf,
        arrays[ROW_BITS].view.buf,
        arrays[ROWS].view.buf,
        arrays[COLUMN_BITS].view.buf,
    };
    if (!has_length(&arrays[LEFT], "left", s.n * BYTES) ||
        !has_length(&arrays[RIGHT], "right", s.m * BYTES) ||
        !has_length(&arrays[COLUMNS], "columns", s.n) ||
        !has_length(&arrays[ROW_BITS], "row_bits", s.n) ||
        !has_length(&arrays[ROWS], "rows", s.m) ||
        !has_length(&arrays[COLUMN_BITS], "column_bits", s.m)) {
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
#ifdef COUNTS_BITS_BY_INSTRUCTION
    if (__builtin_cpu_supports("popcnt")) {
        nearest_fast(&s);
    }
    else {
        nearest_portable(&s);
    }
#else
    nearest_portable(&s);
#endif
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    release(arrays, ARRAYS);
    return result;
}

/* An enlargement and a shift ---------------------------------------------------------------- */

typedef struct {
    double tolerance, min_scale, max_scale;
    float min_apart;
} Limits;

static inline double
larger(double a, double b)
{
    return a > b ? a : b;
}

/* The scale of the matrix that two matches give, or -1 if they give none that counts. */
static inline double
scale_of(const float *points, const double *target, Py_ssize_t one, Py_ssize_t other,
         const Limits *limits)
{
    float across = points[2 * one] - points[2 * other];
    float down = points[2 * one + 1] - points[2 * other + 1];
    double target_across = target[2 * one] - target[2 * other];
    double target_down = target[2 * one + 1] - target[2 * other + 1];
    float squared = across * across, length = down * down;
    length = squared + length;
    if (!(sqrtf(length) > limits->min_apart)) {
        return -1;
    }
    double scale = (across * target_across + down * target_down) / (length > 1e-9f ? length : 1e-9f);
    double off = larger(fabs(scale * across - target_across), fabs(scale * down - target_down));
    return off <= limits->tolerance && scale > limits->min_scale && scale < limits->max_scale ? scale
                                                                                              : -1;
}

/* Mark the matches that the best of all such matrices explains; return how many, -1 without any. */
static Py_ssize_t
most_agreeing(const float *points, const double *target, Py_ssize_t n, const Limits *limits,
              uint8_t *agreeing)
{
    Py_ssize_t most = -1, of_one = 0;
    double best = 0;
    for (Py_ssize_t one = 0; one < n; one++) {
        for (Py_ssize_t other = one + 1; other < n; other++) {
            double scale = scale_of(points, target, one, other, limits);
            if (scale < 0) {
                continue;
            }
            double x = target[2 * one] - scale * points[2 * one];
            double y = target[2 * one + 1] - scale * points[2 * one + 1];
            Py_ssize_t count = 0;
            for (Py_ssize_t i = 0; i < n && count + n - i > most; i++) {
                count += fabs(scale * points[2 * i] + x - target[2 * i]) <= limits->tolerance &&
                         fabs(scale * points[2 * i + 1] + y - target[2 * i + 1]) <=
                             limits->tolerance;
            }
            if (count > most) {
                most = count;
                best = scale;
                of_one = one;
            }
        }
    }
    if (most >= 0) {
        double x = target[2 * of_one] - best * points[2 * of_one];
        double y = target[2 * of_one + 1] - best * points[2 * of_one + 1];
        for (Py_ssize_t i = 0; i < n; i++) {
            agreeing[i] =
                fabs(best * points[2 * i] + x - target[2 * i]) <= limits->tolerance &&
                fabs(best * points[2 * i + 1] + y - target[2 * i + 1]) <= limits->tolerance;
        }
    }
    return most;
}

PyDoc_STRVAR(upright_doc,
"upright(points, target, tolerance, min_apart, min_scale, max_scale, agreeing)\n"
"--\n\n"
"Mark the matches that one enlargement and shift explains; return how many, -1 if two give none.");

static PyObject *
upright(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { POINTS, TARGET, AGREEING, ARRAYS };
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    Limits limits;
    if (!PyArg_ParseTuple(arguments, "OOdfddO:upright", &objects[POINTS], &objects[TARGET],
                          &limits.tolerance, &limits.min_apart, &limits.min_scale,
                          &limits.max_scale, &objects[AGREEING])) {
        return NULL;
    }
    if (take(&arrays[POINTS], objects[POINTS], "points", 4, 0, 0) < 0 ||
        take(&arrays[TARGET], objects[TARGET], "target", 8, 0, 0) < 0 ||
        take(&arrays[AGREEING], objects[AGREEING], "agreeing", 1, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[AGREEING]);
    if (!has_length(&arrays[POINTS], "points", 2 * n) ||
        !has_length(&arrays[TARGET], "target", 2 * n)) {
        goto done;
    }
    const float *points = arrays[POINTS].view.buf;
    const double *target = arrays[TARGET].view.buf;
    Py_ssize_t most;
    Py_BEGIN_ALLOW_THREADS
    most = most_agreeing(points, target, n, &limits, arrays[AGREEING].view.buf);
    Py_END_ALLOW_THREADS
    result = PyLong_FromSsize_t(most);
done:
    release(arrays, ARRAYS);
    return result;
}

static PyMethodDef METHODS[] = {
    {"nearest", nearest, METH_VARARGS, nearest_doc},
    {"upright", upright, METH_VARARGS, upright_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_matches",
    .m_doc = "Matches of keypoints, in C.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__matches(void)
{
    return PyModuleDef_Init(&MODULE);
}
