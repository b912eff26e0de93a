/* Weighted least squares: over many equations of eight unknowns, and for curves of grey levels.
 *
 * What it does is said in verify/fine_alignment.py and verify/tone.py, which have the same in Python.
 * All sizes and types are checked here before anything is read or written.
 */

#include "arrays.h"

#include <math.h>

#define UNKNOWNS 8
#define ROWS 5   /* gradient across and down, place across and down, what they shall give */
#define PART 128 /* equations at a time: their factors stay in the nearest memory */

#if defined(__GNUC__)
typedef double Lanes __attribute__((vector_size(32), may_alias));
#else
typedef double Lanes;
#endif
#define LANES ((int)(sizeof(Lanes) / sizeof(double))) /* sums beside each other, taken at once */

#if defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif

/* The factors of some equations, and what they shall give in a last row. */
static inline void
fill(const double *given, Py_ssize_t n, Py_ssize_t start, Py_ssize_t count,
     double factors[UNKNOWNS + 1][PART])
{
    const double *gx = given + start, *gy = gx + n, *u = gy + n, *v = u + n, *wanted = v + n;
    for (Py_ssize_t k = 0; k < count; k++) {
        double gxu = gx[k] * u[k], gyv = gy[k] * v[k], along = gxu + gyv;
        factors[0][k] = gx[k];
        factors[1][k] = gxu;
        factors[2][k] = gx[k] * v[k];
        factors[3][k] = gy[k];
        factors[4][k] = gy[k] * u[k];
        factors[5][k] = gyv;
        factors[6][k] = along * u[k];
        factors[7][k] = along * v[k];
        factors[8][k] = wanted[k];
    }
    for (int i = 0; i <= UNKNOWNS; i++) {
        for (Py_ssize_t k = count; k < PART; k++) {
            factors[i][k] = 0;
        }
    }
}

/* Add the products of one row of factors with those from itself on. */
#define ADD_PRODUCTS(I)                                                                           \
    do {                                                                                          \
        Lanes sum[UNKNOWNS + 1 - (I)] = {0};                                                      \
        for (int k = 0; k < PART; k += LANES) {                                                   \
            Lanes one = *(const Lanes *)&weighted[I][k];                                          \
            for (int j = 0; j < UNKNOWNS + 1 - (I); j++) {                                        \
                sum[j] += one * *(const Lanes *)&factors[j + (I)][k];                             \
            }                                                                                     \
        }                                                                                         \
        for (int j = 0; j < UNKNOWNS + 1 - (I); j++) {                                            \
            for (int lane = 0; lane < LANES; lane++) {                                            \
                sums[I][j + (I)] += ((const double *)&sum[j])[lane];                              \
            }                                                                                     \
        }                                                                                         \
    } while (0)

FOR_EVERY_PROCESSOR static void
add_parts(const double *given, Py_ssize_t n, const double *rest, double scale,
          double sums[UNKNOWNS][UNKNOWNS + 1])
{
    _Alignas(Lanes) double factors[UNKNOWNS + 1][PART];
    _Alignas(Lanes) double weighted[UNKNOWNS][PART];
    double weight[PART];
    for (Py_ssize_t start = 0; start < n; start += PART) {
        Py_ssize_t count = n - start < PART ? n - start : PART;
        fill(given, n, start, count, factors);
        for (int k = 0; k < PART; k++) {
            weight[k] = 1;
        }
        for (Py_ssize_t k = 0; rest != NULL && k < count; k++) {
            double share = rest[start + k] / scale;
            weight[k] = 1 / (share * share + 1);
        }
        for (int i = 0; i < UNKNOWNS; i++) {
            for (int k = 0; k < PART; k++) {
                weighted[i][k] = factors[i][k] * weight[k];
            }
        }
        ADD_PRODUCTS(0);
        ADD_PRODUCTS(1);
        ADD_PRODUCTS(2);
        ADD_PRODUCTS(3);
        ADD_PRODUCTS(4);
        ADD_PRODUCTS(5);
        ADD_PRODUCTS(6);
        ADD_PRODUCTS(7);
    }
    for (int i = 0; i < UNKNOWNS; i++) {
        for (int j = 0; j < i; j++) {
            sums[i][j] = sums[j][i];
        }
    }
}

FOR_EVERY_PROCESSOR static void
subtract_parts(const double *given, Py_ssize_t n, const double *solution, double *rest)
{
    double factors[UNKNOWNS + 1][PART];
    for (Py_ssize_t start = 0; start < n; start += PART) {
        Py_ssize_t count = n - start < PART ? n - start : PART;
        fill(given, n, start, count, factors);
        for (int i = 0; i < UNKNOWNS; i++) {
            for (int k = 0; k < PART; k++) {
                factors[UNKNOWNS][k] -= solution[i] * factors[i][k];
            }
        }
        for (Py_ssize_t k = 0; k < count; k++) {
            rest[start + k] = fabs(factors[UNKNOWNS][k]);
        }
    }
}

