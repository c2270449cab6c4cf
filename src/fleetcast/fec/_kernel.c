/* The optional kernel of fleetcast.fec: parity lines, coded fragments, and the rank of what a device has heard.
 *
 * It does what the NumPy code beside it does, bit for bit; every function works on buffers the caller allocated, checks
 * their lengths before it touches them, and lets other Python threads run meanwhile. Only C99 and the limited API of
 * Python 3.11 are needed. GCC and Clang on x86-64 also get an AVX2 copy of the inner loops, chosen when the module is
 * loaded.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "packed lines are read as little-endian words: on this machine NumPy does the work"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline))
#define popcount64(x) ((unsigned)__builtin_popcountll(x))
#define lowest_bit64(x) ((unsigned)__builtin_ctzll(x))
#if defined(__x86_64__)
#define HAVE_AVX2_COPY 1
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))
#endif
#else
#define INLINE static inline
static inline unsigned popcount64(uint64_t x)
{
    x -= (x >> 1) & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    return (unsigned)((((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u) >> 56);
}
static inline unsigned lowest_bit64(uint64_t x) { return popcount64((x & (0 - x)) - 1); }
#endif

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define MAX_M 16383u

/* Parity lines ---------------------------------------------------------------------------------------------------- */

/* How line after line of one block is drawn. */
typedef struct {
    uint32_t m, modulus;
    float inverse; /* of the modulus, a little too small, so that quotients are right or one too small */
    int distinct;  /* version 2: only draws of new columns count */
} Plan;

#define BLOCK 64u    /* states made at once; the recurrence below reaches back 72 and 92 */
#define HISTORY 96u  /* states kept when the table of states starts again */
#define STATES 2048u /* length of that table */

typedef struct {
    uint32_t x[STATES + BLOCK];
    uint32_t r[BLOCK];
    uint8_t flags[MAX_M + 1 + 64]; /* one per column, and one for the draw a power of two throws away */
    uint32_t done, filled;         /* states drawn from, states there */
} Generator;

static Plan plan_for(uint32_t m, int distinct)
{
    Plan plan;
    plan.m = m;
    plan.modulus = (m & (m - 1)) == 0 ? m + 1 : m;
    plan.inverse = (1.0f / (float)plan.modulus) * (1.0f - 1.0f / 4194304.0f);
    plan.distinct = distinct;
    return plan;
}

/* The first states after the start value of a line. A state is a window of 23 bits on a stream in which each bit is the
 * sum of those 23 and 18 before it, so x(t) = x(t - 23) ^ x(t - 18); and, squaring twice, x(t) = x(t - 92) ^ x(t - 72).
 */
INLINE void generator_start(Generator *g, uint32_t argument)
{
    uint32_t x = 1 + 1001 * argument, filled = 0, regular_from, t;
    unsigned i, round;
    while (x >> 23) { /* a carry above the window: no recurrence until it is gone, which takes a few steps */
        x = (x >> 1) + (((x ^ (x >> 5)) & 1) << 22);
        g->x[filled++] = x;
    }
    regular_from = filled;
    for (round = 0; round < 2; round++) {
        uint64_t bits = x | (uint64_t)((x ^ (x >> 5)) & 0x3ffff) << 23;
        for (i = 1; i <= 18; i++)
            g->x[filled++] = (uint32_t)(bits >> i) & 0x7fffff;
        x = g->x[filled - 1];
    }
    for (t = filled; t < regular_from + 92; t += 16) {
        const uint32_t *far = g->x + t - 23, *near = g->x + t - 18;
        for (i = 0; i < 16; i++)
            g->x[t + i] = far[i] ^ near[i];
    }
    g->filled = t;
    g->done = 0;
}

