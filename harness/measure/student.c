#include "harness/measure/student.h"

#include <math.h>

/* With theta = atan(t / sqrt(nu)) the probability within +-t is a finite sum of powers of cos
 * theta: Abramowitz and Stegun, 26.7.3 and 26.7.4. */
double student_tail(double t, size_t freedom)
{
    const double theta = atan(fabs(t) / sqrt((double)freedom)), c = cos(theta), s = sin(theta);
    double term = freedom % 2 ? c : 1, sum = 0;
    for (size_t k = freedom % 2 ? 3 : 2; k <= freedom; k += 2) {
        sum += term;
        term *= c * c * (double)(k - 1) / (double)k;
    }
    const double within = freedom % 2 ? 2 / M_PI * (theta + s * sum) : s * sum;
    return fmax(1 - within, 0);
}

/* The t that is passed with a probability of 5 %. */
static double quantile(size_t freedom)
{
    double low = 0, high = 1000;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        *(student_tail(middle, freedom) > 0.05 ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

struct student student_test(const double *x, size_t stride, size_t count)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        mean += x[i * stride] / (double)count;
    if (count < 2)
        return (struct student){mean, NAN, NAN};
    for (size_t i = 0; i < count; i++)
        squares += pow(x[i * stride] - mean, 2);
    const double error = sqrt(squares / (double)(count - 1) / (double)count);
    const double p = error > 0 ? student_tail(mean / error, count - 1) : mean != 0 ? 0 : 1;
    return (struct student){mean, quantile(count - 1) * error, p};
}