PyDoc_STRVAR(rest_doc,
"rest(equations, solution, rest)\n"
"--\n\n"
"Write by how much each equation is not fulfilled.");

static PyObject *
rest_of(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { GIVEN, SOLUTION, REST, ARRAYS };
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    if (!PyArg_ParseTuple(arguments, "OOO:rest", &objects[GIVEN], &objects[SOLUTION],
                          &objects[REST])) {
        return NULL;
    }
    if (take(&arrays[GIVEN], objects[GIVEN], "equations", 8, 0, 0) < 0 ||
        take(&arrays[SOLUTION], objects[SOLUTION], "solution", 8, 0, 0) < 0 ||
        take(&arrays[REST], objects[REST], "rest", 8, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[GIVEN]) / ROWS;
    if (!has_length(&arrays[GIVEN], "equations", n * ROWS) ||
        !has_length(&arrays[SOLUTION], "solution", UNKNOWNS) ||
        !has_length(&arrays[REST], "rest", n)) {
        goto done;
    }
    const double *given = arrays[GIVEN].view.buf, *solution = arrays[SOLUTION].view.buf;
    double *rest = arrays[REST].view.buf;
    Py_BEGIN_ALLOW_THREADS
    subtract_parts(given, n, solution, rest);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    release(arrays, ARRAYS);
    return result;
}

PyDoc_STRVAR(sums_doc,
"sums(equations, rest, scale, sums)\n"
"--\n\n"
"Write the sums of the products of all factors, weighted by Cauchy's weights of the rest if any.");

static PyObject *
sums_of(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { GIVEN, REST, SUMS, ARRAYS };
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    double scale;
    if (!PyArg_ParseTuple(arguments, "OOdO:sums", &objects[GIVEN], &objects[REST], &scale,
                          &objects[SUMS])) {
        return NULL;
    }
    if (take(&arrays[GIVEN], objects[GIVEN], "equations", 8, 0, 0) < 0 ||
        take(&arrays[REST], objects[REST], "rest", 8, 0, 1) < 0 ||
        take(&arrays[SUMS], objects[SUMS], "sums", 8, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[GIVEN]) / ROWS;
    if (!has_length(&arrays[GIVEN], "equations", n * ROWS) ||
        !has_length(&arrays[REST], "rest", n) ||
        !has_length(&arrays[SUMS], "sums", UNKNOWNS * (UNKNOWNS + 1))) {
        goto done;
    }
    if (!(scale > 0)) {
        PyErr_SetString(PyExc_ValueError, "scale: it has to be above 0");
        goto done;
    }
    const double *given = arrays[GIVEN].view.buf, *rest = arrays[REST].view.buf;
    double sums[UNKNOWNS][UNKNOWNS + 1] = {{0}};
    Py_BEGIN_ALLOW_THREADS
    add_parts(given, n, rest, scale, sums);
    Py_END_ALLOW_THREADS
    memcpy(arrays[SUMS].view.buf, sums, sizeof sums);
    result = Py_NewRef(Py_None);
done:
    release(arrays, ARRAYS);
    return result;
}

/* Curves of grey levels --------------------------------------------------------------------- */

/* Pool neighbours that fall, from the first value on; n is at least 1. */
static int
pool(const double *values, const double *weights, Py_ssize_t n, double *rising)
{
    double *sums = PyMem_Malloc((size_t)n * sizeof *sums);
    double *pooled = PyMem_Malloc((size_t)n * sizeof *pooled);
    Py_ssize_t *members = PyMem_Malloc((size_t)n * sizeof *members);
    int enough = sums != NULL && pooled != NULL && members != NULL;
    Py_ssize_t blocks = 0, place = 0;
    for (Py_ssize_t i = 0; enough && i < n; i++) {
        double sum = values[i] * weights[i], weight = weights[i];
        Py_ssize_t count = 1;
        while (blocks > 0 && !(sum / weight > sums[blocks - 1] / pooled[blocks - 1])) {
            blocks--;
            sum += sums[blocks];
            weight += pooled[blocks];
            count += members[blocks];
        }
        sums[blocks] = sum;
        pooled[blocks] = weight;
        members[blocks++] = count;
    }
    for (Py_ssize_t i = 0; enough && i < blocks; i++) {
        for (Py_ssize_t k = 0; k < members[i]; k++, place++) {
            rising[place] = members[i] == 1 ? values[place] : sums[i] / pooled[i];
        }
    }
    PyMem_Free(sums);
    PyMem_Free(pooled);
    PyMem_Free(members);
    return enough;
}

PyDoc_STRVAR(isotonic_doc,
"isotonic(values, weights, rising)\n"
"--\n\n"
"Write the nearest values that never fall; weights are above 0.");

static PyObject *
isotonic(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { VALUES, WEIGHTS, RISING, ARRAYS };
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    if (!PyArg_ParseTuple(arguments, "OOO:isotonic", &objects[VALUES], &objects[WEIGHTS],
                          &objects[RISING])) {
        return NULL;
    }
    if (take(&arrays[VALUES], objects[VALUES], "values", 8, 0, 0) < 0 ||
        take(&arrays[WEIGHTS], objects[WEIGHTS], "weights", 8, 0, 0) < 0 ||
        take(&arrays[RISING], objects[RISING], "rising", 8, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[VALUES]);
    if (!has_length(&arrays[WEIGHTS], "weights", n) ||
        !has_length(&arrays[RISING], "rising", n)) {
        goto done;
    }
    if (n > 0 && !pool(arrays[VALUES].view.buf, arrays[WEIGHTS].view.buf, n,
                       arrays[RISING].view.buf)) {
        PyErr_NoMemory();
        goto done;
    }
    result = Py_NewRef(Py_None);
done:
    release(arrays, ARRAYS);
    return result;
}

/* Solve a system with two diagonals on each side of the main one, which holds the pivots after. */
static void
solve(double *pivots, double *lower, double *lowest, double *solved, Py_ssize_t n)
{
    lower[0] /= pivots[0];
    pivots[1] -= lower[0] * lower[0] * pivots[0];
    solved[1] -= lower[0] * solved[0];
    for (Py_ssize_t i = 2; i < n; i++) {
        double one = pivots[i - 1], two = pivots[i - 2];
        double far = lowest[i - 2] / two;
        double near = (lower[i - 1] - far * lower[i - 2] * two) / one;
        pivots[i] = pivots[i] - far * far * two - near * near * one;
        solved[i] -= far * solved[i - 2] + near * solved[i - 1];
        lower[i - 1] = near;
        lowest[i - 2] = far;
    }
    solved[n - 1] /= pivots[n - 1];
    solved[n - 2] = solved[n - 2] / pivots[n - 2] - lower[n - 2] * solved[n - 1];
    for (Py_ssize_t i = n - 3; i >= 0; i--) {
        solved[i] = solved[i] / pivots[i] - lower[i] * solved[i + 1] - lowest[i] * solved[i + 2];
    }
}

PyDoc_STRVAR(solve_banded_doc,
"solve_banded(diagonal, first, second, right)\n"
"--\n\n"
"Put the solution in the place of what is right; the diagonals are written over.");

static PyObject *
solve_banded(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { DIAGONAL, FIRST, SECOND, RIGHT, ARRAYS };
    PyObject *objects[ARRAYS], *result = NULL;
    Array arrays[ARRAYS] = {0};
    if (!PyArg_ParseTuple(arguments, "OOOO:solve_banded", &objects[DIAGONAL], &objects[FIRST],
                          &objects[SECOND], &objects[RIGHT])) {
        return NULL;
    }
    if (take(&arrays[DIAGONAL], objects[DIAGONAL], "diagonal", 8, 1, 0) < 0 ||
        take(&arrays[FIRST], objects[FIRST], "first", 8, 1, 0) < 0 ||
        take(&arrays[SECOND], objects[SECOND], "second", 8, 1, 0) < 0 ||
        take(&arrays[RIGHT], objects[RIGHT], "right", 8, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[DIAGONAL]);
    if (n < 3) {
        PyErr_SetString(PyExc_ValueError, "diagonal: there have to be 3 items or more");
        goto done;
    }
    if (!has_length(&arrays[FIRST], "first", n - 1) ||
        !has_length(&arrays[SECOND], "second", n - 2) ||
        !has_length(&arrays[RIGHT], "right", n)) {
        goto done;
    }
    solve(arrays[DIAGONAL].view.buf, arrays[FIRST].view.buf, arrays[SECOND].view.buf,
          arrays[RIGHT].view.buf, n);
    result = Py_NewRef(Py_None);
done:
    release(arrays, ARRAYS);
    return result;
}

static PyMethodDef METHODS[] = {
    {"isotonic", isotonic, METH_VARARGS, isotonic_doc},
    {"rest", rest_of, METH_VARARGS, rest_doc},
    {"solve_banded", solve_banded, METH_VARARGS, solve_banded_doc},
    {"sums", sums_of, METH_VARARGS, sums_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_equations",
    .m_doc = "Weighted least squares, in C.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__equations(void)
{
    return PyModuleDef_Init(&MODULE);
}