/* Draw up to `wanted` columns into g->r, and say how many. */
INLINE uint32_t generator_draw(Generator *g, const Plan *plan, uint32_t wanted)
{
    uint32_t i, count, modulus = plan->modulus;
    const uint32_t *x;
    if (g->done == g->filled) {
        uint32_t *to;
        if (g->filled + BLOCK > STATES) {
            memmove(g->x, g->x + g->filled - HISTORY, HISTORY * sizeof g->x[0]);
            g->filled = g->done = HISTORY;
        }
        to = g->x + g->filled;
        for (i = 0; i < BLOCK; i++)
            to[i] = to[(int)i - 92] ^ to[(int)i - 72];
        g->filled += BLOCK;
    }
    count = g->filled - g->done;
    count = count < BLOCK ? count : BLOCK;
    count = count < wanted ? count : wanted;
    x = g->x + g->done;
    if (modulus < 16) { /* the quotient is too large for the precision of the inverse */
        for (i = 0; i < count; i++)
            g->r[i] = x[i] % modulus;
    } else {
        float inverse = plan->inverse;
        for (i = 0; i < BLOCK; i++) { /* past `count` too: one length for the compiler, and nobody reads them */
            uint32_t rest = x[i] - (uint32_t)(int32_t)((float)(int32_t)x[i] * inverse) * modulus - modulus;
            g->r[i] = rest + (modulus & (0 - (rest >> 31))); /* it was below the modulus already, or not */
        }
    }
    g->done += count;
    return count;
}

INLINE void pack_flags(const uint8_t *flags, uint32_t words, uint8_t *packed)
{
    uint32_t word, i;
    for (word = 0; word < words; word++) {
        uint64_t bits = 0;
#if defined(__SSE2__)
        for (i = 0; i < 4; i++) {
            __m128i some = _mm_loadu_si128((const __m128i *)(const void *)(flags + 64 * word + 16 * i));
            bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(some, 7)) << (16 * i);
        }
#else
        for (i = 0; i < 8; i++) {
            uint64_t eight;
            memcpy(&eight, flags + 64 * word + 8 * i, 8);
            bits |= ((eight * 0x0102040810204080u) >> 56) << (8 * i);
        }
#endif
        memcpy(packed + 8 * word, &bits, 8);
    }
}

/* Flag the columns of that many draws; says how many of them a power of two throws away. */
INLINE uint32_t draw_blindly(Generator *g, const Plan *plan, uint32_t draws)
{
    uint8_t *flags = g->flags;
    uint32_t thrown_away = 0, n, i;
    for (; draws; draws -= n) {
        n = generator_draw(g, plan, draws);
        for (i = 0; i < n; i++)
            flags[g->r[i]] = 1;
        if (plan->modulus != plan->m)
            for (i = 0; i < n; i++)
                thrown_away += g->r[i] == plan->m;
    }
    return thrown_away;
}

INLINE void parity_line(Generator *g, const Plan *plan, uint32_t argument, uint8_t *packed)
{
    uint32_t m = plan->m, target = m / 2, words = (m + 63) / 64, i, n;
    uint8_t *flags = g->flags;
    memset(flags, 0, 64 * words + 1);
    generator_start(g, argument);
    if (plan->distinct) {
        uint32_t found = 0;
        flags[m] = plan->modulus != m;  /* taken from the start: drawing it is nothing new */
        draw_blindly(g, plan, target);  /* as many draws as are missing cannot be too many, so nobody looks at each */
        for (i = 0; i < m; i++)
            found += flags[i];
        while (found < target) {
            n = generator_draw(g, plan, BLOCK);
            for (i = 0; i < n && found < target; i++) {
                found += flags[g->r[i]] ^ 1u;
                flags[g->r[i]] = 1;
            }
        }
    } else {
        uint32_t left = target;
        while (left)
            left = draw_blindly(g, plan, left);
    }
    flags[m] = 0;
    pack_flags(flags, words, packed);
}

/* Rows of bits ------------------------------------------------------------------------------------------------------ */

/* Four words at a time. A vector where the compiler knows vectors: it otherwise tends to shuffle words about. */
#if defined(__GNUC__) || defined(__clang__)
typedef uint64_t Lane __attribute__((vector_size(32), aligned(8), may_alias));
#define XOR(a, b) ((a) ^ (b))
#define AND(a, b) ((a) & (b))
#else
typedef struct {
    uint64_t w[4];
} Lane;
static inline Lane XOR(Lane a, Lane b)
{
    unsigned i;
    for (i = 0; i < 4; i++)
        a.w[i] ^= b.w[i];
    return a;
}
static inline Lane AND(Lane a, Lane b)
{
    unsigned i;
    for (i = 0; i < 4; i++)
        a.w[i] &= b.w[i];
    return a;
}
#endif
#define LANE 32u /* bytes */

/* Sums of fragments ------------------------------------------------------------------------------------------------- */

