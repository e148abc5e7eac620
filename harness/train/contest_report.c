/* What a contest came to, as tables. */
#include "harness/measure/student.h"
#include "harness/train/contest.h"

#include <math.h>

/* A figure of one training. */
typedef double figure(const struct contest_run *run, size_t task);

static double auc(const struct contest_run *run, size_t task) { return run->scores.auc[task]; }
static double ctcvr(const struct contest_run *run, size_t task) { return run->scores.ctcvr[task]; }
static double log_loss_of(const struct contest_run *run, size_t task)
{
    return run->scores.log_loss[task];
}

static double conversions(const struct contest_run *run, size_t task)
{
    (void)task;
    return run->conversions;
}

static double revenue(const struct contest_run *run, size_t task)
{
    (void)task;
    return run->earnings.revenue;
}

static struct student over_seeds(const struct contest *c, size_t kind, figure *of, size_t task)
{
    double x[SEEDS_MAX];
    for (size_t s = 0; s < c->plan->seeds; s++)
        x[s] = of(&c->run[kind][s], task);
    return student_test(x, 1, c->plan->seeds);
}

/* EKTM's less the other kind's, seed by seed; or, of its own size, by how much it is more. */
static struct student difference(const struct contest *c, size_t kind, figure *of, size_t task,
                                 bool relative)
{
    double x[SEEDS_MAX];
    for (size_t s = 0; s < c->plan->seeds; s++) {
        const double ours = of(&c->run[0][s], task), theirs = of(&c->run[kind][s], task);
        x[s] = relative ? ours / theirs - 1 : ours - theirs;
    }
    return student_test(x, 1, c->plan->seeds);
}

