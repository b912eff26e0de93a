/* Looks up the words of keypoints in a segment of an index.
 *
 * What each function does is said in index/words.py, which has the same in NumPy. A segment is
 * input from outside: all that is read of it lies inside, and has the check sum that was written.
 */

#include "arrays.h"

#define BYTES 32         /* of a descriptor */
#define WORDS 15         /* each has four bytes, two of them in common with the next one */
#define PIECE_BITS 6
#define NUMBERS 8        /* of 64 bits in a piece */
#define TOGETHER 16      /* words that are looked up at a time */
#define AHEAD 12
#define MOST 0x7fffffff  /* entries of one word */

enum { WRONG_SUM = -1, NO_PLACE = -2 };

typedef struct {
    const uint8_t *whole;
    const uint32_t *sums;
    const uint64_t *factors;  /* of the numbers in a piece, and of its own */
    uint8_t *checked;         /* a bit for each piece */
    uint64_t pieces;
    /* where sections begin and what they hold */
    uint64_t rows, rows_end, row_bytes, descriptors, mirrored, behind, starts, order;
    uint64_t width, keypoints;  /* entries for each word */
    int shift, item; /* item: bytes of one of the values */
    int trouble;
} Segment;

static inline void
fetch(const Segment *s, uint64_t at)
{
#if defined(__GNUC__) || defined(__clang__)
    uint64_t piece = at >> PIECE_BITS;
    if (piece < s->pieces) {
        __builtin_prefetch(s->whole + at);
        __builtin_prefetch(s->whole + at + (1 << PIECE_BITS)); /* what is asked may reach there */
        __builtin_prefetch(s->sums + piece);
    }
#else
    (void)s, (void)at;
#endif
}

static int
is_right(Segment *s, uint64_t piece)
{
    if (piece >= s->pieces) {
        s->trouble = NO_PLACE;
        return 0;
    }
    if (s->checked[piece >> 3] >> (piece & 7) & 1) {
        return 1;
    }
    uint64_t numbers[NUMBERS], sum = (piece + 1) * s->factors[NUMBERS];
    memcpy(numbers, s->whole + (piece << PIECE_BITS), sizeof numbers);
    for (int i = 0; i < NUMBERS; i++) {
        sum += numbers[i] * s->factors[i];
    }
    if ((uint32_t)(sum >> 32) != s->sums[piece]) {
        s->trouble = WRONG_SUM;
        return 0;
    }
    s->checked[piece >> 3] |= (uint8_t)(1 << (piece & 7));
    return 1;
}

/* Some bytes, fewer than a piece has; NULL where they are not as they were written. */
static inline const uint8_t *
bytes_at(Segment *s, uint64_t at, uint64_t n)
{
    uint64_t first = at >> PIECE_BITS, last = (at + n - 1) >> PIECE_BITS;
    return is_right(s, first) && (first == last || is_right(s, last)) ? s->whole + at : NULL;
}

static inline int
number_at(Segment *s, uint64_t at, int item, uint32_t *number)
{
    const uint8_t *there = bytes_at(s, at, (uint64_t)item);
    if (there == NULL) {
        return 0;
    }
    if (item == 2) {
        uint16_t half;
        memcpy(&half, there, 2);
        *number = half;
    } else {
        memcpy(number, there, 4);
    }
    return 1;
}

static inline uint64_t
entry(const Segment *s, uint64_t word, uint64_t place)
{
    return s->order + word * s->keypoints * (4 + (uint64_t)s->item) + 4 * place;
}

static inline uint64_t
value_at(const Segment *s, uint64_t word, uint64_t place)
{
    return entry(s, word, s->keypoints) + (uint64_t)s->item * place;
}

/* Finding words ----------------------------------------------------------------------------- */

typedef struct {
    uint64_t word, left, right, at;
    uint32_t value;
    int found;
} Lookup;

static int
open_bucket(Segment *s, Lookup *one)
{
    uint32_t bounds[2];
    for (int i = 0; i < 2; i++) {
        if (!number_at(s, one->at + 4 * (uint64_t)i, 4, &bounds[i])) {
            return 0;
        }
    }
    one->left = bounds[0];
    one->right = bounds[1];
    if (one->left > one->right || one->right > s->keypoints) {
        s->trouble = NO_PLACE;
        return 0;
    }
    return 1;
}