#define LINES_AT_ONCE 1024u
#define ROWS_AT_ONCE 24u /* three bytes of a line: four tables of 2^6 sums, or six of 2^4 */
#define SLICE_LANES 4u   /* fragments are summed in slices of at most 128 bytes, so that the tables stay near */

typedef struct {
    Lane rows[ROWS_AT_ONCE * SLICE_LANES];
    Lane tables[4 * 64 * SLICE_LANES];
    Generator generator;
    Lane *sums; /* of as many lines as are made at once */
} Encoding;

typedef struct {
    const uint8_t *block; /* m rows, `stride` bytes apart */
    size_t stride;
    uint32_t m, size; /* fragments, and bytes in each */
    uint8_t *lines;   /* packed, `line_stride` bytes apart, with at least three zero bytes behind each */
    size_t line_stride;
} Source;

/* One slice of `count` fragments, by tables of 2^k sums. `lanes` and `k` are constants wherever this is called. */
INLINE void sum_slice(Encoding *e, const Source *s, uint32_t count, size_t offset, uint32_t bytes, const uint32_t lanes,
                      const uint32_t k)
{
    uint32_t row, line, table, bit, half, i, j;
    memset(e->sums, 0, (size_t)count * lanes * LANE);
    memset(e->rows, 0, ROWS_AT_ONCE * lanes * LANE);
    for (row = 0; row < s->m; row += ROWS_AT_ONCE) {
        const uint32_t some = s->m - row < ROWS_AT_ONCE ? s->m - row : ROWS_AT_ONCE, mask = (1u << k) - 1;
        const uint8_t *picks = s->lines + row / 8;
        Lane *sum = e->sums;
        for (i = 0; i < some; i++)
            memcpy(e->rows + i * lanes, s->block + (row + i) * s->stride + offset, bytes);
        if (some < ROWS_AT_ONCE)
            memset(e->rows + some * lanes, 0, (ROWS_AT_ONCE - some) * lanes * LANE);
        for (table = 0; table < ROWS_AT_ONCE / k; table++) {
            Lane *sums = e->tables + (table << k) * lanes;
            memset(sums, 0, lanes * LANE);
            for (bit = 0; bit < k; bit++) {
                const Lane *one = e->rows + (table * k + bit) * lanes;
                for (half = lanes << bit, i = 0; i < half; i += lanes)
                    for (j = 0; j < lanes; j++)
                        sums[half + i + j] = XOR(sums[i + j], one[j]);
            }
        }
        for (line = 0; line < count; line++, sum += lanes, picks += s->line_stride) {
            const uint32_t pick = picks[0] | (uint32_t)picks[1] << 8 | (uint32_t)picks[2] << 16;
#define SUMS(table) (e->tables + (((table) << k) + (pick >> ((table) * k) & mask)) * lanes)
            const Lane *a = SUMS(0u), *b = SUMS(1u), *c = SUMS(2u), *d = SUMS(3u);
            if (k == 6) {
                for (j = 0; j < lanes; j++)
                    sum[j] = XOR(XOR(XOR(sum[j], a[j]), XOR(b[j], c[j])), d[j]);
            } else {
                const Lane *f = SUMS(4u), *g = SUMS(5u);
                for (j = 0; j < lanes; j++)
                    sum[j] = XOR(XOR(XOR(sum[j], a[j]), XOR(b[j], c[j])), XOR(XOR(d[j], f[j]), g[j]));
            }
#undef SUMS
        }
    }
}

/* The fragments of the first `count` lines of `s`. */
INLINE void sum_fragments(Encoding *e, const Source *s, uint32_t count, uint8_t *out)
{
    uint32_t line, offset, lanes, bytes;
    for (offset = 0; offset < s->size; offset += bytes) {
        bytes = s->size - offset < SLICE_LANES * LANE ? s->size - offset : SLICE_LANES * LANE;
        lanes = (bytes + LANE - 1) / LANE;
        if (count < 96) /* large tables would cost more than they save */
            switch (lanes) {
            case 1: sum_slice(e, s, count, offset, bytes, 1, 4); break;
            case 2: sum_slice(e, s, count, offset, bytes, 2, 4); break;
            case 3: sum_slice(e, s, count, offset, bytes, 3, 4); break;
            default: sum_slice(e, s, count, offset, bytes, 4, 4); break;
            }
        else
            switch (lanes) {
            case 1: sum_slice(e, s, count, offset, bytes, 1, 6); break;
            case 2: sum_slice(e, s, count, offset, bytes, 2, 6); break;
            case 3: sum_slice(e, s, count, offset, bytes, 3, 6); break;
            default: sum_slice(e, s, count, offset, bytes, 4, 6); break;
            }
        for (line = 0; line < count; line++)
            memcpy(out + (size_t)line * s->size + offset, e->sums + line * lanes, bytes);
    }
}

