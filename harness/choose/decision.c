#include "harness/choose/decision.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- machines that cannot be ranked ---------------------------------------------------------- */

/* Objectives that the machine was searched at, as text; "": none. */
static void describe_objectives(char *text, size_t size, const struct evidence *evidence,
                                const char *machine)
{
    *text = '\0';
    for (size_t i = 0; i < evidence->count; i++) {
        const struct search *s = &evidence->search[i];
        const char *slo = s->objective.text;
        const size_t used = strlen(text);
        if ((!machine || strcmp(s->machine, machine) == 0) && !strstr(text, slo))
            snprintf(text + used, size - used, "%s%s", used ? ", " : "", slo);
    }
}

/* Why no configuration of the machine can be chosen. */
static bool note_unsearched(struct decision *d, const char *machine, struct fault *fault)
{
    char objectives[256];
    for (size_t i = 0; i < d->configurations.count; i++) {
        const struct configuration *c = &d->configurations.configuration[i];
        if (strcmp(c->of->machine, machine) == 0)
            return notes_add(&d->left_out, fault,
                             "%s: none of its configurations passes --min-quality; of '%s' %s",
                             machine, c->label, c->why_not);
    }
    describe_objectives(objectives, sizeof objectives, d->evidence, machine);
    if (!*objectives)
        return notes_add(&d->left_out, fault,
                         "%s: has no search for a highest rate; `ektm load "
                         "--slo %s` makes one",
                         machine, d->question->objective.text);
    return notes_add(
        &d->left_out, fault, "%s: has no search at %s%s that can be used; it has some at %s",
        machine, d->question->objective.text,
        d->question->antagonist ? " beside an antagonist" : " without an antagonist", objectives);
}

static bool note_unpriced(struct decision *d, const char *machine, struct fault *fault)
{
    return notes_add(&d->left_out, fault, "%s: has no price in %s", machine, d->prices->path);
}

static bool note_unmeasured(struct decision *d, struct fault *fault)
{
    for (size_t i = 0; i < d->prices->count; i++) {
        const struct price *price = &d->prices->price[i];
        bool known = false;
        for (size_t m = 0; m < d->evidence->machines.count; m++)
            known = known || strcmp(d->evidence->machines.text[m], price->machine) == 0;
        if (!known && !notes_add(&d->left_out, fault, "%s: has a price (%s:%zu) and no results",
                                 price->machine, d->prices->path, price->line))
            return false;
    }
    return true;
}

/* ---- offers ---------------------------------------------------------------------------------- */

static bool check_currency(const struct decision *d, const struct price *price, struct fault *fault)
{
    const struct price *first = d->ranking.count ? d->ranking.offer[0].price : price;
    if (strcmp(first->currency, price->currency) == 0)
        return true;
    return fault_caller(fault,
                        "%s: line %zu is in %s and line %zu in %s; prices of one currency can be "
                        "compared",
                        d->prices->path, first->line, first->currency, price->line,
                        price->currency);
}

/* Adds the machine's offer, or notes why there is none. */
static bool add_offer(struct decision *d, const char *machine, struct fault *fault)
{
    const struct configuration *best = configurations_best(&d->configurations, machine);
    const struct price *price = prices_find(d->prices, machine);
    if (!best)
        return note_unsearched(d, machine, fault);
    if (!price)
        return note_unpriced(d, machine, fault);
    if (!check_currency(d, price, fault))
        return false;
    d->ranking.offer[d->ranking.count++] = (struct offer){
        .machine = machine,
        .configuration = best,
        .price = price,
        .cost = cost_of(&d->question->demand, &best->highest, price->per_hour, best->candidates)};
    return true;
}

static bool nothing_to_rank(const struct decision *d, struct fault *fault)
{
    char objectives[512], notes[512] = "";
    describe_objectives(objectives, sizeof objectives, d->evidence, NULL);
    for (size_t i = 0; i < d->left_out.count; i++) {
        const size_t used = strlen(notes);
        snprintf(notes + used, sizeof notes - used, "; %s", d->left_out.text[i]);
    }
    if (!*objectives)
        return fault_caller(fault,
                            "the files hold no search for a highest rate; `ektm load --slo "
                            "%s` makes one",
                            d->question->objective.text);
    return fault_caller(fault, "no machine can be ranked at %s; the files hold searches at %s%s",
                        d->question->objective.text, objectives, notes);
}

/* Ranks the machines at the question's objective. */
static bool rank(struct decision *d, struct fault *fault)
{
    const struct texts *machines = &d->evidence->machines;
    if (!configurations_make(&d->configurations, d->evidence, d->question, &d->left_out, fault))
        return false;
    d->ranking.offer = calloc(machines->count + 1, sizeof *d->ranking.offer);
    if (!d->ranking.offer)
        return fault_memory(fault, "a ranking");
    for (size_t i = 0; i < machines->count; i++)
        if (!add_offer(d, machines->text[i], fault))
            return false;
    if (!note_unmeasured(d, fault))
        return false;
    if (!d->ranking.count)
        return nothing_to_rank(d, fault);
    ranking_sort(&d->ranking);
    return true;
}

/* ---- other objectives ------------------------------------------------------------------------ */

static bool is_listed(const struct decision *d, const struct objective *objective)
{
    for (size_t i = 0; i < d->alternatives; i++)
        if (strcmp(d->alternative[i].objective.text, objective->text) == 0)
            return true;
    return strcmp(d->question->objective.text, objective->text) == 0;
}

