/* The encoder anybody would write first: the yardstick of fec_encode.py.
 *
 * The parity line is a row of flags, and the fragments it picks are XORed one after the other, byte by byte. Nothing
 * is cached between fragments. Built with -O2.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t prbs23(uint32_t x)
{
    uint32_t b0 = x & 1, b1 = (x >> 5) & 1;
    return (x >> 1) + ((b0 ^ b1) << 22);
}

static void parity_line(uint32_t m, uint32_t argument, int distinct, uint8_t *line)
{
    uint32_t modulus = (m & (m - 1)) == 0 ? m + 1 : m;
    uint32_t x = 1 + 1001 * argument, count = 0;
    memset(line, 0, m);
    while (count < m / 2) {
        uint32_t r;
        do {
            x = prbs23(x);
            r = x % modulus;
        } while (r >= m);
        if (!distinct || !line[r])
            count++;
        line[r] = 1;
    }
}

void encode(const uint8_t *data, uint32_t m, uint32_t size, int distinct, uint32_t first_argument, uint32_t count,
            uint8_t *out)
{
    uint8_t line[16384];
    for (uint32_t k = 0; k < count; k++) {
        uint8_t *fragment = out + (size_t)k * size;
        parity_line(m, first_argument + k, distinct, line);
        memset(fragment, 0, size);
        for (uint32_t c = 0; c < m; c++)
            if (line[c])
                for (uint32_t i = 0; i < size; i++)
                    fragment[i] ^= data[(size_t)c * size + i];
    }
}
