// Reads the form, shows the decision. What is decided is decision.js's.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const USUAL_SLO = "p99=10ms"; // what `ektm load` and `ektm choose` ask for unless told otherwise
const byId = (id) => document.getElementById(id);
const priceFields = [...document.querySelectorAll(".price")];
const boundFields = [...document.querySelectorAll(".bound")];

// ---- words --------------------------------------------------------------------------------------

const figure = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });
const count = (value) => (Number.isFinite(value) ? value.toLocaleString("en") : "no number");
const money = (value) =>
  Number.isFinite(value)
    ? value.toLocaleString(
        "en",
        value >= 1
          ? { minimumFractionDigits: 2, maximumFractionDigits: 2 }
          : { maximumSignificantDigits: 3 },
      )
    : "without bound";
const between = (interval, say) =>
  interval.lo === interval.hi ? "" : `${say(interval.lo)}–${say(interval.hi)}`;
const currencyOf = (machine) => (data.prices[machine] ? `${data.prices[machine].currency} ` : "");

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// ---- the question -------------------------------------------------------------------------------

const positive = (field) =>
  field.value.trim() !== "" && field.valueAsNumber > 0 ? field.valueAsNumber : NaN;

// What the form asks, or a sentence about what it lacks.
function question() {
  const rate = positive(byId("rate"));
  const headroom = byId("headroom").valueAsNumber;
  if (!(Number.isInteger(rate) && rate <= 1e9))
    return { fault: "Queries a second: a whole number from 1 to 1000000000 is needed." };
  if (!(headroom >= 0 && headroom <= 1000))
    return { fault: "Headroom: a percentage from 0 to 1000 is needed." };
  const prices = {};
  for (const field of priceFields) prices[field.dataset.machine] = positive(field);
  const quality = {};
  for (const field of boundFields)
    if (field.value.trim() !== "") quality[field.dataset.measure] = field.valueAsNumber;
  return {
    rate,
    headroom: headroom / 100,
    slo: byId("slo").value,
    workload: data.evidence.workloads[byId("workload") ? Number(byId("workload").value) : 0],
    antagonist: byId("antagonist") ? byId("antagonist").checked : false,
    prices,
    quality,
  };
}

// ---- the answer ---------------------------------------------------------------------------------

const hourly = (machine, cost) => `${currencyOf(machine)}${money(cost)} an hour`;

// How far the numbers may be off, and what each machine runs.
function howSure({ machine, cost, configuration }, slo) {
  const range = between(cost.machines, count);
  const spread = `${range} machines, ${currencyOf(machine)}${between(cost.perHour, money)} an hour`;
  return (
    `${range ? `${spread} by the 95 % interval; each` : "Each"} runs ${configuration.label}, ` +
    `and holds ${slo} up to ${figure(configuration.highest.median)} queries a second.`
  );
}

// What the other machines cost beside the first.
function beside(first, others) {
  if (!others.length) return ["No other machine can be ranked beside it."];
  const said = [];
  const alike = others.filter((offer) => offer.rank === 1).map((offer) => offer.machine);
  if (alike.length)
    said.push(`No difference is shown to ${alike.join(", ")}: the intervals of the costs overlap.`);
  const dearer = others.find((offer) => offer.rank > 1);
  if (dearer) {
    const { machines, perHour } = dearer.cost;
    const times = perHour.median / first.cost.perHour.median;
    said.push(
      `${dearer.machine} costs ${figure(times)} times as much: ` +
        `${count(machines.median)} of them for ${hourly(dearer.machine, perHour.median)}.`,
    );
  }
  return said;
}

function answer(decision, asked) {
  const [first, ...others] = decision.offers;
  if (!first) return ["No machine can be ranked for this.", ...decision.leftOut];
  const { machines, perHour } = first.cost;
  return [
    `${count(machines.median)} × ${first.machine} for ${hourly(first.machine, perHour.median)}`,
    howSure(first, asked.slo),
    ...beside(first, others),
  ];
}

