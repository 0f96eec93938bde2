// What picture, table and chart of one micrograph share: the particles, what is selected, and the way to the server.
// One Workbench a page; each part listens to "particles" (with the boxes within which they changed, null for anywhere), "selection",
// "hover", "state", "refused", "busy".

import { ARRANGED, arrangedColour } from "nanogauge-page/arrangement.js";
import { HAND, Unsent } from "nanogauge-page/unsent.js";

const ONCE_MORE_MS = 8000; // in which an undo asked for once more takes back what another person did
const HEADERS = { "content-type": "application/json", "x-nanogauge": "1" };

// The registry of flags and kinds (nanogauge.core.particles), as the server put it into the page's head.
export const FLAG_WORDS = window.nanogauge.flags;
export const STATUS_COLOURS = { ...window.nanogauge.colours, selected: "#ffffff" };
// viridis from blue to yellow: dark purple would vanish on a dark ground
export const RAMP = [
  "#5a7fd6", "#4690cf", "#38a0c4", "#2cb0b5", "#2dbfa2", "#45cc8b", "#68d872", "#8fe057", "#b6e63f", "#dbe92f", "#fbe723",
];
export const QUANTITIES = window.nanogauge.quantities; // name -> {title, length}
const OTHER_CLASSES = ["#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#009e73", "#d55e00", "#a6cee3", "#b2df8a", "#fb9a99"];
const OTHERS = Object.keys(QUANTITIES).filter((name) => name !== "equivalent_diameter");

class Workbench {
  constructor(name) {
    this.name = name;
    this.particles = new Map();
    this.selection = new Set();
    this.classes = []; // what the keys 1 to 9 stand for
    this.arranged = null; // how the particles lie, of the revision it says
    this.hover = 0;
    this.state = null;
    this.tiles = null;
    this.unit = { unit: "px", per_stored: 1 }; // in which lengths are shown; set with each chart
    this.listeners = {};
    this.pending = Promise.resolve();
    this.whoeverUntil = 0; // until when an undo is meant whoever made the edit
    this.latency = []; // ms from the gesture to the answer drawn, for benchmarks
    this.unsent = new Unsent(this);
    this.ready = this.load();
  }

  get url() {
    return `${window.path_prefix || ""}/api/micrographs/${encodeURIComponent(this.name)}`;
  }

  on(event, listener) {
    (this.listeners[event] ||= new Set()).add(listener);
    return () => this.listeners[event].delete(listener);
  }

  emit(event, detail) {
    for (const listener of this.listeners[event] || []) listener(detail);
  }

  async load() {
    const answer = await fetch(this.url).catch(() => null);
    const content = answer ? await answer.json().catch(() => ({})) : {};
    if (!answer || !answer.ok) {
      this.emit("refused", content.error || "the server does not answer; is it still running?");
      this.failed = content.error || "the server does not answer; is it still running?";
      return;
    }
    this.tiles = content.tiles;
    this.state = content.state;
    this.take({ everything: true, removed: [], particles: content.particles, state: content.state });
    if (this.unsent.recall()) this.sendKept();
  }

  // What the server says has changed.
  take(content) {
    if (this.state && content.state.revision < this.state.revision) return; // an older answer that came late
    if (content.everything) this.particles.clear();
    const c = content.particles;
    const boxes = [...content.removed, ...c.label].flatMap((label) => (this.particles.has(label) ? [this.particles.get(label).box] : []));
    for (const label of content.removed) this.particles.delete(label);
    for (let i = 0; i < c.label.length; i++) {
      const rings = c.outline[i].map((r) => Float32Array.from(r));
      const flags = c.flags[i] ? c.flags[i].split("|") : [];
      const p = { label: c.label[i], y: c.y[i], x: c.x[i], d: c.d[i], d_px: c.d_px[i], weight: c.weight[i], flags, kind: c.kind[i], class: c.class[i],
        rings, box: boxOf(rings), coarse: {} };
      for (const name of OTHERS) p[name] = c[name][i];
      this.particles.set(p.label, p);
      boxes.push(p.box);
    }
    this.state = content.state;
    this.ranked = this.classNames = null;
    let lost = false;
    for (const label of [...this.selection]) if (!this.particles.has(label)) lost = this.selection.delete(label) || lost;
    if (!this.particles.has(this.hover)) this.hover = 0;
    this.emit("particles", content.everything ? null : boxes);
    this.emit("state");
    if (lost) this.emit("selection");
  }

