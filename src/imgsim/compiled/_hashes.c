/* Which hashes are near in any of eight orientations, or with light and dark exchanged.
 *
 * What it does is said in propose/hashes.py, which has the same in NumPy. All sizes, types and
 * numbers are checked here before anything is read or written.
 */

#include "arrays.h"

#define PARTS 4 /* even rows and even columns, even and odd, odd and even, odd and odd */
#define PART_BITS 64
#define NEGATIVE 8 /* behind the eight orientations */

typedef struct {
    const uint64_t *plain, *transposed; /* four parts of each hash */
    Py_ssize_t next, stop;
    int radius;
    uint64_t *found;
    uint16_t *how;
    Py_ssize_t room, count;
} Search;

static inline int
lesser(int bits)
{
    return bits < PART_BITS - bits ? bits : PART_BITS - bits;
}

/* A mirror exchanges the bits of odd columns, an upside-down picture has others in odd rows. */
static inline unsigned
flips_within(const int bits[PARTS], int radius)
{
    unsigned within = 0;
    for (int mirror = 0; mirror < 2; mirror++) {
        for (int flip = 0; flip < 2; flip++) {
            int sum = bits[0] + (mirror ? PART_BITS - bits[1] : bits[1]) +
                      (flip ? PART_BITS - bits[2] : bits[2]) +
                      (mirror != flip ? PART_BITS - bits[3] : bits[3]);
            within |= (unsigned)(sum <= radius) << (2 * mirror + flip);
        }
    }
    return within;
}