static int compare_alternatives(const void *a, const void *b)
{
    const struct objective *x = &((const struct alternative *)a)->objective;
    const struct objective *y = &((const struct alternative *)b)->objective;
    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

static void list_alternatives(struct decision *d)
{
    for (size_t i = 0; i < d->evidence->count; i++) {
        const struct search *s = &d->evidence->search[i];
        if (!is_listed(d, &s->objective))
            d->alternative[d->alternatives++] = (struct alternative){.objective = s->objective};
    }
    if (d->alternatives)
        qsort(d->alternative, d->alternatives, sizeof *d->alternative, compare_alternatives);
}

/* Ranks at the other objective, by whatever of that can be compared. */
static void rank_alternative(const struct decision *d, struct alternative *a)
{
    struct question question = *d->question;
    struct fault fault;
    question.objective = a->objective;
    struct decision other = {.question = &question, .evidence = d->evidence, .prices = d->prices};
    if (rank(&other, &fault)) {
        const struct offer *first = &other.ranking.offer[0];
        const struct offer *second = decision_second(d);
        a->first = first->machine;
        a->per_hour = first->cost.per_hour;
        a->second_leads = second && strcmp(first->machine, second->machine) == 0;
    } else {
        a->why_not = fault;
    }
    decision_free(&other);
}

static bool rank_alternatives(struct decision *d, struct fault *fault)
{
    d->alternative = calloc(d->evidence->count + 1, sizeof *d->alternative);
    if (!d->alternative)
        return fault_memory(fault, "objectives");
    list_alternatives(d);
    for (size_t i = 0; i < d->alternatives; i++)
        rank_alternative(d, &d->alternative[i]);
    return true;
}

/* ---- doubts ---------------------------------------------------------------------------------- */

static bool doubt_offer(struct decision *d, const struct offer *offer, struct fault *fault)
{
    const struct configuration *c = offer->configuration;
    const struct search *s = c->of;
    const char *reason = record_get_text(s->record, "reason");
    return (!c->noisy || notes_add(&d->doubts, fault, "%s: its search was noisy: %s",
                                   offer->machine, *reason ? reason : "no reason is told")) &&
           (strcmp(record_get_text(s->record, "holds"), "no") != 0 ||
            notes_add(&d->doubts, fault,
                      "%s: run once more at the rate that its search found (%s:%zu), it did not "
                      "hold %s",
                      offer->machine, s->path, s->line, d->question->objective.text)) &&
           (c->runs > 1 || notes_add(&d->doubts, fault,
                                     "%s: one search alone; what differs from run to run is not in "
                                     "its interval",
                                     offer->machine)) &&
           (isfinite(offer->cost.per_hour.high) ||
            notes_add(&d->doubts, fault,
                      "%s: the least rate in its interval is 0, so no number of "
                      "machines is sure to do",
                      offer->machine)) &&
           (price_is_dated(offer->price) ||
            notes_add(&d->doubts, fault,
                      "%s: the note of its price (%s:%zu) names no day, as "
                      "2026-11-25",
                      offer->machine, d->prices->path, offer->price->line));
}

/* What differs between machines that need not make them incomparable. */
static bool doubt_differences(struct decision *d, struct fault *fault)
{
    const struct offer *first = &d->ranking.offer[0];
    for (size_t i = 1; i < d->ranking.count; i++) {
        const struct search *a = first->configuration->of;
        const struct search *b = d->ranking.offer[i].configuration->of;
        const char *beside_a = record_get_text(a->record, "antagonist");
        const char *beside_b = record_get_text(b->record, "antagonist");
        if (strcmp(a->commit, b->commit) != 0 &&
            !notes_add(&d->doubts, fault, "%s was measured with commit %s, %s with %s", a->machine,
                       a->commit, b->machine, b->commit))
            return false;
        if (strcmp(beside_a, beside_b) != 0 &&
            !notes_add(&d->doubts, fault, "%s was measured beside %s, %s beside %s", a->machine,
                       beside_a, b->machine, beside_b))
            return false;
    }
    return true;
}

static bool doubt(struct decision *d, struct fault *fault)
{
    for (size_t i = 0; i < d->ranking.count; i++)
        if (!doubt_offer(d, &d->ranking.offer[i], fault))
            return false;
    return doubt_differences(d, fault);
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool vary(struct decision *d, struct fault *fault)
{
    const struct offer *second = decision_second(d);
    if (!rank_alternatives(d, fault))
        return false;
    if (!second)
        return true;
    d->price = price_to_lead(&d->ranking.offer[0], second);
    return rates_to_lead(&d->ranking, &d->question->demand, 1, &d->below, &d->above, fault);
}

bool decision_make(struct decision *decision, const struct question *question,
                   const struct evidence *evidence, const struct prices *prices,
                   struct fault *fault)
{
    *decision = (struct decision){.question = question, .evidence = evidence, .prices = prices};
    if (rank(decision, fault) && vary(decision, fault) && doubt(decision, fault))
        return true;
    decision_free(decision);
    return false;
}

void decision_free(struct decision *decision)
{
    configurations_free(&decision->configurations);
    notes_free(&decision->left_out);
    notes_free(&decision->doubts);
    free(decision->ranking.offer);
    free(decision->alternative);
    *decision = (struct decision){0};
}

const struct offer *decision_second(const struct decision *decision)
{
    return decision->ranking.count > 1 ? &decision->ranking.offer[1] : NULL;
}

bool decision_is_shown(const struct decision *decision)
{
    return decision->ranking.count > 1 && decision->ranking.offer[1].rank > 1;
}
