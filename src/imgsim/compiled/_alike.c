/* Which keypoints are alike, among those that share a word of their descriptors.
 *
 * What each function does is said in propose/alike.py, which has the same in NumPy. All sizes,
 * types and numbers are checked here before anything is read or written.
 */

#include "arrays.h"

#include <stdlib.h>

#define BYTES 32          /* of a descriptor */
#define WORDS 15          /* each has four bytes, two of them in common with the next one */
#define BUCKETS 8
#define BUCKET_BITS 3     /* 8 distances to a bucket; the last one has the largest too */
#define MAX_BITS 64
#define MOST 4096 /* keypoints that share a word may be compared; their counts are of 16 bits */

/* The search -------------------------------------------------------------------------------- */

typedef struct {
    const uint32_t *order, *words;
    Py_ssize_t m;
    unsigned earlier;          /* words that were searched before this one, a bit each */
    const uint8_t *descriptors;
    uint64_t *about;           /* image, 15 bits of nothing, mirrored, 16 bits: words that count */
    const uint8_t *closed;     /* images that are not compared with each other, or NULL */
    Py_ssize_t most;           /* keypoints that share a word; of more it is common */
    uint16_t *histogram;       /* or NULL */
    const uint8_t *limit;      /* or NULL */
    const uint16_t *share;
    const uint32_t *codes;
    uint64_t *found;           /* or NULL */
    Py_ssize_t room;
    Py_ssize_t first, last;    /* lesser keypoints of pairs, from and to: order has words ascending,
                                  and keypoints of a word */
    size_t images;
    /* what came out */
    Py_ssize_t next, count;
    int wrong; /* a keypoint is of no image */
} Search;

/* A keypoint of those that share a word; they lie together, as all others are far apart. */
typedef struct {
    uint64_t descriptor[BYTES / 8];
    uint32_t keypoint, image, code;
    uint16_t counted; /* words in which pairs are found, if both share them */
    uint8_t mirrored, closed, limit;
    uint16_t share;
    uint16_t histogram[BUCKETS];
} Member;

static void
gather(Search *s, Py_ssize_t start, Py_ssize_t n, Member *members)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        Member *one = &members[i];
        uint32_t keypoint = s->order[start + i];
        memcpy(one->descriptor, s->descriptors + (size_t)keypoint * BYTES, BYTES);
        one->keypoint = keypoint;
        one->image = (uint32_t)(s->about[keypoint] >> 32);
        if (one->image >= s->images) { /* looked at here: a search has only some of all keypoints */
            one->image = 0;
            s->wrong = 1;
        }
        one->mirrored = s->about[keypoint] >> 16 & 1;
        one->counted = (uint16_t)s->about[keypoint];
        one->closed = s->closed != NULL && s->closed[one->image];
        memset(one->histogram, 0, sizeof one->histogram);
        if (s->limit != NULL) {
            one->code = s->codes[one->image];
            one->limit = s->limit[keypoint];
            one->share = s->share[keypoint];
        }
    }
}

static void
add_counts(const Search *s, const Member *members, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        uint16_t *histogram = s->histogram + (size_t)members[i].keypoint * BUCKETS;
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            uint32_t sum = (uint32_t)histogram[bucket] + members[i].histogram[bucket];
            histogram[bucket] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
        }
    }
}

/* A number of 16 bits of two images, whichever comes first. */
static inline uint32_t
lot_of(uint32_t a, uint32_t b)
{
    uint32_t x = a ^ b;
    x ^= x >> 16;
    x *= 0x85ebca6bu;
    x ^= x >> 13;
    x *= 0xc2b2ae35u;
    x ^= x >> 16;
    return x >> 16;
}

static inline int
counts_for(const Member *one, int bucket, uint32_t lot)
{
    return bucket < one->limit || (bucket == one->limit && lot < one->share);
}

/* Which of four halves of words are 0, a bit each. */
static inline unsigned
zero_halves(uint64_t x)
{
    const uint64_t low = 0x7fff7fff7fff7fffu;
    uint64_t zero = ~(((x & low) + low) | x | low) >> 15;
    return (unsigned)((zero * 0x0001000200040008u) >> 48) & 15;
}

/* Which words two descriptors share, a bit each, by what they differ in. */
static inline unsigned
shared_words(const uint64_t differing[4])
{
    unsigned halves = zero_halves(differing[0]) | zero_halves(differing[1]) << 4 |
                      zero_halves(differing[2]) << 8 | zero_halves(differing[3]) << 12;
    return halves & halves >> 1;
}