/* What a device can solve ------------------------------------------------------------------------------------------- */

#define WORDS_OF(m) (((m) + 63) / 64)
#define LANE_BITS (8 * LANE)
#define MAX_LANES ((MAX_M + 1) / LANE_BITS)

/* Which coded fragments, numbered in the order of sending, mix each uncoded one: m rows of `lanes` lanes. */
typedef struct {
    const uint8_t *columns;
    uint32_t m, lanes;
} Matrix;

typedef struct {
    Lane pivots[8 * MAX_LANES];
    Lane *rows;      /* one row for each lost fragment; the first lane of all of them, then the second, ... */
    uint16_t *notes; /* one for each row, see below */
    uint16_t lost[MAX_M];
} Elimination;

INLINE uint64_t load64(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, 8);
    return word;
}

/* Eliminates `count` lost fragments against the coded ones that were heard, those in order of sending and eight at a
 * time: first on that one byte of every row, where a row notes in its upper byte which of the eight pivots it takes up,
 * then on the rest of the rows, by tables of the sums of those pivots.
 * Returns how many rows are left, and in `when` how many coded fragments had been sent with the last pivot.
 */
INLINE uint32_t eliminate(Elimination *e, uint32_t count, uint32_t lanes, uint32_t *when)
{
    uint16_t *notes = e->notes;
    uint32_t left = count, byte, bit, i, lane;
    *when = 0;
    for (byte = 0; byte < lanes * LANE; byte++) {
        const uint32_t first = byte / LANE;
        const uint8_t *bytes = (const uint8_t *)(e->rows + (size_t)first * count) + byte % LANE;
        uint32_t found = 0;
        uint16_t any = 0;
        for (i = 0; i < left; i++) {
            notes[i] = bytes[(size_t)i * LANE];
            any |= notes[i];
        }
        for (bit = 0; bit < 8; bit++) {
            uint16_t taken;
            if (!(any >> bit & 1))
                continue;
            for (i = 0; i < left && !(notes[i] >> bit & 1); i++)
                ;
            if (i == left)
                continue;
            taken = (uint16_t)(notes[i] ^ 0x100u << found);
            left--;
            *when = byte * 8 + bit + 1;
            if (left == 0)
                return 0;
            for (lane = first; lane < lanes; lane++) { /* the pivot leaves, and the last row takes its place */
                Lane *row = e->rows + (size_t)lane * count;
                e->pivots[found * MAX_LANES + lane] = row[i];
                row[i] = row[left];
            }
            notes[i] = notes[left];
            found++;
            for (i = 0; i < left; i++)
                notes[i] ^= (uint16_t)(taken & (0u - (notes[i] >> bit & 1u)));
        }
        if (!found)
            continue;
        for (lane = first; lane < lanes; lane++) {
            Lane low[16], high[16], *row = e->rows + (size_t)lane * count;
            memset(low, 0, LANE);
            memset(high, 0, LANE);
            for (bit = 0; bit < found; bit++) {
                const Lane pivot = e->pivots[bit * MAX_LANES + lane];
                const uint32_t half = 1u << (bit & 3);
                Lane *table = bit < 4 ? low : high;
                for (i = 0; i < half; i++)
                    table[half + i] = XOR(table[i], pivot);
            }
            if (found <= 4)
                for (i = 0; i < left; i++)
                    row[i] = XOR(row[i], low[notes[i] >> 8]);
            else
                for (i = 0; i < left; i++)
                    row[i] = XOR(row[i], XOR(low[notes[i] >> 8 & 15], high[notes[i] >> 12]));
        }
    }
    return left;
}