  // Edits go one after the other, so that a quick hand cannot overtake itself. What is not answered is kept and sent again.
  edit(kind, gesture = {}) {
    const item = { kind, ...gesture, id: Unsent.id(), hand: HAND };
    if (kind === "undo" && performance.now() < this.whoeverUntil) item.whoever = true;
    this.whoeverUntil = 0;
    const began = performance.now();
    const run = async () => {
      if (!this.unsent.add(item)) {
        this.emit("refused", "too many edits wait for the server: start nanogauge again first");
        return null;
      }
      const content = await this.send(item);
      if (content) requestAnimationFrame(() => setTimeout(() => this.latency.push(performance.now() - began), 0));
      return content;
    };
    this.pending = this.pending.then(run, run);
    return this.pending;
  }

  // Sends all that waits, in order; answers what came of `wanted`: null where it was refused, or the server does not answer.
  async send(wanted) {
    this.emit("busy", true);
    let answered = null;
    try {
      for (const item of [...this.unsent.items]) {
        const body = JSON.stringify({ since: this.state.revision, ...item });
        const answer = await fetch(`${this.url}/edit`, { method: "POST", headers: HEADERS, body }).catch(() => null);
        const content = answer ? await answer.json().catch(() => null) : null; // what is no JSON is not from nanogauge
        if (!content) {
          this.unsent.keep();
          this.unsent.retry();
          return null;
        }
        this.unsent.drop(item);
        if (!answer.ok) {
          if (answer.status === 409) this.whoeverUntil = performance.now() + ONCE_MORE_MS;
          this.emit("refused", content.error);
          continue;
        }
        this.take(content);
        if (content.focus?.length) this.select(content.focus);
        this.emit("said", content.text);
        if (item === wanted) answered = content;
      }
      return answered;
    } finally {
      this.emit("busy", false);
    }
  }

  sendKept() {
    const run = async () => {
      const n = this.unsent.items.length;
      if (n) await this.send(null);
      if (n && !this.unsent.items.length) this.emit("said", `the server is back: ${n} edit${n > 1 ? "s" : ""} sent`);
    };
    this.pending = this.pending.then(run, run);
    return this.pending;
  }

  // Another window, or the panel beside, has changed something.
  follow(revision) {
    const run = async () => {
      if (!this.state || this.state.revision >= revision) return;
      const answer = await fetch(`${this.url}/changes?since=${this.state.revision}`).catch(() => null);
      if (answer?.ok) this.take(await answer.json());
    };
    this.pending = this.pending.then(run, run);
    return this.pending;
  }

  select(labels, { add = false, toggle = false } = {}) {
    if (!add && !toggle) this.selection.clear();
    for (const label of labels) {
      if (toggle && this.selection.has(label)) this.selection.delete(label);
      else if (this.particles.has(label)) this.selection.add(label);
    }
    this.emit("selection");
  }

  setHover(label) {
    if (label === this.hover) return;
    this.hover = label;
    this.emit("hover");
  }

  setUnit(unit) {
    this.unit = unit;
    this.emit("state");
  }

  // "51.2 nm" of a length stored in nm or px
  length(stored, digits = 4) {
    if (stored == null) return "–";
    const inUnit = this.state?.unit === "px" ? { unit: "px", per_stored: 1 } : this.unit.unit === "px" ? { unit: "nm", per_stored: 1 } : this.unit;
    return `${figures(stored * inUnit.per_stored, digits)} ${inUnit.unit}`;
  }

  colour(p, by) {
    if (by === "status") return STATUS_COLOURS[p.kind];
    if (by === "class") return p.class ? this.colourOfClass(p.class) : "#9aa3ad";
    if (ARRANGED[by]) return arrangedColour(this.arranged, p, by);
    if (by === "confidence") {
      if (p.confidence == null) return "#9aa3ad";
      return RAMP[Math.max(0, Math.min(RAMP.length - 1, Math.floor((p.confidence - 0.5) * 2 * RAMP.length)))];
    }
    return p.kind === "left_out" || this.valueBy(p, by) == null ? "#9aa3ad" : RAMP[this.rank(p, by)];
  }