/* The first place whose word is not less, or is greater. */
static int
bisect(Segment *s, Lookup *one, int after)
{
    while (one->left < one->right) {
        uint64_t middle = (one->left + one->right) / 2;
        uint32_t there;
        if (!number_at(s, value_at(s, one->word, middle), s->item, &there)) {
            return 0;
        }
        if (after ? there <= one->value : there < one->value) {
            one->left = middle + 1;
        } else {
            one->right = middle;
            one->found |= there == one->value;
        }
    }
    return 1;
}

static int
find_words(Segment *s, const int64_t *word, const uint32_t *value, Py_ssize_t m, int64_t *first,
           int64_t *end)
{
    for (Py_ssize_t start = 0; start < m; start += TOGETHER) {
        Lookup some[TOGETHER] = {0}; /* since what they need lies anywhere */
        int n = m - start < TOGETHER ? (int)(m - start) : TOGETHER;
        for (int i = 0; i < n; i++) {
            some[i].word = (uint64_t)word[start + i];
            some[i].value = value[start + i];
            some[i].at = s->starts + 4 * (some[i].word * s->width + (some[i].value >> s->shift));
            if (s->item == 2) {
                some[i].value &= 0xffff; /* in a bucket the others are equal */
            }
            fetch(s, some[i].at);
        }
        for (int i = 0; i < n; i++) {
            if (!open_bucket(s, &some[i])) {
                return 0;
            }
            fetch(s, value_at(s, some[i].word, (some[i].left + some[i].right) / 2));
        }
        for (int i = 0; i < n; i++) {
            uint64_t right = some[i].right;
            if (!bisect(s, &some[i], 0)) {
                return 0;
            }
            first[start + i] = (int64_t)some[i].left;
            if (some[i].found) {
                some[i].left++; /* it is one of them */
                some[i].right = right;
                if (!bisect(s, &some[i], 1)) {
                    return 0;
                }
            }
            end[start + i] = (int64_t)some[i].left;
        }
    }
    return 1;
}

/* Keypoints that are alike ------------------------------------------------------------------ */

typedef struct {
    const int64_t *word, *first, *end; /* (m,) */
    Py_ssize_t m;
    const int64_t *owners;    /* (m + 1,): where those that ask for a word begin in `own` */
    const uint32_t *own;
    const uint8_t *descriptors, *own_mirrored;
    const uint16_t *counted;  /* words of each by which it is compared, a bit each */
    const int64_t *live;      /* by the row: less than 0 where it is not compared */
    int max_bits;
    uint64_t *entries, *scratch;
    Py_ssize_t n;             /* entries */
    /* what is found */
    uint32_t *one, *other;
    uint8_t *of_word, *bits;
    Py_ssize_t room, count;
} Asked;

/* The keypoints of all words, each in the upper half of a number, in their order. */
static int
gather(Segment *s, Asked *a)
{
    Py_ssize_t n = 0;
    for (Py_ssize_t w = 0; w < a->m; w++) {
        if (w + AHEAD < a->m) {
            fetch(s, entry(s, (uint64_t)a->word[w + AHEAD], (uint64_t)a->first[w + AHEAD]));
        }
        for (int64_t place = a->first[w]; place < a->end[w]; place++) {
            uint32_t keypoint;
            if (!number_at(s, entry(s, (uint64_t)a->word[w], (uint64_t)place), 4, &keypoint)) {
                return 0;
            }
            a->entries[n++] = (uint64_t)keypoint << 32 | (uint64_t)w;
        }
    }
    uint64_t *from = a->entries, *to = a->scratch;
    for (int shift = 32; shift < 64; shift += 11) {
        Py_ssize_t starts[2048] = {0}, sum = 0;
        for (Py_ssize_t i = 0; i < n; i++) {
            starts[from[i] >> shift & 2047]++;
        }
        for (int digit = 0; digit < 2048; digit++) {
            Py_ssize_t count = starts[digit];
            starts[digit] = sum;
            sum += count;
        }
        for (Py_ssize_t i = 0; i < n; i++) {
            to[starts[from[i] >> shift & 2047]++] = from[i];
        }
        uint64_t *other = from;
        from = to;
        to = other;
    }
    a->entries = from;
    a->scratch = to;
    return 1;
}