/* One device: `known` says which uncoded fragments it has, `heard` which coded ones, both packed. */
INLINE void solve_device(Elimination *e, const Matrix *a, const uint8_t *known, const uint8_t *heard, int32_t *when,
                         int32_t *missing)
{
    const uint32_t words = WORDS_OF(a->m);
    uint32_t lost = 0, enough = 0, lanes = 0, w, i, lane, left, at;
    for (w = 0; w < words; w++) {
        uint64_t unknown = ~load64(known + 8 * (size_t)w);
        if (w == words - 1 && a->m % 64)
            unknown &= ((uint64_t)1 << a->m % 64) - 1;
        for (; unknown; unknown &= unknown - 1)
            e->lost[lost++] = (uint16_t)(64 * w + lowest_bit64(unknown));
    }
    *when = 0;
    *missing = 0;
    if (lost == 0)
        return;
    while (lanes < a->lanes && enough < lost + 12) { /* most often a few more than were lost are all it takes */
        for (w = 0; w < LANE / 8; w++)
            enough += popcount64(load64(heard + (size_t)lanes * LANE + 8 * w));
        lanes++;
    }
    for (;;) {
        for (lane = 0; lane < lanes; lane++) {
            const uint8_t *columns = a->columns + (size_t)lane * LANE;
            Lane *row = e->rows + (size_t)lane * lost, mask, column;
            memcpy(&mask, heard + (size_t)lane * LANE, LANE);
            for (i = 0; i < lost; i++) {
                memcpy(&column, columns + (size_t)e->lost[i] * a->lanes * LANE, LANE);
                row[i] = AND(column, mask);
            }
        }
        left = eliminate(e, lost, lanes, &at);
        if (left == 0 || lanes == a->lanes)
            break;
        lanes = a->lanes;
    }
    *missing = (int32_t)left;
    *when = left ? -1 : (int32_t)at;
}

/* The inner loops, once for any processor and once for those with AVX2 ------------------------------------------------ */

typedef struct {
    void (*lines)(Generator *, const Plan *, const uint8_t *, uint32_t, uint8_t *, size_t);
    void (*encode)(Encoding *, const Plan *, const Source *, const uint8_t *, uint32_t, uint8_t *);
    void (*solve)(Elimination *, const Matrix *, const uint8_t *, const uint8_t *, int32_t *, int32_t *);
} Loops;

#define COPY(NAME, TARGET)                                                                                             \
    TARGET static void lines_##NAME(Generator *g, const Plan *plan, const uint8_t *arguments, uint32_t count,          \
                                    uint8_t *packed, size_t stride)                                                    \
    {                                                                                                                  \
        uint32_t i;                                                                                                    \
        for (i = 0; i < count; i++) {                                                                                  \
            int32_t argument;                                                                                          \
            memcpy(&argument, arguments + 4 * (size_t)i, 4);                                                           \
            parity_line(g, plan, (uint32_t)argument, packed + i * stride);                                             \
        }                                                                                                              \
    }                                                                                                                  \
    TARGET static void encode_##NAME(Encoding *e, const Plan *plan, const Source *s, const uint8_t *arguments,         \
                                     uint32_t count, uint8_t *out)                                                     \
    {                                                                                                                  \
        lines_##NAME(&e->generator, plan, arguments, count, s->lines, s->line_stride);                                 \
        sum_fragments(e, s, count, out);                                                                               \
    }                                                                                                                  \
    TARGET static void solve_##NAME(Elimination *e, const Matrix *a, const uint8_t *known, const uint8_t *heard,       \
                                    int32_t *when, int32_t *missing)                                                   \
    {                                                                                                                  \
        solve_device(e, a, known, heard, when, missing);                                                               \
    }                                                                                                                  \
    static const Loops NAME##_loops = {lines_##NAME, encode_##NAME, solve_##NAME};

COPY(plain, )
#if defined(HAVE_AVX2_COPY)
COPY(avx2, AVX2)
#endif
static const Loops *loops = &plain_loops;

/* The door to Python -------------------------------------------------------------------------------------------------- */

static int check_m(Py_ssize_t m)
{
    if (m >= 1 && m <= (Py_ssize_t)MAX_M)
        return 1;
    PyErr_Format(PyExc_ValueError, "m is %zd, not 1 to %d", m, (int)MAX_M);
    return 0;
}

static int check_length(const char *name, const Py_buffer *buffer, Py_ssize_t expected)
{
    if (buffer->len == expected)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, not %zd", name, buffer->len, expected);
    return 0;
}

