// The arithmetic of the decision. harness/choose/cost.h states it; IEEE doubles from left to right,
// as there, so that `ektm choose` and this page agree to the bit. Nothing here touches the page.
"use strict";

const ROUNDING = 1e-9; // how much of a machine, and of a cost, counts as rounding
const RATE_REACH = 10; // rates up to so many times the asked one are looked at
const RATE_STEPS_MAX = 100000;

function machinesFor(demand, highest) {
  if (!(highest > 0)) return Infinity;
  return Math.max(1, Math.ceil(((demand.rate * (1 + demand.headroom)) / highest) * (1 - ROUNDING)));
}

const each = (interval, f) => ({
  median: f(interval.median),
  lo: f(interval.lo),
  hi: f(interval.hi),
});

function costOf(demand, highest, price, candidates) {
  const machines = {
    median: machinesFor(demand, highest.median),
    lo: machinesFor(demand, highest.hi),
    hi: machinesFor(demand, highest.lo),
  };
  const perHour = each(machines, (n) => n * price);
  const perMillionQueries = each(perHour, (cost) => (cost / (demand.rate * 3600)) * 1e6);
  return {
    machines,
    perHour,
    perMillionQueries,
    perMillionCandidates: each(perMillionQueries, (cost) => cost / candidates),
  };
}

const shownBelow = (a, b) => a.hi * (1 + ROUNDING) < b.lo;

// ---- quality ------------------------------------------------------------------------------------

const MEASURES = {
  tau: { column: "tau", least: true },
  auc: { column: "auc_change", least: true },
  log_loss: { column: "log_loss_change", least: false },
  off: { column: "off_most", least: false },
};

// Why a configuration does not meet what is asked of its predictions; empty: it does.
function whyNot(configuration, quality) {
  if (configuration.f32) return "";
  for (const [name, bound] of Object.entries(quality)) {
    const { column, least } = MEASURES[name];
    const found = Object.entries(configuration.quality[column] || {});
    if (!found.length) return `its ${column} was not recorded`;
    for (const [prediction, value] of found) {
      if (typeof value !== "number") return `its ${column} of ${prediction} is unavailable`;
      if (least ? value < bound : value > bound)
        return (
          `its ${column} of ${prediction} is ${value.toPrecision(4)}; ` +
          `at ${least ? "least" : "most"} ${bound} is asked for`
        );
    }
  }
  return "";
}

// ---- ranking ------------------------------------------------------------------------------------

const byBytes = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function servesMore(a, b) {
  return a.highest.median !== b.highest.median
    ? a.highest.median > b.highest.median
    : a.highest.lo > b.highest.lo;
}

// Configurations that a question is about.
function askedFor(configurations, question) {
  const { slo, workload, antagonist } = question;
  return configurations.filter(
    (c) =>
      c.slo === slo &&
      (c.antagonist !== "none") === antagonist &&
      c.preset === workload.preset &&
      c.ids === workload.ids &&
      c.candidates === workload.candidates,
  );
}

// The machine's best configuration, or a sentence why there is none.
function bestOf(machine, configurations, question) {
  const own = configurations.filter((c) => c.machine === machine);
  if (!own.length) {
    const beside = question.antagonist ? " beside a neighbour" : "";
    return {
      why:
        `${machine}: no search for its highest rate at ${question.slo}${beside} can be used; ` +
        `\`ektm load --slo ${question.slo}\` makes one`,
    };
  }
  const passing = own.filter((c) => !whyNot(c, question.quality));
  if (!passing.length)
    return {
      why:
        `${machine}: no configuration has the quality asked for; ` +
        `of '${own[0].label}' ${whyNot(own[0], question.quality)}`,
    };
  return { best: passing.reduce((best, c) => (servesMore(c, best) ? c : best)) };
}

