#include "harness/measure/ranking.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* ---- order ----------------------------------------------------------------------------------- */

/* First by `first`, where that is equal by `second`. */
struct keys {
    const double *first, *second;
};

static int compare(const struct keys *k, size_t x, size_t y)
{
    if (k->first[x] != k->first[y])
        return k->first[x] < k->first[y] ? -1 : 1;
    return k->second[x] == k->second[y] ? 0 : k->second[x] < k->second[y] ? -1 : 1;
}

/* Sorts order[0 .. count-1] by merging, `room` as large; returns how many pairs were out of order:
 * what bubble sort would swap. */
static uint64_t merge_sort(const struct keys *keys, size_t *order, size_t *room, size_t count)
{
    if (count < 2)
        return 0;
    const size_t half = count / 2;
    uint64_t swaps =
        merge_sort(keys, order, room, half) + merge_sort(keys, order + half, room, count - half);
    size_t left = 0, right = half, at = 0;
    while (left < half && right < count) {
        const bool takes_right = compare(keys, order[right], order[left]) < 0;
        swaps += takes_right ? half - left : 0;
        room[at++] = takes_right ? order[right++] : order[left++];
    }
    while (left < half)
        room[at++] = order[left++];
    for (size_t i = 0; i < at; i++)
        order[i] = room[i];
    return swaps;
}

static uint64_t pairs(uint64_t count) { return count * (count - (count > 0)) / 2; }

/* Pairs of neighbours-in-order whose keys are both equal; of the first alone where `second` is
 * `first`. */
static uint64_t ties(const struct keys *keys, const size_t *order, size_t count)
{
    uint64_t tied = 0;
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && compare(keys, order[begin], order[end]) == 0;)
            end++;
        tied += pairs(end - begin);
    }
    return tied;
}

double kendall_tau(const double *a, const double *b, size_t count, size_t *scratch)
{
    size_t *order = scratch, *room = scratch + count;
    const struct keys both = {a, b}, of_a = {a, a}, of_b = {b, b};
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    merge_sort(&both, order, room, count);
    const uint64_t tied_a = ties(&of_a, order, count), tied_both = ties(&both, order, count);
    const uint64_t discordant = merge_sort(&of_b, order, room, count);
    const uint64_t tied_b = ties(&of_b, order, count), all = pairs(count);
    /* all = concordant + discordant + tied in a or b */
    const double agreement =
        (double)all - (double)tied_a - (double)tied_b + (double)tied_both - 2 * (double)discordant;
    return agreement / sqrt((double)(all - tied_a)) / sqrt((double)(all - tied_b));
}

/* ---- against labels -------------------------------------------------------------------------- */

/* The area over the items that `order` lists, all with a label; it sorts them. */
static double area_over(const double *score, const uint8_t *label, size_t *order, size_t *room,
                        size_t items)
{
    const struct keys keys = {score, score};
    merge_sort(&keys, order, room, items);
    double positives = 0, negatives = 0, won = 0;
    for (size_t begin = 0, end; begin < items; begin = end) {
        double here[2] = {0, 0}; /* of items with this score: negative, positive */
        for (end = begin; end < items && score[order[end]] == score[order[begin]]; end++)
            here[label[order[end]]]++;
        won += here[1] * (negatives + here[0] / 2);
        negatives += here[0];
        positives += here[1];
    }
    return won / (positives * negatives);
}

/* Lists the items with a label; returns how many there are. */
static size_t labelled(const uint8_t *label, size_t count, size_t *order)
{
    size_t items = 0;
    for (size_t i = 0; i < count; i++)
        if (label[i] <= 1)
            order[items++] = i;
    return items;
}

double area_under_curve(const double *score, const uint8_t *label, size_t count, size_t *scratch)
{
    const size_t items = labelled(label, count, scratch);
    return area_over(score, label, scratch, scratch + items, items);
}

static int by_group(const void *a, const void *b, void *group)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    const uint64_t *of = group;
    return of[x] != of[y] ? (of[x] < of[y] ? -1 : 1) : x < y ? -1 : x > y;
}

struct grouped grouped_area(const double *score, const uint8_t *label, const uint64_t *group,
                            size_t count, size_t *scratch)
{
    struct grouped grouped = {.groups = 0};
    const size_t items = labelled(label, count, scratch);
    double weight = 0;
    qsort_r(scratch, items, sizeof *scratch, by_group, (uint64_t *)(uintptr_t)group);
    for (size_t begin = 0, end; begin < items; begin = end) {
        for (end = begin; end < items && group[scratch[end]] == group[scratch[begin]];)
            end++;
        const size_t of = end - begin;
        const double area = area_over(score, label, scratch + begin, scratch + items, of);
        if (isnan(area))
            continue;
        grouped.area += area * (double)of;
        weight += (double)of;
        grouped.groups++;
    }
    grouped.area /= weight;
    return grouped;
}

double log_loss(const double *probability, const uint8_t *label, size_t count)
{
    double sum = 0, items = 0;
    for (size_t i = 0; i < count; i++) {
        const double p = fmin(fmax(probability[i], 0x1p-24), 1 - 0x1p-24);
        if (label[i] > 1)
            continue;
        sum -= log(label[i] ? p : 1 - p);
        items++;
    }
    return sum / items;
}