#define SEARCH_FUNCTION(NAME, BITS, ATTRIBUTE)                                                    \
    ATTRIBUTE static inline int NAME##_parts(const uint64_t *one, const uint64_t *other,          \
                                             int radius, int bits[PARTS])                         \
    {                                                                                             \
        /* the first bit of all is 0 in every hash, and in the negative of one, too */            \
        int least = -1;                                                                           \
        for (int part = 0; part < PARTS; part++) {                                                \
            bits[part] = BITS(one[part] ^ other[part]);                                           \
            least += lesser(bits[part]);                                                          \
            if (least > radius) {                                                                 \
                return 0;                                                                         \
            }                                                                                     \
        }                                                                                         \
        return 1;                                                                                 \
    }                                                                                             \
                                                                                                  \
    ATTRIBUTE static void NAME(Search *s)                                                         \
    {                                                                                             \
        for (; s->next < s->stop; s->next++) {                                                    \
            if (s->room - s->count < s->next) {                                                   \
                return;                                                                           \
            }                                                                                     \
            const uint64_t *plain = s->plain + PARTS * s->next;                                   \
            const uint64_t *transposed = s->transposed + PARTS * s->next;                         \
            for (Py_ssize_t i = 0; i < s->next; i++) {                                            \
                const uint64_t *one = s->plain + PARTS * i;                                       \
                int bits[PARTS];                                                                  \
                unsigned how = 0;                                                                 \
                if (NAME##_parts(one, plain, s->radius, bits)) {                                  \
                    how = flips_within(bits, s->radius);                                          \
                    int sum = bits[0] + bits[1] + bits[2] + bits[3];                              \
                    how |= (unsigned)(PARTS * PART_BITS - 1 - sum <= s->radius) << NEGATIVE;      \
                }                                                                                 \
                if (NAME##_parts(one, transposed, s->radius, bits)) {                             \
                    how |= flips_within(bits, s->radius) << 4;                                    \
                }                                                                                 \
                if (how) {                                                                        \
                    s->found[s->count] = (uint64_t)i << 32 | (uint64_t)s->next;                   \
                    s->how[s->count++] = (uint16_t)how;                                           \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }

SEARCH_FUNCTION(search_portable, bits_portable, )
#ifdef COUNTS_BITS_BY_INSTRUCTION
SEARCH_FUNCTION(search_fast, bits_fast, WITH_POPCNT)
#endif

PyDoc_STRVAR(search_doc,
"search(start, stop, radius, plain, transposed, found, how)\n"
"--\n\n"
"Compare some hashes with all before them; return where to go on, and how many pairs were found.");

static PyObject *
search(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { PLAIN, TRANSPOSED, FOUND, HOW, ARRAYS };
    PyObject *objects[ARRAYS];
    Array arrays[ARRAYS] = {0};
    Search s = {0};
    if (!PyArg_ParseTuple(arguments, "nniOOOO:search", &s.next, &s.stop, &s.radius,
                          &objects[PLAIN], &objects[TRANSPOSED], &objects[FOUND],
                          &objects[HOW])) {
        return NULL;
    }
    PyObject *result = NULL;
    if (take(&arrays[PLAIN], objects[PLAIN], "plain", 8, 0, 0) < 0 ||
        take(&arrays[TRANSPOSED], objects[TRANSPOSED], "transposed", 8, 0, 0) < 0 ||
        take(&arrays[FOUND], objects[FOUND], "found", 8, 1, 0) < 0 ||
        take(&arrays[HOW], objects[HOW], "how", 2, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[PLAIN]) / PARTS;
    s.room = length(&arrays[FOUND]);
    if (!has_length(&arrays[PLAIN], "plain", n * PARTS) ||
        !has_length(&arrays[TRANSPOSED], "transposed", n * PARTS) ||
        !has_length(&arrays[HOW], "how", s.room)) {
        goto done;
    }
    if (n > UINT32_MAX || s.next < 0 || s.stop < s.next || s.stop > n || s.radius < 0 ||
        s.room < s.stop) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range");
        goto done;
    }
    s.plain = arrays[PLAIN].view.buf;
    s.transposed = arrays[TRANSPOSED].view.buf;
    s.found = arrays[FOUND].view.buf;
    s.how = arrays[HOW].view.buf;
    Py_BEGIN_ALLOW_THREADS
#ifdef COUNTS_BITS_BY_INSTRUCTION
    if (__builtin_cpu_supports("popcnt")) {
        search_fast(&s);
    }
    else {
        search_portable(&s);
    }
#else
    search_portable(&s);
#endif
    Py_END_ALLOW_THREADS
    result = Py_BuildValue("nn", s.next, s.count);
done:
    release(arrays, ARRAYS);
    return result;
}

/* Rows of any length ------------------------------------------------------------------------ */

typedef struct {
    const int64_t *queries;
    Py_ssize_t asked;
    const uint64_t *rows;
    Py_ssize_t n, size; /* of a row, in words of 64 bits */
    int radius;
    /* by parts of the rows: one that is within the radius has one of them in common */
    Py_ssize_t parts, part_bits;
    const uint32_t *starts, *order;
    uint64_t *found;
    uint16_t *distance;
    Py_ssize_t room, next, count;
} After;

/* Some bits of a row as a number. */
static inline uint32_t
part_of(const uint64_t *row, Py_ssize_t part, Py_ssize_t bits)
{
    Py_ssize_t first = part * bits, word = first / 64, shift = first % 64;
    uint64_t value = row[word] >> shift;
    if (shift + bits > 64) {
        value |= row[word + 1] << (64 - shift);
    }
    return (uint32_t)(value & (((uint64_t)1 << bits) - 1));
}

static int
shares_earlier_part(const After *a, const uint64_t *one, const uint64_t *other, Py_ssize_t part)
{
    for (Py_ssize_t i = 0; i < part; i++) {
        if (part_of(one, i, a->part_bits) == part_of(other, i, a->part_bits)) {
            return 1;
        }
    }
    return 0;
}

/* The first of some ascending rows that comes after another one. */
static Py_ssize_t
first_after(const uint32_t *order, Py_ssize_t start, Py_ssize_t end, uint32_t row)
{
    while (start < end) {
        Py_ssize_t middle = start + (end - start) / 2;
        if (order[middle] > row) {
            end = middle;
        }
        else {
            start = middle + 1;
        }
    }
    return start;
}

#define AFTER_FUNCTION(NAME, BITS, ATTRIBUTE)                                                     \
    ATTRIBUTE static inline int NAME##_apart(const After *a, const uint64_t *one,                 \
                                             const uint64_t *other)                               \
    {                                                                                             \
        int bits = 0;                                                                             \
        for (Py_ssize_t i = 0; i < a->size && bits <= a->radius; i++) {                           \
            bits += BITS(one[i] ^ other[i]);                                                      \
        }                                                                                         \
        return bits;                                                                              \
    }                                                                                             \
                                                                                                  \
    ATTRIBUTE static void NAME(After *a)                                                          \
    {                                                                                             \
        for (; a->next < a->asked; a->next++) {                                                   \
            uint32_t query = (uint32_t)a->queries[a->next];                                       \
            if (a->room - a->count < a->n - 1 - (Py_ssize_t)query) {                              \
                return;                                                                           \
            }                                                                                     \
            const uint64_t *one = a->rows + a->size * query;                                      \
            for (Py_ssize_t i = (Py_ssize_t)query + 1; a->parts == 0 && i < a->n; i++) {          \
                int bits = NAME##_apart(a, one, a->rows + a->size * i);                           \
                if (bits <= a->radius) {                                                          \
                    a->found[a->count] = (uint64_t)query << 32 | (uint64_t)i;                     \
                    a->distance[a->count++] = (uint16_t)bits;                                     \
                }                                                                                 \
            }                                                                                     \
            for (Py_ssize_t part = 0; part < a->parts; part++) {                                  \
                const uint32_t *starts = a->starts + part * (((Py_ssize_t)1 << a->part_bits) + 1); \
                const uint32_t *order = a->order + part * a->n;                                   \
                uint32_t value = part_of(one, part, a->part_bits);                                \
                Py_ssize_t end = starts[value + 1] < a->n ? starts[value + 1] : a->n;             \
                for (Py_ssize_t i = first_after(order, starts[value], end, query);                \
                     i < end && order[i] < a->n && a->count < a->room; i++) {                     \
                    const uint64_t *other = a->rows + a->size * order[i];                         \
                    int bits = NAME##_apart(a, one, other);                                       \
                    if (bits <= a->radius && !shares_earlier_part(a, one, other, part)) {         \
                        a->found[a->count] = (uint64_t)query << 32 | order[i];                    \
                        a->distance[a->count++] = (uint16_t)bits;                                 \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }

AFTER_FUNCTION(after_portable, bits_portable, )
#ifdef COUNTS_BITS_BY_INSTRUCTION
AFTER_FUNCTION(after_fast, bits_fast, WITH_POPCNT)
#endif

enum { QUERIES, ROWS, STARTS, ORDER, NEAR, DISTANCE, AFTER_ARRAYS };

/* Whether there are as many parts as there should be; their numbers are looked at where used. */
static int
parts_fit(const After *a, const Array *arrays)
{
    if (a->parts == 0) {
        return 1;
    }
    if (a->part_bits < 1 || a->part_bits > 16 || a->parts < 0 ||
        a->parts > 64 * a->size / a->part_bits) {
        PyErr_SetString(PyExc_ValueError, "parts: out of range");
        return 0;
    }
    Py_ssize_t values = ((Py_ssize_t)1 << a->part_bits) + 1;
    if (!has_length(&arrays[STARTS], "starts", a->parts * values) ||
        !has_length(&arrays[ORDER], "order", a->parts * a->n)) {
        return 0;
    }
    return 1;
}

PyDoc_STRVAR(after_doc,
"after(start, radius, parts, part_bits, queries, rows, size, starts, order, found, distance)\n"
"--\n\n"
"Find rows near some that come after them; return where to go on, and how many were found.");

static PyObject *
after(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[AFTER_ARRAYS];
    Array arrays[AFTER_ARRAYS] = {0};
    After a = {0};
    if (!PyArg_ParseTuple(arguments, "ninnOOnOOOO:after", &a.next, &a.radius, &a.parts,
                          &a.part_bits, &objects[QUERIES], &objects[ROWS], &a.size,
                          &objects[STARTS], &objects[ORDER], &objects[NEAR],
                          &objects[DISTANCE])) {
        return NULL;
    }
    PyObject *result = NULL;
    if (take(&arrays[QUERIES], objects[QUERIES], "queries", 8, 0, 0) < 0 ||
        take(&arrays[ROWS], objects[ROWS], "rows", 8, 0, 0) < 0 ||
        take(&arrays[STARTS], objects[STARTS], "starts", 4, 0, 1) < 0 ||
        take(&arrays[ORDER], objects[ORDER], "order", 4, 0, 1) < 0 ||
        take(&arrays[NEAR], objects[NEAR], "found", 8, 1, 0) < 0 ||
        take(&arrays[DISTANCE], objects[DISTANCE], "distance", 2, 1, 0) < 0) {
        goto done;
    }
    a.asked = length(&arrays[QUERIES]);
    a.room = length(&arrays[NEAR]);
    if (a.size < 1 || a.size > 512 || a.radius < 0 || a.next < 0 || a.next > a.asked ||
        (a.parts != 0 && (!arrays[STARTS].held || !arrays[ORDER].held))) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range");
        goto done;
    }
    a.n = length(&arrays[ROWS]) / a.size;
    a.queries = arrays[QUERIES].view.buf;
    a.rows = arrays[ROWS].view.buf;
    a.starts = arrays[STARTS].view.buf;
    a.order = arrays[ORDER].view.buf;
    a.found = arrays[NEAR].view.buf;
    a.distance = arrays[DISTANCE].view.buf;
    if (!has_length(&arrays[ROWS], "rows", a.n * a.size) ||
        !has_length(&arrays[DISTANCE], "distance", a.room)) {
        goto done;
    }
    if (a.n > UINT32_MAX || a.room < a.n) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range");
        goto done;
    }
    for (Py_ssize_t i = 0; i < a.asked; i++) {
        if (a.queries[i] < 0 || a.queries[i] >= a.n) {
            PyErr_SetString(PyExc_ValueError, "queries: there is no such row");
            goto done;
        }
    }
    if (!parts_fit(&a, arrays)) {
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
#ifdef COUNTS_BITS_BY_INSTRUCTION
    if (__builtin_cpu_supports("popcnt")) {
        after_fast(&a);
    }
    else {
        after_portable(&a);
    }
#else
    after_portable(&a);
#endif
    Py_END_ALLOW_THREADS
    result = Py_BuildValue("nn", a.next, a.count);
done:
    release(arrays, AFTER_ARRAYS);
    return result;
}

static PyMethodDef METHODS[] = {
    {"search", search, METH_VARARGS, search_doc},
    {"after", after, METH_VARARGS, after_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_hashes",
    .m_doc = "Which hashes are near, in C.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__hashes(void)
{
    return PyModuleDef_Init(&MODULE);
}