#define COMPARE_FUNCTION(NAME, BITS, ATTRIBUTE)                                                   \
    ATTRIBUTE static inline void NAME(Search *s, Member *a, Member *b)                            \
    {                                                                                             \
        const uint64_t *x = a->descriptor, *y = b->descriptor;                                    \
        uint64_t differing[4] = {x[0] ^ y[0], x[1] ^ y[1], x[2] ^ y[2], x[3] ^ y[3]};             \
        int apart = BITS(differing[0]) + BITS(differing[1]) + BITS(differing[2]) +                \
                    BITS(differing[3]);                                                           \
        if (apart > MAX_BITS || a->image == b->image || (a->mirrored && b->mirrored) ||           \
            (shared_words(differing) & a->counted & b->counted & s->earlier)) {                   \
            return; /* or it was found by an earlier word */                                      \
        }                                                                                         \
        int bucket = apart >> BUCKET_BITS;                                                        \
        bucket = bucket < BUCKETS ? bucket : BUCKETS - 1;                                         \
        a->histogram[bucket]++;                                                                   \
        b->histogram[bucket]++;                                                                   \
        if (s->found == NULL) {                                                                   \
            return;                                                                               \
        }                                                                                         \
        if (s->limit != NULL) {                                                                   \
            uint32_t lot = lot_of(a->code, b->code);                                              \
            if (!counts_for(a, bucket, lot) && !counts_for(b, bucket, lot)) {                     \
                return;                                                                           \
            }                                                                                     \
        }                                                                                         \
        int in_order = a->keypoint < b->keypoint;                                                 \
        uint64_t first = in_order ? a->keypoint : b->keypoint;                                    \
        s->found[s->count++] = first << 32 | (in_order ? b->keypoint : a->keypoint);              \
    }

/* Where words begin that several keypoints share. */
static Py_ssize_t
shared_by_several(const uint32_t *words, Py_ssize_t start, Py_ssize_t m, uint32_t *starts)
{
    Py_ssize_t n = 0;
    int same = 0;
    for (Py_ssize_t i = start; i + 1 < m; i++) { /* few branches: none can be foretold */
        int next = words[i] == words[i + 1];
        starts[n] = (uint32_t)i;
        n += next & !same;
        same = next;
    }
    return n;
}

#define AHEAD 8

/* What will be needed soon: it lies anywhere. */
static inline void
fetch(const Search *s, Py_ssize_t start)
{
#if defined(__GNUC__) || defined(__clang__)
    for (Py_ssize_t i = start; i < s->m && i < start + 4; i++) {
        uint32_t keypoint = s->order[i];
        __builtin_prefetch(s->descriptors + (size_t)keypoint * BYTES);
        __builtin_prefetch(s->about + keypoint);
        if (s->histogram != NULL) {
            __builtin_prefetch(s->histogram + (size_t)keypoint * BUCKETS);
        }
        if (s->limit != NULL) {
            __builtin_prefetch(s->limit + keypoint);
            __builtin_prefetch(s->share + keypoint);
        }
    }
#else
    (void)s, (void)start;
#endif
}

