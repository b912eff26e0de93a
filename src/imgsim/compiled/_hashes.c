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

static PyMethodDef METHODS[] = {
    {"search", search, METH_VARARGS, search_doc},
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