const exact = (interval, say) => {
  const cell = element("span");
  cell.append(element("data", say(interval.median), { value: interval.median }));
  const range = between(interval, say);
  if (range) cell.append(element("span", `(${range})`, { class: "interval" }));
  return cell;
};

// The interval of a cost as a bar, on the scale of the dearest.
function bar(interval, most) {
  const track = element("span", undefined, { class: "track", "aria-hidden": "true" });
  const share = (value) => Math.min(100, (100 * value) / most);
  const range = element("span");
  range.style.left = `${share(interval.lo)}%`;
  range.style.width = `${Math.max(0.5, share(interval.hi - interval.lo))}%`;
  const median = element("b");
  median.style.left = `${share(interval.median)}%`;
  track.append(range, median);
  return track;
}

const COLUMNS = [
  [
    "rank",
    (offer) => element("data", `${offer.rank}${offer.tied ? "=" : ""}`, { value: offer.rank }),
  ],
  ["machine", (offer) => element("span", offer.machine)],
  ["machines", (offer) => exact(offer.cost.machines, count)],
  [
    "cost an hour",
    (offer, most) => {
      const cell = exact(offer.cost.perHour, money);
      cell.append(bar(offer.cost.perHour, most));
      return cell;
    },
  ],
  ["a million queries", (offer) => exact(offer.cost.perMillionQueries, money)],
  ["a million candidates", (offer) => exact(offer.cost.perMillionCandidates, money)],
  ["queries/s of one", (offer) => exact(offer.configuration.highest, figure)],
  [
    "configuration",
    (offer) =>
      element("span", offer.configuration.label + (offer.configuration.noisy ? " ~ noisy" : "")),
  ],
  [
    "kWh a million queries",
    (offer) => {
      const joules = offer.configuration.joules;
      return element("span", joules === null ? "unavailable" : figure(joules / 3.6));
    },
  ],
];

function showRanking(offers) {
  const finite = offers.map((offer) => offer.cost.perHour.hi).filter(Number.isFinite);
  const most = Math.max(...finite, ...offers.map((offer) => offer.cost.perHour.median));
  byId("ranking-body").replaceChildren(
    ...offers.map((offer) => {
      const row = element("tr", undefined, {
        role: "row",
        "data-machine": offer.machine,
        class: offer.rank === 1 ? "first" : "",
      });
      row.append(
        ...COLUMNS.map(([label, make]) => {
          const cell = element("td", undefined, { role: "cell", "data-label": label });
          cell.append(make(offer, most));
          return cell;
        }),
      );
      return row;
    }),
  );
}

function priceSentence({ first, second, price }) {
  const shown =
    price.shown > 0
      ? ` and is shown to be cheaper below ${money(price.shown)}.`
      : "; at no price is it shown to be cheaper.";
  const now = `now ${money(price.now)}`;
  return `${second} costs as much as ${first} at ${hourly(second, price.equal)} (${now})${shown}`;
}

function rateSentence(word, span, otherwise) {
  if (!span) return otherwise;
  const range = `from ${figure(span.from)} to ${figure(span.to)} queries a second`;
  return `With ${word} to serve, it is the cheapest ${range}.`;
}

const sloSentence = ({ slo, first }) =>
  first ? `At ${slo}, ${first.machine} is first.` : `At ${slo} no machine can be ranked.`;

// What would have to change for the second to become the first.
function showSensitivity(s) {
  const place = byId("sensitivity");
  place.replaceChildren();
  if (!s) return;
  const said = [
    priceSentence(s),
    rateSentence("less", s.below, "At no lower rate is it the cheapest."),
    rateSentence(
      "more",
      s.above,
      `At no rate up to ${RATE_REACH} times this one is it the cheapest.`,
    ),
    ...s.slos.map(sloSentence),
  ];
  const list = element("ul");
  list.append(...said.map((text) => element("li", text)));
  place.append(element("h3", `What would have to change for ${s.second} to become first`), list);
}