/* Which of four halves of words are 0, a bit each. */
static inline unsigned
zero_halves(uint64_t x)
{
    const uint64_t low = 0x7fff7fff7fff7fffu;
    uint64_t zero = ~(((x & low) + low) | x | low) >> 15;
    return (unsigned)((zero * 0x0001000200040008u) >> 48) & 15;
}

#define NEAR_FUNCTION(NAME, BITS, ATTRIBUTE)                                                      \
    ATTRIBUTE static int NAME(Segment *s, Asked *a)                                               \
    {                                                                                             \
        for (Py_ssize_t i = 0; i < a->n; i++) {                                                   \
            uint64_t keypoint = a->entries[i] >> 32, at = s->rows + 2 * keypoint;                 \
            if (i + AHEAD < a->n) {                                                               \
                fetch(s, s->rows + 2 * (a->entries[i + AHEAD] >> 32));                            \
            }                                                                                     \
            uint64_t row = 2 * keypoint / s->row_bytes, inside = 2 * keypoint % s->row_bytes;     \
            if (at + BYTES > s->rows_end || inside < s->descriptors || inside >= s->behind) {     \
                s->trouble = NO_PLACE;                                                            \
                return 0;                                                                         \
            }                                                                                     \
            if (a->live[row] < 0) {                                                               \
                continue;                                                                         \
            }                                                                                     \
            const uint8_t *there = bytes_at(s, at, BYTES);                                        \
            if (there == NULL) {                                                                  \
                return 0;                                                                         \
            }                                                                                     \
            uint64_t x[4], y[4];                                                                  \
            memcpy(x, there, BYTES);                                                              \
            uint32_t w = (uint32_t)a->entries[i];                                                 \
            unsigned earlier = (1u << a->word[w]) - 1;                                            \
            for (int64_t j = a->owners[w]; j < a->owners[w + 1]; j++) {                           \
                uint32_t one = a->own[j];                                                         \
                memcpy(y, a->descriptors + (size_t)one * BYTES, BYTES);                           \
                for (int k = 0; k < 4; k++) {                                                     \
                    y[k] ^= x[k];                                                                 \
                }                                                                                 \
                int apart = BITS(y[0]) + BITS(y[1]) + BITS(y[2]) + BITS(y[3]);                    \
                unsigned halves = zero_halves(y[0]) | zero_halves(y[1]) << 4 |                    \
                                  zero_halves(y[2]) << 8 | zero_halves(y[3]) << 12;               \
                if (apart > a->max_bits || (halves & halves >> 1 & a->counted[one] & earlier) ||  \
                    (a->own_mirrored[one] && inside >= s->mirrored)) {                            \
                    continue; /* or it was found by an earlier word */                            \
                }                                                                                 \
                a->one[a->count] = one;                                                           \
                a->other[a->count] = (uint32_t)keypoint;                                          \
                a->of_word[a->count] = (uint8_t)a->word[w];                                       \
                a->bits[a->count++] = (uint8_t)apart;                                             \
            }                                                                                     \
        }                                                                                         \
        return 1;                                                                                 \
    }

NEAR_FUNCTION(near_portable, bits_portable, )
#ifdef COUNTS_BITS_BY_INSTRUCTION
NEAR_FUNCTION(near_fast, bits_fast, WITH_POPCNT)
#endif

/* Arguments --------------------------------------------------------------------------------- */

enum { WHOLE, SUMS, FACTORS, CHECKED, OF_SEGMENT };