/* Memory on a cache line's boundary, so that no lane lies across two; `whole` is what to free. */
static void *aligned_malloc(size_t size, void **whole)
{
    *whole = malloc(size + 63);
    return *whole == NULL ? NULL : (void *)(((uintptr_t)*whole + 63) & ~(uintptr_t)63);
}

/* Line arguments are int32 from 1 to 16383; returns how many, or -1. */
static Py_ssize_t check_arguments(const Py_buffer *buffer)
{
    Py_ssize_t i, count = buffer->len / 4;
    if (buffer->len % 4 || count > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "line arguments are 32-bit numbers, and fewer than 2^31");
        return -1;
    }
    for (i = 0; i < count; i++) {
        int32_t argument;
        memcpy(&argument, (const uint8_t *)buffer->buf + 4 * i, 4);
        if (argument < 1 || argument > (int32_t)MAX_M) {
            PyErr_Format(PyExc_ValueError, "line argument %d is out of range", (int)argument);
            return -1;
        }
    }
    return count;
}

static PyObject *kernel_parity_lines(PyObject *module, PyObject *args)
{
    Py_ssize_t m, count, stride;
    int distinct, done = 0;
    Py_buffer arguments, packed;
    Generator *generator = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "ny*pw*:parity_lines", &m, &arguments, &distinct, &packed))
        return NULL;
    stride = check_m(m) ? 8 * (Py_ssize_t)WORDS_OF(m) : 0;
    if (stride && (count = check_arguments(&arguments)) >= 0 && check_length("packed", &packed, count * stride)) {
        generator = calloc(1, sizeof *generator);
        if (generator == NULL) {
            PyErr_NoMemory();
        } else {
            const Plan plan = plan_for((uint32_t)m, distinct);
            Py_BEGIN_ALLOW_THREADS
            loops->lines(generator, &plan, arguments.buf, (uint32_t)count, packed.buf, (size_t)stride);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    free(generator);
    PyBuffer_Release(&arguments);
    PyBuffer_Release(&packed);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *kernel_encode(PyObject *module, PyObject *args)
{
    Py_ssize_t m, count, size;
    int distinct, done = 0;
    Py_buffer block, arguments, out;
    (void)module;
    if (!PyArg_ParseTuple(args, "ny*y*pnw*:encode", &m, &block, &arguments, &distinct, &size, &out))
        return NULL;
    if (size < 1 || size > 255) {
        PyErr_Format(PyExc_ValueError, "fragment_size is %zd, not 1 to 255", size);
    } else if (check_m(m) && check_length("block", &block, m * ((size + 7) / 8 * 8)) &&
               (count = check_arguments(&arguments)) >= 0 && check_length("out", &out, count * size)) {
        const size_t line_stride = 8 * (size_t)WORDS_OF(m) + 8;
        const size_t at_once = count < (Py_ssize_t)LINES_AT_ONCE ? (size_t)count : LINES_AT_ONCE;
        void *whole, *whole_sums;
        Encoding *encoding = aligned_malloc(sizeof *encoding, &whole);
        Lane *sums = aligned_malloc((at_once + 1) * SLICE_LANES * LANE, &whole_sums);
        uint8_t *lines = calloc(at_once + 1, line_stride);
        if (encoding == NULL || sums == NULL || lines == NULL) {
            PyErr_NoMemory();
        } else {
            const Plan plan = plan_for((uint32_t)m, distinct);
            const Source source = {block.buf, (size_t)((size + 7) / 8 * 8), (uint32_t)m, (uint32_t)size, lines, line_stride};
            Py_ssize_t start;
            encoding->sums = sums;
            Py_BEGIN_ALLOW_THREADS
            memset(&encoding->generator, 0, sizeof encoding->generator);
            for (start = 0; start < count; start += LINES_AT_ONCE) {
                Py_ssize_t some = count - start < (Py_ssize_t)LINES_AT_ONCE ? count - start : (Py_ssize_t)LINES_AT_ONCE;
                loops->encode(encoding, &plan, &source, (const uint8_t *)arguments.buf + 4 * start, (uint32_t)some,
                              (uint8_t *)out.buf + start * size);
            }
            Py_END_ALLOW_THREADS
            done = 1;
        }
        free(whole);
        free(whole_sums);
        free(lines);
    }
    PyBuffer_Release(&block);
    PyBuffer_Release(&arguments);
    PyBuffer_Release(&out);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

/* The largest number of uncoded fragments any of the devices misses. */
static uint32_t most_lost(const uint8_t *known, Py_ssize_t devices, uint32_t m)
{
    const uint32_t words = WORDS_OF(m);
    uint32_t most = 0, w;
    Py_ssize_t device;
    for (device = 0; device < devices; device++) {
        uint32_t lost = m;
        for (w = 0; w < words; w++, known += 8) {
            uint64_t word = load64(known);
            if (w == words - 1 && m % 64)
                word &= ((uint64_t)1 << m % 64) - 1;
            lost -= popcount64(word);
        }
        most = lost > most ? lost : most;
    }
    return most;
}

static PyObject *kernel_solve(PyObject *module, PyObject *args)
{
    Py_ssize_t m, words, devices;
    int done = 0;
    Py_buffer columns, known, heard, when, missing;
    (void)module;
    if (!PyArg_ParseTuple(args, "nny*y*y*w*w*:solve", &m, &words, &columns, &known, &heard, &when, &missing))
        return NULL;
    devices = when.len / 4;
    if (words < 1 || words > (Py_ssize_t)(MAX_LANES * LANE / 8) || words % (Py_ssize_t)(LANE / 8)) {
        PyErr_Format(PyExc_ValueError, "words is %zd, not a multiple of 4 from 4 to %d", words, (int)(MAX_LANES * LANE / 8));
    } else if (check_m(m) && check_length("columns", &columns, m * words * 8) && check_length("when", &when, devices * 4) &&
               check_length("missing", &missing, devices * 4) &&
               check_length("known", &known, devices * (Py_ssize_t)WORDS_OF(m) * 8) &&
               check_length("heard", &heard, devices * words * 8)) {
        const size_t rows = most_lost(known.buf, devices, (uint32_t)m) + 1u;
        void *whole, *whole_rows;
        Elimination *e = aligned_malloc(sizeof *e, &whole);
        Lane *memory = aligned_malloc(rows * (size_t)words * 8, &whole_rows);
        uint16_t *notes = malloc(rows * sizeof *notes);
        if (e == NULL || memory == NULL || notes == NULL) {
            PyErr_NoMemory();
        } else {
            const Matrix a = {columns.buf, (uint32_t)m, (uint32_t)words * 8 / LANE};
            Py_ssize_t device;
            e->rows = memory;
            e->notes = notes;
            Py_BEGIN_ALLOW_THREADS
            for (device = 0; device < devices; device++) {
                int32_t at, lacking;
                loops->solve(e, &a, (const uint8_t *)known.buf + device * (Py_ssize_t)WORDS_OF(m) * 8,
                             (const uint8_t *)heard.buf + device * words * 8, &at, &lacking);
                memcpy((uint8_t *)when.buf + 4 * device, &at, 4);
                memcpy((uint8_t *)missing.buf + 4 * device, &lacking, 4);
            }
            Py_END_ALLOW_THREADS
            done = 1;
        }
        free(whole);
        free(whole_rows);
        free(notes);
    }
    PyBuffer_Release(&columns);
    PyBuffer_Release(&known);
    PyBuffer_Release(&heard);
    PyBuffer_Release(&when);
    PyBuffer_Release(&missing);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static int kernel_exec(PyObject *module)
{
#if defined(HAVE_AVX2_COPY)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt"))
        loops = &avx2_loops;
#endif
    return PyModule_AddIntConstant(module, "ABI", 1);
}

static PyMethodDef kernel_methods[] = {
    {"parity_lines", kernel_parity_lines, METH_VARARGS,
     PyDoc_STR("parity_lines(m, arguments, distinct, packed): the line of each argument into its row of packed")},
    {"encode", kernel_encode, METH_VARARGS,
     PyDoc_STR("encode(m, block, arguments, distinct, fragment_size, out): the coded fragments of these arguments")},
    {"solve", kernel_solve, METH_VARARGS,
     PyDoc_STR("solve(m, words, columns, known, heard, when, missing): when each device completes, or what it misses")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot kernel_slots[] = {{Py_mod_exec, kernel_exec}, {0, NULL}};

static struct PyModuleDef kernel_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fleetcast.fec._kernel",
    .m_doc = PyDoc_STR("The optional kernel of fleetcast.fec."),
    .m_size = 0,
    .m_methods = kernel_methods,
    .m_slots = kernel_slots,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&kernel_module);
}
