// The particles as a table that holds thousands of rows: only those in sight are drawn. Rows and outlines select each other.

import { workbench, figures, FLAG_WORDS, STATUS_COLOURS } from "nanogauge-page/workbench.js";

const ROW_PX = 28;
const CLASS = { id: "class", head: "class", title: "the class given by hand, by shape, rule or network" };
const COLUMNS = [
  { id: "label", head: "#", title: "number of the particle" },
  { id: "d", head: "diam.", title: "equivalent diameter" },
  { id: "feret_max", head: "Feret", title: "largest Feret diameter" },
  { id: "circularity", head: "circ.", title: "circularity, √(4πA)/P" },
  { id: "confidence", head: "conf.", title: "how likely it is a particle, outlined rightly: 0 to 1; 1 where you drew it" },
  { id: "flags", head: "notes", title: "what there is to say" },
];

export default {
  props: { name: String },
  template: `
    <div class="ng-table" role="grid" :aria-rowcount="rows.length" aria-label="Particles">
      <div class="ng-head" role="row"><button v-for="c in columns()" :key="c.id" type="button" role="columnheader" :class="'c-' + c.id" :title="c.title + unitText(c.id)"
        :aria-sort="by === c.id ? (down ? 'descending' : 'ascending') : 'none'" @click="sort(c.id)">{{ c.head }}<i v-if="by === c.id">{{ down ? '▾' : '▴' }}</i></button></div>
      <div class="ng-body" ref="body" tabindex="0" role="rowgroup" @scroll.passive="scrolled" @keydown="key" aria-label="Rows; arrow keys move the selection">
        <div role="presentation" :style="{ height: rows.length * 28 + 'px', position: 'relative' }">
          <div v-for="r in shown" :key="r.p.label" role="row" class="ng-row" :class="{ on: r.on, out: r.p.kind === 'left_out' }" :style="{ top: r.i * 28 + 'px' }"
            :data-label="r.p.label" :aria-selected="r.on" @click="pick(r.p.label, $event)" @mouseenter="hover(r.p.label)" @mouseleave="hover(0)">
            <span role="gridcell" class="c-label"><i :style="{ background: colours[r.p.kind] }"></i>{{ r.p.label }}</span><span role="gridcell" class="c-d">{{ length(r.p.d) }}</span>
            <span v-if="classed" role="gridcell" class="c-class" :title="r.p.class">{{ r.p.class }}</span><span v-else role="gridcell" class="c-feret_max">{{ length(r.p.feret_max) }}</span><span role="gridcell" class="c-circularity">{{ num(r.p.circularity) }}</span>
            <span role="gridcell" class="c-confidence">{{ r.p.confidence == null ? '–' : r.p.confidence.toFixed(2) }}</span><span role="gridcell" class="c-flags" :title="words(r.p)">{{ words(r.p) }}</span>
          </div>
        </div>
      </div>
      <div class="ng-foot" role="row"><span role="gridcell">{{ rows.length }} particles<template v-if="nSelected">, {{ nSelected }} selected</template>; lengths in {{ unit }}</span></div>
    </div>`,
  data() {
    return { classed: false, colours: STATUS_COLOURS, by: "label", down: false, rows: [], shown: [], nSelected: 0, unit: "px" };
  },
  mounted() {
    this.bench = workbench(this.name);
    this.off = [
      this.bench.on("particles", () => this.order()),
      this.bench.on("state", () => { this.units(); this.window(); }),
      this.bench.on("selection", () => this.follow()),
    ];
    this.observer = new ResizeObserver(() => this.window());
    this.observer.observe(this.$refs.body);
    this.order();
  },
  unmounted() {
    this.observer.disconnect();
    for (const off of this.off) off();
  },
  methods: {
    unitText(id) { return id === "d" || id === "feret_max" ? ` / ${this.unit}` : ""; },
    // where particles have classes, these are shown in place of the Feret diameter: the panel is narrow
    columns() { return this.classed ? COLUMNS.map((c) => (c.id === "feret_max" ? CLASS : c)) : COLUMNS; },
    units() {
      const px = !this.bench.state || this.bench.state.unit === "px";
      this.unit = px ? "px" : this.bench.unit.unit === "px" ? "nm" : this.bench.unit.unit;
      this.k = px || this.bench.unit.unit === "px" ? 1 : this.bench.unit.per_stored;
    },
    // Sorts the rows; where they are not seen, when they come into sight.
    order() {
      this.unsorted = !this.$refs.body?.clientHeight;
      if (this.unsorted) return;
      this.units();
      this.classed = [...this.bench.particles.values()].some((p) => p.class);
      const value = this.by === "flags" ? (p) => p.flags.join(" ") : (p) => p[this.by] ?? -1;
      const sign = this.down ? -1 : 1;
      this.rows = Object.freeze([...this.bench.particles.values()].sort((a, b) => {
        const [u, v] = [value(a), value(b)];
        return sign * (u < v ? -1 : u > v ? 1 : a.label - b.label);
      }));
      this.window();
    },
    sort(id) { this.down = this.by === id ? !this.down : id !== "label"; this.by = id; this.order(); },
    scrolled() { this.window(); },
    window() {
      const body = this.$refs.body;
      if (!body?.clientHeight) return;
      if (this.unsorted) return this.order();
      const first = Math.max(0, Math.floor(body.scrollTop / ROW_PX) - 4), n = Math.ceil(body.clientHeight / ROW_PX) + 8;
      this.nSelected = this.bench.selection.size;
      this.shown = this.rows.slice(first, first + n).map((p, i) => Object.freeze({ p, i: first + i, on: this.bench.selection.has(p.label) }));
    },
    follow() {
      if (this.own) { this.own = false; this.window(); return; }
      const label = [...this.bench.selection][0];
      const i = label ? this.rows.findIndex((p) => p.label === label) : -1;
      const body = this.$refs.body;
      if (i >= 0 && body && (i * ROW_PX < body.scrollTop || (i + 1) * ROW_PX > body.scrollTop + body.clientHeight)) body.scrollTop = i * ROW_PX - body.clientHeight / 2;
      this.window();
    },
    pick(label, e) {
      this.own = true;
      this.bench.select([label], e.shiftKey || e.ctrlKey || e.metaKey ? { toggle: true } : {});
      this.bench.emit("show", label);
    },
    hover(label) { this.bench.setHover(label); },
    key(e) {
      if (!["ArrowUp", "ArrowDown", "Home", "End"].includes(e.key)) return;
      e.preventDefault();
      e.stopPropagation();
      const now = this.rows.findIndex((p) => this.bench.selection.has(p.label));
      const to = e.key === "Home" ? 0 : e.key === "End" ? this.rows.length - 1 : Math.max(0, Math.min(this.rows.length - 1, now + (e.key === "ArrowDown" ? 1 : -1)));
      if (!this.rows[to]) return;
      this.bench.select([this.rows[to].label]);
      this.bench.emit("show", this.rows[to].label);
    },
    length(v) { return v == null ? "–" : figures(v * this.k, 4); },
    num(v) { return figures(v, 3); },
    words(p) { return p.flags.map((f) => FLAG_WORDS[f] || f).join(", "); },
  },
};