static const char *verdict(const struct student *d)
{
    return !(d->p < 0.05) ? "no difference shown" : d->mean > 0 ? "EKTM ahead" : "EKTM BEHIND";
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void report_models(const struct contest *c, FILE *out)
{
    fprintf(out, "| model | learned outside tables | rows of tables | Adam's rate | weight of "
                 "conversions | best epoch, mean "
                 "|\n|---|---:|---:|---:|---:|---:|\n");
    for (size_t k = 0; k < c->plan->kinds; k++) {
        double epochs = 0;
        for (size_t s = 0; s < c->plan->seeds; s++)
            epochs += (double)c->run[k][s].best_epoch / (double)c->plan->seeds;
        fprintf(out, "| %s | %zu | %zu | %g | %g | %.1f |\n", c->plan->kind[k]->name,
                c->parameters[k], c->table_rows[k], c->chosen[k].rate, c->chosen[k].conversions,
                epochs);
    }
}

static void report_figure(const struct contest *c, const char *title, figure *of, bool click,
                          FILE *out)
{
    const size_t tasks = c->plan->simulation.tasks;
    fprintf(out, "\n%s: mean over seeds ± half of the 95 %% interval.\n\n| model |", title);
    for (size_t t = click ? 0 : 1; t <= tasks; t++)
        fprintf(out, t ? " conv%zu |" : " click |", t);
    fprintf(out, "\n|---|");
    for (size_t t = click ? 0 : 1; t <= tasks; t++)
        fprintf(out, "---:|");
    fprintf(out, "\n");
    for (size_t k = 0; k < c->plan->kinds; k++) {
        fprintf(out, "| %s |", c->plan->kind[k]->name);
        for (size_t t = click ? 0 : 1; t <= tasks; t++) {
            const struct student m = over_seeds(c, k, of, t);
            fprintf(out, " %.4f ± %.4f |", m.mean, m.half);
        }
        fprintf(out, "\n");
    }
}

static void report_tests(const struct contest *c, FILE *out)
{
    fprintf(out,
            "\nMean CVR AUC over the conversions, and EKTM's less each other model's: a paired "
            "t-test over the seeds.\n\n| model | mean CVR AUC | EKTM's less this | p | verdict "
            "| CTR AUC: EKTM's less this | p |\n|---|---:|---:|---:|---|---:|---:|\n");
    for (size_t k = 0; k < c->plan->kinds; k++) {
        const struct student m = over_seeds(c, k, conversions, 0);
        const struct student d = difference(c, k, conversions, 0, false);
        const struct student click = difference(c, k, auc, 0, false);
        fprintf(out, "| %s | %.4f ± %.4f |", c->plan->kind[k]->name, m.mean, m.half);
        if (k == 0)
            fprintf(out, " - | - | - | - | - |\n");
        else
            fprintf(out, " %+.4f ± %.4f | %.4f | %s | %+.4f ± %.4f | %.4f |\n", d.mean, d.half, d.p,
                    verdict(&d), click.mean, click.half, click.p);
    }
}

static void report_abtest(const struct contest *c, FILE *out)
{
    const struct earnings best = abtest_play(&c->abtest, NULL), random = abtest_random(&c->abtest);
    fprintf(
        out,
        "\nSimulated A/B test: %zu fresh requests, %zu candidates; each model shows the %d that "
        "it ranks first by the sum over conversions of bid x pCTR x pCVR. Expected by the true "
        "probabilities, for 1000 shown.\n\n| model | eCPM | clicks | conversions | drawn eCPM | "
        "EKTM's uplift in eCPM | p | verdict |\n|---|---:|---:|---:|---:|---:|---:|---|\n",
        c->abtest.requests, c->abtest.rows.rows, SHOWN);
    for (size_t k = 0; k < c->plan->kinds; k++) {
        double clicks = 0, converted = 0, drawn = 0;
        for (size_t s = 0; s < c->plan->seeds; s++) {
            const struct earnings *e = &c->run[k][s].earnings;
            clicks += e->clicks / (double)c->plan->seeds;
            converted += e->conversions / (double)c->plan->seeds;
            drawn += e->happened / (double)c->plan->seeds;
        }
        const struct student m = over_seeds(c, k, revenue, 0);
        const struct student u = difference(c, k, revenue, 0, true);
        fprintf(out, "| %s | %.3f ± %.3f | %.2f | %.3f | %.3f |", c->plan->kind[k]->name, m.mean,
                m.half, clicks, converted, drawn);
        if (k == 0)
            fprintf(out, " - | - | - |\n");
        else
            fprintf(out, " %+.2f %% ± %.2f %% | %.4f | %s |\n", 100 * u.mean, 100 * u.half, u.p,
                    verdict(&u));
    }
    fprintf(out, "| (true probabilities) | %.3f | %.2f | %.3f | %.3f | | | |\n", best.revenue,
            best.clicks, best.conversions, best.happened);
    fprintf(out, "| (at random) | %.3f | %.2f | %.3f | %.3f | | | |\n", random.revenue,
            random.clicks, random.conversions, random.happened);
}

/* Rates of the rows that were learned from. */
static void report_data(const struct contest *c, FILE *out)
{
    const struct contest_plan *plan = c->plan;
    const struct dataset *d = &c->train;
    const size_t labels = d->tasks + 1;
    fprintf(out,
            "Similarity %g, %zu group%s of tasks, %s pattern, simulation seed %llu; %zu rows to "
            "learn from, %zu to stop by, %zu to judge by; of the rows to learn from",
            plan->simulation.similarity, plan->simulation.groups,
            plan->simulation.groups == 1 ? "" : "s",
            plan->simulation.pattern == LABELS_SEQUENTIAL ? "sequential" : "parallel",
            (unsigned long long)plan->simulation.seed, d->rows, c->validation.rows, c->test.rows);
    for (size_t t = 0; t < labels; t++) {
        size_t happened = 0;
        for (size_t b = 0; b < d->rows; b++)
            happened += d->label[b * labels] == 1 && d->label[b * labels + t] == 1;
        fprintf(out, t ? ", %.3f %% with conversion %zu" : " %.3f %% clicked",
                100. * (double)happened / (double)d->rows, t);
    }
    fprintf(out, ". Time: %.0f s.\n\n", c->seconds);
}

void contest_report(const struct contest *c, FILE *out)
{
    fprintf(out, "\n## %s\n\n", c->plan->name);
    report_data(c, out);
    report_models(c, out);
    report_figure(c, "AUC (conversions: over clicks)", auc, true, out);
    report_tests(c, out);
    report_figure(c, "AUC of click and conversion over all rows (CTCVR)", ctcvr, false, out);
    report_figure(c, "Log loss (conversions: over clicks)", log_loss_of, true, out);
    report_abtest(c, out);
}