/* A segment as index/words.py gives it: four arrays, and eleven numbers. */
static int
take_segment(Segment *s, Array *arrays, PyObject *given)
{
    PyObject *objects[OF_SEGMENT];
    unsigned long long rows, contents, row_bytes, descriptors, mirrored, behind, starts, order,
        width, keypoints;
    if (!PyArg_ParseTuple(given, "OOOOKKKKKKKKKKi:segment", &objects[WHOLE], &objects[SUMS],
                          &objects[FACTORS], &objects[CHECKED], &rows, &contents, &row_bytes,
                          &descriptors, &mirrored, &behind, &starts, &order, &width, &keypoints,
                          &s->item)) {
        return -1;
    }
    if (take(&arrays[WHOLE], objects[WHOLE], "whole", 1, 0, 0) < 0 ||
        take(&arrays[SUMS], objects[SUMS], "sums", 4, 0, 0) < 0 ||
        take(&arrays[FACTORS], objects[FACTORS], "factors", 8, 0, 0) < 0 ||
        take(&arrays[CHECKED], objects[CHECKED], "checked", 1, 1, 0) < 0) {
        return -1;
    }
    Py_ssize_t size = length(&arrays[WHOLE]), pieces = size >> PIECE_BITS;
    if (!has_length(&arrays[WHOLE], "whole", pieces << PIECE_BITS) ||
        !has_length(&arrays[SUMS], "sums", pieces) ||
        !has_length(&arrays[FACTORS], "factors", NUMBERS + 1) ||
        !has_length(&arrays[CHECKED], "checked", (pieces + 7) / 8)) {
        return -1;
    }
    uint64_t whole = (uint64_t)size;
    /* each factor is limited before it is multiplied */
    if (whole > (uint64_t)1 << 40 || rows > whole || starts > whole || order > whole ||
        row_bytes < 1 || row_bytes > 1 << 30 || contents > (whole - rows) / row_bytes ||
        descriptors > mirrored || mirrored > behind || behind > row_bytes ||
        (width != 0 && (width < 3 || ((width - 1) & (width - 2)))) ||
        width > ((uint64_t)1 << 32) + 1 || width > (whole - starts) / (4 * WORDS) ||
        (s->item != 4 && (s->item != 2 || width <= 1 << 16)) ||
        keypoints > (whole - order) / ((4 + (uint64_t)s->item) * WORDS)) {
        PyErr_SetString(PyExc_ValueError, "segment: a number is out of range");
        return -1;
    }
    s->whole = arrays[WHOLE].view.buf;
    s->sums = arrays[SUMS].view.buf;
    s->factors = arrays[FACTORS].view.buf;
    s->checked = arrays[CHECKED].view.buf;
    s->pieces = (uint64_t)pieces;
    s->rows = rows;
    s->rows_end = rows + contents * row_bytes;
    s->row_bytes = row_bytes;
    s->descriptors = descriptors;
    s->mirrored = mirrored;
    s->behind = behind;
    s->starts = starts;
    s->order = order;
    s->width = width;
    s->keypoints = keypoints;
    s->shift = 32;
    for (uint64_t buckets = width >> 1; buckets > 0; buckets >>= 1) {
        s->shift--;
    }
    return 0;
}

static PyObject *
told(const Segment *s, Py_ssize_t result)
{
    return PyLong_FromSsize_t(s->trouble ? s->trouble : result);
}

PyDoc_STRVAR(find_doc,
"find(segment, word, value, first, end)\n"
"--\n\n"
"Find where words lie in their order; return 0, -1 for a wrong check sum, -2 where one leads to\n"
"no place.");