  // What the colours depend on beside each particle itself: while it is the same, no other particle's colour changes.
  colouring(by) {
    if (by === "class") return JSON.stringify([this.classes, this.otherClasses()]);
    if (ARRANGED[by]) return `${by} ${this.arranged?.revision}`;
    return by === "status" || by === "confidence" ? by : `${by} ${this.rankEnds(by)}`;
  }

  // Names of classes that were given no colour
  otherClasses() {
    this.classNames ||= [...new Set([...this.particles.values()].map((p) => p.class))].filter(Boolean).sort();
    return this.classNames.filter((n) => !this.classes.some((c) => c.name === n));
  }

  // The colour given to a class, else one that was given to none, by the order of names
  colourOfClass(name) {
    const given = this.classes.find((c) => c.name === name);
    if (given) return given.colour;
    const free = OTHER_CLASSES.filter((colour) => !this.classes.some((c) => c.name && c.colour.toLowerCase() === colour));
    return free[this.otherClasses().indexOf(name) % free.length] || OTHER_CLASSES[0];
  }

  // Name, colour and number of each class there is, for the legend
  kindsOfClass() {
    const n = new Map();
    for (const p of this.particles.values()) if (p.class) n.set(p.class, (n.get(p.class) || 0) + 1);
    return [...n].sort((a, b) => b[1] - a[1]).map(([name, count]) => ({ name, count, colour: this.colourOfClass(name) }));
  }

  // a particle's value of a quantity, as stored
  valueBy(p, by) { return by === "equivalent_diameter" ? p.d : p[by]; }

  // the 2nd and 98th percentile of a quantity, as stored: the ends of the ramp
  rankEnds(by) {
    if (!this.ranked || this.rankedBy !== by) {
      this.rankedBy = by;
      const d = [...this.particles.values()].filter((q) => q.kind !== "left_out").map((q) => this.valueBy(q, by)).filter((v) => v != null).sort((a, b) => a - b);
      const low = d[Math.floor(d.length * 0.02)] ?? 0;
      const high = d[Math.min(d.length - 1, Math.floor(d.length * 0.98))] ?? 1;
      this.ranked = [low, Math.max(high, low + 1e-9)];
    }
    return this.ranked;
  }

  // place of a particle's value on the ramp
  rank(p, by) {
    const [low, high] = this.rankEnds(by);
    return Math.max(0, Math.min(RAMP.length - 1, Math.floor(((this.valueBy(p, by) - low) / (high - low)) * RAMP.length)));
  }
}

export function figures(value, digits = 4) {
  if (value == null || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const places = Math.max(digits - 1 - Math.floor(Math.log10(Math.abs(value))), 0);
  return value.toFixed(Math.min(places, 12));
}

function boxOf(rings) {
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (const r of rings) {
    for (let i = 0; i < r.length; i += 2) {
      if (r[i] < x0) x0 = r[i];
      if (r[i] > x1) x1 = r[i];
      if (r[i + 1] < y0) y0 = r[i + 1];
      if (r[i + 1] > y1) y1 = r[i + 1];
    }
  }
  return [x0, y0, x1, y1];
}

// Particles that can be drawn, and nothing else: of a trial
export function drawnOnly(content) {
  const particles = new Map();
  content.label.forEach((label, i) => {
    const rings = content.outline[i].map((r) => Float32Array.from(r)), box = boxOf(rings);
    const at = { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2, d_px: Math.min(box[2] - box[0], box[3] - box[1]) };
    particles.set(label, { label, rings, box, kind: content.kind[i], coarse: {}, ...at });
  });
  return { particles, colour: (p) => STATUS_COLOURS[p.kind], colouring: () => "" };
}

let current = null;

export function workbench(name) {
  if (!current || current.name !== name) {
    current = new Workbench(name);
    window.nanogauge = current; // for tests, benchmarks and the curious
  }
  return current;
}