// Machines in the order of what the demand costs on them, and those that cannot be ranked.
function rank(evidence, question) {
  const asked = askedFor(evidence.configurations, question);
  const offers = [];
  const leftOut = [];
  for (const machine of evidence.machines) {
    const price = question.prices[machine];
    const { best, why } = bestOf(machine, asked, question);
    if (why) leftOut.push(why);
    else if (!(price > 0)) leftOut.push(`${machine}: has no price`);
    else
      offers.push({
        machine,
        price,
        configuration: best,
        cost: costOf(question, best.highest, price, best.candidates_mean),
      });
  }
  for (const offer of offers)
    offer.rank =
      1 + offers.filter((other) => shownBelow(other.cost.perHour, offer.cost.perHour)).length;
  for (const offer of offers)
    offer.tied = offers.some((other) => other !== offer && other.rank === offer.rank);
  offers.sort(
    (a, b) =>
      a.rank - b.rank ||
      a.cost.perHour.median - b.cost.perHour.median ||
      byBytes(a.machine, b.machine),
  );
  return { offers, leftOut };
}

// ---- what would have to change ------------------------------------------------------------------

// Prices of the second: at which it costs as much as the first, and below which it is shown to be
// cheaper.
function priceToLead(first, second) {
  return {
    equal: first.cost.perHour.median / second.cost.machines.median,
    shown: first.cost.perHour.lo / second.cost.machines.hi,
  };
}

const servedBy = (offer, machines, headroom) =>
  (machines * offer.configuration.highest.median) / (1 + headroom);

function leads(offers, machines, second) {
  const own = machines[second] * offers[second].price;
  return offers.every(
    (offer, i) => i === second || own * (1 + ROUNDING) < machines[i] * offer.price,
  );
}

// Goes below the next rate at which a machine less will do, and returns that rate; 0: there is
// none.
function stepDown(offers, machines, headroom) {
  const steps = offers.map((offer, i) => servedBy(offer, machines[i] - 1, headroom));
  const at = Math.max(0, ...steps);
  if (at > 0) steps.forEach((step, i) => (machines[i] -= step >= at * (1 - ROUNDING) ? 1 : 0));
  return at;
}

// Likewise above the next rate at which one more is needed.
function stepUp(offers, machines, headroom) {
  const steps = offers.map((offer, i) => servedBy(offer, machines[i], headroom));
  const at = Math.min(...steps);
  steps.forEach((step, i) => (machines[i] += step <= at * (1 + ROUNDING) ? 1 : 0));
  return at;
}

const machinesNow = (offers, question) =>
  offers.map((offer) => machinesFor(question, offer.configuration.highest.median));

// The nearest rates below the asked one at which the second costs least; null: there are none.
function windowBelow(offers, question, second) {
  const machines = machinesNow(offers, question);
  let found = null;
  for (let steps = 0; steps < RATE_STEPS_MAX; steps++) {
    const at = stepDown(offers, machines, question.headroom);
    if (found) found.from = at;
    if (!(at > 0) || (found && !leads(offers, machines, second))) break;
    if (!found && leads(offers, machines, second)) found = { from: at, to: at };
  }
  return found;
}

function windowAbove(offers, question, second) {
  const machines = machinesNow(offers, question);
  const reach = RATE_REACH * question.rate;
  let found = null;
  for (let steps = 0; steps < RATE_STEPS_MAX; steps++) {
    const at = stepUp(offers, machines, question.headroom);
    if (found) found.to = Math.min(at, reach);
    if (at >= reach || (found && !leads(offers, machines, second))) break;
    if (!found && leads(offers, machines, second)) found = { from: at, to: at };
  }
  return found;
}

// Who is first at each other objective that was measured.
function otherObjectives(evidence, question) {
  return evidence.slos
    .filter((slo) => slo !== question.slo)
    .map((slo) => ({ slo, first: rank(evidence, { ...question, slo }).offers[0] }));
}

// ---- all ----------------------------------------------------------------------------------------

function decide(evidence, question) {
  const { offers, leftOut } = rank(evidence, question);
  if (offers.length < 2) return { offers, leftOut, sensitivity: null };
  const [first, second] = offers;
  return {
    offers,
    leftOut,
    sensitivity: {
      first: first.machine,
      second: second.machine,
      shown: second.rank > 1,
      price: { now: second.price, ...priceToLead(first, second) },
      below: windowBelow(offers, question, 1),
      above: windowAbove(offers, question, 1),
      slos: otherObjectives(evidence, question),
    },
  };
}