static PyObject *
find(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { WORD = OF_SEGMENT, VALUE, FIRST, END, COUNT };
    PyObject *objects[COUNT], *segment, *result = NULL;
    Array arrays[COUNT] = {0};
    Segment s = {0};
    if (!PyArg_ParseTuple(arguments, "O!OOOO:find", &PyTuple_Type, &segment, &objects[WORD],
                          &objects[VALUE], &objects[FIRST], &objects[END])) {
        return NULL;
    }
    if (take_segment(&s, arrays, segment) < 0 ||
        take(&arrays[WORD], objects[WORD], "word", 8, 0, 0) < 0 ||
        take(&arrays[VALUE], objects[VALUE], "value", 4, 0, 0) < 0 ||
        take(&arrays[FIRST], objects[FIRST], "first", 8, 1, 0) < 0 ||
        take(&arrays[END], objects[END], "end", 8, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t m = length(&arrays[WORD]);
    if (!has_length(&arrays[VALUE], "value", m) || !has_length(&arrays[FIRST], "first", m) ||
        !has_length(&arrays[END], "end", m)) {
        goto done;
    }
    const int64_t *word = arrays[WORD].view.buf;
    for (Py_ssize_t i = 0; i < m; i++) {
        if (word[i] < 0 || word[i] >= WORDS) {
            PyErr_SetString(PyExc_ValueError, "word: there is no such one");
            goto done;
        }
    }
    Py_BEGIN_ALLOW_THREADS
    if (s.width != 0) {
        find_words(&s, word, arrays[VALUE].view.buf, m, arrays[FIRST].view.buf,
                   arrays[END].view.buf);
    }
    Py_END_ALLOW_THREADS
    result = told(&s, 0);
done:
    release(arrays, COUNT);
    return result;
}

enum {
    WORD = OF_SEGMENT, FIRST, END, OWNERS, OWN, DESCRIPTORS, MIRRORED, COUNTED, LIVE, ONE, OTHER,
    OF_WORD, BITS, ARRAYS
};

static const struct {
    const char *name;
    Py_ssize_t item;
    int writable;
} KINDS[ARRAYS] = {
    [WORD] = {"word", 8, 0},
    [FIRST] = {"first", 8, 0},
    [END] = {"end", 8, 0},
    [OWNERS] = {"owners", 8, 0},
    [OWN] = {"own", 4, 0},
    [DESCRIPTORS] = {"descriptors", 1, 0},
    [MIRRORED] = {"mirrored", 1, 0},
    [COUNTED] = {"counted", 2, 0},
    [LIVE] = {"live", 8, 0},
    [ONE] = {"one", 4, 1},
    [OTHER] = {"other", 4, 1},
    [OF_WORD] = {"of_word", 1, 1},
    [BITS] = {"bits", 1, 1},
};

/* Whether all places are there, and there is room for what may be found; counts the entries. */
static int
fits(const Segment *s, Asked *a, Py_ssize_t owned, Py_ssize_t own)
{
    Py_ssize_t room = a->room;
    int right = a->owners[0] == 0 && a->owners[a->m] == owned;
    for (Py_ssize_t i = 0; right && i < a->m; i++) {
        right = a->word[i] >= 0 && a->word[i] < WORDS && a->first[i] >= 0 &&
                a->first[i] <= a->end[i] && (uint64_t)a->end[i] <= s->keypoints &&
                a->owners[i] <= a->owners[i + 1] && a->owners[i + 1] <= owned;
        if (right) {
            int64_t n = a->end[i] - a->first[i], askers = a->owners[i + 1] - a->owners[i];
            right = n <= MOST - a->n && (askers == 0 || n <= room / askers);
            a->n += n;
            room -= n * askers;
        }
    }
    for (Py_ssize_t i = 0; right && i < owned; i++) {
        right = a->own[i] < (size_t)own;
    }
    if (!right) {
        PyErr_SetString(PyExc_ValueError, "there is no such place, or too little room");
    }
    return right;
}

PyDoc_STRVAR(near_doc,
"near(segment, max_bits, word, first, end, owners, own, descriptors, mirrored, counted, live,\n"
"     one, other, of_word, bits)\n"
"--\n\n"
"Find the keypoints at some places that are alike to those that ask; return how many pairs were\n"
"found, or what `find` does.");

static PyObject *
near(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[ARRAYS], *segment, *result = NULL;
    Array arrays[ARRAYS] = {0};
    Segment s = {0};
    Asked a = {0};
    uint64_t *space = NULL;
    if (!PyArg_ParseTuple(arguments, "O!iOOOOOOOOOOOOO:near", &PyTuple_Type, &segment,
                          &a.max_bits, &objects[WORD], &objects[FIRST], &objects[END],
                          &objects[OWNERS], &objects[OWN], &objects[DESCRIPTORS],
                          &objects[MIRRORED], &objects[COUNTED], &objects[LIVE], &objects[ONE],
                          &objects[OTHER], &objects[OF_WORD], &objects[BITS])) {
        return NULL;
    }
    if (take_segment(&s, arrays, segment) < 0) {
        goto done;
    }
    for (int i = WORD; i < ARRAYS; i++) {
        if (take(&arrays[i], objects[i], KINDS[i].name, KINDS[i].item, KINDS[i].writable, 0) < 0) {
            goto done;
        }
    }
    Py_ssize_t own = length(&arrays[COUNTED]);
    a.m = length(&arrays[WORD]);
    a.room = length(&arrays[ONE]);
    if (!has_length(&arrays[FIRST], "first", a.m) || !has_length(&arrays[END], "end", a.m) ||
        !has_length(&arrays[OWNERS], "owners", a.m + 1) ||
        !has_length(&arrays[DESCRIPTORS], "descriptors", own * BYTES) ||
        !has_length(&arrays[MIRRORED], "mirrored", own) ||
        !has_length(&arrays[LIVE], "live", (Py_ssize_t)((s.rows_end - s.rows) / s.row_bytes)) ||
        !has_length(&arrays[OTHER], "other", a.room) ||
        !has_length(&arrays[OF_WORD], "of_word", a.room) ||
        !has_length(&arrays[BITS], "bits", a.room)) {
        goto done;
    }
    if (a.max_bits < 0 || a.max_bits > 255) {
        PyErr_SetString(PyExc_ValueError, "max_bits is out of range");
        goto done;
    }
    a.word = arrays[WORD].view.buf;
    a.first = arrays[FIRST].view.buf;
    a.end = arrays[END].view.buf;
    a.owners = arrays[OWNERS].view.buf;
    a.own = arrays[OWN].view.buf;
    a.descriptors = arrays[DESCRIPTORS].view.buf;
    a.own_mirrored = arrays[MIRRORED].view.buf;
    a.counted = arrays[COUNTED].view.buf;
    a.live = arrays[LIVE].view.buf;
    a.one = arrays[ONE].view.buf;
    a.other = arrays[OTHER].view.buf;
    a.of_word = arrays[OF_WORD].view.buf;
    a.bits = arrays[BITS].view.buf;
    if (!fits(&s, &a, length(&arrays[OWN]), own)) {
        goto done;
    }
    space = PyMem_Malloc(2 * ((size_t)a.n + 1) * sizeof *space);
    if (space == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    a.entries = space;
    a.scratch = space + a.n;
    Py_BEGIN_ALLOW_THREADS
    if (gather(&s, &a)) {
#ifdef COUNTS_BITS_BY_INSTRUCTION
        __builtin_cpu_supports("popcnt") ? near_fast(&s, &a) : near_portable(&s, &a);
#else
        near_portable(&s, &a);
#endif
    }
    Py_END_ALLOW_THREADS
    result = told(&s, a.count);
done:
    PyMem_Free(space);
    release(arrays, ARRAYS);
    return result;
}

PyDoc_STRVAR(check_doc,
"check(segment, first, last)\n"
"--\n\n"
"Check the pieces in which bytes lie; return what `find` does.");

static PyObject *
check(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { FIRST_BYTES = OF_SEGMENT, LAST_BYTES, COUNT };
    PyObject *objects[COUNT], *segment, *result = NULL;
    Array arrays[COUNT] = {0};
    Segment s = {0};
    if (!PyArg_ParseTuple(arguments, "O!OO:check", &PyTuple_Type, &segment,
                          &objects[FIRST_BYTES], &objects[LAST_BYTES])) {
        return NULL;
    }
    if (take_segment(&s, arrays, segment) < 0 ||
        take(&arrays[FIRST_BYTES], objects[FIRST_BYTES], "first", 8, 0, 0) < 0 ||
        take(&arrays[LAST_BYTES], objects[LAST_BYTES], "last", 8, 0, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[FIRST_BYTES]);
    if (!has_length(&arrays[LAST_BYTES], "last", n)) {
        goto done;
    }
    const int64_t *first = arrays[FIRST_BYTES].view.buf, *last = arrays[LAST_BYTES].view.buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < n && !s.trouble; i++) {
        if (i + AHEAD < n) {
            fetch(&s, (uint64_t)first[i + AHEAD]);
        }
        /* what is negative lies behind all pieces */
        if (is_right(&s, (uint64_t)first[i] >> PIECE_BITS)) {
            is_right(&s, (uint64_t)last[i] >> PIECE_BITS);
        }
    }
    Py_END_ALLOW_THREADS
    result = told(&s, 0);
done:
    release(arrays, COUNT);
    return result;
}

/* The module -------------------------------------------------------------------------------- */

static PyMethodDef METHODS[] = {
    {"find", find, METH_VARARGS, find_doc},
    {"near", near, METH_VARARGS, near_doc},
    {"check", check, METH_VARARGS, check_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_words",
    .m_doc = "Words of keypoints in a segment of an index, in C.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__words(void)
{
    return PyModuleDef_Init(&MODULE);
}
