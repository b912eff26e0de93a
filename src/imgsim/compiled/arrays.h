/* What the parts in C have in common: the arrays they are given, and how bits are counted. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

/* Arguments --------------------------------------------------------------------------------- */

typedef struct {
    Py_buffer view;
    int held;
} Array;

static void
release(Array *arrays, int n)
{
    for (int i = 0; i < n; i++) {
        if (arrays[i].held) {
            PyBuffer_Release(&arrays[i].view);
        }
    }
}

/* Take a contiguous array of items of so many bytes; of None nothing, if that is allowed. */
static int
take(Array *array, PyObject *object, const char *name, Py_ssize_t item, int writable, int optional)
{
    array->held = 0;
    array->view.buf = NULL;
    array->view.len = 0;
    if (object == Py_None && optional) {
        return 0;
    }
    int flags = writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO;
    if (PyObject_GetBuffer(object, &array->view, flags) < 0) {
        return -1;
    }
    array->held = 1;
    if (array->view.itemsize != item) {
        PyErr_Format(PyExc_TypeError, "%s: items of %zd bytes are asked, not of %zd", name, item,
                     array->view.itemsize);
        return -1;
    }
    if ((uintptr_t)array->view.buf % (uintptr_t)item != 0) {
        PyErr_Format(PyExc_ValueError, "%s is not aligned", name);
        return -1;
    }
    return 0;
}

static Py_ssize_t
length(const Array *array)
{
    return array->held ? array->view.len / array->view.itemsize : 0;
}

static int
has_length(const Array *array, const char *name, Py_ssize_t n)
{
    if (array->held && length(array) != n) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items are asked, not %zd", name, n, length(array));
        return 0;
    }
    return 1;
}

/* Bits -------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define COUNTS_BITS_BY_INSTRUCTION 1
#define WITH_POPCNT __attribute__((target("popcnt")))
#else
#define WITH_POPCNT
#endif

static inline int
bits_portable(uint64_t x)
{
    x -= (x >> 1) & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)((x * 0x0101010101010101u) >> 56);
}

#ifdef COUNTS_BITS_BY_INSTRUCTION
WITH_POPCNT static inline int
bits_fast(uint64_t x)
{
    return __builtin_popcountll(x);
}
#endif