function showDoubts(decision) {
  const said = [...decision.leftOut];
  for (const { machine, configuration, cost } of decision.offers) {
    if (configuration.noisy) said.push(`${machine}: its search was noisy: ${configuration.noisy}`);
    if (configuration.runs === 1)
      said.push(
        `${machine}: one search alone; what differs from run to run is not in its interval`,
      );
    if (!Number.isFinite(cost.perHour.hi))
      said.push(
        `${machine}: the least rate in its interval is 0, so no number of machines is sure to do`,
      );
  }
  const commits = [...new Set(decision.offers.map((offer) => offer.configuration.commit))];
  if (commits.length > 1)
    said.push(
      `the machines that are compared were measured with different commits: ${commits.join(", ")}`,
    );
  const currencies = [
    ...new Set(decision.offers.map((offer) => currencyOf(offer.machine)).filter(Boolean)),
  ];
  if (currencies.length > 1)
    said.push(
      `prices are in ${currencies.join("and ")}: costs are compared as if they were one currency`,
    );
  byId("decision-doubts").replaceChildren(...said.map((text) => element("li", text)));
}

function showCommand(asked) {
  const words = [
    "ektm choose results --prices prices.csv",
    `--slo ${asked.slo}`,
    `--rate ${asked.rate}`,
    `--headroom ${byId("headroom").value}`,
  ];
  const bounds = Object.entries(asked.quality).map(([name, bound]) => `${name}=${bound}`);
  if (bounds.length) words.push(`--min-quality ${bounds.join(",")}`);
  if (asked.antagonist) words.push("--antagonist");
  if (data.evidence.workloads.length > 1)
    for (const [name, value] of Object.entries(asked.workload)) words.push(`--${name} '${value}'`);
  byId("command").textContent = words.join(" ");
}

function update() {
  const asked = question();
  const said = asked.fault ? [asked.fault] : [];
  if (!asked.fault) {
    const decision = decide(data.evidence, asked);
    said.push(...answer(decision, asked));
    showRanking(decision.offers);
    showSensitivity(decision.sensitivity);
    showDoubts(decision);
    showCommand(asked);
  }
  byId("answer").replaceChildren(...said.map((text) => element("p", text)));
}

// ---- state: in the address, so that a decision can be passed on ---------------------------------

const fields = () => [...byId("question").querySelectorAll("input, select")];

function remember() {
  const state = new URLSearchParams();
  for (const field of fields()) {
    const value = field.type === "checkbox" ? (field.checked ? "on" : "") : field.value;
    if (value !== field.dataset.start) state.set(field.id, value);
  }
  const text = state.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const field of fields()) {
    if (!state.has(field.id)) continue;
    if (field.type === "checkbox") field.checked = state.get(field.id) === "on";
    else field.value = state.get(field.id);
  }
}

function start() {
  byId("rate").value = data.rate;
  byId("headroom").value = 30;
  for (const field of priceFields)
    field.value = data.prices[field.dataset.machine]
      ? data.prices[field.dataset.machine].per_hour
      : 1;
  for (const field of boundFields) field.value = "";
  for (const name of ["slo", "workload"]) if (byId(name)) byId(name).selectedIndex = 0;
  if (data.evidence.slos.includes(USUAL_SLO)) byId("slo").value = USUAL_SLO;
  if (byId("antagonist")) byId("antagonist").checked = false;
  for (const field of fields()) field.dataset.start = field.type === "checkbox" ? "" : field.value;
}

byId("ranking-head").append(
  ...COLUMNS.map(([label]) => element("th", label, { role: "columnheader", scope: "col" })),
);
start();
recall();
byId("question").addEventListener("input", () => {
  update();
  remember();
});
byId("question").addEventListener("submit", (event) => event.preventDefault());
byId("reset").addEventListener("click", () => {
  start();
  update();
  remember();
});
update();

// A page on paper cannot be unfolded.
addEventListener("beforeprint", () =>
  document.querySelectorAll("details").forEach((details) => {
    details.open = true;
  }),
);