/* Compares what shares a word, from s->next on, while there is room for all of a word's pairs. */
#define SEARCH_FUNCTION(NAME, COMPARE, ATTRIBUTE)                                                 \
    ATTRIBUTE static void NAME(Search *s, Member *members, uint32_t *starts)                      \
    {                                                                                             \
        Py_ssize_t groups = shared_by_several(s->words, s->next, s->m, starts);                   \
        for (Py_ssize_t group = 0; group < groups; group++) {                                     \
            Py_ssize_t start = starts[group], n = 2;                                              \
            if (group + AHEAD < groups) {                                                         \
                fetch(s, starts[group + AHEAD]);                                                  \
            }                                                                                     \
            while (start + n < s->m && s->words[start + n] == s->words[start]) {                  \
                n++;                                                                              \
            }                                                                                     \
            if (n > s->most) {                                                                    \
                for (Py_ssize_t i = start; i < start + n; i++) {                                  \
                    s->about[s->order[i]] &= ~(uint64_t)(s->earlier + 1);                         \
                }                                                                                 \
                continue;                                                                         \
            }                                                                                     \
            if (s->order[start + n - 1] < (size_t)s->first ||                                     \
                s->order[start] >= (size_t)s->last) {                                             \
                continue;                                                                         \
            }                                                                                     \
            if (s->found != NULL && (s->room - s->count) / n < n) {                               \
                s->next = start;                                                                  \
                return;                                                                           \
            }                                                                                     \
            gather(s, start, n, members);                                                         \
            for (Py_ssize_t i = 0; i < n; i++) {                                                  \
                if (members[i].closed || members[i].keypoint < (size_t)s->first) {                \
                    continue;                                                                     \
                }                                                                                 \
                if (members[i].keypoint >= (size_t)s->last) {                                     \
                    break;                                                                        \
                }                                                                                 \
                for (Py_ssize_t j = s->closed == NULL ? i + 1 : 0; j < n; j++) {                  \
                    if (j > i || members[j].closed) { /* else they have been compared */          \
                        COMPARE(s, &members[i], &members[j]);                                     \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
            if (s->histogram != NULL) {                                                           \
                add_counts(s, members, n);                                                        \
            }                                                                                     \
        }                                                                                         \
        s->next = s->m;                                                                           \
    }

COMPARE_FUNCTION(compare_portable, bits_portable, )
SEARCH_FUNCTION(search_portable, compare_portable, )
#ifdef COUNTS_BITS_BY_INSTRUCTION
COMPARE_FUNCTION(compare_fast, bits_fast, WITH_POPCNT)
SEARCH_FUNCTION(search_fast, compare_fast, WITH_POPCNT)
#endif

static int
all_below(const uint32_t *values, Py_ssize_t start, Py_ssize_t n, Py_ssize_t limit)
{
    for (Py_ssize_t i = start; i < n; i++) {
        if (values[i] >= (size_t)limit) {
            return 0;
        }
    }
    return 1;
}

enum {
    ORDER, VALUES, DESCRIPTORS, ABOUT, CLOSED, CODES, HISTOGRAM, LIMIT, SHARE, FOUND, ARRAYS
};

static const struct {
    const char *name;
    Py_ssize_t item;
    int writable, optional;
} KINDS[ARRAYS] = {
    [ORDER] = {"order", 4, 0, 0},
    [VALUES] = {"words", 4, 0, 0},
    [DESCRIPTORS] = {"descriptors", 1, 0, 0},
    [ABOUT] = {"about", 8, 1, 0},
    [CLOSED] = {"closed", 1, 0, 1},
    [CODES] = {"codes", 4, 0, 0},
    [HISTOGRAM] = {"histogram", 2, 1, 1},
    [LIMIT] = {"limit", 1, 0, 1},
    [SHARE] = {"share", 2, 0, 1},
    [FOUND] = {"found", 8, 1, 1},
};

PyDoc_STRVAR(search_doc,
"search(start, number, most, first, last, order, words, descriptors, about, closed, codes,\n"
"       histogram, limit, share, found)\n"
"--\n\n"
"Compare keypoints that share a word; return where to go on, and how many pairs were found.");

static PyObject *
search(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[ARRAYS];
    Array arrays[ARRAYS] = {0};
    Search s = {0};
    Member *members = NULL;
    uint32_t *starts = NULL;
    int number;
    if (!PyArg_ParseTuple(
            arguments, "ninnnOOOOOOOOOO:search", &s.next, &number, &s.most, &s.first, &s.last,
            &objects[ORDER], &objects[VALUES], &objects[DESCRIPTORS], &objects[ABOUT], &objects[CLOSED],
            &objects[CODES], &objects[HISTOGRAM], &objects[LIMIT], &objects[SHARE],
            &objects[FOUND])) {
        return NULL;
    }
    s.earlier = number >= 0 && number < WORDS ? (1u << number) - 1 : 0;
    PyObject *result = NULL;
    for (int i = 0; i < ARRAYS; i++) {
        if (take(&arrays[i], objects[i], KINDS[i].name, KINDS[i].item, KINDS[i].writable,
                 KINDS[i].optional) < 0) {
            goto done;
        }
    }
    Py_ssize_t n = length(&arrays[ABOUT]), images = length(&arrays[CODES]);
    s.m = length(&arrays[ORDER]);
    if (n > UINT32_MAX || number < 0 || number >= WORDS || s.most < 1 || s.most > MOST ||
        s.next < 0 || s.next > s.m || s.first < 0 || s.last < s.first) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range");
        goto done;
    }
    if (arrays[LIMIT].held != arrays[SHARE].held) {
        PyErr_SetString(PyExc_ValueError, "limit and share go together");
        goto done;
    }
    if (!has_length(&arrays[VALUES], "words", s.m) ||
        !has_length(&arrays[DESCRIPTORS], "descriptors", n * BYTES) ||
        !has_length(&arrays[CLOSED], "closed", images) ||
        !has_length(&arrays[HISTOGRAM], "histogram", n * BUCKETS) ||
        !has_length(&arrays[LIMIT], "limit", n) || !has_length(&arrays[SHARE], "share", n)) {
        goto done;
    }
    s.order = arrays[ORDER].view.buf;
    s.words = arrays[VALUES].view.buf;
    s.descriptors = arrays[DESCRIPTORS].view.buf;
    s.about = arrays[ABOUT].view.buf;
    s.closed = arrays[CLOSED].view.buf;
    s.codes = arrays[CODES].view.buf;
    s.histogram = arrays[HISTOGRAM].view.buf;
    s.limit = arrays[LIMIT].view.buf;
    s.share = arrays[SHARE].view.buf;
    s.found = arrays[FOUND].view.buf;
    s.room = length(&arrays[FOUND]);
    if (!all_below(s.order, s.next, s.m, n)) {
        PyErr_SetString(PyExc_ValueError, "order: there is no such keypoint");
        goto done;
    }
    if (s.m > 0 && images < 1) {
        PyErr_SetString(PyExc_ValueError, "codes: there is no image");
        goto done;
    }
    s.images = (size_t)images;
    if (s.found != NULL && s.room / s.most < s.most) {
        PyErr_SetString(PyExc_ValueError, "found: there is too little room for a word");
        goto done;
    }
    members = PyMem_Calloc((size_t)s.most, sizeof *members);
    starts = PyMem_Calloc((size_t)(s.m - s.next) + 1, sizeof *starts);
    if (members == NULL || starts == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
#ifdef COUNTS_BITS_BY_INSTRUCTION
    if (__builtin_cpu_supports("popcnt")) {
        search_fast(&s, members, starts);
    }
    else {
        search_portable(&s, members, starts);
    }
#else
    search_portable(&s, members, starts);
#endif
    Py_END_ALLOW_THREADS
    if (s.wrong) {
        PyErr_SetString(PyExc_ValueError, "about: there is no such image");
        goto done;
    }
    result = Py_BuildValue("nn", s.next, s.count);
done:
    PyMem_Free(members);
    PyMem_Free(starts);
    release(arrays, ARRAYS);
    return result;
}

/* Votes ------------------------------------------------------------------------------------- */

/* Of the pairs of one query image with another one, plain or mirrored. */
typedef struct {
    uint32_t query; /* its number and 1, or what it says is of an earlier one */
    uint32_t votes : 31, sure : 1;
    uint64_t weight;
} Sum;

typedef struct {
    const uint64_t *pairs;
    Py_ssize_t n;
    const uint8_t *descriptors;
    const uint64_t *about;
    const uint16_t *histogram;
    Py_ssize_t first, images; /* of the queries */
    uint32_t no_weight, usual, min_votes;
    uint64_t min_weight, min_sure; /* of all votes together, and of one that will do */
    uint32_t few;                  /* other keypoints that those of a sure vote are like */
    uint64_t *kept, *sorted; /* room for all pairs each */
    Py_ssize_t *ends;
    Sum *sums;
} Votes;

static inline uint32_t
likenesses(const uint16_t *histogram)
{
    uint32_t sum = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        sum += histogram[bucket];
    }
    return sum;
}

static inline Sum *
sum_of(const Votes *v, uint64_t pair)
{
    uint64_t about = v->about[(uint32_t)pair];
    return &v->sums[about >> 32 << 1 | (about >> 16 & 1)];
}

static inline Py_ssize_t
query_of(const Votes *v, uint64_t pair)
{
    return (Py_ssize_t)(v->about[pair >> 32] >> 32) - v->first;
}

static void
sort_by_query(const Votes *v)
{
    for (Py_ssize_t i = 0; i < v->n; i++) {
        v->ends[query_of(v, v->pairs[i])]++;
    }
    Py_ssize_t start = 0;
    for (Py_ssize_t i = 0; i < v->images; i++) {
        Py_ssize_t count = v->ends[i];
        v->ends[i] = start;
        start += count;
    }
    for (Py_ssize_t i = 0; i < v->n; i++) {
        v->sorted[v->ends[query_of(v, v->pairs[i])]++] = v->pairs[i];
    }
}

/* Keeps pairs of images with enough votes and weight of all of them together, or a sure one. */
#define KEEP_FUNCTION(NAME, BITS, ATTRIBUTE)                                                      \
    ATTRIBUTE static Py_ssize_t NAME(const Votes *v)                                              \
    {                                                                                             \
        Py_ssize_t count = 0, start = 0;                                                          \
        for (Py_ssize_t query = 0; query < v->images; start = v->ends[query++]) {                 \
            Py_ssize_t end = v->ends[query];                                                      \
            for (Py_ssize_t i = start; i < end; i++) {                                            \
                Sum *sum = sum_of(v, v->sorted[i]);                                               \
                if (sum->query != query + 1) {                                                    \
                    *sum = (Sum){(uint32_t)query + 1, 0, 0, 0};                                   \
                }                                                                                 \
                sum->votes++;                                                                     \
            }                                                                                     \
            for (Py_ssize_t i = start; i < end; i++) {                                            \
                uint64_t pair = v->sorted[i], x[4], y[4];                                         \
                Sum *sum = sum_of(v, pair);                                                       \
                size_t a = pair >> 32, b = (uint32_t)pair;                                        \
                uint32_t one = likenesses(v->histogram + a * BUCKETS);                            \
                uint32_t other = likenesses(v->histogram + b * BUCKETS);                          \
                uint32_t alike = one > other ? one : other;                                       \
                int rare = alike <= v->few && !(v->about[b] >> 16 & 1);                           \
                if (sum->votes < v->min_votes && !rare) {                                         \
                    continue;                                                                     \
                }                                                                                 \
                memcpy(x, v->descriptors + a * BYTES, BYTES);                                     \
                memcpy(y, v->descriptors + b * BYTES, BYTES);                                     \
                uint32_t apart = (uint32_t)(BITS(x[0] ^ y[0]) + BITS(x[1] ^ y[1]) +               \
                                            BITS(x[2] ^ y[2]) + BITS(x[3] ^ y[3]));               \
                uint64_t weight = v->no_weight > apart ? v->no_weight - apart : 0;                \
                weight = weight * weight * v->usual / (alike > v->usual ? alike : v->usual);      \
                sum->weight += weight;                                                            \
                sum->sure |= rare && weight >= v->min_sure;                                       \
            }                                                                                     \
            for (Py_ssize_t i = start; i < end; i++) {                                            \
                Sum *sum = sum_of(v, v->sorted[i]);                                               \
                if (sum->sure || (sum->votes >= v->min_votes && sum->weight >= v->min_weight)) {  \
                    v->kept[count++] = v->sorted[i];                                              \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
        return count;                                                                             \
    }

KEEP_FUNCTION(keep_portable, bits_portable, )
#ifdef COUNTS_BITS_BY_INSTRUCTION
KEEP_FUNCTION(keep_fast, bits_fast, WITH_POPCNT)
#endif

PyDoc_STRVAR(promising_doc,
"promising(pairs, descriptors, about, histogram, first, images, every, no_weight, usual,\n"
"          min_votes, min_weight, min_sure, few, kept)\n"
"--\n\n"
"Keep pairs of keypoints whose images have enough of them; return how many were kept.");

static PyObject *
promising(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { PAIRS, DESCRIPTORS_, ABOUT_, HISTOGRAM_, KEPT, COUNT };
    PyObject *objects[COUNT];
    Array arrays[COUNT] = {0};
    Votes v = {0};
    Py_ssize_t every;
    unsigned long long min_weight, min_sure;
    if (!PyArg_ParseTuple(arguments, "OOOOnnnIIIKKIO:promising", &objects[PAIRS],
                          &objects[DESCRIPTORS_], &objects[ABOUT_], &objects[HISTOGRAM_],
                          &v.first, &v.images, &every, &v.no_weight, &v.usual, &v.min_votes,
                          &min_weight, &min_sure, &v.few, &objects[KEPT])) {
        return NULL;
    }
    PyObject *result = NULL;
    if (take(&arrays[PAIRS], objects[PAIRS], "pairs", 8, 0, 0) < 0 ||
        take(&arrays[DESCRIPTORS_], objects[DESCRIPTORS_], "descriptors", 1, 0, 0) < 0 ||
        take(&arrays[ABOUT_], objects[ABOUT_], "about", 8, 0, 0) < 0 ||
        take(&arrays[HISTOGRAM_], objects[HISTOGRAM_], "histogram", 2, 0, 0) < 0 ||
        take(&arrays[KEPT], objects[KEPT], "kept", 8, 1, 0) < 0) {
        goto done;
    }
    v.n = length(&arrays[PAIRS]);
    v.pairs = arrays[PAIRS].view.buf;
    v.descriptors = arrays[DESCRIPTORS_].view.buf;
    v.about = arrays[ABOUT_].view.buf;
    v.histogram = arrays[HISTOGRAM_].view.buf;
    v.kept = arrays[KEPT].view.buf;
    v.min_weight = min_weight;
    v.min_sure = min_sure;
    Py_ssize_t n = length(&arrays[ABOUT_]);
    if (!has_length(&arrays[DESCRIPTORS_], "descriptors", n * BYTES) ||
        !has_length(&arrays[HISTOGRAM_], "histogram", n * BUCKETS) ||
        !has_length(&arrays[KEPT], "kept", v.n)) {
        goto done;
    }
    if (every < 0 || every > UINT32_MAX / 2 || v.first < 0 || v.images < 0 ||
        v.first > every - v.images || v.usual < 1 || v.no_weight > 256) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range");
        goto done;
    }
    for (Py_ssize_t i = 0; i < v.n; i++) {
        uint64_t a = v.pairs[i] >> 32, b = (uint32_t)v.pairs[i];
        if (a >= (size_t)n || b >= (size_t)n || query_of(&v, v.pairs[i]) < 0 ||
            query_of(&v, v.pairs[i]) >= v.images) {
            PyErr_SetString(PyExc_ValueError, "pairs: there is no such keypoint, or query");
            goto done;
        }
        if (v.about[b] >> 32 >= (size_t)every) {
            PyErr_SetString(PyExc_ValueError, "about: there is no such image");
            goto done;
        }
    }
    v.sorted = PyMem_Malloc(((size_t)v.n + 1) * sizeof *v.sorted);
    v.ends = PyMem_Calloc((size_t)v.images + 1, sizeof *v.ends);
    v.sums = PyMem_Calloc(2 * (size_t)every + 1, sizeof *v.sums);
    if (v.sorted == NULL || v.ends == NULL || v.sums == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_ssize_t count;
    Py_BEGIN_ALLOW_THREADS
    sort_by_query(&v);
#ifdef COUNTS_BITS_BY_INSTRUCTION
    count = __builtin_cpu_supports("popcnt") ? keep_fast(&v) : keep_portable(&v);
#else
    count = keep_portable(&v);
#endif
    Py_END_ALLOW_THREADS
    result = PyLong_FromSsize_t(count);
done:
    PyMem_Free(v.sorted);
    PyMem_Free(v.ends);
    PyMem_Free(v.sums);
    release(arrays, COUNT);
    return result;
}

/* Votes that agree -------------------------------------------------------------------------- */

/* That one keypoint of a query image is like another one, and the cell that it speaks for. */
typedef struct {
    int64_t cell, weight;
    int64_t query, other;
} Vote;

typedef int (*Order)(const void *, const void *);

static int
by_cell(const void *a, const void *b)
{
    int64_t one = ((const Vote *)a)->cell, other = ((const Vote *)b)->cell;
    return (one > other) - (one < other);
}

static int
by_query(const void *a, const void *b)
{
    int64_t one = ((const Vote *)a)->query, other = ((const Vote *)b)->query;
    return (one > other) - (one < other);
}

static int
by_other(const void *a, const void *b)
{
    int64_t one = ((const Vote *)a)->other, other = ((const Vote *)b)->other;
    return (one > other) - (one < other);
}

#define FEW_VOTES 24

static inline void
sort_votes(Vote *votes, Py_ssize_t n, Order order)
{
    if (n > FEW_VOTES) {
        qsort(votes, (size_t)n, sizeof *votes, order);
        return;
    }
    for (Py_ssize_t i = 1; i < n; i++) {
        Vote vote = votes[i];
        Py_ssize_t j = i;
        for (; j > 0 && order(&votes[j - 1], &vote) > 0; j--) {
            votes[j] = votes[j - 1];
        }
        votes[j] = vote;
    }
}

/* The weights of the best vote of each keypoint together; how many these are is counted. */
static inline int64_t
of_different(Vote *votes, Py_ssize_t n, Order order, Py_ssize_t *count)
{
    int64_t total = 0;
    *count = 0;
    sort_votes(votes, n, order);
    for (Py_ssize_t i = 0; i < n;) {
        int64_t best = votes[i].weight;
        Py_ssize_t first = i;
        while (++i < n && order(&votes[first], &votes[i]) == 0) {
            best = votes[i].weight > best ? votes[i].weight : best;
        }
        total += best;
        ++*count;
    }
    return total;
}

typedef struct {
    const int64_t *pairs;
    Py_ssize_t images, min_votes;
    int64_t least[2]; /* of plain and of mirrored pairs */
    Vote *votes, *sorted;
    Py_ssize_t *counts, *ends, *seen;
    int64_t *codes, *weights; /* what comes out */
    Py_ssize_t found;
} Agreement;

/* Finds the cells in which enough of the votes of one pair of images agree. */
static void
agree(Agreement *a, int64_t pair, int mirrored, Vote *votes, Py_ssize_t n)
{
    sort_votes(votes, n, by_cell);
    for (Py_ssize_t start = 0, end; start < n; start = end) {
        int64_t total = 0;
        for (end = start; end < n && votes[end].cell == votes[start].cell; end++) {
            total += votes[end].weight;
        }
        if (end - start < a->min_votes || total < a->least[mirrored]) {
            continue;
        }
        Py_ssize_t queries, others;
        int64_t of_queries = of_different(votes + start, end - start, by_query, &queries);
        int64_t of_others = of_different(votes + start, end - start, by_other, &others);
        int64_t weight = of_queries < of_others ? of_queries : of_others;
        if (queries >= a->min_votes && others >= a->min_votes && weight >= a->least[mirrored]) {
            a->codes[a->found] = pair;
            a->weights[a->found++] = weight;
        }
    }
}

/* Looks at votes of one query image. */
static void
agree_in_run(Agreement *a, Py_ssize_t start, Py_ssize_t end)
{
    Py_ssize_t pairs = 0, place = start, n = a->images;
    for (Py_ssize_t i = start; i < end; i++) {
        Py_ssize_t key = (a->pairs[i] % n) << 1 | a->pairs[i] / n / n;
        if (a->counts[key]++ == 0) {
            a->seen[pairs++] = i;
        }
    }
    for (Py_ssize_t i = 0; i < pairs; i++) {
        int64_t pair = a->pairs[a->seen[i]];
        Py_ssize_t key = (pair % n) << 1 | pair / n / n;
        a->ends[key] = place;
        place += a->counts[key];
    }
    for (Py_ssize_t i = start; i < end; i++) {
        Py_ssize_t key = (a->pairs[i] % n) << 1 | a->pairs[i] / n / n;
        a->sorted[a->ends[key]++] = a->votes[i];
    }
    for (Py_ssize_t i = 0; i < pairs; i++) {
        int64_t pair = a->pairs[a->seen[i]];
        Py_ssize_t key = (pair % n) << 1 | pair / n / n, count = a->counts[key];
        if (count >= a->min_votes) {
            agree(a, pair, (int)(key & 1), a->sorted + a->ends[key] - count, count);
        }
        a->counts[key] = 0;
    }
}

PyDoc_STRVAR(agreeing_doc,
"agreeing(pairs, cells, queries, others, weights, images, min_votes, least, least_mirrored,\n"
"         codes, found)\n"
"--\n\n"
"Find pairs of images with votes that agree; return how many times.");

static PyObject *
agreeing(PyObject *module, PyObject *arguments)
{
    (void)module;
    enum { PAIRS, CELLS, QUERIES, OTHERS, WEIGHTS, CODES_, FOUND_, COUNT };
    static const char *const names[COUNT] = {"pairs",   "cells", "queries", "others",
                                             "weights", "codes", "found"};
    PyObject *objects[COUNT];
    Array arrays[COUNT] = {0};
    Agreement a = {0};
    long long least, least_mirrored;
    if (!PyArg_ParseTuple(arguments, "OOOOOnnLLOO:agreeing", &objects[PAIRS], &objects[CELLS],
                          &objects[QUERIES], &objects[OTHERS], &objects[WEIGHTS], &a.images,
                          &a.min_votes, &least, &least_mirrored, &objects[CODES_],
                          &objects[FOUND_])) {
        return NULL;
    }
    PyObject *result = NULL;
    for (int i = 0; i < COUNT; i++) {
        if (take(&arrays[i], objects[i], names[i], 8, i >= CODES_, 0) < 0 ||
            !has_length(&arrays[i], names[i], length(&arrays[PAIRS]))) {
            goto done;
        }
    }
    Py_ssize_t n = length(&arrays[PAIRS]);
    if (a.images < 1 || a.images > INT32_MAX / 2) {
        PyErr_SetString(PyExc_ValueError, "a number is out of range");
        goto done;
    }
    a.pairs = arrays[PAIRS].view.buf;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (a.pairs[i] < 0 || a.pairs[i] / a.images / a.images > 1) {
            PyErr_SetString(PyExc_ValueError, "pairs: there is no such image");
            goto done;
        }
    }
    const int64_t *cells = arrays[CELLS].view.buf, *queries = arrays[QUERIES].view.buf;
    const int64_t *others = arrays[OTHERS].view.buf, *weights = arrays[WEIGHTS].view.buf;
    a.least[0] = least;
    a.least[1] = least_mirrored;
    a.codes = arrays[CODES_].view.buf;
    a.weights = arrays[FOUND_].view.buf;
    a.votes = PyMem_Malloc(((size_t)n + 1) * sizeof *a.votes);
    a.sorted = PyMem_Malloc(((size_t)n + 1) * sizeof *a.sorted);
    a.seen = PyMem_Malloc(((size_t)n + 1) * sizeof *a.seen);
    a.counts = PyMem_Calloc(2 * (size_t)a.images, sizeof *a.counts);
    a.ends = PyMem_Calloc(2 * (size_t)a.images, sizeof *a.ends);
    if (a.votes == NULL || a.sorted == NULL || a.seen == NULL || a.counts == NULL ||
        a.ends == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < n; i++) {
        a.votes[i] = (Vote){cells[i], weights[i], queries[i], others[i]};
    }
    for (Py_ssize_t start = 0, end; start < n; start = end) {
        int64_t query = a.pairs[start] / a.images % a.images;
        for (end = start; end < n && a.pairs[end] / a.images % a.images == query; end++) {
        }
        agree_in_run(&a, start, end);
    }
    Py_END_ALLOW_THREADS
    result = PyLong_FromSsize_t(a.found);
done:
    PyMem_Free(a.votes);
    PyMem_Free(a.sorted);
    PyMem_Free(a.seen);
    PyMem_Free(a.counts);
    PyMem_Free(a.ends);
    release(arrays, COUNT);
    return result;
}

/* Sorting ----------------------------------------------------------------------------------- */

PyDoc_STRVAR(sort_doc,
"sort(words, order, scratch)\n"
"--\n\n"
"Sort words, and put in `order` where each of them was; equal ones stay in their order.");

#define DIGITS 2048

static PyObject *
sort(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[3];
    Array arrays[3] = {0};
    if (!PyArg_ParseTuple(arguments, "OOO:sort", &objects[0], &objects[1], &objects[2])) {
        return NULL;
    }
    PyObject *result = NULL;
    if (take(&arrays[0], objects[0], "words", 4, 1, 0) < 0 ||
        take(&arrays[1], objects[1], "order", 4, 1, 0) < 0 ||
        take(&arrays[2], objects[2], "scratch", 8, 1, 0) < 0) {
        goto done;
    }
    Py_ssize_t n = length(&arrays[0]);
    if (!has_length(&arrays[1], "order", n) || !has_length(&arrays[2], "scratch", 2 * n)) {
        goto done;
    }
    if (n > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "words: too many");
        goto done;
    }
    uint32_t *words = arrays[0].view.buf, *order = arrays[1].view.buf;
    uint64_t *from = arrays[2].view.buf, *to = from + n;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < n; i++) {
        from[i] = (uint64_t)words[i] << 32 | (uint64_t)i;
    }
    for (int shift = 32; shift < 64; shift += 11) {
        Py_ssize_t starts[DIGITS] = {0};
        for (Py_ssize_t i = 0; i < n; i++) {
            starts[from[i] >> shift & (DIGITS - 1)]++;
        }
        Py_ssize_t sum = 0;
        for (int digit = 0; digit < DIGITS; digit++) {
            Py_ssize_t count = starts[digit];
            starts[digit] = sum;
            sum += count;
        }
        for (Py_ssize_t i = 0; i < n; i++) {
            to[starts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
        }
        uint64_t *other = from;
        from = to;
        to = other;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        words[i] = (uint32_t)(from[i] >> 32);
        order[i] = (uint32_t)from[i];
    }
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    release(arrays, 3);
    return result;
}

/* The module -------------------------------------------------------------------------------- */

static PyMethodDef METHODS[] = {
    {"search", search, METH_VARARGS, search_doc},
    {"promising", promising, METH_VARARGS, promising_doc},
    {"agreeing", agreeing, METH_VARARGS, agreeing_doc},
    {"sort", sort, METH_VARARGS, sort_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_alike",
    .m_doc = "Which keypoints are alike, in C.",
    .m_size = 0,
    .m_methods = METHODS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__alike(void)
{
    return PyModuleDef_Init(&MODULE);
}
